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
#include <stdlib.h>
#include <string.h>

#include "maglev_private.h"
#include "poise_flow.h"
#include "quota.h"

enum {
	THROWS_PER_SLOT = 8, /* e^-8 of the slots would be missed by all; more brings little */
	FEW = 128,	     /* vacant slots: the next one is looked for among them */
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
static uint64_t draw(const struct maglev_builder *member, uint64_t number)
{
	return poise_mix(member->key + number * maglev_step);
}

/* 0 <= result < limit, from 32 random bits. */
static uint32_t below(uint32_t limit, uint32_t random)
{
	return (uint64_t)random * limit >> 32;
}

static int compare_keys(const void *left, const void *right)
{
	const struct maglev_builder *a = left, *b = right;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->address.family != b->address.family)
		return a->address.family - b->address.family;
	return memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));
}

static void take_members(struct maglev_build *build, struct maglev_member *members, size_t count,
			 uint64_t seed)
{
	for (size_t i = 0; i < count; i++) {
		struct maglev_builder *member = &build->members[build->count];

		members[i].slots = 0;
		if (!members[i].weight)
			continue;
		*member = (struct maglev_builder){
			.key = key_of(&members[i].address, seed),
			.weight = members[i].weight,
			.index = members[i].index,
			.address = members[i].address,
			.place = i,
		};
		build->total += member->weight;
		build->count++;
	}
	qsort(build->members, build->count, sizeof(*build->members), compare_keys);
}

/* What a member is to have, it has in the end. */
static int set_quotas(struct maglev_build *build, struct maglev_member *members)
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
		members[build->members[i].place].slots = build->members[i].missing = quotas[i];
out:
	free(quotas);
	free(weights);
	return err;
}

static void set_turns(struct maglev_build *build)
{
	while (build->total > (uint64_t)build->count << build->shift)
		build->shift++;
	build->throw_rounds =
		((uint64_t)build->size * THROWS_PER_SLOT << build->shift) / build->total;
	for (size_t i = 0; i < build->count; i++) {
		struct maglev_builder *member = &build->members[i];
		uint64_t random;

		random = draw(member, 1);
		member->next = below(build->size, random >> 32);
		member->skip = 1 + below(build->size - 1, (uint32_t)random);
		member->phase = (draw(member, 2) >> 32) >> (32 - build->shift);
	}
}

/* Of a number below the prime modulus, by Euclid's extended algorithm. */
static uint32_t inverse_of(uint32_t number, uint32_t modulus)
{
	int64_t a = modulus, b = number, x = 0, y = 1;

	while (b) {
		int64_t quotient = a / b, rest = a % b, z = x - quotient * y;

		a = b;
		b = rest;
		x = y;
		y = z;
	}
	return x < 0 ? x + modulus : x;
}

static void list_vacant(struct maglev_build *build, uint32_t *few)
{
	const uint8_t *end = build->vacant + build->size, *at = build->vacant;

	for (uint32_t i = 0; i < build->left; i++) {
		at = memchr(at, 1, end - at);
		few[i] = at++ - build->vacant;
	}
}

/* Which of the few slots left the member's permutation reaches first: its place in their list. */
static uint32_t first_of_few(struct maglev_build *build, struct maglev_builder *member,
			     const uint32_t *few)
{
	uint32_t best = 0, least = UINT32_MAX;

	if (!member->inverse)
		member->inverse = inverse_of(member->skip, build->size);
	for (uint32_t i = 0; i < build->left; i++) {
		uint64_t ahead = few[i] + (few[i] < member->next ? build->size : 0) - member->next;
		uint32_t steps = ahead * member->inverse % build->size;

		if (steps < least) {
			least = steps;
			best = i;
		}
	}
	return best;
}

static uint32_t probe(const struct maglev_build *build, const struct maglev_builder *member)
{
	uint32_t slot = member->next;

	while (!build->vacant[slot]) {
		slot += member->skip;
		if (slot >= build->size)
			slot -= build->size;
	}
	return slot;
}

/* A slot is vacant, for members lack as many slots as are, and the permutation reaches it. few
 * lists the vacant ones when there are not more than FEW. */
static void claim_next(struct maglev_build *build, struct maglev_builder *member, uint32_t *few)
{
	uint32_t slot, at = 0;

	if (build->left > FEW) {
		slot = probe(build, member);
	} else {
		at = first_of_few(build, member, few);
		slot = few[at];
		few[at] = few[build->left - 1];
	}
	maglev_claim(build, member, slot);
	member->next = (slot + (uint64_t)member->skip) % build->size;
	if (build->left == FEW)
		list_vacant(build, few);
}

static void run_round(struct maglev_build *build, uint64_t round, uint32_t *few)
{
	bool any = false;

	for (size_t i = 0; i < build->count; i++) {
		struct maglev_builder *member = build->ranking[i];
		uint64_t turns = maglev_turns(build, member, round);

		for (; member->turns < turns && member->missing; member->turns++)
			claim_next(build, member, few);
		any |= !member->missing;
	}
	if (any)
		maglev_shorten(build);
}

static int run(struct maglev_build *build)
{
	uint32_t few[FEW];
	int err;

	for (size_t i = 0; i < build->count; i++)
		build->ranking[i] = &build->members[i];
	maglev_shorten(build); /* a share may be less than a slot */
	err = maglev_throw(build);
	if (build->left <= FEW)
		list_vacant(build, few);
	for (uint64_t round = build->throw_rounds + 1; build->count && !err; round++)
		run_round(build, round, few);
	return err;
}

int maglev_build(struct maglev_member *members, size_t count, uint32_t size, uint64_t seed,
		 uint16_t *owners)
{
	struct maglev_build build = { .size = size, .left = size, .owners = owners };
	int error = -ENOMEM;

	build.members = calloc(count + 1, sizeof(*build.members));
	build.ranking = calloc(count + 1, sizeof(*build.ranking));
	build.vacant = malloc(size);
	if (!build.members || !build.ranking || !build.vacant)
		goto out;
	take_members(&build, members, count, seed);
	if (!build.total) {
		memset(owners, 0, size * sizeof(*owners));
		error = 0;
		goto out;
	}
	error = set_quotas(&build, members);
	if (error)
		goto out;
	set_turns(&build);
	error = run(&build);
out:
	free(build.vacant);
	free(build.ranking);
	free(build.members);
	return error;
}
