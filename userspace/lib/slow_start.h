/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Slow start: the weight of a backend that takes new connections again rises from a tenth to all of
 * it in equal steps, each of which changes the ring; so there are few, of a second at least. Times
 * are of any clock that only grows.
 */
#ifndef POISE_SLOW_START_H
#define POISE_SLOW_START_H

#include <stdbool.h>
#include <stdint.h>

enum {
	SLOW_START_STEPS = 9,
	SLOW_START_STEP_MS = 1000, /* at least; fewer steps where they would be shorter */
	SLOW_START_FIRST_PERCENT = 10,
};

struct slow_start {
	bool running;
	int64_t since_ms;
};

void slow_start_begin(struct slow_start *slow, int64_t now_ms);

/* To be called now and then. Returns whether it ends now. */
bool slow_start_finish(struct slow_start *slow, uint32_t duration_ms, int64_t now_ms);

/* What is left of weight for now: at least 1, unless weight is 0. */
uint16_t slow_start_weight(const struct slow_start *slow, uint32_t duration_ms, uint16_t weight,
			   int64_t now_ms);

/* After a change of the duration: the weight stays, and rises on from there. */
void slow_start_rescale(struct slow_start *slow, uint32_t before_ms, uint32_t duration_ms,
			int64_t now_ms);

/* The part that has passed, in a byte (0: it is not running), rounded up so that no step is gone
 * back; and back, for a clock that may be another one. */
uint8_t slow_start_store(const struct slow_start *slow, uint32_t duration_ms, int64_t now_ms);
void slow_start_restore(struct slow_start *slow, uint8_t stored, uint32_t duration_ms,
			int64_t now_ms);

#endif
