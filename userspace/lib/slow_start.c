/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "slow_start.h"

enum { STORED_PARTS = 254 };

void slow_start_begin(struct slow_start *slow, int64_t now_ms)
{
	*slow = (struct slow_start){ .running = true, .since_ms = now_ms };
}

bool slow_start_finish(struct slow_start *slow, uint32_t duration_ms, int64_t now_ms)
{
	if (!slow->running || now_ms - slow->since_ms < duration_ms)
		return false;
	slow->running = false;
	return true;
}

static uint32_t count_steps(uint32_t duration_ms)
{
	uint32_t steps = duration_ms / SLOW_START_STEP_MS;

	return steps < 1 ? 1 : steps > SLOW_START_STEPS ? SLOW_START_STEPS : steps;
}

uint16_t slow_start_weight(const struct slow_start *slow, uint32_t duration_ms, uint16_t weight,
			   int64_t now_ms)
{
	int64_t elapsed = now_ms - slow->since_ms, steps = count_steps(duration_ms), share;

	if (!slow->running || elapsed >= duration_ms || !weight)
		return weight;
	share = SLOW_START_FIRST_PERCENT * steps +
		(100 - SLOW_START_FIRST_PERCENT) * (elapsed * steps / duration_ms);
	share = weight * share / (100 * steps);
	return share ? (uint16_t)share : 1;
}

void slow_start_rescale(struct slow_start *slow, uint32_t before_ms, uint32_t duration_ms,
			int64_t now_ms)
{
	if (slow->running && before_ms)
		slow->since_ms = now_ms - (now_ms - slow->since_ms) * duration_ms / before_ms;
}

uint8_t slow_start_store(const struct slow_start *slow, uint32_t duration_ms, int64_t now_ms)
{
	int64_t elapsed = now_ms - slow->since_ms;

	if (!slow->running || elapsed >= duration_ms)
		return 0;
	return (uint8_t)((elapsed * STORED_PARTS + duration_ms - 1) / duration_ms + 1);
}

void slow_start_restore(struct slow_start *slow, uint8_t stored, uint32_t duration_ms,
			int64_t now_ms)
{
	*slow = (struct slow_start){ .running = stored != 0 };
	if (stored)
		slow->since_ms = now_ms - (int64_t)(stored - 1) * duration_ms / STORED_PARTS;
}
