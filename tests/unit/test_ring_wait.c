/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which slots keep their owner for now; test_ring_chain_model.c tests what that is good for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ring_wait.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

enum { A = 1, B, C, D, DRAINED, DOWN, INDEXES };
enum { MOVING = POISE_SLOT_MOVING, NAMED = POISE_MOVE_NAMED, NOW = 500, SETTLE = 10 };

static const uint8_t flags[INDEXES] = {
	[A] = POISE_BACKEND_LIVE | POISE_BACKEND_ELIGIBLE,
	[B] = POISE_BACKEND_LIVE | POISE_BACKEND_ELIGIBLE,
	[C] = POISE_BACKEND_LIVE | POISE_BACKEND_ELIGIBLE,
	[D] = POISE_BACKEND_LIVE | POISE_BACKEND_ELIGIBLE,
	[DRAINED] = POISE_BACKEND_LIVE,
};

static void a_slot_waits_while_it_would_give_up_a_young_name(void **state)
{
	static const struct {
		const char *name;
		uint16_t word;
		struct poise_move move;
		uint16_t wanted, left; /* 0: it does not wait */
	} rows[] = {
		{ "settled", C, { B, NOW, A, NAMED | C }, D, 0 },
		{ "to a fourth", MOVING | C, { B, NOW, A, NAMED | C }, D, SETTLE },
		{ "a tick too early", MOVING | C, { B, NOW - SETTLE + 1, A, NAMED | C }, D, 1 },
		{ "in time", MOVING | C, { B, NOW - SETTLE, A, NAMED | C }, D, 0 },
		{ "stamped by a faster clock",
		  MOVING | C,
		  { B, NOW + 1, A, NAMED | C },
		  D,
		  SETTLE },
		{ "the same owner", MOVING | C, { B, NOW, A, NAMED | C }, C, 0 },
		{ "back to the one before", MOVING | C, { B, NOW, A, NAMED | C }, B, 0 },
		{ "back to the earliest", MOVING | C, { B, NOW, A, NAMED | C }, A, 0 },
		{ "a place is free", MOVING | C, { B, NOW, 0, NAMED | C }, D, 0 },
		{ "the owner drains", MOVING | DRAINED, { B, NOW, A, NAMED | DRAINED }, D, 0 },
		{ "the owner is down", MOVING | DOWN, { B, NOW, A, NAMED | DOWN }, D, 0 },
		{ "no owner", MOVING | 0, { B, NOW, A, NAMED | 0 }, D, 0 },
		{ "the earliest is down", MOVING | C, { B, NOW, DOWN, NAMED | C }, D, 0 },
		{ "the one before is down", MOVING | C, { DOWN, NOW, A, NAMED | C }, D, SETTLE },
		{ "the earliest drains", MOVING | C, { B, NOW, DRAINED, NAMED | C }, D, SETTLE },
		{ "recorded", MOVING | C, { B, NOW, A, C }, D, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint16_t word = rows[i].word, owner = rows[i].wanted;
		uint16_t expected = rows[i].left ? word & POISE_SLOT_OWNER : owner;
		struct poise_move move = rows[i].move;
		struct ring ring = { &word, &move, 1 };
		struct ring_wait wait = ring_wait(&ring, &owner, flags, NOW, SETTLE);

		if (owner != expected || wait.slots != (rows[i].left != 0) ||
		    wait.next_ticks != rows[i].left || wait.last_ticks != rows[i].left)
			fail_msg("%s: expected owner %u, %u ticks, got %u, %u slots, %u, %u ticks",
				 rows[i].name, expected, rows[i].left, owner, wait.slots,
				 wait.next_ticks, wait.last_ticks);
	}
}

static void the_first_and_the_last_of_many_are_told(void **state)
{
	uint16_t slots[] = { MOVING | C, MOVING | C, A, MOVING | C };
	uint16_t owners[] = { D, D, D, D }, expected[] = { C, C, D, C };
	struct poise_move moves[] = { { B, NOW - 5, A, NAMED | C },
				      { B, NOW - 2, A, NAMED | C },
				      { 0 },
				      { B, NOW - 8, A, NAMED | C } };
	struct ring ring = { slots, moves, ARRAY_SIZE(slots) };
	struct ring_wait wait = ring_wait(&ring, owners, flags, NOW, SETTLE);

	(void)state;
	assert_int_equal(wait.slots, 3);
	assert_int_equal(wait.next_ticks, 2);
	assert_int_equal(wait.last_ticks, 8);
	assert_memory_equal(owners, expected, sizeof(owners));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slot_waits_while_it_would_give_up_a_young_name),
		cmocka_unit_test(the_first_and_the_last_of_many_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
