/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When a NAMED slot may have its next owner. It names two backends behind the owner, so a change to
 * a fourth one gives the connections of the earliest up. A slot whose last change is young keeps
 * its owner until that is 'settle' ago: then all connections that are lost are older than that.
 * This file owns that rule; it changes no slot.
 */
#ifndef POISE_RING_WAIT_H
#define POISE_RING_WAIT_H

#include <stdint.h>

#include "ring.h"

struct ring_wait {
	uint32_t slots; /* that wait */
	uint16_t next_ticks,
		last_ticks; /* until the first and the last of them may change, above 0 */
};

/* Puts the present owner into owners[], what ring_change() is to make of the ring by RING_NAMES,
 * for each slot that waits. None waits whose owner takes no new connections, or whose change gives
 * up no live backend. flags: enum poise_backend_flags, by index; now: coarse clock. */
struct ring_wait ring_wait(const struct ring *ring, uint16_t *owners, const uint8_t *flags,
			   uint16_t now, uint16_t settle_ticks);

#endif
