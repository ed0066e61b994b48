/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Neighbours: the MAC address of each neighbour that someone uses, resolved by the kernel, followed
 * and kept from expiring. Each is asked for once, however many use it.
 */
#ifndef POISE_NEIGHBOUR_H
#define POISE_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "address.h"
#include "rtnl.h"

struct event_base;
struct neighbours;
struct neighbour;

/* What one who uses a neighbour keeps; zeroed before its first use. */
struct neighbour_user {
	struct neighbour *neighbour; /* NULL: uses none */
	LIST_ENTRY(neighbour_user) siblings;
};

enum neighbour_state { NEIGHBOUR_RESOLVING, NEIGHBOUR_READY, NEIGHBOUR_SILENT };

/* Called for each user when state or MAC changed; must not join or leave. */
typedef void (*neighbour_changed)(struct neighbour_user *user);

/* rtnl stays the caller's and must outlive it. 0 or a negative errno. */
int neighbours_new(struct event_base *base, struct rtnl *rtnl, neighbour_changed changed,
		   struct neighbours **out);
void neighbours_free(struct neighbours *neighbours); /* takes NULL; every user must have left */

/* Makes user use this neighbour, and no longer the one that it used. 0 or -ENOMEM: then none. */
int neighbour_join(struct neighbours *neighbours, struct neighbour_user *user, uint32_t ifindex,
		   const struct address *address);
void neighbour_leave(struct neighbour_user *user); /* does nothing when it uses none */

/* Of a user that uses one. */
enum neighbour_state neighbour_state(const struct neighbour_user *user);
const uint8_t *neighbour_mac(const struct neighbour_user *user); /* in NEIGHBOUR_READY */

/* A notice of rtnetlink: RTNL_NEIGHBOUR_SET or RTNL_NEIGHBOUR_GONE. */
void neighbours_event(struct neighbours *neighbours, const struct rtnl_event *event);
/* Asks for the user's neighbour anew, soon; afresh (its link came up): not silent until proven so.
 */
void neighbour_renew(struct neighbour_user *user, bool afresh);

#endif
