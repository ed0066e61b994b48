/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rounds of throws behind the first ones, a block of rounds at a time. Most throws hit a slot
 * that has its owner already, so the members' throws of a block are drawn first, member by member,
 * and only those kept that hit a slot which was vacant when the block began. While no member can
 * come to its quota within the block, a slot is simply its earliest thrower's: a vacant slot's
 * place among the owners holds the earliest round so far. Else the throws are sorted by round, and
 * take their turns.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maglev_private.h"

enum {
	BLOCK_ROUNDS = 8192, /* at most */
	BLOCK_PARTS = 8,     /* a block has a throw for each of so many slots */
	BLOCK_TURNS = 64,    /* of each member, or more throws than that */
	DIVISION_SHIFT = 48,
};

struct throw
{
	uint32_t slot;
	uint16_t round;	 /* of the block */
	uint16_t member; /* of the ranking */
};

struct throws {
	struct throw *found, *sorted;
	size_t count;
	bool contested;			   /* a member has more throws than it lacks slots */
	uint32_t starts[BLOCK_ROUNDS + 1]; /* where a round's throws begin */
};

/* Of a constant length, so that the compiler makes vectors of it where there are any to be had. */
static inline __attribute__((always_inline)) void draw_slots(uint64_t state, uint32_t size,
							     uint32_t *slots)
{
	for (unsigned int i = 0; i < MAGLEV_BATCH; i++)
		slots[i] = maglev_slot(state + i * maglev_step, size);
}

MAGLEV_WIDE static void draw_wide(uint64_t state, uint32_t size, uint32_t *slots)
{
	draw_slots(state, size, slots);
}

/* Bit i says whether the slot at i is vacant. Eight at a time have no branch to guess. */
static uint64_t pick_vacant(const uint8_t *vacant, const uint32_t *slots)
{
	uint64_t picked = 0;

	for (unsigned int i = 0; i < MAGLEV_BATCH; i += 8) {
		unsigned int bits = vacant[slots[i]];

		bits |= vacant[slots[i + 1]] << 1 | vacant[slots[i + 2]] << 2;
		bits |= vacant[slots[i + 3]] << 3 | vacant[slots[i + 4]] << 4;
		bits |= vacant[slots[i + 5]] << 5 | vacant[slots[i + 6]] << 6;
		picked |= (uint64_t)(bits | vacant[slots[i + 7]] << 7) << i;
	}
	return picked;
}

static uint64_t first_bits(uint64_t count)
{
	return count < MAGLEV_BATCH ? (1ULL << count) - 1 : UINT64_MAX;
}

/* Rounds of a block are few enough, and places of the ranking come in order. */
static void keep_earliest(uint16_t *earliest, uint16_t round)
{
	*earliest = round < *earliest ? round : *earliest;
}

/* Turn t is in the round in which weight * round + phase first reaches (t + 1) << shift. */
static void find_throws(struct maglev_build *build, struct throws *throws, size_t number,
			uint64_t first, uint64_t last)
{
	const struct maglev_builder *member = build->ranking[number];
	uint64_t turn = maglev_turns(build, member, first);
	uint64_t end = maglev_turns(build, member, last);
	uint64_t before = member->phase + member->weight * first + 1;
	uint64_t inverse = (1ULL << DIVISION_SHIFT) / member->weight + 1;
	struct throw *found = throws->found + throws->count;
	uint32_t slots[MAGLEV_BATCH];
	bool wide = maglev_is_wide();

	for (; turn < end; turn += MAGLEV_BATCH) {
		uint64_t state = member->key + (turn + MAGLEV_FIRST_THROW) * maglev_step, picked;

		if (wide)
			draw_wide(state, build->size, slots);
		else
			draw_slots(state, build->size, slots);
		picked = pick_vacant(build->vacant, slots) & first_bits(end - turn);
		for (; picked; picked &= picked - 1) {
			unsigned int i = __builtin_ctzll(picked);
			uint64_t ahead = ((turn + i + 1) << build->shift) - before;
			uint32_t round = ahead * inverse >> DIVISION_SHIFT;

			*found++ = (struct throw){ slots[i], round, number };
			keep_earliest(&build->owners[slots[i]], round);
		}
	}
	throws->contested |= found - throws->found - throws->count > member->missing;
	throws->count = found - throws->found;
}

/* What one member threw, from here on. Returns how many throws that were. */
static size_t claim_of_member(struct maglev_build *build, const struct throw *throws,
			      const struct throw *end)
{
	struct maglev_builder *member = build->ranking[throws->member];
	const struct throw *throw;
	uint32_t claimed = 0;

	for (throw = throws; throw < end && throw->member == throws->member; throw ++) {
		uint16_t *owner = &build->owners[throw->slot];
		uint8_t won = build->vacant[throw->slot] & (*owner == throw->round);

		*owner = won ? member->index : *owner;
		build->vacant[throw->slot] ^= won;
		claimed += won;
	}
	member->missing -= claimed;
	build->left -= claimed;
	return throw -throws;
}

/* The first member in a slot's earliest round has it. */
static void claim_earliest(struct maglev_build *build, const struct throws *throws)
{
	const struct throw *end = throws->found + throws->count;

	for (const struct throw *at = throws->found; at < end;)
		at += claim_of_member(build, at, end);
}

/* By round; within a round they stay in the members' order. */
static void sort_throws(struct throws *throws, uint32_t rounds)
{
	memset(throws->starts, 0, (rounds + 1) * sizeof(*throws->starts));
	for (size_t i = 0; i < throws->count; i++)
		throws->starts[throws->found[i].round + 1]++;
	for (uint32_t i = 1; i < rounds; i++)
		throws->starts[i] += throws->starts[i - 1];
	for (size_t i = 0; i < throws->count; i++)
		throws->sorted[throws->starts[throws->found[i].round]++] = throws->found[i];
}

static void claim_in_turn(struct maglev_build *build, struct throws *throws, uint32_t rounds)
{
	sort_throws(throws, rounds);
	for (size_t i = 0; i < throws->count; i++) {
		const struct throw *throw = &throws->sorted[i];
		struct maglev_builder *member = build->ranking[throw->member];

		if (!build->vacant[throw->slot])
			continue;
		if (member->missing)
			maglev_claim(build, member, throw->slot);
		else
			build->owners[throw->slot] = MAGLEV_NO_ROUND;
	}
}

static void throw_block(struct maglev_build *build, struct throws *throws, uint64_t first,
			uint32_t rounds)
{
	throws->count = 0;
	throws->contested = false;
	for (size_t i = 0; i < build->count; i++)
		find_throws(build, throws, i, first, first + rounds);
	if (throws->contested)
		claim_in_turn(build, throws, rounds);
	else
		claim_earliest(build, throws);
	maglev_shorten(build);
}

/* How many rounds the next block has, so that its throws are about as many as wanted. */
static uint64_t block_rounds(const struct maglev_build *build, uint64_t left)
{
	uint64_t throws = build->size / BLOCK_PARTS, weight = 0, rounds;

	if (throws < build->count * BLOCK_TURNS)
		throws = build->count * BLOCK_TURNS;
	if (throws > build->size)
		throws = build->size;
	for (size_t i = 0; i < build->count; i++)
		weight += build->ranking[i]->weight;
	rounds = (throws << build->shift) / weight;
	if (rounds > BLOCK_ROUNDS)
		rounds = BLOCK_ROUNDS;
	if (!rounds)
		rounds = 1;
	return rounds < left ? rounds : left;
}

static void throw_all(struct maglev_build *build, struct throws *throws)
{
	uint64_t round = maglev_throw_early(build), rounds;

	for (; build->count && round < build->throw_rounds; round += rounds) {
		rounds = block_rounds(build, build->throw_rounds - round);
		throw_block(build, throws, round, rounds);
	}
	for (size_t i = 0; i < build->count; i++)
		build->ranking[i]->turns =
			maglev_turns(build, build->ranking[i], build->throw_rounds);
}

void maglev_clear(struct maglev_build *build)
{
	memset(build->vacant, 1, build->size);
	memset(build->owners, 0xff, build->size * sizeof(*build->owners)); /* MAGLEV_NO_ROUND */
}

int maglev_throw(struct maglev_build *build)
{
	struct throws throws;
	/* those that are wanted, or of one round, and one more of each member for its phase */
	size_t room = build->size + 2 * build->count;
	int err = -ENOMEM;

	throws.found = malloc(room * sizeof(*throws.found));
	throws.sorted = malloc(room * sizeof(*throws.sorted));
	if (throws.found && throws.sorted) {
		maglev_clear(build);
		throw_all(build, &throws);
		err = 0;
	}
	free(throws.sorted);
	free(throws.found);
	return err;
}
