/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ring, as a function of members, size and seed. Integers alone, so that every machine gets the
 * same. It is defined so:
 *
 * - A member's key is the hash of its address with the seed; keys give the members their order. A
 *   SplitMix64 generator that begins at the key makes the member's random draws: the first is its
 *   offset (upper half) and skip (lower half) as in Maglev, the second its phase, the rest throws.
 * - Its quota is its share of the slots, rounded by largest remainder; in a tie the earlier wins.
 * - Time runs in rounds r = 1, 2, ... At the end of round r a member has had
 *   (weight * r + phase) >> shift turns, phase < 2^shift, with the least shift that makes it one
 *   turn a member and round, or less, on average. In a round, members take their turns in order,
 *   each until it has its quota.
 * - Until THROWS_PER_SLOT turns a slot have gone by, a turn is one throw at a random slot, which is
 *   claimed if it is free; otherwise the turn is lost. Later a turn is Maglev's: it claims the next
 *   free slot of the permutation offset, offset + skip, ... modulo size.
 *
 * Maglev alone gives a member another slot whenever the one it wants is taken, so that a change
 * brings on others. Throws don't: a slot is its first thrower's, whatever becomes of all others, as
 * in weighted rendezvous hashing. They leave a few per cent of the slots to Maglev's even hand.
 * When a member's turns come depends on its own weight, not on the largest one.
 */
#include "maglev.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "poise_flow.h"
#include "quota.h"

enum { THROWS_PER_SLOT = 8 }; /* e^-8 of the slots would be missed by all; more brings little */

static const uint64_t splitmix_step = 0x9e3779b97f4a7c15ULL;

struct member {
	uint64_t key;
	uint64_t random; /* the generator's state */
	uint64_t phase;
	uint64_t turns; /* had so far */
	uint32_t next;	/* slot of the permutation that is tried next */
	uint32_t skip;
	uint32_t missing; /* slots, to its quota */
	uint16_t weight;
	uint16_t index;
	struct address address;
};

struct build {
	struct member *members;	 /* those of weight > 0, in order */
	struct member **ranking; /* those that lack slots, in order */
	uint64_t *taken;	 /* a bit a slot */
	size_t count;
	uint64_t total; /* weight */
	uint64_t throw_rounds;
	unsigned int shift;
	uint32_t size;
	uint16_t *owners;
};

static uint64_t little_endian(const uint8_t *bytes)
{
	uint64_t word = 0;

	for (int i = 7; i >= 0; i--)
		word = word << 8 | bytes[i];
	return word;
}

static uint64_t key_of(const struct address *address, uint64_t seed)
{
	uint64_t hash = poise_fold(seed, address->family);

	hash = poise_fold(hash, little_endian(address->bytes));
	return poise_mix(poise_fold(hash, little_endian(address->bytes + 8)));
}

/* SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014). */
static uint64_t draw(struct member *member)
{
	member->random += splitmix_step;
	return poise_mix(member->random);
}

/* 0 <= result < limit, from 32 random bits. */
static uint32_t below(uint32_t limit, uint32_t random)
{
	return (uint64_t)random * limit >> 32;
}

static int compare_keys(const void *left, const void *right)
{
	const struct member *a = left, *b = right;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->address.family != b->address.family)
		return a->address.family - b->address.family;
	return memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));
}

static void take_members(struct build *build, const struct maglev_member *members, size_t count,
			 uint64_t seed)
{
	for (size_t i = 0; i < count; i++) {
		struct member *member = &build->members[build->count];

		if (!members[i].weight)
			continue;
		*member = (struct member){
			.key = key_of(&members[i].address, seed),
			.weight = members[i].weight,
			.index = members[i].index,
			.address = members[i].address,
		};
		build->total += member->weight;
		build->count++;
	}
	qsort(build->members, build->count, sizeof(*build->members), compare_keys);
}

static int set_quotas(struct build *build)
{
	uint16_t *weights = calloc(build->count, sizeof(*weights));
	uint32_t *quotas = calloc(build->count, sizeof(*quotas));
	int err = -ENOMEM;

	if (!weights || !quotas)
		goto out;
	for (size_t i = 0; i < build->count; i++)
		weights[i] = build->members[i].weight;
	err = quota_divide(weights, build->count, build->size, quotas);
	for (size_t i = 0; i < build->count && !err; i++)
		build->members[i].missing = quotas[i];
out:
	free(quotas);
	free(weights);
	return err;
}

static void set_turns(struct build *build)
{
	while (build->total > (uint64_t)build->count << build->shift)
		build->shift++;
	build->throw_rounds =
		((uint64_t)build->size * THROWS_PER_SLOT << build->shift) / build->total;
	for (size_t i = 0; i < build->count; i++) {
		struct member *member = &build->members[i];
		uint64_t random;

		member->random = member->key;
		random = draw(member);
		member->next = below(build->size, random >> 32);
		member->skip = 1 + below(build->size - 1, (uint32_t)random);
		member->phase = (draw(member) >> 32) >> (32 - build->shift);
	}
}

/* Claims the slot for the member if it is free. */
static bool claim(struct build *build, struct member *member, uint32_t slot)
{
	uint64_t bit = 1ULL << (slot & 63);
	uint64_t *word = &build->taken[slot >> 6];

	if (*word & bit)
		return false;
	*word |= bit;
	build->owners[slot] = member->index;
	member->missing--;
	return true;
}

static void throw_once(struct build *build, struct member *member)
{
	claim(build, member, below(build->size, draw(member) >> 32));
}

/* A slot is free, for members lack as many slots as are free, and the permutation reaches it. */
static void claim_next(struct build *build, struct member *member)
{
	uint32_t slot;

	do {
		slot = member->next;
		member->next += member->skip;
		if (member->next >= build->size)
			member->next -= build->size;
	} while (!claim(build, member, slot));
}

static void run_round(struct build *build, uint64_t round)
{
	size_t kept = 0;

	for (size_t i = 0; i < build->count; i++) {
		struct member *member = build->ranking[i];
		uint64_t turns = (member->weight * round + member->phase) >> build->shift;

		for (; member->turns < turns && member->missing; member->turns++) {
			if (round <= build->throw_rounds)
				throw_once(build, member);
			else
				claim_next(build, member);
		}
		if (member->missing)
			build->ranking[kept++] = member;
	}
	build->count = kept;
}

static void run(struct build *build)
{
	for (size_t i = 0; i < build->count; i++)
		build->ranking[i] = &build->members[i];
	for (uint64_t round = 1; build->count; round++)
		run_round(build, round);
}

int maglev_build(const struct maglev_member *members, size_t count, uint32_t size, uint64_t seed,
		 uint16_t *owners)
{
	struct build build = { .size = size, .owners = owners };
	int error = -ENOMEM;

	build.members = calloc(count + 1, sizeof(*build.members));
	build.ranking = calloc(count + 1, sizeof(*build.ranking));
	build.taken = calloc(size / 64 + 1, sizeof(*build.taken));
	if (!build.members || !build.ranking || !build.taken)
		goto out;
	take_members(&build, members, count, seed);
	error = build.total ? set_quotas(&build) : 0;
	if (error)
		goto out;
	memset(owners, 0, size * sizeof(*owners));
	if (!build.total)
		goto out;
	set_turns(&build);
	run(&build);
out:
	free(build.taken);
	free(build.ranking);
	free(build.members);
	return error;
}
