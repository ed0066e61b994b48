/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way to one address: its route, the links that this leads through and the neighbour, and the
 * next hop that follows from the three. Asks the kernel when told to; knows no notices and no time.
 */
#ifndef POISE_NEXTHOP_PATH_H
#define POISE_NEXTHOP_PATH_H

#include "neighbour.h"
#include "nexthop.h"
#include "rtnl.h"

struct link;
struct links;

enum { PATH_MAX_TAGS = 2 }; /* VLAN tags that the data plane writes */

/* What paths share. */
struct path_sources {
	struct rtnl *rtnl;
	struct links *links;
	struct neighbours *neighbours;
};

/* Zeroed at first but for the address. */
struct path {
	struct neighbour_user neighbour;
	/* Of the last route that had one; then, while that is a VLAN interface, its parent; NULL:
	 * there are no more. */
	struct link *links[1 + PATH_MAX_TAGS];
	struct address address;
	struct rtnl_route route;
	bool resolved; /* 'route' was answered by the kernel */
};

/* Brings the route, when 'ask_route' says so, then links and neighbour up to date; 'ask_route' is
 * false after the route's answer. 0 or a negative errno. */
int path_resolve(struct path *path, const struct path_sources *sources, bool *ask_route);
/* The next hop as the path stands. */
void path_nexthop(const struct path *path, struct nexthop *out);
void path_fini(struct path *path);

#endif
