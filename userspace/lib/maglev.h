/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ring builder: weighted Maglev hashing (Eisenbud et al., "Maglev: A Fast and Reliable Software
 * Network Load Balancer", NSDI 2016, section 3.4) after a first round of rendezvous hashing;
 * maglev.c defines it. A pure function of the set of members (in any order), the size and the seed,
 * so that every balancer of a fleet builds the same ring.
 */
#ifndef POISE_MAGLEV_H
#define POISE_MAGLEV_H

#include <stddef.h>
#include <stdint.h>

#include "address.h"

struct maglev_member {
	struct address address; /* what it is known by in the fleet; unique among the members */
	uint16_t index;		/* what its slots are filled with */
	uint16_t weight;	/* 0-1000; 0 gets no slot */
	uint32_t slots;		/* that it got: maglev_build() sets it */
};

/*
 * Fills owners[size] with members' indexes; size is prime. With no member of weight > 0 every slot
 * becomes 0. Each member's slots are within 1 % or two slots of its share, whichever is more.
 * 0 or -ENOMEM; owners is untouched on an error.
 */
int maglev_build(struct maglev_member *members, size_t count, uint32_t size, uint64_t seed,
		 uint16_t *owners);

#endif
