/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ring_stage.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "fault.h"
#include "log.h"
#include "maps.h"

/* UDP and recorded flows go by no names. */
static bool goes_by_names(const struct service *service)
{
	return service->config.second_chance && service->config.protocol == IPPROTO_TCP &&
	       !(service->flags & POISE_SERVICE_RECORD);
}

bool ring_stage_wanted(const struct service *service)
{
	return service->stage.wanted && goes_by_names(service);
}

bool ring_stage_waits(struct service *service)
{
	struct stage *stage = &service->stage;
	int64_t now = balancer_now_ms();

	if (!ring_stage_wanted(service) || stage->active)
		return false;
	if (!stage->until_ms)
		stage->until_ms = now + RING_STAGE_LIMIT_MS;
	return service->balancer->staged_slots >= RING_STAGE_MAX_SLOTS && now < stage->until_ms;
}

/* A copy of the ring as it is: all of it, or nothing. */
static bool copy(const struct ring *ring, struct ring *out)
{
	*out = (struct ring){ .slots = malloc(ring->size * sizeof(*out->slots)),
			      .moves = malloc(ring->size * sizeof(*out->moves)),
			      .size = ring->size };
	if (!out->slots || !out->moves) {
		free(out->slots);
		free(out->moves);
		return false;
	}
	memcpy(out->slots, ring->slots, ring->size * sizeof(*out->slots));
	memcpy(out->moves, ring->moves, ring->size * sizeof(*out->moves));
	return true;
}

void ring_stage_begin(struct service *service)
{
	struct stage *stage = &service->stage;
	struct maps *maps = service->balancer->maps;
	struct ring staged;

	if (!ring_stage_wanted(service) || stage->active || balancer_now_ms() >= stage->until_ms)
		return;
	if (maps_ring_allow_moves(maps, &service->extent, &service->ring) ||
	    !copy(&service->ring, &staged))
		return;
	service->ring = staged;
	stage->active = true;
	service->balancer->staged_slots += staged.size;
}

void ring_stage_drop(struct service *service)
{
	if (!service->stage.active)
		return;
	free(service->ring.slots);
	free(service->ring.moves);
	service->ring = maps_ring(service->balancer->maps, &service->extent);
	service->stage.active = false;
	service->balancer->staged_slots -= service->ring.size;
}

void ring_stage_end(struct service *service)
{
	struct balancer *balancer = service->balancer;
	struct ring live = maps_ring(balancer->maps, &service->extent);

	if (!service->stage.active)
		return;
	ring_show(&live, &service->ring);
	ring_stage_drop(service);
	FAULT_POINT("ring-shown");
	service_write_record(service, service->dirty || service->waiting.slots);
	balancer_commit_later(balancer); /* others may have waited for room */
}

/* How many of the ring's slots have neither an owner nor names. */
static uint32_t count_empty(const struct ring *ring)
{
	struct poise_move move;
	uint32_t count = 0;

	for (uint32_t i = 0; i < ring->size; i++)
		count += ring_read(ring, i, &move) == 0;
	return count;
}

void ring_stage_adopt(struct service *service, bool changing)
{
	uint32_t empty = goes_by_names(service) ? count_empty(&service->ring) : 0;

	service->stage.wanted = empty;
	service->stage.since_ms = balancer_now_ms();
	if (changing && empty == service->ring.size)
		service->filled = false;
}

/* Connections of before that were idle for 'settle' are nobody's any more. */
static void tick(struct service *service, int64_t now)
{
	struct stage *stage = &service->stage;

	if (now - stage->since_ms >= (int64_t)service->balancer->config->settle_ms)
		stage->wanted = false;
	if (stage->active && now >= stage->until_ms) {
		log_event(LOG_LEVEL_INFO, &(struct log_fields){ .service = service->config.name },
			  "its slots have owners before all names are found, which took %d ms",
			  RING_STAGE_LIMIT_MS);
		ring_stage_end(service);
	}
}

void ring_stage_tick(struct balancer *balancer)
{
	int64_t now = balancer_now_ms();

	for (size_t i = 0; i < balancer->service_count; i++)
		tick(balancer->services[i], now);
}
