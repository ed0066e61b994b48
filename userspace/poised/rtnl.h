/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rtnetlink (rtnetlink(7)) as plain structures: questions about routes, links and neighbours, and
 * the kernel's notices of their changes. Keeps no state of either and decides nothing.
 */
#ifndef POISE_RTNL_H
#define POISE_RTNL_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "address.h"

struct rtnl; /* a socket for questions and one for notices, both of one network namespace */

enum rtnl_route_type {
	RTNL_ROUTE_NONE, /* none, or one that leads nowhere: blackhole, unreachable, broadcast... */
	RTNL_ROUTE_UNICAST,
	RTNL_ROUTE_LOCAL,
};

struct rtnl_route {
	enum rtnl_route_type type;
	uint32_t ifindex;	/* the fields from here on: of RTNL_ROUTE_UNICAST only */
	struct address gateway; /* family 0: none; may be IPv6 for an IPv4 route */
	uint32_t mtu;		/* the route's own, bytes; 0: it has none */
};

struct rtnl_link {
	uint32_t ifindex;
	bool ethernet; /* frames have an Ethernet header, and mac is set */
	bool up;       /* set up, and has a carrier */
	uint8_t mac[6];
	uint32_t mtu; /* bytes */
	char name[IF_NAMESIZE];
	uint16_t vlan;	 /* the tag that its frames get, enum poise_vlan; 0: no VLAN interface */
	uint32_t parent; /* ifindex of what lies under it; 0: in another network namespace */
};

struct rtnl_neighbour {
	uint32_t ifindex;
	struct address address;
	uint16_t state; /* NUD_*, linux/neighbour.h */
	bool fixed; /* someone else keeps it: permanent, NOARP, learned by a routing daemon... */
	bool has_mac;
	uint8_t mac[6];
};

enum rtnl_event_type {
	RTNL_LINK_SET,
	RTNL_LINK_GONE, /* of 'link' only ifindex is set */
	RTNL_NEIGHBOUR_SET,
	RTNL_NEIGHBOUR_GONE, /* of 'neighbour' only ifindex and address are set */
	RTNL_ROUTE_CHANGED,  /* routes to addresses in 'prefix' */
	RTNL_POLICY_CHANGED, /* rules, own addresses or next hop objects: any route may differ */
};

struct rtnl_event {
	enum rtnl_event_type type;
	union {
		struct rtnl_link link;
		struct rtnl_neighbour neighbour;
		struct prefix prefix;
	};
};

typedef void (*rtnl_handler)(void *context, const struct rtnl_event *event);

/* Opens both sockets in the caller's network namespace. 0 or a negative errno. */
int rtnl_new(struct rtnl **out);
void rtnl_free(struct rtnl *rtnl); /* takes NULL */

int rtnl_event_fd(const struct rtnl *rtnl); /* readable when there are notices */

/*
 * Hands on the notices that wait, at most some hundreds, and never blocks. 0; -ENOBUFS when notices
 * were lost: then none is waiting any more, and all that is known must be asked for anew; another
 * negative errno when the socket failed.
 */
int rtnl_read_events(struct rtnl *rtnl, rtnl_handler handler, void *context);

/*
 * Questions. The kernel answers them while they are sent, nothing waits for the network; an answer
 * that is missing is given up after half a second. 0 or a negative errno: -ETIMEDOUT, -EBADMSG (an
 * answer that makes no sense), or what the kernel said, such as:
 */
/* An address without a route is no error, but RTNL_ROUTE_NONE. */
int rtnl_get_route(struct rtnl *rtnl, const struct address *destination, struct rtnl_route *out);
int rtnl_get_link(struct rtnl *rtnl, uint32_t ifindex, struct rtnl_link *out); /* -ENODEV */
int rtnl_get_neighbour(struct rtnl *rtnl, uint32_t ifindex, const struct address *address,
		       struct rtnl_neighbour *out); /* -ENOENT */

/*
 * Makes the kernel behave as if it had a packet to send: an unknown or failed neighbour is
 * resolved, a stale one probed. It must not be fixed: Linux 5.16 and newer would make a fixed one
 * dynamic. -ENOBUFS: the kernel's neighbour table is full.
 */
int rtnl_use_neighbour(struct rtnl *rtnl, uint32_t ifindex, const struct address *address);

#endif
