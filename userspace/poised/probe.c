/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "probe.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "log.h"
#include "maps.h"
#include "nexthop.h"
#include "probe.skel.h"
#include "probe_attach.h"
#include "probe_local.h"

enum { MAX_ATTACHMENTS = 64, LOOPBACK_IFINDEX = 1 };

struct user {
	struct probe_attachment attachment;
	unsigned int routes; /* that lead there */
};

struct probes {
	struct nexthops *nexthops;
	struct maps *maps;
	struct probe_bpf *program; /* NULL until it is needed */
	uint32_t mark;
	struct user users[MAX_ATTACHMENTS];
};

struct probe_route {
	struct probes *probes;
	struct address address; /* the service's */
	struct nexthop_watch *watch;
	uint32_t ifindex; /* where the program is attached for it; 0: nowhere */
	struct probe_local local;
};

/* Loads the program when the first service asks for it. 0 or a negative errno. */
static int load(struct probes *probes)
{
	struct probe_bpf *program;
	int err;

	if (probes->program)
		return 0;
	program = probe_bpf__open();
	if (!program)
		return -errno;
	program->rodata->poise_seed = maps_settings(probes->maps)->seed;
	program->bss->poise_probe_mark = probes->mark;
	err = maps_lend(probes->maps, program->obj);
	if (!err)
		err = probe_bpf__load(program);
	if (err)
		probe_bpf__destroy(program);
	else
		probes->program = program;
	return err;
}

static struct user *find_user(struct probes *probes, uint32_t ifindex)
{
	for (int i = 0; i < MAX_ATTACHMENTS; i++)
		if (probes->users[i].attachment.ifindex == ifindex)
			return &probes->users[i];
	return NULL;
}

static int use_interface(struct probes *probes, uint32_t ifindex)
{
	struct user *user = find_user(probes, ifindex);
	int err = 0;

	if (!user) {
		user = find_user(probes, 0);
		if (!user)
			return -ENOSPC;
		err = load(probes);
		if (!err)
			err = probe_attach(bpf_program__fd(probes->program->progs.poise_probe),
					   ifindex, &user->attachment);
	}
	user->routes += !err;
	return err;
}

static void leave_interface(struct probes *probes, uint32_t ifindex)
{
	struct user *user = ifindex ? find_user(probes, ifindex) : NULL;

	if (user && --user->routes == 0)
		probe_detach(&user->attachment);
}

/* Where probes leave this host's stack: the interface that the route names, above VLANs. */
static uint32_t interface_of(const struct nexthop *hop)
{
	if (hop->state == NEXTHOP_LOCAL)
		return LOOPBACK_IFINDEX;
	return hop->state == NEXTHOP_READY ? hop->route_ifindex : 0;
}

static void on_route(void *context, const struct nexthop *hop)
{
	struct probe_route *route = context;
	uint32_t ifindex = interface_of(hop), before = route->ifindex;
	char text[ADDRESS_TEXT_BYTES];
	int err = 0;

	if (ifindex == before)
		return;
	if (ifindex)
		err = use_interface(route->probes, ifindex);
	if (err)
		log_error("probes of %s: cannot attach their program to '%s': %s",
			  address_format(&route->address, text),
			  ifindex == LOOPBACK_IFINDEX ? "lo" : hop->route_interface,
			  strerror(-err));
	route->ifindex = err ? 0 : ifindex;
	leave_interface(route->probes, before);
}

int probes_new(struct nexthops *nexthops, struct maps *maps, struct probes **out)
{
	struct probes *probes = calloc(1, sizeof(*probes));

	if (!probes)
		return -ENOMEM;
	probes->nexthops = nexthops;
	probes->maps = maps;
	probe_detach_all(NULL);
	*out = probes;
	return 0;
}

void probes_free(struct probes *probes)
{
	if (!probes)
		return;
	probe_bpf__destroy(probes->program);
	free(probes);
}

void probes_set_mark(struct probes *probes, uint32_t mark)
{
	probes->mark = mark;
	if (probes->program)
		__atomic_store_n(&probes->program->bss->poise_probe_mark, mark, __ATOMIC_RELAXED);
}

struct probe_route *probe_route_new(struct probes *probes, const struct address *address)
{
	struct probe_route *route = calloc(1, sizeof(*route));

	if (!route)
		return NULL;
	route->probes = probes;
	route->address = *address;
	route->watch = nexthop_watch_new(probes->nexthops, address, on_route, route);
	if (route->watch)
		return route;
	free(route);
	return NULL;
}

void probe_route_free(struct probe_route *route)
{
	if (!route)
		return;
	nexthop_watch_free(route->watch);
	leave_interface(route->probes, route->ifindex);
	free(route);
}

static void set_problem(struct check_way *way, const char *format, const char *interface)
{
	snprintf(way->problem, sizeof(way->problem), format, interface);
}

/* The service's address is this host's own: the kernel must be told from where to send, and to take
 * answers from that address off the wire. */
static void find_local(struct probe_route *route, const struct nexthop *hop, struct check_way *out)
{
	if (hop->state != NEXTHOP_READY)
		return; /* the backend is down for that */
	probe_local_refresh(&route->local, &route->address, hop->route_interface);
	out->source = route->local.source;
	if (!out->source.family)
		set_problem(out, PROBE_NO_SOURCE, hop->route_interface);
	else if (!route->local.accepted)
		set_problem(out, PROBE_NOT_ACCEPTED, hop->route_interface);
}

static const char *problem_of(enum nexthop_state state)
{
	switch (state) {
	case NEXTHOP_RESOLVING:
		return PROBE_RESOLVING;
	case NEXTHOP_LINK_DOWN:
		return PROBE_LINK_DOWN;
	case NEXTHOP_NO_NEIGHBOUR:
		return PROBE_NO_NEIGHBOUR;
	case NEXTHOP_NO_ROUTE:
		return PROBE_NO_ROUTE;
	default:
		return PROBE_NOT_ETHERNET;
	}
}

/* Bytes before the client's packet that count against the MTU. */
static uint16_t overhead(uint8_t encapsulation, uint8_t family)
{
	enum { IP4_BYTES = 20, IP6_BYTES = 40, GRE_BYTES = 4, GUE_BYTES = 12 };
	uint16_t ip_bytes = family == 4 ? IP4_BYTES : IP6_BYTES;

	switch (encapsulation) {
	case POISE_ENCAP_GUE:
		return ip_bytes + GUE_BYTES;
	case POISE_ENCAP_GRE:
		return ip_bytes + GRE_BYTES;
	case POISE_ENCAP_L2:
		return 0;
	default:
		return ip_bytes;
	}
}

static uint16_t find_mtu(const struct nexthop *towards, const struct nexthop *hop, uint16_t bytes)
{
	uint16_t mtu = hop->state == NEXTHOP_READY && hop->mtu > bytes ? hop->mtu - bytes : 0;

	return towards->state == NEXTHOP_READY && towards->mtu < mtu ? towards->mtu : mtu;
}

void probe_route_find(struct probe_route *route, const struct nexthop *hop, uint8_t encapsulation,
		      uint8_t family, struct check_way *out)
{
	const struct nexthop *towards = nexthop_get(route->watch);

	memset(out, 0, sizeof(*out));
	out->mtu = find_mtu(towards, hop, overhead(encapsulation, family));
	if (!interface_of(towards))
		set_problem(out, "%s", problem_of(towards->state));
	else if (!route->ifindex)
		set_problem(out, PROBE_NOT_ATTACHED,
			    towards->state == NEXTHOP_LOCAL ? "lo" : towards->route_interface);
	else if (towards->state == NEXTHOP_LOCAL)
		find_local(route, hop, out);
}
