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
#include "ring_guess.h"
#include "ring_stage.h"
#include "service_places.h"
#include "sweep.h"
#include "upkeep.h"

int balancer_new(struct event_base *base, struct maps *maps, struct balancer **out)
{
	struct balancer *balancer = calloc(1, sizeof(*balancer));
	int err = -ENOMEM;

	if (!balancer)
		return -ENOMEM;
	balancer->base = base;
	balancer->maps = maps;
	balancer->service_used[0] = true;
	balancer->lowest_index = 1;
	balancer->counts = calloc(POISE_MAX_BACKENDS, sizeof(uint32_t));
	if (!balancer->counts)
		goto err_free;
	err = commit_start(balancer);
	if (!err)
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
	struct backend *next;

	for (struct backend *backend = service->backends; backend; backend = next) {
		next = backend->next;
		health_free(backend->health);
		nexthop_watch_free(backend->watch);
		history_free(&backend->history);
		free(backend);
	}
	service_drop_backends(service);
}

void balancer_free(struct balancer *balancer)
{
	if (!balancer)
		return;
	upkeep_stop(balancer);
	for (size_t i = 0; i < balancer->service_count; i++) {
		struct service *service = balancer->services[i];

		free_backends(service);
		ring_guess_end(service);
		ring_stage_drop(service);
		probe_route_free(service->probes);
		config_check_free(&service->config.check);
		free(service);
	}
	healths_free(balancer->healths);
	probes_free(balancer->probes);
	nexthops_free(balancer->nexthops);
	commit_stop(balancer);
	config_free(balancer->config);
	free(balancer->services);
	free(balancer->addresses);
	free(balancer->counts);
	free(balancer);
}

/* FNV-1a, 32 bits. */
static uint32_t name_bucket(const char *name)
{
	uint32_t hash = 2166136261;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619;
	return hash % BALANCER_NAME_BUCKETS;
}

int balancer_append(struct balancer *balancer, struct service *service)
{
	struct service **end = &balancer->by_name[name_bucket(service->config.name)];
	struct service **list =
		realloc(balancer->services, (balancer->service_count + 1) * sizeof(*list));

	if (!list)
		return -ENOMEM;
	balancer->services = list;
	list[balancer->service_count++] = service;
	while (*end)
		end = &(*end)->next_named;
	*end = service;
	balancer->service_at[service->index] = service;
	return 0;
}

/* The last ones are found first: a refused configuration takes back what it added. */
void balancer_drop(struct balancer *balancer, struct service *service)
{
	struct service **place = &balancer->by_name[name_bucket(service->config.name)];
	size_t at = balancer->service_count - 1;

	balancer->service_at[service->index] = NULL;
	while (balancer->services[at] != service)
		at--;
	balancer->service_count--;
	memmove(&balancer->services[at], &balancer->services[at + 1],
		(balancer->service_count - at) * sizeof(service));
	while (*place != service)
		place = &(*place)->next_named;
	*place = service->next_named;
}

struct service *balancer_find(const struct balancer *balancer, const char *name)
{
	struct service *service = balancer->by_name[name_bucket(name)];

	while (service && strcmp(service->config.name, name) != 0)
		service = service->next_named;
	return service;
}

struct service *balancer_continued(const struct balancer *balancer,
				   const struct config_service *config)
{
	struct service *service = balancer->by_name[name_bucket(config->name)];

	while (service && !(service->published && service_has_identity(service, config)))
		service = service->next_named;
	return service;
}

static bool index_is_free(const struct balancer *balancer, uint32_t index)
{
	return !balancer->by_index[index] && !balancer->swept_at[index];
}

uint16_t balancer_take_index(struct balancer *balancer)
{
	for (; balancer->lowest_index < POISE_MAX_BACKENDS; balancer->lowest_index++)
		if (index_is_free(balancer, balancer->lowest_index))
			return balancer->lowest_index;
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

void balancer_hold(struct balancer *balancer)
{
	balancer->held = true;
}

static void cut_all(struct balancer *balancer)
{
	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++) {
		struct backend *backend = balancer->by_index[i];

		if (backend && backend->cut && backend->state == POISE_RECORD_REMOVING)
			backend_cut(balancer, backend);
	}
	balancer->cut_wanted = false;
}

void balancer_release(struct balancer *balancer)
{
	balancer->held = false;
	balancer_commit(balancer);
	if (balancer->cut_wanted)
		cut_all(balancer);
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
