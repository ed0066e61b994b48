// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "fuzz_history.h"

#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "json_bounds.h"
#include "maps.h"
#include "ring_guess.h"
#include "ring_import.h"

enum { SLOTS = 251, OWNERS = 3, DEPTH = 8, STRUCTURE = 65536, NOW = 40000, SETTLE = 900 };

static struct poise_settings settings = { .seed = 0x5eed, .settle_ticks = SETTLE };
static uint16_t slots[SLOTS];
static struct poise_move moves[SLOTS];
static struct backend backends[OWNERS];

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* In place of maps.c, balancer.c and service_ring.c. */

struct poise_settings *maps_settings(struct maps *maps)
{
	(void)maps;
	return &settings;
}

int maps_ring_allow_moves(struct maps *maps, const struct extent *extent, struct ring *ring)
{
	(void)maps;
	(void)extent;
	ring->moves = moves;
	return 0;
}

uint16_t balancer_clock(void)
{
	return NOW;
}

bool service_settle(struct service *service)
{
	(void)service;
	return false;
}

void service_count_slots(struct service *service)
{
	(void)service;
}

enum ring_rules service_rules(const struct service *service)
{
	(void)service;
	return RING_NAMES;
}

bool backend_eligible(const struct backend *backend)
{
	return backend->index;
}

void service_touch(struct service *service)
{
	(void)service;
}

void balancer_commit_later(struct balancer *balancer)
{
	(void)balancer;
}

static void begin(struct balancer *balancer, struct service *service)
{
	memset(moves, 0, sizeof(moves));
	for (uint32_t i = 0; i < SLOTS; i++)
		slots[i] = (uint16_t)(1 + i % OWNERS);
	service->balancer = balancer;
	service->index = 7;
	service->filled = true;
	service->config.second_chance = true;
	service->ring = (struct ring){ .slots = slots, .moves = moves, .size = SLOTS };
	service->backends = service->last_backend = NULL;
	service->backend_count = 0;
	for (uint16_t i = 0; i < OWNERS; i++) {
		backends[i] = (struct backend){ .service = service, .index = (uint16_t)(i + 1) };
		require(!address_parse((const char *[]){ "10.9.0.11", "10.9.0.12", "fd00::13" }[i],
				       &backends[i].address));
		service_link_backend(service, &backends[i]);
	}
}

/* Who owns a slot stays; a slot that moves names those of the service. Returns how many move. */
static uint32_t require_ring(const struct ring *ring)
{
	struct poise_move move;
	uint32_t moving = 0;

	for (uint32_t i = 0; i < SLOTS; i++) {
		uint16_t word = ring_read(ring, i, &move);

		require((word & POISE_SLOT_OWNER) == 1 + i % OWNERS);
		if (!(word & POISE_SLOT_MOVING))
			continue;
		moving++;
		require(move.previous && move.previous <= OWNERS);
		require((move.earlier & POISE_MOVE_EARLIER) <= OWNERS);
		require((uint16_t)(NOW - move.stamp) <= SETTLE);
	}
	return moving;
}

static int add_line(struct ring_import *import, const char *line, size_t length,
		    struct lines *errors)
{
	static const struct json_bounds bounds = { DEPTH, STRUCTURE };
	json_t *piece = NULL;
	int err = -1;

	if (json_bounds_check(line, length, &bounds) == JSON_WITHIN)
		piece = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
	if (piece)
		err = ring_import_add(import, piece, errors);
	require(!piece || !err == !errors->count);
	json_decref(piece);
	return err;
}

void fuzz_history(struct balancer *balancer, struct service *service, const char *text,
		  size_t length)
{
	struct ring_import *import = ring_import_new(balancer);
	const char *end = text + length, *next;
	struct lines errors = { 0 };
	uint32_t taken = 0;
	int err = 0;

	begin(balancer, service);
	for (; text < end && !err; text = next + 1) {
		next = memchr(text, '\n', (size_t)(end - text));
		next = next ? next : end;
		err = add_line(import, text, (size_t)(next - text), &errors);
	}
	require(!require_ring(&service->ring));
	if (!err)
		err = ring_import_take(import, false, &taken, &errors);
	require(require_ring(&service->ring) == taken && (!err || !taken));
	lines_free(&errors);
	ring_import_free(import);
	free(service->by_address);
	service->by_address = NULL;
	service->bucket_count = 0;
}
