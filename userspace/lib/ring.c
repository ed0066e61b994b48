/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ring.h"

#include "fault.h"
#include "poise_flow.h"

/* The data plane reads each of these words whole, on other CPUs, at any time. */
static uint16_t load(const uint16_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void store(uint16_t *word, uint16_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/* A reader that sees the slot's new word sees what was stored to its move before. */
static void publish(uint16_t *slot, uint16_t word)
{
	__atomic_store_n(slot, word, __ATOMIC_RELEASE);
}

void ring_fill(struct ring *ring, const uint16_t *owners)
{
	for (uint32_t i = 0; i < ring->size; i++) {
		if (i == ring->size / 2)
			FAULT_POINT("ring-half-filled");
		publish(&ring->slots[i], owners[i]);
	}
}

uint32_t ring_change(struct ring *ring, const uint16_t *owners, uint16_t now)
{
	uint32_t changed = 0;

	for (uint32_t i = 0; i < ring->size; i++) {
		uint16_t word = load(&ring->slots[i]);
		uint16_t owner = word & POISE_SLOT_OWNER;

		if (owner == owners[i])
			continue;
		if (++changed == ring->size / 64)
			FAULT_POINT("ring-half-changed");
		if (word == 0) {
			publish(&ring->slots[i], owners[i]);
			continue;
		}
		if (!(word & POISE_SLOT_MOVING))
			store(&ring->moves[i].previous, owner);
		store(&ring->moves[i].stamp, now);
		publish(&ring->slots[i], owners[i] | POISE_SLOT_MOVING);
	}
	return changed;
}

uint32_t ring_settle(struct ring *ring, uint16_t now, uint16_t settle_ticks)
{
	uint32_t moving = 0;

	for (uint32_t i = 0; i < ring->size; i++) {
		uint16_t word = load(&ring->slots[i]);

		if (!(word & POISE_SLOT_MOVING))
			continue;
		if (poise_age(now, load(&ring->moves[i].stamp)) >= settle_ticks)
			publish(&ring->slots[i], word & POISE_SLOT_OWNER);
		else
			moving++;
	}
	return moving;
}

void ring_forget(struct ring *ring, uint16_t index)
{
	for (uint32_t i = 0; i < ring->size; i++) {
		uint16_t word = load(&ring->slots[i]);

		if ((word & POISE_SLOT_MOVING) && load(&ring->moves[i].previous) == index)
			store(&ring->moves[i].previous, word & POISE_SLOT_OWNER);
	}
}

void ring_count(const struct ring *ring, uint32_t *owned, uint32_t *leaving)
{
	for (uint32_t i = 0; i < ring->size; i++) {
		uint16_t word = load(&ring->slots[i]);
		uint16_t owner = word & POISE_SLOT_OWNER;
		uint16_t previous;

		owned[owner]++;
		if (!(word & POISE_SLOT_MOVING))
			continue;
		previous = load(&ring->moves[i].previous);
		if (previous != owner)
			leaving[previous]++;
	}
}
