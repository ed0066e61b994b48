/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The schedule builder, against a second implementation written straight from the definition in
 * schedule.c, and against what roundrobin and leastconn services rely on: shares, and evenness.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "poise_flow.h"
#include "quota.h"
#include "schedule.h"

enum { MAX_MEMBERS = 1000, MAX_SIZE = 65537, PATTERN = 4 };

static struct maglev_member members[MAX_MEMBERS];
static uint16_t slots[MAX_SIZE + 1], other[MAX_SIZE + 1];

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

static void build(size_t count, uint32_t size, uint16_t *out)
{
	assert_int_equal(schedule_build(members, count, size, out), 0);
}

/* The second implementation: every slot asks every weight for its next place. */

static void reference_quotas(size_t count, uint32_t size, uint64_t total, uint32_t *quotas)
{
	uint64_t given = 0;

	for (size_t i = 0; i < count; i++)
		given += quotas[i] = (uint64_t)size * members[i].weight / total;
	for (; given < size; given++) {
		size_t best = count;

		for (size_t i = 0; i < count; i++) {
			uint64_t product = (uint64_t)size * members[i].weight;

			if (quotas[i] > product / total) /* has been rounded up */
				continue;
			if (best == count ||
			    product % total > (uint64_t)size * members[best].weight % total)
				best = i;
		}
		quotas[best]++;
	}
}

/* Where the class of a weight stands among the weights, heaviest first. */
static uint32_t reference_rank(size_t count, uint16_t weight)
{
	uint32_t rank = 0;

	for (uint32_t heavier = POISE_MAX_WEIGHT; heavier > weight; heavier--)
		for (size_t i = 0; i < count; i++)
			if (members[i].weight == heavier) {
				rank++;
				break;
			}
	return rank;
}

/* Members must stand in order of their addresses. */
static void reference_build(size_t count, uint32_t size, uint16_t *out)
{
	static uint32_t quotas[MAX_MEMBERS], of_class[POISE_MAX_WEIGHT + 1];
	static uint32_t taken[POISE_MAX_WEIGHT + 1], alike[POISE_MAX_WEIGHT + 1];
	static uint32_t phases[POISE_MAX_WEIGHT + 1];
	uint64_t total = 0;

	memset(of_class, 0, sizeof(of_class));
	memset(taken, 0, sizeof(taken));
	memset(alike, 0, sizeof(alike));
	for (size_t i = 0; i < count; i++)
		total += members[i].weight;
	reference_quotas(count, size, total, quotas);
	for (size_t i = 0; i < count; i++) {
		uint16_t weight = members[i].weight;

		of_class[weight] += quotas[i];
		alike[weight]++;
		phases[weight] = (32768 + reference_rank(count, weight) * 40503) % 65536;
	}
	for (uint32_t slot = 0; slot < size; slot++) {
		uint32_t first = 0, turn;

		for (uint32_t w = POISE_MAX_WEIGHT; w > 0; w--) {
			if (taken[w] == of_class[w])
				continue;
			if (!first ||
			    (taken[w] * 65536ULL + phases[w]) * of_class[first] <
				    (taken[first] * 65536ULL + phases[first]) * of_class[w])
				first = w;
		}
		turn = taken[first]++ % alike[first];
		for (size_t i = 0; i < count; i++)
			if (members[i].weight == first && turn-- == 0)
				out[slot] = members[i].index;
	}
}

static const struct shape {
	const char *name;
	uint32_t size;
	size_t count, period;
	uint16_t pattern[PATTERN];
} shapes[] = {
	{ "single member", 251, 1, 1, { 7 } },
	{ "two alike", 251, 2, 1, { 100 } },
	{ "three alike", 65537, 3, 1, { 100 } },
	{ "hundred alike", 4099, 100, 1, { 100 } },
	{ "1 against 1000", 65537, 2, 2, { 1, 1000 } },
	{ "1 against 1000, smallest", 251, 2, 2, { 1, 1000 } },
	{ "50 of 1 and 50 of 1000", 4099, 100, 2, { 1, 1000 } },
	{ "zeros among others", 1021, 12, 4, { 0, 100, 0, 50 } },
	{ "mixed weights", 4099, 64, 4, { 17, 100, 333, 999 } },
	{ "half a thousand members", 4099, 500, 4, { 100, 1, 10, 1000 } },
	{ "as many members as slots", 251, 251, 1, { 100 } },
	{ "one slot too few", 251, 252, 1, { 100 } },
	{ "four members a slot", 251, 1000, 4, { 1000, 1, 0, 250 } },
	{ "a thousand", 16381, 1000, 4, { 100, 100, 50, 200 } },
	{ "light ones among heavy ones", 4099, 200, 4, { 1000, 1000, 1000, 30 } },
	{ "one slot", 1, 3, 1, { 100 } },
};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static void assert_same_schedule(const char *name, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		if (slots[i] != other[i])
			fail_msg("%s: slot %u: expected %u, got %u", name, i, other[i], slots[i]);
}

static void follows_the_definition(void **state)
{
	(void)state;
	for (size_t i = 0; i < SHAPES; i++) {
		const struct shape *shape = &shapes[i];

		make_members(shape->count, shape->pattern, shape->period);
		build(shape->count, shape->size, slots);
		reference_build(shape->count, shape->size, other);
		assert_same_schedule(shape->name, shape->size);
	}
}

static void follows_the_definition_for_random_weights(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int run = 0; run < 40; run++) {
		size_t count = 1 + (random = poise_mix(random + 1)) % 60;
		uint32_t size = 1 + (random = poise_mix(random + 1)) % 5000;

		make_equal(count);
		for (size_t i = 0; i < count; i++)
			members[i].weight = (random = poise_mix(random + 1)) % (run % 2 ? 1001 : 4);
		members[0].weight = 1;
		build(count, size, slots);
		reference_build(count, size, other);
		assert_same_schedule("random weights", size);
	}
}

/* Each member's slots are its share, less than one off. */
static void shares_are_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < SHAPES; i++) {
		const struct shape *shape = &shapes[i];
		static uint32_t counts[MAX_MEMBERS + 1];
		int64_t total = 0;

		make_members(shape->count, shape->pattern, shape->period);
		build(shape->count, shape->size, slots);
		memset(counts, 0, sizeof(counts));
		for (uint32_t slot = 0; slot < shape->size; slot++)
			counts[slots[slot]]++;
		assert_int_equal(counts[0], 0);
		for (size_t m = 0; m < shape->count; m++)
			total += members[m].weight;
		for (size_t m = 0; m < shape->count; m++) {
			int64_t share = (int64_t)shape->size * members[m].weight;

			if (llabs(counts[m + 1] * total - share) >= total)
				fail_msg("%s: member %zu has %u slots, its share is %.2f",
					 shape->name, m, counts[m + 1], (double)share / total);
		}
	}
}

/* How far a member is from its share of the first slots, at worst, in slots. */
static double unevenness(size_t count, uint32_t size)
{
	static uint32_t quotas[MAX_MEMBERS + 1], seen[MAX_MEMBERS + 1];
	double worst = 0;

	memset(quotas, 0, sizeof(quotas));
	memset(seen, 0, sizeof(seen));
	for (uint32_t slot = 0; slot < size; slot++)
		quotas[slots[slot]]++;
	for (uint32_t slot = 0; slot < size; slot++) {
		seen[slots[slot]]++;
		for (size_t m = 1; m <= count; m++) {
			double off = seen[m] - (slot + 1.0) * quotas[m] / size;

			off = off < 0 ? -off : off;
			worst = off > worst ? off : worst;
		}
	}
	return worst;
}

/* A member is never much more than a slot ahead of its share, nor behind it, wherever one looks: so
 * that no run of slots, of any length, holds three too many or too few. */
static void places_are_spread_evenly(void **state)
{
	double worst = 0;

	(void)state;
	for (size_t i = 0; i < SHAPES; i++) {
		const struct shape *shape = &shapes[i];
		double off;

		if (shape->size > 5000)
			continue;
		make_members(shape->count, shape->pattern, shape->period);
		build(shape->count, shape->size, slots);
		off = unevenness(shape->count, shape->size);
		if (off >= 1.5)
			fail_msg("%s: %.2f slots off", shape->name, off);
		worst = off > worst ? off : worst;
	}
	print_message("# at most %.2f slots ahead or behind\n", worst);
}

/* What leastconn relies on, too: members that are alike do not crowd together. */
static void light_members_are_apart(void **state)
{
	int run = 0;

	(void)state;
	make_members(100, (const uint16_t[]){ 1000, 1000, 1000, 30 }, 4);
	build(100, MAX_SIZE, slots);
	for (uint32_t slot = 0; slot < MAX_SIZE; slot++) {
		run = slots[slot] % 4 == 0 ? run + 1 : 0;
		if (run > 1)
			fail_msg("slot %u: two light members in a row", slot);
	}
}

/* What leastconn relies on: with equal weights so many slots in a row are so many members. */
static void equal_members_take_turns(void **state)
{
	static const size_t counts[] = { 1, 2, 3, 16, 17, 100, 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		size_t count = counts[i];

		make_equal(count);
		build(count, MAX_SIZE, slots);
		for (uint32_t slot = 0; slot < MAX_SIZE; slot++)
			assert_int_equal(slots[slot], slot % count + 1);
	}
}

static void nobody_gets_nothing(void **state)
{
	(void)state;
	make_members(5, (const uint16_t[]){ 0 }, 1);
	memset(slots, 0xff, sizeof(slots));
	build(5, 251, slots);
	for (int i = 0; i < 251; i++)
		assert_int_equal(slots[i], 0);
	assert_int_equal(slots[251], 0xffff);
	memset(slots, 0xff, sizeof(slots));
	assert_int_equal(schedule_build(NULL, 0, 251, slots), 0);
	for (int i = 0; i < 251; i++)
		assert_int_equal(slots[i], 0);
}

static void order_of_members_does_not_matter(void **state)
{
	uint64_t random = 5;

	(void)state;
	make_members(300, (const uint16_t[]){ 100, 100, 7, 0 }, 4);
	for (size_t i = 0; i < 300; i += 3) /* IPv6 ones, too */
		members[i].address.family = 6;
	build(300, 4099, other);
	for (int run = 0; run < 5; run++) {
		for (size_t i = 299; i > 0; i--) {
			size_t j = (random = poise_mix(random + 1)) % (i + 1);
			struct maglev_member swapped = members[i];

			members[i] = members[j];
			members[j] = swapped;
		}
		build(300, 4099, slots);
		assert_same_schedule("shuffled", 4099);
	}
}

/* Rounding goes to the earlier one of two alike. */
static void quotas_break_ties_in_order(void **state)
{
	const uint16_t weights[] = { 10, 10, 0, 10 };
	uint32_t quotas[4];

	(void)state;
	assert_int_equal(quota_divide(weights, 4, 11, quotas), 0);
	assert_int_equal(quotas[0], 4);
	assert_int_equal(quotas[1], 4);
	assert_int_equal(quotas[2], 0);
	assert_int_equal(quotas[3], 3);
}

static void building_takes_this_long(void **state)
{
	struct timespec from, to;
	double best = 1e9;

	(void)state;
	make_members(1000, (const uint16_t[]){ 100, 99, 50, 200 }, 4);
	for (int run = 0; run < 5; run++) {
		double ms;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
		build(1000, MAX_SIZE, slots);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
		ms = (to.tv_sec - from.tv_sec) * 1e3 + (to.tv_nsec - from.tv_nsec) / 1e6;
		best = ms < best ? ms : best;
	}
	print_message("# 65537 slots of 1000 members: %.1f ms (with sanitizers)\n", best);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_definition),
		cmocka_unit_test(follows_the_definition_for_random_weights),
		cmocka_unit_test(shares_are_exact),
		cmocka_unit_test(places_are_spread_evenly),
		cmocka_unit_test(light_members_are_apart),
		cmocka_unit_test(equal_members_take_turns),
		cmocka_unit_test(nobody_gets_nothing),
		cmocka_unit_test(order_of_members_does_not_matter),
		cmocka_unit_test(quotas_break_ties_in_order),
		cmocka_unit_test(building_takes_this_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
