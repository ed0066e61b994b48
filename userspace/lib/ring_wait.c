/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ring_wait.h"

#include <stdbool.h>

#include "poise_flow.h"

/* Whether a change from owner to wanted takes the last mention of a live backend away. */
static bool gives_up(uint16_t owner, uint16_t wanted, struct poise_move move, const uint8_t *flags)
{
	uint16_t names[RING_NAMES_MAX];

	if (ring_names(owner, move, names) < RING_NAMES_MAX)
		return false;
	for (int i = 0; i < RING_NAMES_MAX; i++)
		if (names[i] == wanted)
			return false;
	return flags[names[RING_NAMES_MAX - 1]] & POISE_BACKEND_LIVE;
}

/* Ticks until slot i may change to wanted; 0: now. */
static uint16_t left_ticks(const struct ring *ring, uint32_t i, uint16_t wanted,
			   const uint8_t *flags, uint16_t now, uint16_t settle_ticks)
{
	struct poise_move move;
	uint16_t word = ring_read(ring, i, &move), owner = word & POISE_SLOT_OWNER;
	uint32_t age = poise_age(now, move.stamp);

	if (owner == wanted || !(word & POISE_SLOT_MOVING) || !(move.owner & POISE_MOVE_NAMED))
		return 0;
	if (age >= settle_ticks || !(flags[owner] & POISE_BACKEND_ELIGIBLE))
		return 0;
	return gives_up(owner, wanted, move, flags) ? (uint16_t)(settle_ticks - age) : 0;
}

struct ring_wait ring_wait(const struct ring *ring, uint16_t *owners, const uint8_t *flags,
			   uint16_t now, uint16_t settle_ticks)
{
	struct ring_wait wait = { 0 };
	struct poise_move move;

	for (uint32_t i = 0; i < ring->size; i++) {
		uint16_t left = left_ticks(ring, i, owners[i], flags, now, settle_ticks);

		if (!left)
			continue;
		owners[i] = ring_read(ring, i, &move) & POISE_SLOT_OWNER;
		if (!wait.slots++ || left < wait.next_ticks)
			wait.next_ticks = left;
		if (left > wait.last_ticks)
			wait.last_ticks = left;
	}
	return wait;
}
