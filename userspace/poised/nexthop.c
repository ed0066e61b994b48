/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Watches: each has a route, a link and a neighbour, and a next hop that follows from the three. A
 * notice of the kernel never changes a next hop itself: it marks watches, which wait in one queue
 * to be worked off in batches, and only there are routes asked for and callbacks called.
 *
 * What bounds the time between two turns of the event loop: a batch is SLICE_MS of watches (ten
 * times that when other events take longer), each at most one question for a route, and one for a
 * link or two for a neighbour when these are new; marking all watches is one walk over a list.
 * What bounds the work: route notices are gathered for GATHER_MS and mark only watches under the
 * changed prefixes; when there are too many prefixes they mark every watch, every FULL_PASS_MS at
 * most.
 */
#include "nexthop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "link.h"
#include "log.h"
#include "neighbour.h"
#include "rtnl.h"
#include "timer.h"

enum {
	SLICE_MS = 5,
	MAX_PREFIXES = 32, /* gathered; more count as a change of every route */
	MAX_MTU = 65535,
	MAX_TAGS = 2, /* VLAN tags that the data plane writes */
	TAG_BYTES = 4,

	GATHER_MS = 20,
	FULL_PASS_MS = 250, /* between two changes of every route */
	TROUBLE_MS = 1000,  /* before the kernel is asked again after it gave no answer */

	/* Every watch's route is asked for this often without a notice: the kernel announces none
	 * when redirects, carriers or lost source addresses change what a route leads to. */
	AUDIT_TICK_MS = 1000,
	AUDIT_TICKS = 30,
};

struct nexthop_watch {
	TAILQ_ENTRY(nexthop_watch) siblings;
	TAILQ_ENTRY(nexthop_watch) queue;
	struct neighbour_user neighbour;
	struct nexthops *owner;
	/* Of the last route that had one; then, while that is a VLAN interface, its parent. */
	struct link *links[1 + MAX_TAGS];
	struct address address;
	struct rtnl_route route;
	bool resolved; /* 'route' was answered by the kernel */
	bool queued;
	bool ask_route;
	struct nexthop current;
	nexthop_changed changed;
	void *context;
};

struct nexthops {
	struct rtnl *rtnl;
	struct links *links;
	struct neighbours *neighbours;
	struct event *readable, *work, *gather, *audit;
	TAILQ_HEAD(watch_list, nexthop_watch) watches; /* the one audited longest ago is first */
	struct watch_list queue;
	size_t count;
	size_t audit_due;		      /* audits that should have been, times AUDIT_TICKS */
	bool troubled;			      /* and the log says so */
	int64_t left_ms;		      /* when the queue was left; 0: it was empty */
	struct prefix prefixes[MAX_PREFIXES]; /* of the gathered route changes */
	size_t prefix_count;
	bool every_route;
	int64_t full_pass_at; /* ms */
	void (*link_changed)(void *context);
	void *link_context;
};

const char *nexthop_state_text(enum nexthop_state state)
{
	switch (state) {
#define NEXTHOP_STATE_CASE(name, text)                                                             \
	case NEXTHOP_##name:                                                                       \
		return text;
		NEXTHOP_STATES(NEXTHOP_STATE_CASE)
#undef NEXTHOP_STATE_CASE
	}
	return "unknown";
}

static void mark(struct nexthop_watch *watch, bool ask_route)
{
	struct nexthops *all = watch->owner;

	watch->ask_route |= ask_route;
	if (watch->queued)
		return;
	watch->queued = true;
	TAILQ_INSERT_TAIL(&all->queue, watch, queue);
	if (!evtimer_pending(all->work, NULL))
		timer_set(all->work, 0);
}

static void mark_every(struct nexthops *all)
{
	struct nexthop_watch *watch;

	TAILQ_FOREACH (watch, &all->watches, siblings)
		mark(watch, true);
}

static void watch_link_changes(struct nexthop_watch *watch)
{
	const struct link *link;

	for (int i = 0; i <= MAX_TAGS && (link = watch->links[i]); i++) {
		if (!link->changed)
			continue;
		if (link->came_up)
			neighbour_renew(&watch->neighbour, true);
		mark(watch, true);
	}
}

/* Marks the watches of links that changed: one walk, however many links did. */
static void links_spread(struct nexthops *all)
{
	struct nexthop_watch *watch;

	if (!links_changed(all->links))
		return;
	TAILQ_FOREACH (watch, &all->watches, siblings)
		watch_link_changes(watch);
	links_settle(all->links);
}

/* A watch's next hop. */

/* The neighbour follows from route and link; a link without Ethernet has none. 0 or -ENOMEM. */
static int follow_neighbour(struct nexthop_watch *watch)
{
	const struct rtnl_route *route = &watch->route;

	if (route->type != RTNL_ROUTE_UNICAST || !watch->links[0]->present ||
	    !watch->links[0]->info.ethernet) {
		neighbour_leave(&watch->neighbour);
		return 0;
	}
	return neighbour_join(watch->owner->neighbours, &watch->neighbour, route->ifindex,
			      route->gateway.family ? &route->gateway : &watch->address);
}

static void put_links(struct nexthop_watch *watch, int first)
{
	for (int i = first; i <= MAX_TAGS; i++) {
		link_put(watch->links[i]);
		watch->links[i] = NULL;
	}
}

/* Brings the links up to date, each VLAN interface's parent after it. 0 or a negative errno. */
static int follow_links(struct nexthop_watch *watch)
{
	struct links *links = watch->owner->links;
	const struct link *link;
	int err;

	for (int i = 0; i <= MAX_TAGS && watch->links[i]; i++) {
		link = watch->links[i];
		err = link_refresh(links, watch->links[i]);
		if (err)
			return err;
		if (!link->present || !link->info.parent)
			put_links(watch, i + 1);
		else if (i < MAX_TAGS)
			err = link_use(links, link->info.parent, &watch->links[i + 1]);
		if (err)
			return err;
	}
	return 0;
}

/* Brings route, link and neighbour up to date as far as needed. 0 or a negative errno. */
static int resolve(struct nexthop_watch *watch)
{
	struct nexthops *all = watch->owner;
	struct rtnl_route route;
	int err;

	if (watch->ask_route) {
		err = rtnl_get_route(all->rtnl, &watch->address, &route);
		if (err)
			return err;
		if (route.type == RTNL_ROUTE_UNICAST) {
			err = link_use(all->links, route.ifindex, &watch->links[0]);
			if (err)
				return err;
		}
		watch->route = route;
		watch->resolved = true;
		watch->ask_route = false;
	}
	err = follow_links(watch);
	return err ? err : follow_neighbour(watch);
}

/* READY when frames can leave through them. */
static enum nexthop_state links_state(const struct nexthop_watch *watch)
{
	for (int i = 0; i <= MAX_TAGS; i++) {
		const struct link *link = watch->links[i];

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
static enum nexthop_state state_of(const struct nexthop_watch *watch)
{
	const struct link *link = watch->links[0];
	enum nexthop_state state;

	if (!watch->resolved)
		return NEXTHOP_RESOLVING;
	if (watch->route.type == RTNL_ROUTE_LOCAL)
		return NEXTHOP_LOCAL;
	/* The kernel takes routes away with their interface: that is then the reason. */
	if (watch->route.type == RTNL_ROUTE_NONE)
		return link && link->present && !link->info.up ? NEXTHOP_LINK_DOWN
							       : NEXTHOP_NO_ROUTE;
	state = links_state(watch);
	if (state != NEXTHOP_READY)
		return state;
	switch (neighbour_state(&watch->neighbour)) {
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
static int tags_of(const struct nexthop_watch *watch, uint16_t *vlan)
{
	int tags = 0;

	while (tags < MAX_TAGS && watch->links[tags]->info.vlan)
		tags++;
	for (int i = 0; i < tags; i++)
		vlan[i] = watch->links[tags - 1 - i]->info.vlan;
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
static uint16_t mtu_of(const struct nexthop_watch *watch, int tags)
{
	uint32_t mtu = smaller(watch->links[0]->info.mtu, MAX_MTU);

	if (watch->route.mtu != 0)
		mtu = smaller(mtu, watch->route.mtu);
	if (tags > 1)
		mtu = smaller(mtu, watch->links[tags]->info.mtu - (tags - 1) * TAG_BYTES);
	return mtu;
}

static void build(const struct nexthop_watch *watch, struct nexthop *out)
{
	const struct rtnl_link *link;
	int tags;

	memset(out, 0, sizeof(*out));
	out->state = state_of(watch);
	if (out->state != NEXTHOP_READY)
		return;
	tags = tags_of(watch, out->vlan);
	link = &watch->links[tags]->info;
	out->ifindex = link->ifindex;
	memcpy(out->interface, link->name, sizeof(out->interface));
	link = &watch->links[0]->info;
	out->route_ifindex = link->ifindex;
	memcpy(out->route_interface, link->name, sizeof(out->route_interface));
	out->on_link = watch->route.gateway.family == 0;
	out->gateway = out->on_link ? watch->address : watch->route.gateway;
	memcpy(out->destination_mac, neighbour_mac(&watch->neighbour),
	       sizeof(out->destination_mac));
	memcpy(out->source_mac, watch->links[0]->info.mac, sizeof(out->source_mac));
	out->mtu = mtu_of(watch, tags);
}

static bool same(const struct nexthop *a, const struct nexthop *b)
{
	return a->state == b->state && a->ifindex == b->ifindex &&
	       a->route_ifindex == b->route_ifindex && a->mtu == b->mtu &&
	       a->on_link == b->on_link && memcmp(a->vlan, b->vlan, sizeof(a->vlan)) == 0 &&
	       strcmp(a->interface, b->interface) == 0 &&
	       strcmp(a->route_interface, b->route_interface) == 0 &&
	       address_equal(&a->gateway, &b->gateway) &&
	       memcmp(a->destination_mac, b->destination_mac, sizeof(a->destination_mac)) == 0 &&
	       memcmp(a->source_mac, b->source_mac, sizeof(a->source_mac)) == 0;
}

/* The callback may free the watch: nothing touches it after. */
static void evaluate(struct nexthop_watch *watch)
{
	struct nexthop next;

	build(watch, &next);
	if (same(&watch->current, &next))
		return;
	watch->current = next;
	watch->changed(watch->context, &next);
}

/* Works off one batch. A watch that meets trouble waits at the queue's end, and all with it. */
static void on_work(evutil_socket_t fd, short what, void *context)
{
	struct nexthops *all = context;
	struct nexthop_watch *watch;
	int64_t end_ms = timer_now_ms() + timer_share_ms(all->left_ms, SLICE_MS);
	int err;

	(void)fd;
	(void)what;
	all->left_ms = 0;
	while ((watch = TAILQ_FIRST(&all->queue)) && timer_now_ms() < end_ms) {
		TAILQ_REMOVE(&all->queue, watch, queue);
		watch->queued = false;
		err = resolve(watch);
		if (err) {
			if (!all->troubled)
				log_warning("next hops: asking the kernel for routes: %s",
					    strerror(-err));
			all->troubled = true;
			mark(watch, false);
			timer_set(all->work, TROUBLE_MS);
			return;
		}
		all->troubled = false;
		evaluate(watch);
	}
	links_spread(all);
	if (!TAILQ_EMPTY(&all->queue)) {
		all->left_ms = timer_now_ms();
		timer_set(all->work, 0);
	}
}

/* Changes of routes. */

static bool prefix_holds(const struct prefix *prefix, const struct address *address)
{
	size_t bytes = prefix->length / 8, bits = prefix->length % 8;

	return prefix->address.family == address->family &&
	       memcmp(prefix->address.bytes, address->bytes, bytes) == 0 &&
	       (bits == 0 ||
		(prefix->address.bytes[bytes] ^ address->bytes[bytes]) >> (8 - bits) == 0);
}

/* NULL: any route may have changed. */
static void routes_changed(struct nexthops *all, const struct prefix *prefix)
{
	if (!prefix || all->prefix_count == MAX_PREFIXES)
		all->every_route = true;
	else
		all->prefixes[all->prefix_count++] = *prefix;
	if (!evtimer_pending(all->gather, NULL))
		timer_set(all->gather, GATHER_MS);
}

static void mark_prefixes(struct nexthops *all)
{
	struct nexthop_watch *watch;

	TAILQ_FOREACH (watch, &all->watches, siblings)
		for (size_t i = 0; i < all->prefix_count; i++)
			if (prefix_holds(&all->prefixes[i], &watch->address)) {
				mark(watch, true);
				break;
			}
}

static void on_gathered(evutil_socket_t fd, short what, void *context)
{
	struct nexthops *all = context;
	int64_t now = timer_now_ms();

	(void)fd;
	(void)what;
	if (all->every_route && now < all->full_pass_at + FULL_PASS_MS) {
		timer_set(all->gather, all->full_pass_at + FULL_PASS_MS - now);
		return;
	}
	if (all->every_route) {
		all->full_pass_at = now;
		mark_every(all);
	} else {
		mark_prefixes(all);
	}
	all->every_route = false;
	all->prefix_count = 0;
}

static void on_audit(evutil_socket_t fd, short what, void *context)
{
	struct nexthops *all = context;
	struct nexthop_watch *watch;

	(void)fd;
	(void)what;
	all->audit_due += all->count;
	for (; all->audit_due >= AUDIT_TICKS; all->audit_due -= AUDIT_TICKS) {
		watch = TAILQ_FIRST(&all->watches);
		if (!watch)
			continue;
		TAILQ_REMOVE(&all->watches, watch, siblings);
		TAILQ_INSERT_TAIL(&all->watches, watch, siblings);
		mark(watch, true);
	}
}

static void on_event(void *context, const struct rtnl_event *event)
{
	struct nexthops *all = context;

	switch (event->type) {
	case RTNL_LINK_SET:
	case RTNL_LINK_GONE:
		if (links_event(all->links, event))
			routes_changed(all, NULL);
		if (all->link_changed)
			all->link_changed(all->link_context);
		break;
	case RTNL_NEIGHBOUR_SET:
	case RTNL_NEIGHBOUR_GONE:
		neighbours_event(all->neighbours, event);
		break;
	case RTNL_ROUTE_CHANGED:
		routes_changed(all, &event->prefix);
		break;
	case RTNL_POLICY_CHANGED:
		routes_changed(all, NULL);
		break;
	}
}

/* Notices were lost: asks for everything anew. */
static void resync(struct nexthops *all)
{
	struct nexthop_watch *watch;

	log_info("next hops: the kernel's notices came too fast: asking for all of them anew");
	links_renew(all->links);
	TAILQ_FOREACH (watch, &all->watches, siblings)
		neighbour_renew(&watch->neighbour, false);
	routes_changed(all, NULL);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct nexthops *all = context;
	int err = rtnl_read_events(all->rtnl, on_event, all);

	(void)fd;
	(void)what;
	if (err == -ENOBUFS)
		resync(all);
	else if (err)
		log_error("next hops: reading the kernel's notices: %s", strerror(-err));
	links_spread(all);
}

static void on_neighbour(struct neighbour_user *user)
{
	size_t offset = offsetof(struct nexthop_watch, neighbour);

	mark((struct nexthop_watch *)((char *)user - offset), false);
}

/* Life and death. */

static int events_new(struct nexthops *all, struct event_base *base)
{
	struct timeval tick = { .tv_sec = AUDIT_TICK_MS / 1000 };

	all->work = evtimer_new(base, on_work, all);
	all->gather = evtimer_new(base, on_gathered, all);
	all->audit = event_new(base, -1, EV_PERSIST, on_audit, all);
	all->readable =
		event_new(base, rtnl_event_fd(all->rtnl), EV_READ | EV_PERSIST, on_readable, all);
	if (!all->work || !all->gather || !all->audit || !all->readable)
		return -ENOMEM;
	return event_add(all->audit, &tick) < 0 || event_add(all->readable, NULL) < 0 ? -ENOMEM : 0;
}

int nexthops_new(struct event_base *base, struct nexthops **out)
{
	struct nexthops *all = calloc(1, sizeof(*all));
	int err;

	if (!all)
		return -ENOMEM;
	TAILQ_INIT(&all->watches);
	TAILQ_INIT(&all->queue);
	err = rtnl_new(&all->rtnl);
	if (!err)
		err = links_new(all->rtnl, &all->links);
	if (!err)
		err = neighbours_new(base, all->rtnl, on_neighbour, &all->neighbours);
	if (!err)
		err = events_new(all, base);
	if (err) {
		nexthops_free(all);
		return err;
	}
	*out = all;
	return 0;
}

void nexthops_free(struct nexthops *all)
{
	struct nexthop_watch *watch;

	if (!all)
		return;
	while ((watch = TAILQ_FIRST(&all->watches)))
		nexthop_watch_free(watch);
	neighbours_free(all->neighbours);
	links_free(all->links);
	if (all->work)
		event_free(all->work);
	if (all->gather)
		event_free(all->gather);
	if (all->audit)
		event_free(all->audit);
	if (all->readable)
		event_free(all->readable);
	rtnl_free(all->rtnl);
	free(all);
}

void nexthops_on_link(struct nexthops *all, void (*changed)(void *context), void *context)
{
	all->link_changed = changed;
	all->link_context = context;
}

struct nexthop_watch *nexthop_watch_new(struct nexthops *nexthops, const struct address *address,
					nexthop_changed changed, void *context)
{
	struct nexthop_watch *watch;

	if (address->family != 4 && address->family != 6) {
		errno = EINVAL;
		return NULL;
	}
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return NULL;
	watch->owner = nexthops;
	watch->address = *address;
	watch->changed = changed;
	watch->context = context;
	watch->current.state = NEXTHOP_RESOLVING;
	TAILQ_INSERT_TAIL(&nexthops->watches, watch, siblings);
	nexthops->count++;
	mark(watch, true);
	return watch;
}

void nexthop_watch_free(struct nexthop_watch *watch)
{
	if (!watch)
		return;
	if (watch->queued)
		TAILQ_REMOVE(&watch->owner->queue, watch, queue);
	TAILQ_REMOVE(&watch->owner->watches, watch, siblings);
	watch->owner->count--;
	neighbour_leave(&watch->neighbour);
	put_links(watch, 0);
	free(watch);
}

const struct nexthop *nexthop_get(const struct nexthop_watch *watch)
{
	return &watch->current;
}
