/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "nexthop_path.h"

#include <string.h>

#include "link.h"

enum {
	MAX_MTU = 65535,
	TAG_BYTES = 4,
};

/* The neighbour follows from route and link; a link without Ethernet has none. 0 or -ENOMEM. */
static int follow_neighbour(struct path *path, const struct path_sources *sources)
{
	const struct rtnl_route *route = &path->route;

	if (route->type != RTNL_ROUTE_UNICAST || !path->links[0]->present ||
	    !path->links[0]->info.ethernet) {
		neighbour_leave(&path->neighbour);
		return 0;
	}
	return neighbour_join(sources->neighbours, &path->neighbour, route->ifindex,
			      route->gateway.family ? &route->gateway : &path->address);
}

static void put_links(struct path *path, int first)
{
	for (int i = first; i <= PATH_MAX_TAGS; i++) {
		link_put(path->links[i]);
		path->links[i] = NULL;
	}
}

/* Brings the links up to date, each VLAN interface's parent after it. 0 or a negative errno. */
static int follow_links(struct path *path, struct links *links)
{
	const struct link *link;
	int err;

	for (int i = 0; i <= PATH_MAX_TAGS && path->links[i]; i++) {
		link = path->links[i];
		err = link_refresh(links, path->links[i]);
		if (err)
			return err;
		if (!link->present || !link->info.parent)
			put_links(path, i + 1);
		else if (i < PATH_MAX_TAGS)
			err = link_use(links, link->info.parent, &path->links[i + 1]);
		if (err)
			return err;
	}
	return 0;
}

static int ask_for_route(struct path *path, const struct path_sources *sources)
{
	struct rtnl_route route;
	int err = rtnl_get_route(sources->rtnl, &path->address, &route);

	if (!err && route.type == RTNL_ROUTE_UNICAST)
		err = link_use(sources->links, route.ifindex, &path->links[0]);
	if (err)
		return err;
	path->route = route;
	path->resolved = true;
	return 0;
}

int path_resolve(struct path *path, const struct path_sources *sources, bool *ask_route)
{
	int err = *ask_route ? ask_for_route(path, sources) : 0;

	if (err)
		return err;
	*ask_route = false;
	err = follow_links(path, sources->links);
	return err ? err : follow_neighbour(path, sources);
}

/* READY when frames can leave through them. */
static enum nexthop_state links_state(const struct path *path)
{
	for (int i = 0; i <= PATH_MAX_TAGS; i++) {
		const struct link *link = path->links[i];

		if (!link->present)
			return NEXTHOP_NO_ROUTE;
		if (!link->info.ethernet)
			return NEXTHOP_NOT_ETHERNET;
		if (!link->info.up)
			return NEXTHOP_LINK_DOWN;
		if (!link->info.vlan)
			return NEXTHOP_READY;
		if (!link->info.parent)
			return NEXTHOP_ELSEWHERE;
	}
	return NEXTHOP_TOO_MANY_TAGS;
}

/* The state, without the fields of READY. */
static enum nexthop_state state_of(const struct path *path)
{
	const struct link *link = path->links[0];
	enum nexthop_state state;

	if (!path->resolved)
		return NEXTHOP_RESOLVING;
	if (path->route.type == RTNL_ROUTE_LOCAL)
		return NEXTHOP_LOCAL;
	/* The kernel takes routes away with their interface: that is then the reason. */
	if (path->route.type == RTNL_ROUTE_NONE)
		return link && link->present && !link->info.up ? NEXTHOP_LINK_DOWN
							       : NEXTHOP_NO_ROUTE;
	state = links_state(path);
	if (state != NEXTHOP_READY)
		return state;
	switch (neighbour_state(&path->neighbour)) {
	case NEIGHBOUR_READY:
		return NEXTHOP_READY;
	case NEIGHBOUR_SILENT:
		return NEXTHOP_NO_NEIGHBOUR;
	case NEIGHBOUR_RESOLVING:
		break;
	}
	return NEXTHOP_RESOLVING;
}

/* The tags, the outer one, which the lowest VLAN interface adds, first. Returns their number. */
static int tags_of(const struct path *path, uint16_t *vlan)
{
	int tags = 0;

	while (tags < PATH_MAX_TAGS && path->links[tags]->info.vlan)
		tags++;
	for (int i = 0; i < tags; i++)
		vlan[i] = path->links[tags - 1 - i]->info.vlan;
	return tags;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/*
 * A route's MTU may be larger than the link's, whose frames cannot. The kernel redirects frames
 * to an interface that are larger than its MTU by one tag, no more.
 */
static uint16_t mtu_of(const struct path *path, int tags)
{
	uint32_t mtu = smaller(path->links[0]->info.mtu, MAX_MTU);

	if (path->route.mtu != 0)
		mtu = smaller(mtu, path->route.mtu);
	if (tags > 1)
		mtu = smaller(mtu, path->links[tags]->info.mtu - (tags - 1) * TAG_BYTES);
	return mtu;
}

void path_nexthop(const struct path *path, struct nexthop *out)
{
	const struct rtnl_link *link;
	int tags;

	memset(out, 0, sizeof(*out));
	out->state = state_of(path);
	if (out->state != NEXTHOP_READY)
		return;
	tags = tags_of(path, out->vlan);
	link = &path->links[tags]->info;
	out->ifindex = link->ifindex;
	memcpy(out->interface, link->name, sizeof(out->interface));
	link = &path->links[0]->info;
	out->route_ifindex = link->ifindex;
	memcpy(out->route_interface, link->name, sizeof(out->route_interface));
	out->on_link = path->route.gateway.family == 0;
	out->gateway = out->on_link ? path->address : path->route.gateway;
	memcpy(out->destination_mac, neighbour_mac(&path->neighbour), sizeof(out->destination_mac));
	memcpy(out->source_mac, path->links[0]->info.mac, sizeof(out->source_mac));
	out->mtu = mtu_of(path, tags);
}

void path_fini(struct path *path)
{
	neighbour_leave(&path->neighbour);
	put_links(path, 0);
}
