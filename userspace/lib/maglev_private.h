/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What maglev.c, maglev_early.c and maglev_throws.c share, and no one else sees: a ring while it is
 * built. */
#ifndef POISE_MAGLEV_PRIVATE_H
#define POISE_MAGLEV_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "poise_flow.h"

static const uint64_t maglev_step = 0x9e3779b97f4a7c15ULL; /* of SplitMix64 */

enum {
	MAGLEV_FIRST_THROW = 3, /* the number of the random draw that is a member's first throw */
	MAGLEV_BATCH = 64,	/* slots that are drawn at a time: bits of a word */
	MAGLEV_NO_ROUND = UINT16_MAX,
};

struct maglev_builder {
	uint64_t key; /* draw n is the hash of key + n * maglev_step */
	uint64_t phase;
	uint64_t turns; /* had so far */
	uint32_t next;	/* slot of the permutation that is tried next */
	uint32_t skip;
	uint32_t inverse; /* of skip, modulo the size; 0: not known yet */
	uint32_t missing; /* slots, to its quota */
	uint16_t weight;
	uint16_t index;
	struct address address;
	size_t place; /* among the members that are given */
};

struct maglev_build {
	struct maglev_builder *members;	 /* those of weight > 0, in order */
	struct maglev_builder **ranking; /* those that lack slots, in order */
	uint8_t *vacant;		 /* a byte a slot: 1 while it has no owner */
	size_t count;			 /* of the ranking */
	uint64_t total;			 /* weight of all members */
	uint64_t throw_rounds;
	unsigned int shift;
	uint32_t size;
	uint32_t left; /* slots without an owner */
	uint16_t *owners;
};

/* 64-bit products of vectors came with AVX-512: six times as fast as one after the other. */
#if defined(__x86_64__) && !defined(__clang__)
#define MAGLEV_WIDE __attribute__((target("avx512f,avx512dq,avx512vl,prefer-vector-width=512")))

static inline bool maglev_is_wide(void)
{
	return __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#else
#define MAGLEV_WIDE

static inline bool maglev_is_wide(void)
{
	return false;
}
#endif

/* The slot of a draw, of which state is the member's key and steps so far. */
static inline __attribute__((always_inline)) uint32_t maglev_slot(uint64_t state, uint32_t size)
{
	return (poise_mix(state) >> 32) * size >> 32;
}

/* The turns that a member has had at the end of a round. */
static inline uint64_t maglev_turns(const struct maglev_build *build,
				    const struct maglev_builder *member, uint64_t round)
{
	return (member->weight * round + member->phase) >> build->shift;
}

/* Gives a vacant slot to a member that lacks one. */
static inline void maglev_claim(struct maglev_build *build, struct maglev_builder *member,
				uint32_t slot)
{
	build->vacant[slot] = 0;
	build->owners[slot] = member->index;
	member->missing--;
	build->left--;
}

/* Takes those that have their quota out of the ranking. */
static inline void maglev_shorten(struct maglev_build *build)
{
	size_t kept = 0;

	for (size_t i = 0; i < build->count; i++)
		if (build->ranking[i]->missing)
			build->ranking[kept++] = build->ranking[i];
	build->count = kept;
}

/* No slot has an owner. */
void maglev_clear(struct maglev_build *build);

/* The first rounds of throws, where no slot has an owner yet. Returns how many went by: as many as
 * are quicker done so, maybe none. */
uint64_t maglev_throw_early(struct maglev_build *build);

/* All rounds of throws. 0 or -ENOMEM. */
int maglev_throw(struct maglev_build *build);

#endif
