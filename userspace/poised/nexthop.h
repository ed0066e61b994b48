/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Next hops: for each watched address the interface and MAC address that lead there, resolved
 * through rtnetlink and followed ever after. VLAN interfaces are looked through: what counts is
 * where the frame leaves and with which tags. Knows nothing of services, backends or BPF maps.
 */
#ifndef POISE_NEXTHOP_H
#define POISE_NEXTHOP_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "address.h"

struct event_base;
struct nexthops;      /* all of them: one netlink socket */
struct nexthop_watch; /* one watched address */

/* Why there is none: X(name, text for people). */
#define NEXTHOP_STATES(X)                                                                          \
	X(READY, "ready")                                                                          \
	X(RESOLVING, "not resolved so far")                                                        \
	X(NO_ROUTE, "no route to the backend")                                                     \
	X(LOCAL, "the backend's address is this host's own")                                       \
	X(LINK_DOWN, "the interface to the backend is down")                                       \
	X(NO_NEIGHBOUR, "the next hop does not answer ARP or neighbour discovery")                 \
	X(NOT_ETHERNET, "the interface to the backend has no Ethernet header")                     \
	X(TOO_MANY_TAGS, "the interface to the backend stacks more than two VLAN tags")            \
	X(ELSEWHERE, "the VLAN interface's parent is in another network namespace")

enum nexthop_state {
#define NEXTHOP_STATE_ENUM(name, text) NEXTHOP_##name,
	NEXTHOP_STATES(NEXTHOP_STATE_ENUM)
#undef NEXTHOP_STATE_ENUM
};

struct nexthop {
	enum nexthop_state state;
	/* The fields below mean something in state READY only. */
	uint32_t ifindex; /* where frames leave: under VLAN interfaces, the lowest one's parent */
	char interface[IF_NAMESIZE]; /* its name */
	uint32_t route_ifindex; /* the interface that the route names: it, or a VLAN above it */
	char route_interface[IF_NAMESIZE];
	uint16_t vlan[2]; /* the tags that frames need, enum poise_vlan, the outer one first */
	struct address gateway; /* the neighbour asked for: the gateway, or the address itself */
	bool on_link;		/* it is the address itself */
	uint8_t destination_mac[6];
	uint8_t source_mac[6]; /* of the interface that the route names */
	uint16_t mtu;	       /* largest IP packet: of the route if it has one, else of the link */
};

/* Called whenever anything in the next hop changed, from the event loop, never from within
 * nexthop_watch_new(). The pointer is valid during the call. */
typedef void (*nexthop_changed)(void *context, const struct nexthop *nexthop);

/* 0 or a negative errno. */
int nexthops_new(struct event_base *base, struct nexthops **out);
void nexthops_free(struct nexthops *nexthops); /* and every watch left; takes NULL */

/* changed is called, from the event loop, after each notice of the kernel's that concerns an
 * interface; NULL: none is. */
void nexthops_on_link(struct nexthops *nexthops, void (*changed)(void *context), void *context);

/* Watches an address; it begins as RESOLVING. NULL on an error, with errno set. */
struct nexthop_watch *nexthop_watch_new(struct nexthops *nexthops, const struct address *address,
					nexthop_changed changed, void *context);
void nexthop_watch_free(struct nexthop_watch *watch); /* takes NULL */
const struct nexthop *nexthop_get(const struct nexthop_watch *watch);
const char *nexthop_state_text(enum nexthop_state state);

#endif
