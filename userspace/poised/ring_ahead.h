/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rings that are built before they are asked for, in a thread of their own: while poised loads the
 * data plane and sets services up for the first time, other CPUs have nothing to do. What comes of
 * it is used where the members are those that were foreseen, and is the same as without it.
 */
#ifndef POISE_RING_AHEAD_H
#define POISE_RING_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "maglev.h"

struct config;
struct ring_ahead;

/* Of the services in their order, as far as there is time and memory (128 MiB). NULL: none, where
 * there is no second CPU or no memory. Reads config during this call alone. */
struct ring_ahead *ring_ahead_begin(const struct config *config);

/* No more of them are begun; waits for the one under way. Takes NULL. */
void ring_ahead_stop(struct ring_ahead *ahead);
void ring_ahead_free(struct ring_ahead *ahead); /* stops it, takes NULL */

/* How many are there so far: those of the last services. */
size_t ring_ahead_made(struct ring_ahead *ahead);

/* Fills owners[size] as maglev_build() would for the service at that place. False: it is not there,
 * or is of other members. Who asks for the next one to be built gets there first, and no more are
 * begun. ahead may be NULL. In any thread. */
bool ring_ahead_take(struct ring_ahead *ahead, size_t place, struct maglev_member *members,
		     size_t count, uint32_t size, uint64_t seed, uint16_t *owners);

#endif
