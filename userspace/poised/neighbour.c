/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Each neighbour has a timer, which puts it into a queue; the queue is worked off in batches. There
 * the kernel's entry is read, and used (NTF_USE): the kernel then resolves it when it is unknown or
 * failed, and probes it when it is stale. So a neighbour that falls silent is noticed when the
 * kernel's own reachability time is over (base_reachable_time_ms, 15-45 s by default, shorter after
 * traffic that got no answer) and its probes are (5 s, then 3 s, by default).
 */
#include "neighbour.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "poise_flow.h"
#include "timer.h"

enum {
	BUCKETS = 4096, /* a power of two */
	BATCH = 64,	/* two questions each: well below a millisecond between turns of the loop */

	USE_MS = 4000,	      /* a neighbour that answers is used this often, */
	USE_SPREAD_MS = 2000, /* plus up to this, different for each */
	RETRY_MS = 1000,      /* one that does not, this often */
	RESOLVE_MS = 5000,    /* silent if the kernel has not said so itself by then */
	GRACE_MS = 3000, /* the last MAC stays after the kernel forgot it, until resolved anew */
	COMPLAIN_MS = 60 * 1000, /* between two lines in the log about the same trouble */
};

static const uint8_t no_mac[6];

struct neighbour {
	struct neighbours *owner;
	LIST_ENTRY(neighbour) siblings; /* of its bucket */
	TAILQ_ENTRY(neighbour) queue;
	LIST_HEAD(, neighbour_user) users; /* it lives as long as it has one */
	struct event timer;
	uint32_t ifindex;
	struct address address;
	enum neighbour_state state;
	bool queued;
	bool lost;	   /* READY, but the kernel has no MAC for it any more */
	bool probed;	   /* the kernel was asking it when last heard of */
	bool asked_before; /* its link came up, and the kernel may be asking it since before that */
	uint8_t mac[6];
	int64_t used_at;   /* ms; when it was last asked for */
	int64_t silent_at; /* ms; when RESOLVING or a lost READY ends */
};

struct neighbours {
	struct event_base *base;
	struct rtnl *rtnl;
	neighbour_changed changed;
	struct event *work;
	TAILQ_HEAD(, neighbour) queue;
	LIST_HEAD(, neighbour) buckets[BUCKETS];
	int64_t complained_at;
};

static uint64_t hash(uint32_t ifindex, const struct address *address)
{
	uint64_t words[2];

	memcpy(words, address->bytes, sizeof(words));
	return poise_mix(poise_fold(poise_fold(ifindex, words[0]), words[1]));
}

static struct neighbour *find(struct neighbours *neighbours, uint32_t ifindex,
			      const struct address *address)
{
	struct neighbour *n;

	LIST_FOREACH(n, &neighbours->buckets[hash(ifindex, address) % BUCKETS], siblings)
	if (n->ifindex == ifindex && address_equal(&n->address, address))
		return n;
	return NULL;
}

/* When it is the neighbour's turn again, by its state. */
static void schedule(struct neighbour *n)
{
	bool answers = n->state == NEIGHBOUR_READY && !n->lost;
	int64_t now = timer_now_ms(), due = n->used_at + RETRY_MS;

	if (n->queued)
		return;
	if (answers)
		due = n->used_at + USE_MS + hash(n->ifindex, &n->address) % USE_SPREAD_MS;
	else if (n->state != NEIGHBOUR_SILENT && n->silent_at < due)
		due = n->silent_at;
	timer_set(&n->timer, due > now ? due - now : 0);
}

static void set_state(struct neighbour *n, enum neighbour_state state, const uint8_t *mac)
{
	struct neighbour_user *user;
	bool same = n->state == state && memcmp(n->mac, mac, sizeof(n->mac)) == 0;

	n->state = state;
	memcpy(n->mac, mac, sizeof(n->mac));
	if (!same)
		LIST_FOREACH(user, &n->users, siblings)
	n->owner->changed(user);
}

static bool usable(const struct rtnl_neighbour *entry)
{
	enum {
		VALID = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_STALE | NUD_DELAY |
			NUD_PROBE,
	};

	return (entry->state & VALID) && entry->has_mac &&
	       memcmp(entry->mac, no_mac, sizeof(no_mac)) != 0;
}

static void enqueue(struct neighbour *n)
{
	if (n->queued)
		return;
	event_del(&n->timer);
	n->queued = true;
	TAILQ_INSERT_TAIL(&n->owner->queue, n, queue);
	timer_set(n->owner->work, 0);
}

/*
 * Takes over what the kernel knows; NULL: nothing. A failure after probes is one. Without them it
 * is an entry being deleted by hand, which the kernel marks as failed first, and says nothing; nor
 * do those that went out before the link was up: it is asked anew.
 */
static void update(struct neighbour *n, const struct rtnl_neighbour *entry)
{
	enum { PROBED = NUD_INCOMPLETE | NUD_DELAY | NUD_PROBE };
	bool failed = entry && (entry->state & NUD_FAILED);

	if (entry && usable(entry)) {
		n->lost = n->asked_before = false;
		set_state(n, NEIGHBOUR_READY, entry->mac);
	} else if (failed && n->asked_before) {
		enqueue(n);
	} else if (failed && (n->state != NEIGHBOUR_READY || n->lost || n->probed)) {
		n->lost = false;
		set_state(n, NEIGHBOUR_SILENT, no_mac);
	} else if (n->state == NEIGHBOUR_READY && !n->lost) {
		n->lost = true;
		n->silent_at = timer_now_ms() + GRACE_MS;
	}
	n->probed = entry && (entry->state & PROBED);
}

/* An interface that is gone or down is no trouble of the neighbour, and known from elsewhere. */
static void complain(struct neighbour *n, int err)
{
	char text[ADDRESS_TEXT_BYTES];
	int64_t now = timer_now_ms();

	if (err == -ENODEV || err == -ENETDOWN || err == -EINVAL || err == -ENXIO ||
	    (n->owner->complained_at && now - n->owner->complained_at < COMPLAIN_MS))
		return;
	n->owner->complained_at = now;
	address_format(&n->address, text);
	if (err == -ENOBUFS)
		log_warning("neighbour '%s': the kernel's neighbour table is full "
			    "(sysctl net.ipv%d.neigh.default.gc_thresh3)",
			    text, n->address.family);
	else
		log_warning("neighbour '%s': asking the kernel to resolve it: %s", text,
			    strerror(-err));
}

static bool is_asked_anew(const struct neighbour *n)
{
	return n->state == NEIGHBOUR_RESOLVING || n->asked_before;
}

/*
 * Reads the kernel's entry and uses it. It is read first, for a fixed one must not be used, and so
 * that nothing depends on the kernel announcing each change. An old failure says nothing about a
 * neighbour that is being resolved from now on.
 */
static void refresh(struct neighbour *n)
{
	struct rtnl *rtnl = n->owner->rtnl;
	struct rtnl_neighbour entry = { 0 };
	int err;

	n->used_at = timer_now_ms();
	err = rtnl_get_neighbour(rtnl, n->ifindex, &n->address, &entry);
	if (err == -ENOENT)
		update(n, NULL);
	else if (err == 0 && !(is_asked_anew(n) && (entry.state & NUD_FAILED)))
		update(n, &entry);
	if (err == -ENOENT || (err == 0 && (entry.state & NUD_FAILED)))
		n->asked_before = false; /* it is asked from now on */
	if (err == -ENOENT || (err == 0 && !entry.fixed))
		err = rtnl_use_neighbour(rtnl, n->ifindex, &n->address);
	if (err)
		complain(n, err);
}

static void take_turn(struct neighbour *n)
{
	refresh(n);
	if ((n->state == NEIGHBOUR_RESOLVING || n->lost) && timer_now_ms() >= n->silent_at) {
		n->lost = false;
		set_state(n, NEIGHBOUR_SILENT, no_mac);
	}
	schedule(n);
}

/* At most BATCH neighbours, then the loop has its turn. */
static void on_work(evutil_socket_t fd, short what, void *context)
{
	struct neighbours *neighbours = context;
	struct neighbour *n;

	(void)fd;
	(void)what;
	for (int i = 0; i < BATCH && (n = TAILQ_FIRST(&neighbours->queue)); i++) {
		TAILQ_REMOVE(&neighbours->queue, n, queue);
		n->queued = false;
		take_turn(n);
	}
	if (!TAILQ_EMPTY(&neighbours->queue))
		timer_set(neighbours->work, 0);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	enqueue(context);
}

static struct neighbour *neighbour_new(struct neighbours *neighbours, uint32_t ifindex,
				       const struct address *address)
{
	struct neighbour *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->owner = neighbours;
	n->ifindex = ifindex;
	n->address = *address;
	n->silent_at = timer_now_ms() + RESOLVE_MS;
	LIST_INIT(&n->users);
	evtimer_assign(&n->timer, neighbours->base, on_timer, n);
	LIST_INSERT_HEAD(&neighbours->buckets[hash(ifindex, address) % BUCKETS], n, siblings);
	refresh(n);
	schedule(n);
	return n;
}

static void neighbour_free(struct neighbour *n)
{
	event_del(&n->timer);
	if (n->queued)
		TAILQ_REMOVE(&n->owner->queue, n, queue);
	LIST_REMOVE(n, siblings);
	free(n);
}

int neighbour_join(struct neighbours *neighbours, struct neighbour_user *user, uint32_t ifindex,
		   const struct address *address)
{
	struct neighbour *n = find(neighbours, ifindex, address);

	if (n && n == user->neighbour)
		return 0;
	neighbour_leave(user);
	if (!n)
		n = neighbour_new(neighbours, ifindex, address);
	if (!n)
		return -ENOMEM;
	user->neighbour = n;
	LIST_INSERT_HEAD(&n->users, user, siblings);
	return 0;
}

void neighbour_leave(struct neighbour_user *user)
{
	struct neighbour *n = user->neighbour;

	if (!n)
		return;
	user->neighbour = NULL;
	LIST_REMOVE(user, siblings);
	if (LIST_EMPTY(&n->users))
		neighbour_free(n);
}

enum neighbour_state neighbour_state(const struct neighbour_user *user)
{
	return user->neighbour->state;
}

const uint8_t *neighbour_mac(const struct neighbour_user *user)
{
	return user->neighbour->mac;
}

void neighbours_event(struct neighbours *neighbours, const struct rtnl_event *event)
{
	const struct rtnl_neighbour *entry = &event->neighbour;
	struct neighbour *n = find(neighbours, entry->ifindex, &entry->address);

	if (!n)
		return;
	update(n, event->type == RTNL_NEIGHBOUR_GONE ? NULL : entry);
	schedule(n);
}

void neighbour_renew(struct neighbour_user *user, bool afresh)
{
	struct neighbour *n = user->neighbour;

	if (!n)
		return;
	n->asked_before |= afresh;
	if (afresh && n->state == NEIGHBOUR_SILENT) {
		n->silent_at = timer_now_ms() + RESOLVE_MS;
		set_state(n, NEIGHBOUR_RESOLVING, no_mac);
	}
	enqueue(n);
}

int neighbours_new(struct event_base *base, struct rtnl *rtnl, neighbour_changed changed,
		   struct neighbours **out)
{
	struct neighbours *neighbours = calloc(1, sizeof(*neighbours));

	if (!neighbours)
		return -ENOMEM;
	neighbours->base = base;
	neighbours->rtnl = rtnl;
	neighbours->changed = changed;
	TAILQ_INIT(&neighbours->queue);
	neighbours->work = evtimer_new(base, on_work, neighbours);
	if (!neighbours->work) {
		free(neighbours);
		return -ENOMEM;
	}
	*out = neighbours;
	return 0;
}

void neighbours_free(struct neighbours *neighbours)
{
	if (!neighbours)
		return;
	event_free(neighbours->work);
	free(neighbours);
}
