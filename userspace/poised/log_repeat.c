/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "log_repeat.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { PLACES = 32 };

static struct place {
	int level;
	int64_t began_ms;
	uint64_t count; /* 0: the place is free */
	uint32_t hash;	/* of the line */
	char line[LOG_LINE_BYTES];
} places[PLACES];

static bool has_ended(const struct place *place, int64_t now_ms)
{
	return now_ms - place->began_ms >= LOG_REPEAT_WINDOW_MS;
}

/* FNV-1a, 32 bits: many lines begin alike, at a start tens of thousands. */
static uint32_t hash_of(const char *line)
{
	uint32_t hash = 2166136261;

	for (; *line; line++)
		hash = (hash ^ (unsigned char)*line) * 16777619;
	return hash;
}

static struct place *find(int level, const char *line, uint32_t hash)
{
	for (struct place *place = places; place < places + PLACES; place++)
		if (place->hash == hash && place->count && place->level == level &&
		    strcmp(place->line, line) == 0)
			return place;
	return NULL;
}

/* A free place, or that of the oldest line of which nothing is left to tell; NULL: none. */
static struct place *make_room(void)
{
	struct place *best = NULL;

	for (struct place *place = places; place < places + PLACES; place++) {
		if (!place->count)
			return place;
		if (place->count <= LOG_REPEAT_BURST && (!best || place->began_ms < best->began_ms))
			best = place;
	}
	return best;
}

bool log_repeat_admit(int level, const char *line, int64_t now_ms)
{
	uint32_t hash = hash_of(line);
	struct place *place = find(level, line, hash);

	if (place && !has_ended(place, now_ms))
		return ++place->count <= LOG_REPEAT_BURST;
	if (!place)
		place = make_room();
	if (!place)
		return true;
	place->level = level;
	place->began_ms = now_ms;
	place->count = 1;
	place->hash = hash;
	snprintf(place->line, sizeof(place->line), "%s", line);
	return true;
}

bool log_repeat_take(int64_t now_ms, bool all, int *level, char *line, uint64_t *counted)
{
	for (struct place *place = places; place < places + PLACES; place++) {
		uint64_t count = place->count;

		if (!count || (!all && !has_ended(place, now_ms)))
			continue;
		place->count = 0;
		if (count <= LOG_REPEAT_BURST)
			continue;
		*level = place->level;
		*counted = count - LOG_REPEAT_BURST;
		memcpy(line, place->line, sizeof(place->line));
		return true;
	}
	return false;
}
