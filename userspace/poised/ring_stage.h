/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A ring's first owners, of a service with second chance whose connections may be older than this
 * balancer's maps. An owner that stands alone would reset them, so owners and names are put
 * together: until the names are found the service's ring is memory of poised's own, and what
 * packets see has no owners. They are dropped meanwhile, and sent again by those whose they are.
 * No ring waits for its names for longer than RING_STAGE_LIMIT_MS since it could be filled.
 */
#ifndef POISE_POISED_RING_STAGE_H
#define POISE_POISED_RING_STAGE_H

#include <stdbool.h>

struct balancer;
struct service;

enum {
	RING_STAGE_LIMIT_MS = 1000,
	RING_STAGE_MAX_SLOTS = 1 << 20, /* of all rings that wait, 10 bytes each */
};

/* Do names come before owners in the slots that have none so far? */
bool ring_stage_wanted(const struct service *service);
/* Is the ring to be filled later, for too many others wait for their names? */
bool ring_stage_waits(struct service *service);

/* Makes the ring a copy that no packet sees, if its names are wanted and there is time. Without
 * memory for it owners are put at once. */
void ring_stage_begin(struct service *service);
/* Puts the copy's names and owners, if there is one. */
void ring_stage_end(struct service *service);
/* Forgets the copy, if there is one, of a service that ends. */
void ring_stage_drop(struct service *service);

/* Takes up what an earlier poised left of a first fill. */
void ring_stage_adopt(struct service *service, bool changing);

/* Ends what took too long. */
void ring_stage_tick(struct balancer *balancer);

#endif
