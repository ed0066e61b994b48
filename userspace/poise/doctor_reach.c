// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poise doctor: the ways to backends: routes, next hops, room for the tunnel, neighbour tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "service_text.h"
#include "text.h"

enum {
	CLIENT_MTU = 1500, /* what clients on the internet send at most */
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	GUE_BYTES = 12, /* UDP and GUE */
	GRE_BYTES = 4,
};

/* Backends that share a way out are told as one: the one with the longest headers counts. */
struct way {
	char interface[IF_NAMESIZE];
	uint32_t mtu, added;
	bool by_route; /* the MTU is the route's, not the interface's */
	size_t backends;
	const struct config_service *service; /* of a backend with such headers */
	const struct config_backend *backend;
};

struct ways {
	struct way *list;
	size_t count;
	uint32_t client_mtu;
};

static uint32_t tunnel_bytes(const struct config_backend *backend)
{
	uint32_t ip = backend->address.family == 4 ? IP4_BYTES : IP6_BYTES;

	switch (backend->encapsulation) {
	case POISE_ENCAP_L2:
		return 0;
	case POISE_ENCAP_GUE:
		return ip + GUE_BYTES;
	case POISE_ENCAP_GRE:
		return ip + GRE_BYTES;
	}
	return ip;
}

/* Remembers the last one: thousands of backends share a few interfaces. */
static uint32_t link_mtu(const char *interface)
{
	static char last[IF_NAMESIZE];
	static struct host_link link;

	if (strcmp(last, interface) != 0 && host_link(interface, &link))
		link.mtu = 0;
	snprintf(last, sizeof(last), "%s", interface);
	return link.mtu;
}

/* Clients' packets are no larger than what they come in by takes, and what the internet carries. */
static uint32_t client_mtu(const struct config *config)
{
	uint32_t largest = 0;

	for (size_t i = 0; i < config->interface_count; i++) {
		uint32_t mtu = link_mtu(config->interfaces[i].name);

		largest = mtu > largest ? mtu : largest;
	}
	return largest && largest < CLIENT_MTU ? largest : CLIENT_MTU;
}

static void count_way(struct ways *ways, const struct way *way)
{
	for (size_t i = 0; i < ways->count; i++) {
		struct way *known = &ways->list[i];

		if (known->mtu != way->mtu || known->by_route != way->by_route ||
		    strcmp(known->interface, way->interface) != 0)
			continue;
		if (known->added < way->added) {
			known->added = way->added;
			known->service = way->service;
			known->backend = way->backend;
		}
		known->backends++;
		return;
	}
	ways->list = require_memory(reallocarray(ways->list, ways->count + 1, sizeof(*ways->list)));
	ways->list[ways->count++] = *way;
}

static void look_at_backend(struct doctor *doctor, const struct config_service *service,
			    const struct config_backend *backend, struct ways *ways)
{
	struct way way = { .added = tunnel_bytes(backend),
			   .backends = 1,
			   .service = service,
			   .backend = backend };
	char subject[2 * POISE_NAME_BYTES], address[ADDRESS_TEXT_BYTES];
	struct host_route route;

	if (host_route(&backend->address, &route))
		return;
	snprintf(subject, sizeof(subject), "%s/%s", service->name, backend->name);
	address_format(&backend->address, address);
	if (!route.found) {
		doctor_add(doctor, DOCTOR_ROUTE, DOCTOR_PROBLEM, subject, "no route to %s",
			   address);
		doctor_mend(doctor, "ip route get %s   # then add one", address);
	} else if (route.local) {
		doctor_add(doctor, DOCTOR_ROUTE, DOCTOR_PROBLEM, subject,
			   "%s is this host's own address", address);
		doctor_mend(doctor, "ip address show to %s   # then remove it, or the backend",
			    address);
	} else {
		way.by_route = route.mtu > 0;
		way.mtu = way.by_route ? route.mtu : link_mtu(route.interface);
		memcpy(way.interface, route.interface, sizeof(way.interface));
		count_way(ways, &way);
	}
}

static void judge_way(struct doctor *doctor, const struct ways *ways, const struct way *way)
{
	uint32_t needed = ways->client_mtu + way->added;
	char address[ADDRESS_TEXT_BYTES];
	bool fits = way->mtu >= needed;

	if (!way->mtu)
		return;
	doctor_add(doctor, DOCTOR_MTU, fits ? DOCTOR_OK : DOCTOR_WARNING, way->interface,
		   "clients' packets of %u bytes take %u in the tunnel (%s adds %u) to %zu "
		   "backend%s (%s/%s...); the %s takes %u",
		   ways->client_mtu, needed, encapsulation_text(way->backend->encapsulation),
		   way->added, way->backends, way->backends == 1 ? "" : "s", way->service->name,
		   way->backend->name, way->by_route ? "route" : "interface", way->mtu);
	if (fits)
		return;
	if (way->by_route)
		doctor_mend(doctor, "ip route get %s   # raise the 'mtu' of that route to %u",
			    address_format(&way->backend->address, address), needed);
	else
		doctor_mend(doctor,
			    "ip link set dev %s mtu %u   # where the network carries that; else "
			    "lower the MSS on the backends: 'poise-agent doctor' has the command",
			    way->interface, needed);
}

void doctor_check_reach(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	struct ways ways = { .client_mtu = client_mtu(config) };

	for (size_t i = 0; i < config->service_count; i++)
		for (size_t j = 0; j < config->services[i].backend_count; j++)
			look_at_backend(doctor, &config->services[i],
					&config->services[i].backends[j], &ways);
	for (size_t i = 0; i < ways.count; i++)
		judge_way(doctor, &ways, &ways.list[i]);
	free(ways.list);
}
