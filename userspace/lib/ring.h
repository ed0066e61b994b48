/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A live ring: slots and moves as poise_abi.h lays them out, in memory that the data plane reads
 * while these functions write. This file owns the rules of owner, previous, moving and settled on
 * the writing side; bpf/ring.bpf.h those on the reading side.
 */
#ifndef POISE_RING_H
#define POISE_RING_H

#include <stdint.h>

#include "poise_abi.h"

struct ring {
	uint16_t *slots;
	struct poise_move *moves; /* may be NULL until ring_change() */
	uint32_t size;		  /* slots */
};

/* Gives every slot its owner, settled: for a ring that no packet reaches yet. */
void ring_fill(struct ring *ring, const uint16_t *owners);

/* Gives slots new owners; a slot whose owner changes is moving after it. now: coarse clock.
 * A settled slot that had no owner (0) has no connections to keep, and settles at once.
 * Returns how many slots changed. */
uint32_t ring_change(struct ring *ring, const uint16_t *owners, uint16_t now);

/* Settles the moving slots whose stamp is at least settle_ticks old. Returns how many go on moving.
 */
uint32_t ring_settle(struct ring *ring, uint16_t now, uint16_t settle_ticks);

/* Takes index out of the previous of every moving slot: connections that the ring alone leads to it
 * go to the owner. */
void ring_forget(struct ring *ring, uint16_t index);

/* Adds to owned[backend] the slots that it owns, and to leaving[backend] the moving slots whose
 * previous, but not owner, it is. Both arrays hold POISE_MAX_BACKENDS. */
void ring_count(const struct ring *ring, uint32_t *owned, uint32_t *leaving);

#endif
