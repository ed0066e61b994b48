/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Links: what the kernel says of each interface that someone uses. */
#ifndef POISE_LINK_H
#define POISE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "rtnl.h"

struct links;

struct link {
	LIST_ENTRY(link) siblings; /* of its bucket */
	size_t users;		   /* it lives as long as it has one */
	uint32_t ifindex;
	bool known;   /* the kernel was asked */
	bool stale;   /* to be asked anew */
	bool present; /* if not, info means nothing */
	bool changed; /* since the last links_settle(), */
	bool came_up; /* and to be up */
	struct rtnl_link info;
};

/* rtnl stays the caller's and must outlive it. 0 or -ENOMEM. */
int links_new(struct rtnl *rtnl, struct links **out);
void links_free(struct links *links); /* takes NULL; every link must have been put before */

/* Makes *slot the link with this ifindex, and puts the one that it was. 0 or -ENOMEM. */
int link_use(struct links *links, uint32_t ifindex, struct link **slot);
void link_put(struct link *link); /* takes NULL */

/* Asks the kernel if that is needed. 0 or a negative errno; a link that is gone is no error. */
int link_refresh(struct links *links, struct link *link);

/* A notice of rtnetlink: RTNL_LINK_SET or RTNL_LINK_GONE. Returns whether it may change what routes
 * lead to: a link that came or went, up or down, or one that nobody uses. */
bool links_event(struct links *links, const struct rtnl_event *event);
void links_renew(struct links *links); /* notices were lost: all links are to be asked for anew */

bool links_changed(const struct links *links); /* any of them */
void links_settle(struct links *links);	       /* forgets which of them changed */

#endif
