/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What goes out; ring_history_take.c: what comes in. */
#include "ring_history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "maps.h"
#include "poise_flow.h"
#include "ring_guess.h"
#include "ring_runs.h"

/* A chunk being written: its runs, and the backends that they speak of, each with its place. */
struct chunk {
	const struct service *service;
	json_t *backends;
	uint16_t *places; /* by index; 0: not in the list */
	uint16_t now;
	FILE *runs;
	struct ring_run run; /* not written so far; last < first: there is none */
};

json_t *ring_history_head(const struct balancer *balancer)
{
	char seed[24];

	snprintf(seed, sizeof(seed), "0x%" PRIx64, (uint64_t)maps_settings(balancer->maps)->seed);
	return json_pack("{s:i, s:s}", "history", RING_HISTORY_VERSION, "seed", seed);
}

static uint16_t place_of(struct chunk *chunk, uint16_t index)
{
	const struct backend *backend = chunk->service->balancer->by_index[index];
	char text[POISE_NAME_BYTES + ADDRESS_TEXT_BYTES + 1], address[ADDRESS_TEXT_BYTES];

	if (!index || !backend)
		return 0;
	if (!chunk->places[index]) {
		snprintf(text, sizeof(text), "%s %s", backend->name,
			 address_format(&backend->address, address));
		json_array_append_new(chunk->backends, json_string(text));
		chunk->places[index] = (uint16_t)json_array_size(chunk->backends);
	}
	return chunk->places[index];
}

static void write_run(struct chunk *chunk)
{
	char text[RING_RUN_BYTES];

	ring_runs_format(&chunk->run, text);
	fputs(text, chunk->runs);
}

static bool continues(const struct ring_run *a, const struct ring_run *b)
{
	return a->behind == b->first && a->owner == b->owner && a->previous == b->previous &&
	       a->earlier == b->earlier && a->named == b->named && a->older == b->older &&
	       a->age_s == b->age_s;
}

static void add_slot(struct chunk *chunk, uint32_t slot)
{
	struct poise_move move;
	uint16_t word = ring_read(&chunk->service->ring, slot, &move);
	struct ring_run run = { .first = slot, .last = slot, .behind = slot + 1 };

	if (!(word & POISE_SLOT_MOVING) || ring_is_guess(move))
		return;
	run.owner = place_of(chunk, word & POISE_SLOT_OWNER);
	run.previous = place_of(chunk, move.previous);
	run.earlier = place_of(chunk, move.earlier & POISE_MOVE_EARLIER);
	run.older = move.earlier & POISE_MOVE_OLDER;
	run.named = move.owner & POISE_MOVE_NAMED;
	run.age_s = (uint32_t)(((uint64_t)poise_age(chunk->now, move.stamp) << POISE_TICK_SHIFT) /
			       1000000000);
	if (run.age_s > RING_RUN_MAX_AGE_S)
		run.age_s = RING_RUN_MAX_AGE_S;
	if (continues(&chunk->run, &run)) {
		run.first = chunk->run.first;
	} else if (chunk->run.behind) {
		write_run(chunk);
	}
	chunk->run = run;
}

static void add_slots(struct chunk *chunk, uint32_t first)
{
	uint32_t size = chunk->service->ring.size;

	for (uint32_t i = first; i < size && i < first + RING_HISTORY_CHUNK_SLOTS; i++)
		add_slot(chunk, i);
	if (chunk->run.behind)
		write_run(chunk);
}

json_t *ring_history_chunk(const struct service *service, uint32_t first)
{
	struct chunk chunk = { .service = service, .now = balancer_clock() };
	char *text = NULL;
	size_t length;
	json_t *out;

	chunk.backends = json_array();
	chunk.places = calloc(POISE_MAX_BACKENDS, sizeof(*chunk.places));
	chunk.runs = open_memstream(&text, &length);
	if (chunk.places && chunk.runs)
		add_slots(&chunk, first);
	if (chunk.runs && fclose(chunk.runs)) {
		free(text);
		text = NULL;
	}
	out = json_pack("{s:s, s:i, s:o, s:s}", "service", service->config.name, "ring_size",
			service->ring.size, "backends", chunk.backends, "moves",
			chunk.places && text ? text : NULL);
	free(chunk.places);
	free(text);
	return out;
}
