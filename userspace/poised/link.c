/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 256 };

struct links {
	struct rtnl *rtnl;
	bool changed;
	LIST_HEAD(, link) buckets[BUCKETS];
};

static struct link *find(const struct links *links, uint32_t ifindex)
{
	struct link *link;

	LIST_FOREACH(link, &links->buckets[ifindex % BUCKETS], siblings)
	if (link->ifindex == ifindex)
		return link;
	return NULL;
}

void link_put(struct link *link)
{
	if (!link || --link->users > 0)
		return;
	LIST_REMOVE(link, siblings);
	free(link);
}

int link_use(struct links *links, uint32_t ifindex, struct link **slot)
{
	struct link *link = find(links, ifindex);

	if (!link) {
		link = calloc(1, sizeof(*link));
		if (!link)
			return -ENOMEM;
		link->ifindex = ifindex;
		link->stale = true;
		LIST_INSERT_HEAD(&links->buckets[ifindex % BUCKETS], link, siblings);
	}
	link->users++;
	link_put(*slot);
	*slot = link;
	return 0;
}

/* Of two that are present. */
static bool same(const struct rtnl_link *a, const struct rtnl_link *b)
{
	return a->ethernet == b->ethernet && a->up == b->up && a->mtu == b->mtu &&
	       a->vlan == b->vlan && a->parent == b->parent &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 && strcmp(a->name, b->name) == 0;
}

/* Takes over what the kernel knows of a link; NULL: there is no such link. */
static void update(struct links *links, struct link *link, const struct rtnl_link *info)
{
	bool known = link->known, was_up = link->present && link->info.up;

	link->known = true;
	link->stale = false;
	if (known && link->present == (info != NULL) && (!info || same(&link->info, info)))
		return;
	link->present = info != NULL;
	if (info)
		link->info = *info;
	if (known) { /* or nobody has used it before */
		link->changed = links->changed = true;
		link->came_up |= info && info->up && !was_up;
	}
}

int link_refresh(struct links *links, struct link *link)
{
	struct rtnl_link info;
	int err;

	if (!link->stale)
		return 0;
	err = rtnl_get_link(links->rtnl, link->ifindex, &info);
	if (err && err != -ENODEV)
		return err;
	update(links, link, err ? NULL : &info);
	return 0;
}

bool links_event(struct links *links, const struct rtnl_event *event)
{
	const struct rtnl_link *info = event->type == RTNL_LINK_SET ? &event->link : NULL;
	struct link *link = find(links, event->link.ifindex);
	bool was_up;

	if (!link)
		return true;
	was_up = link->present && link->info.up;
	update(links, link, info);
	return was_up != (info && info->up);
}

void links_renew(struct links *links)
{
	struct link *link;

	for (size_t i = 0; i < BUCKETS; i++)
		LIST_FOREACH(link, &links->buckets[i], siblings)
	link->stale = true;
}

bool links_changed(const struct links *links)
{
	return links->changed;
}

void links_settle(struct links *links)
{
	struct link *link;

	links->changed = false;
	for (size_t i = 0; i < BUCKETS; i++)
		LIST_FOREACH(link, &links->buckets[i], siblings)
	link->changed = link->came_up = false;
}

int links_new(struct rtnl *rtnl, struct links **out)
{
	struct links *links = calloc(1, sizeof(*links));

	if (!links)
		return -ENOMEM;
	links->rtnl = rtnl;
	*out = links;
	return 0;
}

void links_free(struct links *links)
{
	free(links);
}
