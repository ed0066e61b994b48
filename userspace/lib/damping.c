/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "damping.h"

#include <math.h>

double damping_penalty(const struct damping *damping, int64_t now_ms)
{
	double age = (double)(now_ms - damping->at_ms) / DAMPING_HALF_LIFE_MS;

	return damping->penalty > 0 ? damping->penalty * exp2(-age) : 0;
}

static void forget_old(struct damping *damping, int64_t now_ms)
{
	if (damping->penalty > 0 && damping_penalty(damping, now_ms) < DAMPING_FORGET)
		damping_reset(damping);
}

bool damping_count(struct damping *damping, int64_t now_ms)
{
	bool was_held;
	double penalty;

	damping_decay(damping, now_ms);
	was_held = damping->held;
	penalty = damping_penalty(damping, now_ms) + DAMPING_PENALTY;
	damping->penalty = penalty < DAMPING_CEILING ? penalty : DAMPING_CEILING;
	damping->at_ms = now_ms;
	if (damping->changes == 0)
		damping->since_ms = now_ms;
	if (damping->changes < UINT16_MAX)
		damping->changes++;
	damping->held |= damping->penalty > DAMPING_LIMIT;
	return damping->held && !was_held;
}

bool damping_decay(struct damping *damping, int64_t now_ms)
{
	bool was_held = damping->held;

	if (was_held && damping_penalty(damping, now_ms) < DAMPING_REUSE)
		damping->held = false;
	forget_old(damping, now_ms);
	return was_held && !damping->held;
}

void damping_reset(struct damping *damping)
{
	*damping = (struct damping){ 0 };
}

int64_t damping_hold_ms(const struct damping *damping, int64_t now_ms)
{
	double penalty = damping_penalty(damping, now_ms);

	if (!damping->held || penalty < DAMPING_REUSE)
		return 0;
	return (int64_t)ceil(log2(penalty / DAMPING_REUSE) * DAMPING_HALF_LIFE_MS);
}

uint8_t damping_store(const struct damping *damping, int64_t now_ms)
{
	return (uint8_t)ceil(damping_penalty(damping, now_ms) / DAMPING_STORED_UNIT);
}

void damping_restore(struct damping *damping, uint8_t stored, bool held, int64_t at_ms)
{
	*damping = (struct damping){ .penalty = (double)stored * DAMPING_STORED_UNIT,
				     .at_ms = at_ms,
				     .since_ms = at_ms,
				     .held = held && stored };
}
