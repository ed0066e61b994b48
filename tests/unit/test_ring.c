/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ring transitions, function by function; test_ring_model.c tests what they add up to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "ring.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

enum { A = 1, B = 2, C = 3, MOVING = POISE_SLOT_MOVING, TABLE_NOW = 100 };

struct slot {
	uint16_t word, previous, stamp;
};

static struct ring one_slot(struct slot slot)
{
	static uint16_t word;
	static struct poise_move move;

	word = slot.word;
	move = (struct poise_move){ .previous = slot.previous, .stamp = slot.stamp };
	return (struct ring){ .slots = &word, .moves = &move, .size = 1 };
}

static void assert_slot(const char *name, const struct ring *ring, struct slot want)
{
	if (ring->slots[0] != want.word || ring->moves[0].previous != want.previous ||
	    ring->moves[0].stamp != want.stamp)
		fail_msg("%s: expected word %#x, previous %u, stamp %u, got %#x, %u, %u", name,
			 want.word, want.previous, want.stamp, ring->slots[0],
			 ring->moves[0].previous, ring->moves[0].stamp);
}

static void fill_settles_every_slot(void **state)
{
	uint16_t owners[] = { A, B, 0, POISE_SLOT_OWNER }, slots[5] = { MOVING | C, 7, 7, 7, 7 };
	struct poise_move moves[5] = { 0 };
	struct ring ring = { .slots = slots, .moves = moves, .size = 4 };

	(void)state;
	ring_fill(&ring, owners);
	assert_memory_equal(slots, owners, sizeof(owners));
	assert_int_equal(slots[4], 7);
}

static void change_moves_slots(void **state)
{
	static const struct {
		const char *name;
		struct slot before;
		uint16_t owner;
		uint32_t changed;
		struct slot after;
	} rows[] = {
		{ "same owner", { A, 8, 9 }, A, 0, { A, 8, 9 } },
		{ "new owner", { A, 8, 9 }, B, 1, { MOVING | B, A, TABLE_NOW } },
		{ "first owner", { 0, 8, 9 }, B, 1, { B, 8, 9 } },
		{ "none, as before", { 0, 8, 9 }, 0, 0, { 0, 8, 9 } },
		{ "last owner goes", { A, 8, 9 }, 0, 1, { MOVING | 0, A, TABLE_NOW } },
		{ "moving, same owner", { MOVING | B, A, 9 }, B, 0, { MOVING | B, A, 9 } },
		{ "moving on", { MOVING | B, A, 9 }, C, 1, { MOVING | C, A, TABLE_NOW } },
		{ "moving back", { MOVING | B, A, 9 }, A, 1, { MOVING | A, A, TABLE_NOW } },
		{ "and forth", { MOVING | A, A, 9 }, B, 1, { MOVING | B, A, TABLE_NOW } },
		{ "moving to none", { MOVING | B, A, 9 }, 0, 1, { MOVING | 0, A, TABLE_NOW } },
		{ "moving from none", { MOVING | 0, A, 9 }, B, 1, { MOVING | B, A, TABLE_NOW } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ring ring = one_slot(rows[i].before);
		uint32_t changed = ring_change(&ring, &rows[i].owner, TABLE_NOW);

		assert_slot(rows[i].name, &ring, rows[i].after);
		if (changed != rows[i].changed)
			fail_msg("%s: expected %u changed, got %u", rows[i].name, rows[i].changed,
				 changed);
	}
}

static void settle_waits_for_the_stamp(void **state)
{
	static const struct {
		const char *name;
		struct slot before;
		uint16_t now, settle;
		uint16_t word;
		uint32_t moving;
	} rows[] = {
		{ "settled", { A, B, 0 }, 500, 10, A, 0 },
		{ "just changed", { MOVING | B, A, 500 }, 500, 10, MOVING | B, 1 },
		{ "a tick too early", { MOVING | B, A, 491 }, 500, 10, MOVING | B, 1 },
		{ "in time", { MOVING | B, A, 490 }, 500, 10, B, 0 },
		{ "late", { MOVING | B, A, 100 }, 500, 10, B, 0 },
		{ "without owner", { MOVING | 0, A, 490 }, 500, 10, 0, 0 },
		{ "clock wrapped, too early", { MOVING | B, A, 65531 }, 4, 10, MOVING | B, 1 },
		{ "clock wrapped, in time", { MOVING | B, A, 65530 }, 4, 10, B, 0 },
		{ "longest settle time", { MOVING | B, A, 10 }, 40242, 40233, MOVING | B, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ring ring = one_slot(rows[i].before);
		uint32_t moving = ring_settle(&ring, rows[i].now, rows[i].settle);

		assert_slot(rows[i].name, &ring,
			    (struct slot){ rows[i].word, rows[i].before.previous,
					   rows[i].before.stamp });
		if (moving != rows[i].moving)
			fail_msg("%s: expected %u moving, got %u", rows[i].name, rows[i].moving,
				 moving);
	}
}

static void forget_leads_to_the_owner(void **state)
{
	static const struct {
		const char *name;
		struct slot before, after;
	} rows[] = {
		{ "settled, stale previous", { B, A, 9 }, { B, A, 9 } },
		{ "settled, owner", { A, B, 9 }, { A, B, 9 } },
		{ "previous", { MOVING | B, A, 9 }, { MOVING | B, B, 9 } },
		{ "previous of another", { MOVING | B, C, 9 }, { MOVING | B, C, 9 } },
		{ "owner", { MOVING | A, B, 9 }, { MOVING | A, B, 9 } },
		{ "no owner", { MOVING | 0, A, 9 }, { MOVING | 0, 0, 9 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ring ring = one_slot(rows[i].before);

		ring_forget(&ring, A);
		assert_slot(rows[i].name, &ring, rows[i].after);
	}
}

static void count_tells_owners_from_leavers(void **state)
{
	static uint32_t owned[POISE_MAX_BACKENDS], leaving[POISE_MAX_BACKENDS];
	uint16_t slots[] = { A, A, MOVING | B, MOVING | B, MOVING | A, MOVING | 0, 32767 };
	struct poise_move moves[] = { { .previous = B }, { .previous = 0 }, { .previous = A },
				      { .previous = C }, { .previous = A }, { .previous = A },
				      { .previous = C } };
	struct ring ring = { .slots = slots, .moves = moves, .size = ARRAY_SIZE(slots) };

	(void)state;
	memset(owned, 0, sizeof(owned));
	memset(leaving, 0, sizeof(leaving));
	owned[A] = 10;
	leaving[C] = 20;
	ring_count(&ring, owned, leaving);
	assert_int_equal(owned[0], 1);
	assert_int_equal(owned[A], 13);
	assert_int_equal(owned[B], 2);
	assert_int_equal(owned[C], 0);
	assert_int_equal(owned[32767], 1);
	assert_int_equal(leaving[0], 0);
	assert_int_equal(leaving[A], 2);
	assert_int_equal(leaving[B], 0);
	assert_int_equal(leaving[C], 21);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fill_settles_every_slot),
		cmocka_unit_test(change_moves_slots),
		cmocka_unit_test(settle_waits_for_the_stamp),
		cmocka_unit_test(forget_leads_to_the_owner),
		cmocka_unit_test(count_tells_owners_from_leavers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
