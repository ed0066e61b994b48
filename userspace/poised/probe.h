/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Checks with via: tunnel: the program that puts probes into the tunnel (bpf/probe.bpf.c), on each
 * interface by which this host would send packets to a service's address; and what a probe must
 * know as it starts. Follows the routes to the services' addresses; checks nothing itself.
 */
#ifndef POISE_PROBE_H
#define POISE_PROBE_H

#include <stdint.h>

#include "address.h"

struct check_way;
struct maps;
struct nexthop;
struct nexthops;
struct probes;	    /* all of them */
struct probe_route; /* the way of the probes of one service */

/* Why no probe can be sent, for people: X(name, format of an interface's name, or without). */
#define PROBE_PROBLEMS(X)                                                                          \
	X(RESOLVING, "the route to the service's address is not known so far")                     \
	X(NO_ROUTE, "via: tunnel needs a route to the service's address; a default route will do") \
	X(LINK_DOWN, "the interface to the service's address is down, and via: tunnel needs one")  \
	X(NO_NEIGHBOUR,                                                                            \
	  "nothing answers ARP or neighbour discovery on the route to the service's "              \
	  "address, and via: tunnel needs one that does")                                          \
	X(NOT_ETHERNET, "via: tunnel needs a route to the service's address by Ethernet")          \
	X(NOT_ATTACHED, "the program of via: tunnel cannot be attached to '%s'")                   \
	X(NO_SOURCE, "the service's address is on this host: via: tunnel needs another address "   \
		     "on '%s' to send from")                                                       \
	X(NOT_ACCEPTED, "the service's address is on this host: via: tunnel needs "                \
			"net.ipv4.conf.%s.accept_local=1")

#define PROBE_PROBLEM_CONST(name, format) static const char PROBE_##name[] = format;
PROBE_PROBLEMS(PROBE_PROBLEM_CONST)
#undef PROBE_PROBLEM_CONST

/* 0 or a negative errno. Takes off what an earlier poised left. */
int probes_new(struct nexthops *nexthops, struct maps *maps, struct probes **out);
void probes_free(struct probes *probes); /* every route must have been freed; takes NULL */

/* The marks' bits above POISE_PROBE_INDEX; in effect at once. */
void probes_set_mark(struct probes *probes, uint32_t mark);

/* Follows the route to a service's address, with the program where it leads. NULL on an error, with
 * errno set. */
struct probe_route *probe_route_new(struct probes *probes, const struct address *address);
void probe_route_free(struct probe_route *route); /* takes NULL */

/* How a probe travels now to a backend with this next hop and tunnel; family: the tunnel's. */
void probe_route_find(struct probe_route *route, const struct nexthop *hop, uint8_t encapsulation,
		      uint8_t family, struct check_way *out);

#endif
