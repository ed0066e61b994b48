/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Watches: each has a path, and the next hop that followed from it when it was looked at last. A
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
#include "nexthop_path.h"
#include "timer.h"

enum {
	SLICE_MS = 5,
	MAX_PREFIXES = 32, /* gathered; more count as a change of every route */

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
	struct nexthops *owner;
	struct path path;
	bool queued;
	bool ask_route;
	struct nexthop current;
	nexthop_changed changed;
	void *context;
};

struct nexthops {
	struct path_sources sources;
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

	for (int i = 0; i <= PATH_MAX_TAGS && (link = watch->path.links[i]); i++) {
		if (!link->changed)
			continue;
		if (link->came_up)
			neighbour_renew(&watch->path.neighbour, true);
		mark(watch, true);
	}
}

/* Marks the watches of links that changed: one walk, however many links did. */
static void links_spread(struct nexthops *all)
{
	struct nexthop_watch *watch;

	if (!links_changed(all->sources.links))
		return;
	TAILQ_FOREACH (watch, &all->watches, siblings)
		watch_link_changes(watch);
	links_settle(all->sources.links);
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

	path_nexthop(&watch->path, &next);
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
		err = path_resolve(&watch->path, &all->sources, &watch->ask_route);
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
			if (prefix_holds(&all->prefixes[i], &watch->path.address)) {
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
		if (links_event(all->sources.links, event))
			routes_changed(all, NULL);
		if (all->link_changed)
			all->link_changed(all->link_context);
		break;
	case RTNL_NEIGHBOUR_SET:
	case RTNL_NEIGHBOUR_GONE:
		neighbours_event(all->sources.neighbours, event);
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
	links_renew(all->sources.links);
	TAILQ_FOREACH (watch, &all->watches, siblings)
		neighbour_renew(&watch->path.neighbour, false);
	routes_changed(all, NULL);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct nexthops *all = context;
	int err = rtnl_read_events(all->sources.rtnl, on_event, all);

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
	size_t offset = offsetof(struct nexthop_watch, path.neighbour);

	mark((struct nexthop_watch *)((char *)user - offset), false);
}

/* Life and death. */

static int events_new(struct nexthops *all, struct event_base *base)
{
	struct timeval tick = { .tv_sec = AUDIT_TICK_MS / 1000 };

	all->work = evtimer_new(base, on_work, all);
	all->gather = evtimer_new(base, on_gathered, all);
	all->audit = event_new(base, -1, EV_PERSIST, on_audit, all);
	all->readable = event_new(base, rtnl_event_fd(all->sources.rtnl), EV_READ | EV_PERSIST,
				  on_readable, all);
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
	err = rtnl_new(&all->sources.rtnl);
	if (!err)
		err = links_new(all->sources.rtnl, &all->sources.links);
	if (!err)
		err = neighbours_new(base, all->sources.rtnl, on_neighbour,
				     &all->sources.neighbours);
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
	neighbours_free(all->sources.neighbours);
	links_free(all->sources.links);
	if (all->work)
		event_free(all->work);
	if (all->gather)
		event_free(all->gather);
	if (all->audit)
		event_free(all->audit);
	if (all->readable)
		event_free(all->readable);
	rtnl_free(all->sources.rtnl);
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
	watch->path.address = *address;
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
	path_fini(&watch->path);
	free(watch);
}

const struct nexthop *nexthop_get(const struct nexthop_watch *watch)
{
	return &watch->current;
}
