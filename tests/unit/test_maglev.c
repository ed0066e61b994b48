/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ring builder, against a second implementation written straight from the definition in
 * maglev.c, and against the bounds on spread and disruption that poise promises.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maglev.h"
#include "poise_flow.h"

static const uint64_t golden = 0xbcba332fc9039459ULL;

enum { MAX_MEMBERS = 2000, MAX_SIZE = POISE_MAX_RING, PATTERN = 4 };

static struct maglev_member members[MAX_MEMBERS];
static uint16_t ring[MAX_SIZE], other[MAX_SIZE];

/* Members 10.0.0.0 and up, index 1 and up, their weights the pattern over and over. */
static void make_members(size_t count, const uint16_t *pattern, size_t period)
{
	assert_true(count <= MAX_MEMBERS);
	for (size_t i = 0; i < count; i++)
		members[i] = (struct maglev_member){
			.address = { .family = 4, .bytes = { 10, 0, i >> 8, i & 255 } },
			.index = i + 1,
			.weight = pattern[i % period],
		};
}

static void make_equal(size_t count)
{
	make_members(count, (const uint16_t[]){ 100 }, 1);
}

static void count_slots(const uint16_t *owners, uint32_t size, uint32_t *slots)
{
	memset(slots, 0, (MAX_MEMBERS + 1) * sizeof(*slots));
	for (uint32_t i = 0; i < size; i++) {
		assert_true(owners[i] <= MAX_MEMBERS);
		slots[owners[i]]++;
	}
}

static void build(size_t count, uint32_t size, uint64_t seed, uint16_t *owners)
{
	static uint32_t slots[MAX_MEMBERS + 1];
	uint64_t weight = 0;

	assert_int_equal(maglev_build(members, count, size, seed, owners), 0);
	count_slots(owners, size, slots);
	for (size_t i = 0; i < count; i++)
		weight += members[i].weight;
	for (size_t i = 0; i < count; i++)
		assert_int_equal(members[i].slots, weight ? slots[members[i].index] : 0);
}

static void assert_same_ring(const uint16_t *a, const uint16_t *b, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		if (a[i] != b[i])
			fail_msg("slot %u: expected %u, got %u", i, a[i], b[i]);
}

/* The second implementation: explicit tables and nothing shared but the hash. */

struct candidate {
	const struct maglev_member *member;
	uint64_t key;
	uint32_t quota, claimed, turns, throws, scanned;
	uint32_t *permutation;
};

static uint64_t reference_key(const struct address *address, uint64_t seed)
{
	uint64_t words[2] = { 0, 0 };

	for (int i = 0; i < 16; i++)
		words[i / 8] |= (uint64_t)address->bytes[i] << (i % 8 * 8);
	return poise_mix(
		poise_fold(poise_fold(poise_fold(seed, address->family), words[0]), words[1]));
}

static uint64_t reference_draw(const struct candidate *candidate, uint64_t number)
{
	return poise_mix(candidate->key + number * 0x9e3779b97f4a7c15ULL);
}

static size_t reference_order(struct candidate *sorted, size_t count, uint64_t seed)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		struct candidate new = { .member = &members[i] };
		size_t at = used;

		if (members[i].weight == 0)
			continue;
		new.key = reference_key(&members[i].address, seed);
		for (; at > 0 && sorted[at - 1].key > new.key; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = new;
		used++;
	}
	return used;
}

static void reference_quotas(struct candidate *sorted, size_t count, uint32_t size, uint64_t total)
{
	uint64_t given = 0;

	for (size_t i = 0; i < count; i++) {
		sorted[i].quota = (uint64_t)size * sorted[i].member->weight / total;
		given += sorted[i].quota;
	}
	for (; given < size; given++) {
		size_t best = count;
		uint64_t most = 0;

		for (size_t i = 0; i < count; i++) {
			uint64_t product = (uint64_t)size * sorted[i].member->weight;

			if (sorted[i].quota > product / total) /* has been rounded up */
				continue;
			if (best == count || product % total > most) {
				best = i;
				most = product % total;
			}
		}
		sorted[best].quota++;
	}
}

static void reference_permutation(struct candidate *candidate, uint32_t size)
{
	uint64_t first = reference_draw(candidate, 1);
	uint64_t offset = (first >> 32) * size >> 32;
	uint64_t skip = 1 + ((first & 0xffffffff) * (size - 1) >> 32);

	candidate->permutation = malloc(size * sizeof(uint32_t));
	assert_non_null(candidate->permutation);
	for (uint64_t i = 0; i < size; i++)
		candidate->permutation[i] = (offset + i * skip) % size;
}

static uint32_t reference_turn(struct candidate *candidate, const int *taken, uint32_t size,
			       int throwing)
{
	uint32_t slot;

	if (throwing)
		return (reference_draw(candidate, 3 + candidate->throws++) >> 32) * size >> 32;
	do {
		slot = candidate->permutation[candidate->scanned++];
	} while (taken[slot]);
	return slot;
}

static void reference_rounds(struct candidate *sorted, size_t count, uint32_t size, uint64_t total,
			     uint16_t *owners)
{
	int *taken = calloc(size, sizeof(*taken));
	unsigned int shift = 0;
	uint32_t left = size;

	assert_non_null(taken);
	while (total > count * (1ULL << shift))
		shift++;
	for (uint64_t round = 1; left; round++) {
		int throwing = round <= size * 8ULL * (1ULL << shift) / total;

		for (size_t i = 0; i < count; i++) {
			uint64_t phase = (reference_draw(&sorted[i], 2) >> 32) >> (32 - shift);
			uint64_t due = (sorted[i].member->weight * round + phase) / (1ULL << shift);

			while (sorted[i].turns < due && sorted[i].claimed < sorted[i].quota) {
				uint32_t slot = reference_turn(&sorted[i], taken, size, throwing);

				sorted[i].turns++;
				if (taken[slot])
					continue;
				taken[slot] = 1;
				owners[slot] = sorted[i].member->index;
				sorted[i].claimed++;
				left--;
			}
		}
	}
	free(taken);
}

static void reference_build(size_t count, uint32_t size, uint64_t seed, uint16_t *owners)
{
	struct candidate *sorted = calloc(count, sizeof(*sorted));
	uint64_t total = 0;

	assert_non_null(sorted);
	count = reference_order(sorted, count, seed);
	for (size_t i = 0; i < count; i++) {
		total += sorted[i].member->weight;
		reference_permutation(&sorted[i], size);
	}
	reference_quotas(sorted, count, size, total);
	reference_rounds(sorted, count, size, total, owners);
	for (size_t i = 0; i < count; i++)
		free(sorted[i].permutation);
	free(sorted);
}

/* Weights by size of ring, for the reference and for the spread. */
static const struct shape {
	const char *name;
	uint32_t size;
	size_t count, period;
	uint16_t pattern[PATTERN];
} shapes[] = {
	{ "single member", 65537, 1, 1, { 7 } },
	{ "two alike", 251, 2, 1, { 100 } },
	{ "three alike", 65537, 3, 1, { 100 } },
	{ "ten alike", 65537, 10, 1, { 1 } },
	{ "hundred alike", 65537, 100, 1, { 100 } },
	{ "hundred of the largest weight", 65537, 100, 1, { 1000 } },
	{ "1 against 1000", 65537, 2, 2, { 1, 1000 } },
	{ "1 against 1000, smallest ring", 251, 2, 2, { 1, 1000 } },
	{ "50 of 1 and 50 of 1000", 65537, 100, 2, { 1, 1000 } },
	{ "zeros among others", 65537, 12, 4, { 0, 100, 0, 50 } },
	{ "one of four is not zero", 1021, 4, 4, { 0, 0, 3, 0 } },
	{ "mixed weights", 65537, 64, 4, { 17, 100, 333, 999 } },
	{ "primes", 4099, 60, 4, { 2, 3, 5, 7 } },
	{ "half a thousand members", 4099, 500, 4, { 100, 1, 10, 1000 } },
	{ "as many members as slots", 251, 251, 1, { 100 } },
	{ "one slot too few", 251, 252, 1, { 100 } },
	{ "four members a slot", 251, 1000, 1, { 100 } },
	{ "four members a slot, mixed weights", 251, 1000, 4, { 1000, 1, 0, 250 } },
	{ "one slot for the light ones", 1021, 1000, 4, { 1, 1, 1, 1000 } },
};

static void follows_the_definition(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		const struct shape *shape = &shapes[i];

		make_members(shape->count, shape->pattern, shape->period);
		for (uint64_t seed = 0; seed < 3; seed++) {
			memset(other, 0xff, sizeof(other));
			build(shape->count, shape->size, seed, ring);
			reference_build(shape->count, shape->size, seed, other);
			assert_same_ring(other, ring, shape->size);
		}
	}
}

/* Seeds for which a member has its quota sooner than nearly all have. */
static void follows_the_definition_when_a_quota_is_met_early(void **state)
{
	static const struct {
		size_t count;
		uint32_t size;
		uint64_t seed;
	} rows[] = { { 3, 4099, 4507 }, { 4, 16381, 4371 }, { 4, 65537, 1363 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_equal(rows[i].count);
		build(rows[i].count, rows[i].size, rows[i].seed, ring);
		reference_build(rows[i].count, rows[i].size, rows[i].seed, other);
		assert_same_ring(other, ring, rows[i].size);
	}
}

static void follows_the_definition_whatever_the_members(void **state)
{
	static const uint32_t sizes[] = { 251, 1021, 4099, 16381 };
	uint64_t random = 11;

	(void)state;
	for (int run = 0; run < 100; run++) {
		uint32_t size = sizes[run % 4];
		size_t count = 1 + (random = poise_mix(random + 1)) % (run % 3 ? 12 : 600);
		uint16_t heaviest = run % 5 ? 1000 : 3;

		make_equal(count);
		for (size_t i = 0; i < count; i++)
			members[i].weight = 1 + (random = poise_mix(random + 1)) % heaviest;
		build(count, size, run, ring);
		reference_build(count, size, run, other);
		assert_same_ring(other, ring, size);
	}
}

static void follows_the_definition_for_ipv6(void **state)
{
	(void)state;
	for (size_t i = 0; i < 20; i++) {
		members[i] = (struct maglev_member){ .index = 500 + i, .weight = 1 + i };
		members[i].address.family = i % 2 ? 6 : 4;
		members[i].address.bytes[0] = 0x20;
		members[i].address.bytes[3] = i / 4;
		members[i].address.bytes[15] = i % 2 ? 1 + i / 2 % 2 : 0;
		if (i % 4 == 2)
			members[i].address.bytes[1] = 9;
	}
	build(20, 1021, 0x5eed, ring);
	reference_build(20, 1021, 0x5eed, other);
	assert_same_ring(other, ring, 1021);
}

/* Within 1 % or two slots, the promise, and within one slot, what the quotas make of it. */
static void check_spread(const char *name, size_t count, uint32_t size)
{
	static uint32_t slots[MAX_MEMBERS + 1];
	int64_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += members[i].weight;
	count_slots(ring, size, slots);
	for (size_t i = 0; i < count; i++) {
		int64_t share = (int64_t)size * members[i].weight; /* both times total */
		int64_t got = slots[members[i].index] * total;
		int64_t error = llabs(got - share);

		if (100 * error > share && error > 2 * total)
			fail_msg("%s, %u slots: member %zu of weight %u has %u slots, its share is "
				 "%.2f",
				 name, size, i, members[i].weight, slots[members[i].index],
				 (double)share / total);
		if (error >= total)
			fail_msg("%s: member %zu is a slot or more off", name, i);
	}
}

static void spread_is_even(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		const struct shape *shape = &shapes[i];

		make_members(shape->count, shape->pattern, shape->period);
		build(shape->count, shape->size, i, ring);
		check_spread(shape->name, shape->count, shape->size);
	}
}

static void spread_is_even_for_random_weights(void **state)
{
	static const uint32_t sizes[] = { 251, 257, 1021, 16381, 65537 };
	uint64_t random = 1;

	(void)state;
	for (int run = 0; run < 60; run++) {
		size_t count = 1 + (random = poise_mix(random + 1)) % (run % 3 ? 40 : MAX_MEMBERS);
		uint32_t size = sizes[(random = poise_mix(random + 1)) % 5];

		make_equal(count);
		for (size_t i = 0; i < count; i++)
			members[i].weight = (random = poise_mix(random + 1)) % 1001;
		members[0].weight = 1;
		build(count, size, run, ring);
		check_spread("random weights", count, size);
	}
}

static void largest_ring(void **state)
{
	(void)state;
	make_members(1000, (const uint16_t[]){ 1, 1000, 0, 30 }, 4);
	build(1000, POISE_MAX_RING, 9, ring);
	check_spread("largest ring", 1000, POISE_MAX_RING);
}

static void nobody_gets_nothing(void **state)
{
	(void)state;
	make_members(5, (const uint16_t[]){ 0 }, 1);
	memset(ring, 0xff, sizeof(ring));
	build(5, 251, 1, ring);
	for (int i = 0; i < 251; i++)
		assert_int_equal(ring[i], 0);
	memset(ring, 0xff, sizeof(ring));
	assert_int_equal(maglev_build(NULL, 0, 251, 1, ring), 0);
	for (int i = 0; i < 251; i++)
		assert_int_equal(ring[i], 0);
	assert_int_equal(ring[251], 0xffff);
}

static void order_of_members_does_not_matter(void **state)
{
	uint64_t random = 5;

	(void)state;
	make_members(300, (const uint16_t[]){ 100, 100, 7, 0 }, 4);
	build(300, 4099, 3, ring);
	for (int run = 0; run < 5; run++) {
		for (size_t i = 299; i > 0; i--) {
			size_t j = (random = poise_mix(random + 1)) % (i + 1);
			struct maglev_member swapped = members[i];

			members[i] = members[j];
			members[j] = swapped;
		}
		build(300, 4099, 3, other);
		assert_same_ring(ring, other, 4099);
	}
}

static void indexes_are_only_labels(void **state)
{
	(void)state;
	make_members(100, (const uint16_t[]){ 10, 20, 30 }, 3);
	build(100, 4099, 3, ring);
	for (int i = 0; i < 100; i++)
		members[i].index = 1000 - members[i].index;
	build(100, 4099, 3, other);
	for (int i = 0; i < 4099; i++)
		assert_int_equal(other[i], 1000 - ring[i]);
}

static void members_without_weight_do_not_matter(void **state)
{
	(void)state;
	make_members(100, (const uint16_t[]){ 10, 0 }, 2);
	build(100, 4099, 3, ring);
	for (int i = 0; i < 50; i++)
		members[i] = members[2 * i];
	build(50, 4099, 3, other);
	assert_same_ring(ring, other, 4099);
}

static uint32_t count_changed(uint32_t size)
{
	uint32_t changed = 0;

	for (uint32_t i = 0; i < size; i++)
		changed += ring[i] != other[i];
	return changed;
}

/* Two rings that know nothing of each other agree on one slot in ten. */
static void seed_changes_the_ring(void **state)
{
	(void)state;
	make_equal(10);
	build(10, 65537, 1, ring);
	build(10, 65537, 2, other);
	assert_in_range(count_changed(65537), 65537 * 88 / 100, 65537 * 92 / 100);
}

/* Fleets hold this function in common: whoever changes it breaks connections during upgrades. */
static void ring_is_the_one_of_all_releases(void **state)
{
	uint64_t sum = 0;

	(void)state;
	make_members(100, (const uint16_t[]){ 100, 100, 50, 0 }, 4);
	build(100, 65537, 0x5eed, ring);
	for (int i = 0; i < 65537; i++)
		sum = poise_fold(sum, ring[i]);
	if (sum != golden)
		fail_msg("expected %#llx, got %#llx", (unsigned long long)golden,
			 (unsigned long long)sum);
}

/* Changed slots in hundredths of the fewest that the new shares allow. */
static uint32_t disruption(uint32_t size)
{
	static uint32_t before[MAX_MEMBERS + 1], after[MAX_MEMBERS + 1];
	uint32_t least = 0;

	count_slots(ring, size, before);
	count_slots(other, size, after);
	for (int i = 0; i <= MAX_MEMBERS; i++)
		least += before[i] > after[i] ? before[i] - after[i] : 0;
	return least ? count_changed(size) * 100 / least : 0;
}

/* One of a number of equal members is removed or, read backwards, added. */
static void one_of_a_hundred_moves_little_else(void **state)
{
	uint32_t worst = 0;

	(void)state;
	make_equal(100);
	build(100, 65537, 0x5eed, ring);
	for (int i = 0; i < 100; i++) {
		uint32_t got;

		members[i].weight = 0;
		build(100, 65537, 0x5eed, other);
		members[i].weight = 100;
		got = disruption(65537);
		worst = got > worst ? got : worst;
	}
	print_message("# worst of 100: %u.%02u x the ideal\n", worst / 100, worst % 100);
	assert_in_range(worst, 100, 150);
}

static const struct change {
	const char *name;
	size_t count;
	uint16_t others, from, to;
	uint32_t bound; /* hundredths of the ideal */
} changes[] = {
	{ "1 of 3 removed", 3, 100, 100, 0, 105 },
	{ "1 of 10 removed", 10, 100, 100, 0, 110 },
	{ "1 of 100 removed", 100, 100, 100, 0, 150 },
	{ "1 of 1000 removed", 1000, 100, 100, 0, 600 },
	{ "1 added to 3", 4, 100, 0, 100, 105 },
	{ "1 added to 10", 11, 100, 0, 100, 110 },
	{ "1 added to 100", 101, 100, 0, 100, 150 },
	{ "1 of 3 halved", 3, 100, 100, 50, 105 },
	{ "1 of 10 halved", 10, 100, 100, 50, 110 },
	{ "1 of 100 halved", 100, 100, 100, 50, 170 },
	{ "1 of 100 halved, weights of 2", 100, 2, 2, 1, 170 },
	{ "1 of 3 becomes the heaviest", 3, 100, 100, 1000, 105 },
	{ "1 of 100 becomes the heaviest", 100, 100, 100, 1000, 120 },
	{ "heaviest of 3 halved", 3, 100, 1000, 500, 105 },
	{ "heaviest of 100 halved", 100, 100, 1000, 500, 120 },
	{ "heaviest of 100 like all others", 100, 100, 1000, 100, 120 },
	{ "heaviest of 100 removed", 100, 100, 1000, 0, 120 },
	{ "heaviest of 1000 removed", 1000, 1, 1000, 0, 130 },
};

static void weights_move_little_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const struct change *change = &changes[i];
		uint32_t worst = 0;

		make_members(change->count, &change->others, 1);
		for (uint64_t seed = 0; seed < 5; seed++) {
			struct maglev_member *changing = &members[seed % change->count];
			uint32_t got;

			changing->weight = change->from;
			build(change->count, 65537, seed, ring);
			changing->weight = change->to;
			build(change->count, 65537, seed, other);
			changing->weight = change->others;
			got = disruption(65537);
			worst = got > worst ? got : worst;
		}
		print_message("# %s: %u.%02u x the ideal\n", change->name, worst / 100,
			      worst % 100);
		if (worst < 100 || worst > change->bound)
			fail_msg("%s: expected 1.00 to %.2f x the ideal, got %.2f", change->name,
				 change->bound / 100.0, worst / 100.0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_definition),
		cmocka_unit_test(follows_the_definition_when_a_quota_is_met_early),
		cmocka_unit_test(follows_the_definition_whatever_the_members),
		cmocka_unit_test(follows_the_definition_for_ipv6),
		cmocka_unit_test(spread_is_even),
		cmocka_unit_test(spread_is_even_for_random_weights),
		cmocka_unit_test(largest_ring),
		cmocka_unit_test(nobody_gets_nothing),
		cmocka_unit_test(order_of_members_does_not_matter),
		cmocka_unit_test(indexes_are_only_labels),
		cmocka_unit_test(members_without_weight_do_not_matter),
		cmocka_unit_test(seed_changes_the_ring),
		cmocka_unit_test(ring_is_the_one_of_all_releases),
		cmocka_unit_test(one_of_a_hundred_moves_little_else),
		cmocka_unit_test(weights_move_little_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
