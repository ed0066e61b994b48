/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How changes reach the data plane: flags that forbid, entries, flags that allow, and then rings,
 * as many at a time as other events can wait for.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "availability.h"
#include "balancer.h"
#include "fault.h"
#include "log.h"
#include "maps.h"
#include "timer.h"

/* Flags that forbid something take effect first. */
static void write_forbidding_flags(struct balancer *balancer, struct backend *backend)
{
	uint8_t flags = backend->flags & backend_flags(backend);

	if (flags == backend->flags)
		return;
	backend->flags = flags;
	maps_backend_set_flags(balancer->maps, backend->index, flags);
}

static void write_flags(struct balancer *balancer, struct backend *backend)
{
	uint8_t flags = backend_flags(backend);

	if (flags == backend->flags)
		return;
	backend->flags = flags;
	maps_backend_set_flags(balancer->maps, backend->index, flags);
}

/* Writes a changed entry at once where no packet uses it; else adds it to the batch. *egress is the
 * way out that was added last: most backends share theirs. */
static size_t write_entry(struct balancer *balancer, struct backend *backend,
			  struct maps_backend_change *batch, uint32_t *egress)
{
	struct poise_backend entry;

	if (!backend->watch)
		return 0;
	entry = backend_entry(balancer, backend);
	if (memcmp(&entry, &backend->entry, sizeof(entry)) == 0)
		return 0;
	backend->entry = entry;
	if (entry.ifindex && entry.ifindex != *egress)
		maps_egress_add(balancer->maps, *egress = entry.ifindex);
	if (backend->exposed) {
		*batch = (struct maps_backend_change){ .index = backend->index, .entry = entry };
		return 1;
	}
	entry.flags = backend->flags;
	maps_backend_write(balancer->maps, backend->index, &entry);
	return 0;
}

/* What recorded flows need to know of a backend. */
static void write_load(struct balancer *balancer, const struct backend *backend)
{
	struct poise_backend_load *load = maps_load(balancer->maps, backend->index);
	uint16_t idle = balancer_settle_ticks(backend->service->config.idle_ms);

	__atomic_store_n(&load->weight, backend_effective_weight(backend), __ATOMIC_RELAXED);
	__atomic_store_n(&load->idle_ticks, idle, __ATOMIC_RELAXED);
}

static size_t list_dirty(const struct balancer *balancer, struct backend **list)
{
	size_t count = 0;

	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++)
		if (balancer->by_index[i] && balancer->by_index[i]->dirty)
			list[count++] = balancer->by_index[i];
	return count;
}

static void write_backends(struct balancer *balancer, struct backend **list, size_t count,
			   struct maps_backend_change *batch)
{
	size_t changes = 0;
	uint32_t egress = 0;

	for (size_t i = 0; i < count; i++)
		write_forbidding_flags(balancer, list[i]);
	FAULT_POINT("flags-forbidden");
	for (size_t i = 0; i < count; i++)
		changes += write_entry(balancer, list[i], &batch[changes], &egress);
	maps_backends_write(balancer->maps, batch, changes);
	for (size_t i = 0; i < count; i++) {
		write_load(balancer, list[i]);
		write_flags(balancer, list[i]);
		list[i]->dirty = false;
	}
}

static void commit_backends(struct balancer *balancer)
{
	struct backend **list = balancer->dirty;
	size_t count = balancer->any_dirty ? list_dirty(balancer, list) : 0;
	struct maps_backend_change *batch = count ? calloc(count, sizeof(*batch)) : NULL;

	balancer->any_dirty = count && !batch;
	if (batch)
		write_backends(balancer, list, count, batch);
	else if (count)
		log_error("not enough memory to change %zu backends", count);
	free(batch);
}

/* A packet with a chain must fit its way at every moment: the ways get their room back when the
 * last one has left, and none comes before every way keeps it. */
static void commit_ways(struct balancer *balancer)
{
	if (balancer->chains_ended)
		maps_synchronize(balancer->maps);
	balancer->chains_ended = false;
	commit_backends(balancer);
	for (size_t i = 0; i < balancer->service_count; i++)
		service_begin_chains(balancer->services[i]);
}

void balancer_commit(struct balancer *balancer)
{
	if (balancer->adopting || balancer->held)
		return;
	availability_decide(balancer);
	commit_ways(balancer);
	FAULT_POINT("backends-committed");
	if (rings_build(balancer))
		timer_set(balancer->commit_event, 0);
}

void balancer_renew_egress(struct balancer *balancer, uint32_t ifindex)
{
	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++)
		if (balancer->by_index[i] && balancer->by_index[i]->entry.ifindex == ifindex) {
			maps_egress_add(balancer->maps, ifindex);
			return;
		}
}

void balancer_commit_later(struct balancer *balancer)
{
	event_active(balancer->commit_event, EV_TIMEOUT, 0);
}

static void commit_cb(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	balancer_commit(context);
}

int commit_start(struct balancer *balancer)
{
	balancer->dirty = calloc(POISE_MAX_BACKENDS, sizeof(*balancer->dirty));
	balancer->commit_event = evtimer_new(balancer->base, commit_cb, balancer);
	return balancer->dirty && balancer->commit_event ? 0 : -ENOMEM;
}

void commit_stop(struct balancer *balancer)
{
	if (balancer->commit_event)
		event_free(balancer->commit_event);
	free(balancer->dirty);
}
