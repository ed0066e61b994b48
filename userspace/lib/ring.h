/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A live ring: slots and moves as poise_abi.h lays them out, in memory that the data plane reads
 * while these functions write. This file owns the rules of owner, previous, earlier, moving and
 * settled on the writing side; bpf/ring.bpf.h those on the reading side.
 *
 * A slot's word and its move each change by one atomic store, the move first. Who follows no chain
 * uses the word's owner and the move's previous: every pair of them that can meet leads right. Who
 * follows chains takes the owner from the move, too, so that owner and names are of one time.
 */
#ifndef POISE_RING_H
#define POISE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "poise_abi.h"

struct ring {
	uint16_t *slots;
	struct poise_move *moves; /* may be NULL until ring_change() */
	uint32_t size;		  /* slots */
};

/* What a change of owner leaves behind. */
enum ring_rules {
	RING_RECORDS, /* a RECORDED slot, that settles: without second chance */
	RING_CHAINS,  /* a RECORDED slot, that becomes NAMED instead of settling */
	RING_NAMES,   /* a NAMED slot: the last two backends, the latest one first */
	RING_AT_ONCE, /* a settled slot, whose connections break; a RECORDED one stays that until it
		       * settles: its exceptions would speak for others later */
};

/* Moving slots. */
struct ring_moving {
	uint32_t recorded, named;
};

/* Gives every slot its owner, settled. Connections are not kept: for a ring that no packet reaches
 * yet, or a schedule. */
void ring_fill(struct ring *ring, const uint16_t *owners);

/* Gives live what staged has, a copy of it that was changed since: each slot's names before its
 * owner. The stamps of slots that did not change stay. */
void ring_show(struct ring *live, const struct ring *staged);

/* Gives slots new owners, by the rules; now: coarse clock.
 * A settled slot that had no owner (0) has no connections to keep, and settles at once.
 * Returns how many slots changed. */
uint32_t ring_change(struct ring *ring, const uint16_t *owners, uint16_t now,
		     enum ring_rules rules);

/* RECORDED slots whose stamp is at least settle_ticks old settle or, with RING_CHAINS and
 * RING_NAMES, become NAMED if another backend than the owner may have connections of theirs. NAMED
 * slots stay as they are; without chains they settle at once. Returns what goes on moving. */
struct ring_moving ring_settle(struct ring *ring, uint16_t now, uint16_t settle_ticks,
			       enum ring_rules rules);

/* Takes index out of every move: connections that the ring alone leads to it go to the owner. */
void ring_forget(struct ring *ring, uint16_t index);

/* The same of what merely names it: what is previous in a RECORDED slot goes on until that settles.
 */
void ring_forget_names(struct ring *ring, uint16_t index);

/* The backends that a slot's packets name, the latest one first: with owner, each once and none 0.
 * Returns how many names there are. */
enum { RING_NAMES_MAX = 2 };
int ring_names(uint16_t owner, struct poise_move move, uint16_t names[RING_NAMES_MAX]);

/* A slot's word and move as they are now; move is zeroed of a settled one. */
uint16_t ring_read(const struct ring *ring, uint32_t slot, struct poise_move *move);

/* Makes a settled slot NAMED, or changes a NAMED one's names; 0: none. With no names it settles. */
void ring_name(struct ring *ring, uint32_t slot, uint16_t previous, uint16_t earlier, uint16_t now);

/* Makes a slot NAMED that no connection began in so far, with another owner. */
void ring_resume(struct ring *ring, uint32_t slot, uint16_t owner, uint16_t previous,
		 uint16_t earlier, uint16_t stamp);

/* The same with names that are a guess, until they change. */
void ring_guess(struct ring *ring, uint32_t slot, uint16_t previous, uint16_t earlier,
		uint16_t now);

/* Are this move's names a guess? */
bool ring_is_guess(struct poise_move move);

/* Makes a settled slot RECORDED, as if its owner had been previous until now. */
void ring_record(struct ring *ring, uint32_t slot, uint16_t previous, uint16_t earlier,
		 uint16_t now);

/* What a backend has of a ring. */
struct ring_count {
	uint32_t owned;
	uint32_t leaving; /* RECORDED slots whose previous, but not owner, it is */
	uint32_t named;	  /* moving slots that name it otherwise */
};

/* Adds to counts[backend], which holds POISE_MAX_BACKENDS. */
void ring_count(const struct ring *ring, struct ring_count *counts);

#endif
