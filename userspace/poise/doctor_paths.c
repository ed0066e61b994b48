// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poise doctor: services' own addresses on this host, and how answers to probes get in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "text.h"

enum { RP_FILTER_STRICT = 1, RP_FILTER_LOOSE = 2, MAX_TOLD = 64 };

/* Interfaces that were told, each once. */
struct told {
	char names[MAX_TOLD][IF_NAMESIZE];
	size_t count;
};

static bool tell_once(struct told *told, const char *name)
{
	for (size_t i = 0; i < told->count; i++)
		if (!strcmp(told->names[i], name))
			return false;
	if (told->count == MAX_TOLD)
		return false;
	snprintf(told->names[told->count++], IF_NAMESIZE, "%s", name);
	return true;
}

/* The larger one of the interface's and of all's, as the kernel takes these; -1: not known. */
static int64_t larger_conf4(const char *interface, const char *name)
{
	const char *places[] = { interface, "all" };
	int64_t largest = -1, value;

	for (int i = 0; i < 2; i++) {
		char *path = text_format("/proc/sys/net/ipv4/conf/%s/%s", places[i], name);

		if (host_read_number(path, &value) && value > largest)
			largest = value;
		free(path);
	}
	return largest;
}

/* A dot in an interface's name is a slash for sysctl(8), as the separators are dots. */
static void mend_conf4(struct doctor *doctor, const char *interface, const char *name, int value)
{
	char text[IF_NAMESIZE];

	snprintf(text, sizeof(text), "%s", interface);
	for (char *c = text; *c; c++)
		if (*c == '.')
			*c = '/';
	doctor_mend(doctor, "sysctl -w net.ipv4.conf.%s.%s=%d", text, name, value);
}

/* With 1 an answer must come in by the interface that the route to the service's address names. */
static void check_rp_filter(struct doctor *doctor, const struct config_service *service,
			    const struct host_route *to_service, const char *interface,
			    struct told *told)
{
	if (larger_conf4(interface, "rp_filter") != RP_FILTER_STRICT ||
	    !strcmp(to_service->interface, interface) || !tell_once(told, interface))
		return;
	doctor_add(doctor, DOCTOR_RP_FILTER, DOCTOR_PROBLEM, interface,
		   "rp_filter is strict (1), and the route to the address of '%s' is not by it",
		   service->name);
	mend_conf4(doctor, interface, "rp_filter", RP_FILTER_LOOSE);
}

static void check_accept_local(struct doctor *doctor, const struct config_service *service,
			       const char *interface, struct told *told)
{
	if (larger_conf4(interface, "accept_local") != 0 || !tell_once(told, interface))
		return;
	doctor_add(doctor, DOCTOR_ACCEPT_LOCAL, DOCTOR_PROBLEM, interface,
		   "accept_local is 0, and the address of '%s' is on this host", service->name);
	mend_conf4(doctor, interface, "accept_local", 1);
}

/* The interfaces by which answers to the probes of an IPv4 service come in: those to backends. */
static void check_probes(struct doctor *doctor, const struct config_service *service,
			 const struct host_route *to_service, struct told told[2])
{
	struct host_route route;

	if (service->check.via != CHECK_TUNNEL || service->address.family != 4)
		return;
	for (size_t i = 0; i < service->backend_count; i++) {
		if (host_route(&service->backends[i].address, &route) || !route.found ||
		    route.local)
			continue;
		if (to_service->local)
			check_accept_local(doctor, service, route.interface, &told[0]);
		else
			check_rp_filter(doctor, service, to_service, route.interface, &told[1]);
	}
}

static void check_local(struct doctor *doctor, const struct config_service *service, bool local)
{
	char address[ADDRESS_TEXT_BYTES];

	address_format(&service->address, address);
	if (!local) {
		doctor_add(doctor, DOCTOR_LOCAL_VIP, DOCTOR_OK, service->name,
			   "%s is not local to this host", address);
		return;
	}
	doctor_add(doctor, DOCTOR_LOCAL_VIP, DOCTOR_NOTE, service->name,
		   "%s is an address of this host: needed for keepalived, of no use with routing",
		   address);
	doctor_mend(doctor,
		    "ip address show to %s   # unless keepalived put it there: ip address "
		    "del ...",
		    address);
}

void doctor_check_paths(struct doctor *doctor)
{
	struct told *told = require_memory(calloc(2, sizeof(*told)));

	for (size_t i = 0; i < doctor->config->service_count; i++) {
		const struct config_service *service = &doctor->config->services[i];
		struct host_route route;

		if (host_route(&service->address, &route))
			continue;
		check_local(doctor, service, route.local);
		check_probes(doctor, service, &route, told);
	}
	free(told);
}
