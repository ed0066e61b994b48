/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "balancer.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "availability.h"
#include "log.h"
#include "maps.h"
#include "probe.h"
#include "service_places.h"
#include "sweep.h"
#include "upkeep.h"

static void commit_cb(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	balancer_commit(context);
}

int balancer_new(struct event_base *base, struct maps *maps, struct balancer **out)
{
	struct balancer *balancer = calloc(1, sizeof(*balancer));
	int err = -ENOMEM;

	if (!balancer)
		return -ENOMEM;
	balancer->base = base;
	balancer->maps = maps;
	balancer->service_used[0] = true;
	balancer->counts = calloc(POISE_MAX_BACKENDS, sizeof(uint32_t));
	balancer->owned = calloc(POISE_MAX_BACKENDS, sizeof(uint32_t));
	balancer->leaving = calloc(POISE_MAX_BACKENDS, sizeof(uint32_t));
	balancer->commit_event = event_new(base, -1, 0, commit_cb, balancer);
	if (!balancer->counts || !balancer->owned || !balancer->leaving || !balancer->commit_event)
		goto err_free;
	err = nexthops_new(base, &balancer->nexthops);
	if (!err)
		err = probes_new(balancer->nexthops, maps, &balancer->probes);
	if (!err)
		err = healths_new(base, &balancer->healths);
	if (!err)
		err = upkeep_start(balancer);
	if (err)
		goto err_free;
	*out = balancer;
	return 0;
err_free:
	balancer_free(balancer);
	return err;
}

static void free_backends(struct service *service)
{
	while (service->backends) {
		struct backend *backend = service->backends;

		service->backends = backend->next;
		health_free(backend->health);
		nexthop_watch_free(backend->watch);
		history_free(&backend->history);
		free(backend);
	}
}

void balancer_free(struct balancer *balancer)
{
	if (!balancer)
		return;
	upkeep_stop(balancer);
	for (size_t i = 0; i < balancer->service_count; i++) {
		struct service *service = balancer->services[i];

		free_backends(service);
		probe_route_free(service->probes);
		config_check_free(&service->config.check);
		free(service);
	}
	healths_free(balancer->healths);
	probes_free(balancer->probes);
	nexthops_free(balancer->nexthops);
	if (balancer->commit_event)
		event_free(balancer->commit_event);
	config_free(balancer->config);
	free(balancer->services);
	free(balancer->addresses);
	free(balancer->counts);
	free(balancer->owned);
	free(balancer->leaving);
	free(balancer);
}

struct service *balancer_find(const struct balancer *balancer, const char *name)
{
	for (size_t i = 0; i < balancer->service_count; i++)
		if (strcmp(balancer->services[i]->config.name, name) == 0)
			return balancer->services[i];
	return NULL;
}

struct service *balancer_continued(const struct balancer *balancer,
				   const struct config_service *config)
{
	for (size_t i = 0; i < balancer->service_count; i++)
		if (balancer->services[i]->published &&
		    service_has_identity(balancer->services[i], config))
			return balancer->services[i];
	return NULL;
}

static bool index_is_free(const struct balancer *balancer, uint32_t index)
{
	return !balancer->by_index[index] && !balancer->swept_at[index];
}

uint16_t balancer_take_index(const struct balancer *balancer)
{
	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++)
		if (index_is_free(balancer, i))
			return i;
	return 0;
}

size_t balancer_free_indexes(const struct balancer *balancer)
{
	size_t count = 0;

	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++)
		count += index_is_free(balancer, i);
	return count;
}

uint16_t balancer_take_service_index(struct balancer *balancer, const struct poise_service *entry,
				     bool listed)
{
	uint16_t index = service_place(entry, listed, balancer->service_used);

	if (index)
		balancer->service_used[index] = true;
	return index;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint16_t balancer_clock(void)
{
	return clock_ns(CLOCK_MONOTONIC_COARSE) >> POISE_TICK_SHIFT;
}

int64_t balancer_now_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

uint16_t balancer_settle_ticks(uint64_t settle_ms)
{
	return ((settle_ms * 1000000 - 1) >> POISE_TICK_SHIFT) + 2;
}

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

/* Writes a changed entry at once where no packet uses it; else adds it to the batch. */
static size_t write_entry(struct balancer *balancer, struct backend *backend,
			  struct maps_backend_change *batch)
{
	struct poise_backend entry;

	if (!backend->watch)
		return 0;
	entry = backend_entry(balancer, backend);
	if (memcmp(&entry, &backend->entry, sizeof(entry)) == 0)
		return 0;
	backend->entry = entry;
	if (entry.ifindex)
		maps_egress_add(balancer->maps, entry.ifindex);
	if (backend->exposed) {
		*batch = (struct maps_backend_change){ .index = backend->index, .entry = entry };
		return 1;
	}
	entry.flags = backend->flags;
	maps_backend_init(balancer->maps, backend->index, &entry);
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

static size_t count_dirty(const struct balancer *balancer)
{
	size_t count = 0;

	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++)
		count += balancer->by_index[i] && balancer->by_index[i]->dirty;
	return count;
}

static void commit_backends(struct balancer *balancer)
{
	size_t dirty = count_dirty(balancer), count = 0;
	struct maps_backend_change *batch = dirty ? calloc(dirty, sizeof(*batch)) : NULL;

	if (!batch) {
		if (dirty)
			log_error("not enough memory to change %zu backends", dirty);
		return;
	}
	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++)
		if (balancer->by_index[i] && balancer->by_index[i]->dirty)
			write_forbidding_flags(balancer, balancer->by_index[i]);
	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++)
		if (balancer->by_index[i] && balancer->by_index[i]->dirty)
			count += write_entry(balancer, balancer->by_index[i], &batch[count]);
	maps_backends_write(balancer->maps, batch, count);
	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++) {
		if (!balancer->by_index[i] || !balancer->by_index[i]->dirty)
			continue;
		write_load(balancer, balancer->by_index[i]);
		write_flags(balancer, balancer->by_index[i]);
		balancer->by_index[i]->dirty = false;
	}
	free(batch);
}

void balancer_commit(struct balancer *balancer)
{
	if (balancer->adopting || balancer->held)
		return;
	availability_decide(balancer);
	commit_backends(balancer);
	for (size_t i = 0; i < balancer->service_count; i++)
		if (balancer->services[i]->dirty)
			service_build_ring(balancer, balancer->services[i]);
}

void balancer_hold(struct balancer *balancer)
{
	balancer->held = true;
}

void balancer_release(struct balancer *balancer)
{
	balancer->held = false;
	balancer_commit(balancer);
	if (balancer->sweep_wanted)
		sweep_all(balancer);
	balancer->sweep_wanted = false;
}

void balancer_sweep(struct balancer *balancer)
{
	if (balancer->held)
		balancer->sweep_wanted = true;
	else
		sweep_all(balancer);
}

void balancer_notify(struct balancer *balancer)
{
	if (balancer->changed)
		balancer->changed(balancer->changed_context);
}

void balancer_commit_later(struct balancer *balancer)
{
	event_active(balancer->commit_event, EV_TIMEOUT, 0);
}
