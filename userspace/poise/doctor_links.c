// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poise doctor: each configured interface, what runs on it, and its offloads. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "text.h"

static const char program_name[] = "poise";

static bool find_interface(const struct doctor *doctor, const char *name,
			   struct view_interface *out)
{
	for (size_t i = 0; doctor->status && i < json_array_size(doctor->status->interfaces); i++)
		if (view_interface(json_array_get(doctor->status->interfaces, i), out) &&
		    !strcmp(out->name, name))
			return true;
	return false;
}

static void check_mode(struct doctor *doctor, const struct config_interface *interface, bool native)
{
	if (native) {
		doctor_add(doctor, DOCTOR_MODE, DOCTOR_OK, interface->name, "native mode");
	} else if (interface->mode == INTERFACE_GENERIC) {
		doctor_add(doctor, DOCTOR_MODE, DOCTOR_NOTE, interface->name,
			   "generic mode, as configured");
		doctor_mend(doctor, "set 'mode: native' of %s in %s", interface->name,
			    doctor->config_path);
	} else {
		doctor_add(doctor, DOCTOR_MODE, DOCTOR_WARNING, interface->name,
			   "generic mode: the driver did not take the program");
		doctor_mend(doctor,
			    "journalctl -u poised | grep -w %s   # tells the driver's reason",
			    interface->name);
	}
}

/* "xdp_filter (id 17, priority 10), ..." of all programs but Poise's; NULL: there are none. */
static char *list_others(const struct host_chain *chain)
{
	char *list = NULL;

	for (size_t i = 0; i < chain->count; i++) {
		const struct host_program *program = &chain->programs[i];
		char *longer;

		if (!strcmp(program->name, program_name))
			continue;
		longer = text_format("%s%s%s (id %u, priority %u)", list ? list : "",
				     list ? ", " : "", program->name, program->id,
				     program->priority);
		free(list);
		list = longer;
	}
	return list;
}

static bool holds_poise(const struct host_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		if (!strcmp(chain->programs[i].name, program_name))
			return true;
	return false;
}

static void check_chain(struct doctor *doctor, const char *interface,
			const struct host_chain *chain)
{
	char *others = list_others(chain);

	if (others && !chain->dispatcher) {
		doctor_add(doctor, DOCTOR_CHAIN, DOCTOR_PROBLEM, interface,
			   "another program is alone there: %s (id %u)", chain->programs[0].name,
			   chain->programs[0].id);
		doctor_mend(doctor, "ip link set dev %s %s off", interface,
			    chain->native ? "xdpdrv" : "xdpgeneric");
	} else if (others) {
		doctor_add(doctor, DOCTOR_CHAIN, DOCTOR_NOTE, interface,
			   "other programs share it, the lower priority first: %s", others);
	} else {
		doctor_add(doctor, DOCTOR_CHAIN, DOCTOR_OK, interface, "%s",
			   !chain->count       ? "no XDP program"
			   : chain->dispatcher ? "Poise's program, in libxdp's dispatcher"
					       : "Poise's program alone");
	}
	free(others);
}

/* What the kernel has there, against what poised says. */
static void check_program(struct doctor *doctor, const struct config_interface *interface)
{
	struct view_interface said;
	struct host_chain chain;

	if (find_interface(doctor, interface->name, &said) && !said.attached) {
		doctor_add(doctor, DOCTOR_ATTACHED, DOCTOR_PROBLEM, interface->name,
			   "Poise's program is not on the interface");
		doctor_mend(doctor, "systemctl restart poised");
	}
	if (host_chain(interface->name, &chain)) {
		doctor_add(doctor, DOCTOR_CHAIN, DOCTOR_NOTE, interface->name,
			   "what runs there only root can see");
		doctor_mend(doctor, "sudo poise doctor");
		return;
	}
	check_chain(doctor, interface->name, &chain);
	if (holds_poise(&chain))
		check_mode(doctor, interface, chain.native);
}

/* Tags matter where the host has VLAN interfaces on this one: /proc/net/vlan/config lists them. */
static bool has_vlans(const char *interface)
{
	char *text = host_read("/proc/net/vlan/config"), *rest = text, *line;
	bool found = false;

	while (!found && (line = strsep(&rest, "\n"))) {
		const char *parent = strrchr(line, '|');

		found = parent && !strcmp(parent + 1 + strspn(parent + 1, " "), interface);
	}
	free(text);
	return found;
}

static void check_offloads(struct doctor *doctor, const char *name, const struct host_link *link)
{
	bool vlans = link->rxvlan && has_vlans(name);

	doctor_add(doctor, DOCTOR_LRO, link->lro ? DOCTOR_PROBLEM : DOCTOR_OK, name,
		   "large receive offload is %s", link->lro ? "on" : "off");
	if (link->lro)
		doctor_mend(doctor, "ethtool -K %s lro off", name);
	doctor_add(doctor, DOCTOR_HW_GRO, link->hw_gro ? DOCTOR_WARNING : DOCTOR_OK, name,
		   "GRO in hardware is %s", link->hw_gro ? "on" : "off");
	if (link->hw_gro)
		doctor_mend(doctor, "ethtool -K %s rx-gro-hw off", name);
	doctor_add(doctor, DOCTOR_RXVLAN, vlans ? DOCTOR_WARNING : DOCTOR_OK, name,
		   vlans	  ? "it takes VLAN tags off, and has VLAN interfaces"
		   : link->rxvlan ? "it takes VLAN tags off, and has no VLAN interface"
				  : "it leaves VLAN tags on");
	if (vlans)
		doctor_mend(doctor, "ethtool -K %s rxvlan off", name);
}

static void check_veth(struct doctor *doctor, const char *name, const struct host_link *link)
{
	if (!link->veth)
		return;
	if (!link->peer[0]) {
		doctor_add(doctor, DOCTOR_VETH_PEER, DOCTOR_NOTE, name,
			   "its peer is in another network namespace: see there that the peer has "
			   "an XDP program");
	} else if (link->peer_xdp) {
		doctor_add(doctor, DOCTOR_VETH_PEER, DOCTOR_OK, name,
			   "its peer %s has an XDP program", link->peer);
	} else {
		doctor_add(doctor, DOCTOR_VETH_PEER, DOCTOR_WARNING, name,
			   "its peer %s has no native XDP program", link->peer);
		doctor_mend(
			doctor,
			"echo '__attribute__((section(\"xdp\"))) int pass(void *c) { return 2; "
			"}' | clang -O2 -target bpf -x c -c -o /tmp/pass.o - && ip link set dev "
			"%s xdpdrv obj /tmp/pass.o sec xdp",
			link->peer);
	}
}

/* As poised knows it; what is told of it then is told under that name. */
static struct config_interface name_now(struct doctor *doctor,
					const struct config_interface *interface)
{
	struct config_interface now = *interface;
	struct view_interface said;

	if (!find_interface(doctor, interface->name, &said) || !said.renamed)
		return now;
	snprintf(now.name, sizeof(now.name), "%s", said.renamed);
	doctor_add(doctor, DOCTOR_INTERFACE, DOCTOR_WARNING, interface->name, "%s",
		   said.problem ? said.problem : "");
	doctor_mend(doctor, "poise reload   # after naming it %s in 'interfaces' of %s", now.name,
		    doctor->config_path);
	return now;
}

static void check_link(struct doctor *doctor, const struct config_interface *interface)
{
	const char *name = interface->name;
	struct host_link link;
	int err = host_link(name, &link);

	if (err == -ENODEV) {
		doctor_add(doctor, DOCTOR_INTERFACE, DOCTOR_PROBLEM, name,
			   "there is no such interface");
		doctor_mend(doctor, "ip -brief link   # then correct 'interfaces' in %s",
			    doctor->config_path);
	}
	if (err)
		return;
	doctor_add(doctor, DOCTOR_INTERFACE, link.up ? DOCTOR_OK : DOCTOR_PROBLEM, name,
		   "%s, %s, MTU %u", link.up ? "up" : "down or without a carrier",
		   link.driver[0] ? link.driver : "driver not known", link.mtu);
	if (!link.up)
		doctor_mend(doctor, "ip link set dev %s up", name);
	check_program(doctor, interface);
	doctor_check_queues(doctor, name, &link);
	check_offloads(doctor, name, &link);
	check_veth(doctor, name, &link);
}

/* The program forwards there, too, until a reload. */
static void check_unnamed(struct doctor *doctor)
{
	struct view_interface said;

	for (size_t i = 0; doctor->status && i < json_array_size(doctor->status->interfaces); i++) {
		if (!view_interface(json_array_get(doctor->status->interfaces, i), &said) ||
		    said.configured)
			continue;
		doctor_add(doctor, DOCTOR_INTERFACE, DOCTOR_WARNING, said.name, "%s",
			   said.problem ? said.problem : "");
		doctor_mend(doctor,
			    "poise reload   # to take it off, or after naming it in "
			    "'interfaces' of %s",
			    doctor->config_path);
	}
}

void doctor_check_links(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->config->interface_count; i++) {
		struct config_interface now = name_now(doctor, &doctor->config->interfaces[i]);

		check_link(doctor, &now);
	}
	check_unnamed(doctor);
}
