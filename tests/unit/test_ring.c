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

enum { A = 1, B = 2, C = 3, D = 4, MOVING = POISE_SLOT_MOVING, TABLE_NOW = 100 };
enum { NAMED = POISE_MOVE_NAMED, OLDER = POISE_MOVE_OLDER, GUESSED = POISE_MOVE_GUESSED };

struct slot {
	uint16_t word, previous, stamp, earlier, owner;
};

static struct ring one_slot(struct slot slot)
{
	static uint16_t word;
	static struct poise_move move;

	word = slot.word;
	move = (struct poise_move){ slot.previous, slot.stamp, slot.earlier, slot.owner };
	return (struct ring){ .slots = &word, .moves = &move, .size = 1 };
}

static void assert_slot(const char *name, const struct ring *ring, struct slot want)
{
	struct poise_move move = ring->moves[0];
	struct slot got = { ring->slots[0], move.previous, move.stamp, move.earlier, move.owner };

	if (memcmp(&got, &want, sizeof(got)) != 0)
		fail_msg("%s: expected word %#x, previous %u, stamp %u, earlier %u, owner %#x, got "
			 "%#x, %u, %u, %u, %#x",
			 name, want.word, want.previous, want.stamp, want.earlier, want.owner,
			 got.word, got.previous, got.stamp, got.earlier, got.owner);
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

/* Rings lie one behind the other, of any odd length. */
static void fill_reaches_no_neighbour(void **state)
{
	enum { ROOM = 40, OWNED = 0x101 };
	uint16_t owners[ROOM], slots[ROOM] __attribute__((aligned(8)));

	(void)state;
	for (uint32_t begin = 0; begin < 9; begin++)
		for (uint32_t size = 0; size <= ROOM - 9; size++) {
			struct ring ring = { .slots = slots + begin, .size = size };

			memset(slots, 0, sizeof(slots));
			for (uint16_t i = 0; i < ROOM; i++)
				owners[i] = OWNED + i;
			ring_fill(&ring, owners);
			for (uint32_t i = 0; i < ROOM; i++)
				assert_int_equal(slots[i], i < begin || i >= begin + size
								   ? 0
								   : OWNED + i - begin);
		}
}

/* The second and the third are as they were but for their stamps; the data plane's are newer. */
static void show_puts_names_and_owners(void **state)
{
	uint16_t slots[] = { 0, MOVING | A, B, A }, wanted[] = { MOVING | A, MOVING | A, B, C };
	struct poise_move moves[] = {
		{ 7, 7, 7, 7 }, { B, 9, 0, A }, { 7, 7, 7, 7 }, { 7, 7, 7, 7 }
	};
	struct poise_move changed[] = { { B, 5, C, NAMED | A }, { B, 8, 0, A }, { 0 }, { 0 } };
	struct ring live = { .slots = slots, .moves = moves, .size = 4 };
	struct ring staged = { .slots = wanted, .moves = changed, .size = 4 };

	(void)state;
	ring_show(&live, &staged);
	assert_memory_equal(slots, wanted, sizeof(slots));
	assert_memory_equal(&moves[0], &changed[0], sizeof(moves[0]));
	assert_int_equal(moves[1].stamp, 9);
	assert_int_equal(moves[2].stamp, 7);
}

struct change_row {
	const char *name;
	struct slot before;
	uint16_t owner;
	uint32_t changed;
	struct slot after;
};

static void assert_changes(const struct change_row *rows, size_t count, enum ring_rules rules)
{
	for (size_t i = 0; i < count; i++) {
		struct ring ring = one_slot(rows[i].before);
		uint32_t changed = ring_change(&ring, &rows[i].owner, TABLE_NOW, rules);

		assert_slot(rows[i].name, &ring, rows[i].after);
		if (changed != rows[i].changed)
			fail_msg("%s: expected %u changed, got %u", rows[i].name, rows[i].changed,
				 changed);
	}
}

static void change_moves_slots(void **state)
{
	static const struct change_row rows[] = {
		{ "same owner", { A, 8, 9, 0, 0 }, A, 0, { A, 8, 9, 0, 0 } },
		{ "new owner", { A, 8, 9, 0, 0 }, B, 1, { MOVING | B, A, TABLE_NOW, 0, 0 } },
		{ "first owner", { 0, 8, 9, 0, 0 }, B, 1, { B, 8, 9, 0, 0 } },
		{ "none, as before", { 0, 8, 9, 0, 0 }, 0, 0, { 0, 8, 9, 0, 0 } },
		{ "last owner goes", { A, 8, 9, 0, 0 }, 0, 1, { MOVING | 0, A, TABLE_NOW, 0, 0 } },
		{ "moving, same owner",
		  { MOVING | B, A, 9, 0, 0 },
		  B,
		  0,
		  { MOVING | B, A, 9, 0, 0 } },
		{ "moving on",
		  { MOVING | B, A, 9, 0, 0 },
		  C,
		  1,
		  { MOVING | C, A, TABLE_NOW, 0, 0 } },
		{ "moving back",
		  { MOVING | B, A, 9, 0, 0 },
		  A,
		  1,
		  { MOVING | A, A, TABLE_NOW, 0, 0 } },
		{ "and forth",
		  { MOVING | A, A, 9, 0, 0 },
		  B,
		  1,
		  { MOVING | B, A, TABLE_NOW, 0, 0 } },
		{ "moving to none",
		  { MOVING | B, A, 9, 0, 0 },
		  0,
		  1,
		  { MOVING | 0, A, TABLE_NOW, 0, 0 } },
		{ "moving from none",
		  { MOVING | 0, A, 9, 0, 0 },
		  B,
		  1,
		  { MOVING | B, A, TABLE_NOW, 0, 0 } },
	};

	(void)state;
	assert_changes(rows, ARRAY_SIZE(rows), RING_RECORDS);
}

static void change_with_chains_names_a_third(void **state)
{
	static const struct change_row rows[] = {
		{ "first owner", { 0, 8, 9, 0, 0 }, B, 1, { B, 8, 9, 0, 0 } },
		{ "new owner", { A, 8, 9, 8, 8 }, B, 1, { MOVING | B, A, TABLE_NOW, 0, B } },
		{ "on", { MOVING | B, A, 9, 0, B }, C, 1, { MOVING | C, A, TABLE_NOW, B, C } },
		{ "on twice",
		  { MOVING | C, A, 9, B, C },
		  D,
		  1,
		  { MOVING | D, A, TABLE_NOW, C, D } },
		{ "on to earlier",
		  { MOVING | C, A, 9, B, C },
		  B,
		  1,
		  { MOVING | B, A, TABLE_NOW, C, B } },
		{ "back", { MOVING | B, A, 9, 0, B }, A, 1, { MOVING | A, A, TABLE_NOW, B, A } },
		{ "and forth",
		  { MOVING | A, A, 9, B, A },
		  C,
		  1,
		  { MOVING | C, A, TABLE_NOW, B, C } },
		{ "and forth again",
		  { MOVING | A, A, 9, B, A },
		  B,
		  1,
		  { MOVING | B, A, TABLE_NOW, 0, B } },
		{ "from none",
		  { MOVING | 0, A, 9, B, 0 },
		  C,
		  1,
		  { MOVING | C, A, TABLE_NOW, B, C } },
		{ "without an owner in the move",
		  { MOVING | B, A, 9, 0, 0 },
		  C,
		  1,
		  { MOVING | C, A, TABLE_NOW, B, C } },
		{ "named",
		  { MOVING | B, A, 9, 0, NAMED | B },
		  C,
		  1,
		  { MOVING | C, B, TABLE_NOW, OLDER | A, C } },
		{ "named, two",
		  { MOVING | C, B, 9, A, NAMED | C },
		  D,
		  1,
		  { MOVING | D, C, TABLE_NOW, OLDER | B, D } },
		{ "named, back",
		  { MOVING | C, B, 9, A, NAMED | C },
		  B,
		  1,
		  { MOVING | B, C, TABLE_NOW, OLDER | A, B } },
		{ "named, from none",
		  { MOVING | 0, B, 9, A, NAMED | 0 },
		  C,
		  1,
		  { MOVING | C, B, TABLE_NOW, OLDER | A, C } },
		{ "named, from none back",
		  { MOVING | 0, A, 9, 0, NAMED | 0 },
		  A,
		  1,
		  { MOVING | A, A, TABLE_NOW, 0, A } },
	};

	(void)state;
	assert_changes(rows, ARRAY_SIZE(rows), RING_CHAINS);
}

static void change_by_names_keeps_the_latest_two(void **state)
{
	static const struct change_row rows[] = {
		{ "first owner", { 0, 8, 9, 0, 0 }, B, 1, { B, 8, 9, 0, 0 } },
		{ "new owner",
		  { A, 8, 9, 8, 8 },
		  B,
		  1,
		  { MOVING | B, A, TABLE_NOW, 0, NAMED | B } },
		{ "on",
		  { MOVING | B, A, 9, 0, NAMED | B },
		  C,
		  1,
		  { MOVING | C, B, TABLE_NOW, A, NAMED | C } },
		{ "on twice",
		  { MOVING | C, B, 9, A, NAMED | C },
		  D,
		  1,
		  { MOVING | D, C, TABLE_NOW, B, NAMED | D } },
		{ "back",
		  { MOVING | C, B, 9, A, NAMED | C },
		  B,
		  1,
		  { MOVING | B, C, TABLE_NOW, A, NAMED | B } },
		{ "back two",
		  { MOVING | C, B, 9, A, NAMED | C },
		  A,
		  1,
		  { MOVING | A, C, TABLE_NOW, B, NAMED | A } },
		{ "to none",
		  { MOVING | B, A, 9, 0, NAMED | B },
		  0,
		  1,
		  { MOVING | 0, B, TABLE_NOW, A, NAMED | 0 } },
		{ "from none",
		  { MOVING | 0, B, 9, A, NAMED | 0 },
		  B,
		  1,
		  { MOVING | B, A, TABLE_NOW, 0, NAMED | B } },
		{ "from none, nothing to name",
		  { MOVING | 0, B, 9, 0, NAMED | 0 },
		  B,
		  1,
		  { B, B, 9, 0, NAMED | 0 } },
		{ "recorded: previous is the oldest",
		  { MOVING | C, A, 9, B, C },
		  D,
		  1,
		  { MOVING | D, C, TABLE_NOW, B, NAMED | D } },
	};

	(void)state;
	assert_changes(rows, ARRAY_SIZE(rows), RING_NAMES);
}

static void change_at_once_keeps_what_is_recorded_alone(void **state)
{
	static const struct change_row rows[] = {
		{ "new owner", { A, 8, 9, 0, 0 }, B, 1, { B, 8, 9, 0, 0 } },
		{ "moving", { MOVING | B, A, 9, 0, 0 }, C, 1, { MOVING | C, A, TABLE_NOW, 0, 0 } },
		{ "named", { MOVING | B, A, 9, 0, NAMED | B }, C, 1, { C, A, 9, 0, NAMED | B } },
		{ "moving, same owner",
		  { MOVING | B, A, 9, 0, 0 },
		  B,
		  0,
		  { MOVING | B, A, 9, 0, 0 } },
	};

	(void)state;
	assert_changes(rows, ARRAY_SIZE(rows), RING_AT_ONCE);
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
		{ "settled", { A, B, 0, 0, 0 }, 500, 10, A, 0 },
		{ "just changed", { MOVING | B, A, 500, 0, 0 }, 500, 10, MOVING | B, 1 },
		{ "a tick too early", { MOVING | B, A, 491, 0, 0 }, 500, 10, MOVING | B, 1 },
		{ "in time", { MOVING | B, A, 490, 0, 0 }, 500, 10, B, 0 },
		{ "late", { MOVING | B, A, 100, 0, 0 }, 500, 10, B, 0 },
		{ "without owner", { MOVING | 0, A, 490, 0, 0 }, 500, 10, 0, 0 },
		{ "clock wrapped, too early",
		  { MOVING | B, A, 65531, 0, 0 },
		  4,
		  10,
		  MOVING | B,
		  1 },
		{ "clock wrapped, in time", { MOVING | B, A, 65530, 0, 0 }, 4, 10, B, 0 },
		{ "longest settle time", { MOVING | B, A, 10, 0, 0 }, 40242, 40233, MOVING | B, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ring ring = one_slot(rows[i].before);
		struct ring_moving moving =
			ring_settle(&ring, rows[i].now, rows[i].settle, RING_RECORDS);

		assert_slot(rows[i].name, &ring,
			    (struct slot){ rows[i].word, rows[i].before.previous,
					   rows[i].before.stamp, 0, 0 });
		if (moving.recorded != rows[i].moving || moving.named)
			fail_msg("%s: expected %u moving, got %u, and %u named", rows[i].name,
				 rows[i].moving, moving.recorded, moving.named);
	}
}

static void settling_with_chains_names_what_may_have_connections(void **state)
{
	static const struct {
		const char *name;
		enum ring_rules rules;
		struct slot before, after;
		struct ring_moving moving;
	} rows[] = {
		{ "too early",
		  RING_CHAINS,
		  { MOVING | B, A, 491, C, B },
		  { MOVING | B, A, 491, C, B },
		  { 1, 0 } },
		{ "previous",
		  RING_CHAINS,
		  { MOVING | B, A, 490, 0, B },
		  { MOVING | B, A, 500, 0, NAMED | B },
		  { 0, 1 } },
		{ "the latest first",
		  RING_CHAINS,
		  { MOVING | C, A, 490, B, C },
		  { MOVING | C, B, 500, A, NAMED | C },
		  { 0, 1 } },
		{ "the earlier one is older",
		  RING_CHAINS,
		  { MOVING | C, B, 490, OLDER | A, C },
		  { MOVING | C, B, 500, A, NAMED | C },
		  { 0, 1 } },
		{ "back at previous",
		  RING_CHAINS,
		  { MOVING | A, A, 490, B, A },
		  { MOVING | A, B, 500, 0, NAMED | A },
		  { 0, 1 } },
		{ "nothing to name",
		  RING_CHAINS,
		  { MOVING | A, A, 490, 0, A },
		  { A, A, 490, 0, A },
		  { 0, 0 } },
		{ "named for ever",
		  RING_CHAINS,
		  { MOVING | B, A, 0, 0, NAMED | B },
		  { MOVING | B, A, 0, 0, NAMED | B },
		  { 0, 1 } },
		{ "exceptions were switched off",
		  RING_NAMES,
		  { MOVING | B, A, 490, 0, B },
		  { MOVING | B, A, 500, 0, NAMED | B },
		  { 0, 1 } },
		{ "recorded before that",
		  RING_NAMES,
		  { MOVING | B, A, 491, 0, B },
		  { MOVING | B, A, 491, 0, B },
		  { 1, 0 } },
		{ "chains were switched off",
		  RING_RECORDS,
		  { MOVING | B, A, 499, 0, NAMED | B },
		  { B, A, 499, 0, NAMED | B },
		  { 0, 0 } },
		{ "so that nobody is named",
		  RING_RECORDS,
		  { MOVING | B, A, 490, C, B },
		  { B, A, 490, C, B },
		  { 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ring ring = one_slot(rows[i].before);
		struct ring_moving moving = ring_settle(&ring, 500, 10, rows[i].rules);

		assert_slot(rows[i].name, &ring, rows[i].after);
		if (moving.recorded != rows[i].moving.recorded ||
		    moving.named != rows[i].moving.named)
			fail_msg("%s: expected %u recorded, %u named, got %u, %u", rows[i].name,
				 rows[i].moving.recorded, rows[i].moving.named, moving.recorded,
				 moving.named);
	}
}

static void forget_leads_to_the_owner(void **state)
{
	static const struct {
		const char *name;
		struct slot before, after;
	} rows[] = {
		{ "settled, stale previous", { B, A, 9, 0, 0 }, { B, A, 9, 0, 0 } },
		{ "settled, owner", { A, B, 9, 0, 0 }, { A, B, 9, 0, 0 } },
		{ "previous", { MOVING | B, A, 9, 0, 0 }, { MOVING | B, B, 9, 0, 0 } },
		{ "previous of another", { MOVING | B, C, 9, 0, 0 }, { MOVING | B, C, 9, 0, 0 } },
		{ "owner", { MOVING | A, B, 9, 0, 0 }, { MOVING | A, B, 9, 0, 0 } },
		{ "no owner", { MOVING | 0, A, 9, 0, 0 }, { MOVING | 0, 0, 9, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ring ring = one_slot(rows[i].before);

		ring_forget(&ring, A);
		assert_slot(rows[i].name, &ring, rows[i].after);
	}
}

static void forget_takes_names(void **state)
{
	static const struct {
		const char *name;
		struct slot before, names, all; /* ring_forget_names(), ring_forget() */
	} rows[] = {
		{ "settled",
		  { B, A, 9, A, NAMED | B },
		  { B, A, 9, A, NAMED | B },
		  { B, A, 9, A, NAMED | B } },
		{ "recorded, previous",
		  { MOVING | B, A, 9, C, B },
		  { MOVING | B, A, 9, C, B },
		  { MOVING | B, B, 9, C, B } },
		{ "recorded, earlier",
		  { MOVING | B, C, 9, A, B },
		  { MOVING | B, C, 9, 0, B },
		  { MOVING | B, C, 9, 0, B } },
		{ "named first",
		  { MOVING | B, A, 9, C, NAMED | B },
		  { MOVING | B, C, 9, 0, NAMED | B },
		  { MOVING | B, C, 9, 0, NAMED | B } },
		{ "named second",
		  { MOVING | B, C, 9, A, NAMED | B },
		  { MOVING | B, C, 9, 0, NAMED | B },
		  { MOVING | B, C, 9, 0, NAMED | B } },
		{ "named alone",
		  { MOVING | B, A, 9, 0, NAMED | B },
		  { B, A, 9, 0, NAMED | B },
		  { B, A, 9, 0, NAMED | B } },
		{ "a guess, which the rest still is",
		  { MOVING | B, A, 9, GUESSED | C, NAMED | B },
		  { MOVING | B, C, 9, GUESSED, NAMED | B },
		  { MOVING | B, C, 9, GUESSED, NAMED | B } },
		{ "a guess, second",
		  { MOVING | B, C, 9, GUESSED | A, NAMED | B },
		  { MOVING | B, C, 9, GUESSED, NAMED | B },
		  { MOVING | B, C, 9, GUESSED, NAMED | B } },
		{ "named, another",
		  { MOVING | B, C, 9, 0, NAMED | B },
		  { MOVING | B, C, 9, 0, NAMED | B },
		  { MOVING | B, C, 9, 0, NAMED | B } },
		{ "owner",
		  { MOVING | A, B, 9, 0, NAMED | A },
		  { MOVING | A, B, 9, 0, NAMED | A },
		  { MOVING | A, B, 9, 0, NAMED | A } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ring ring = one_slot(rows[i].before);

		ring_forget_names(&ring, A);
		assert_slot(rows[i].name, &ring, rows[i].names);
		ring = one_slot(rows[i].before);
		ring_forget(&ring, A);
		assert_slot(rows[i].name, &ring, rows[i].all);
	}
}

static void count_tells_owners_from_leavers(void **state)
{
	static struct ring_count counts[POISE_MAX_BACKENDS];
	uint16_t slots[] = { A,		 A,	MOVING | B, MOVING | B, MOVING | A,
			     MOVING | 0, 32767, MOVING | B, MOVING | B };
	struct poise_move moves[] = { { .previous = B },
				      { .previous = 0 },
				      { .previous = A },
				      { .previous = C },
				      { .previous = A },
				      { .previous = A },
				      { .previous = C },
				      { .previous = A, .earlier = C },
				      { .previous = A, .earlier = C, .owner = NAMED | B } };
	struct ring ring = { .slots = slots, .moves = moves, .size = ARRAY_SIZE(slots) };
	static const struct {
		uint16_t index;
		struct ring_count want;
	} rows[] = {
		{ 0, { 1, 0, 0 } },  { A, { 13, 3, 1 } },    { B, { 4, 0, 0 } },
		{ C, { 0, 21, 2 } }, { 32767, { 1, 0, 0 } },
	};

	(void)state;
	memset(counts, 0, sizeof(counts));
	counts[A].owned = 10;
	counts[C].leaving = 20;
	ring_count(&ring, counts);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_memory_equal(&counts[rows[i].index], &rows[i].want, sizeof(counts[0]));
}

static void naming_is_for_settled_and_named_slots(void **state)
{
	static const struct {
		const char *name;
		struct slot before;
		uint16_t previous, earlier;
		struct slot after;
	} rows[] = {
		{ "settled", { A, 8, 9, 0, 0 }, B, C, { MOVING | A, B, TABLE_NOW, C, NAMED | A } },
		{ "the owner",
		  { A, 8, 9, 0, 0 },
		  A,
		  C,
		  { MOVING | A, C, TABLE_NOW, 0, NAMED | A } },
		{ "twice", { A, 8, 9, 0, 0 }, B, B, { MOVING | A, B, TABLE_NOW, 0, NAMED | A } },
		{ "nobody", { A, 8, 9, 0, 0 }, 0, A, { A, 8, 9, 0, 0 } },
		{ "named",
		  { MOVING | A, B, 9, C, NAMED | A },
		  D,
		  0,
		  { MOVING | A, D, TABLE_NOW, 0, NAMED | A } },
		{ "no more", { MOVING | A, B, 9, C, NAMED | A }, 0, 0, { A, B, 9, C, NAMED | A } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ring ring = one_slot(rows[i].before);

		ring_name(&ring, 0, rows[i].previous, rows[i].earlier, TABLE_NOW);
		assert_slot(rows[i].name, &ring, rows[i].after);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fill_settles_every_slot),
		cmocka_unit_test(fill_reaches_no_neighbour),
		cmocka_unit_test(show_puts_names_and_owners),
		cmocka_unit_test(change_moves_slots),
		cmocka_unit_test(change_with_chains_names_a_third),
		cmocka_unit_test(change_by_names_keeps_the_latest_two),
		cmocka_unit_test(change_at_once_keeps_what_is_recorded_alone),
		cmocka_unit_test(settle_waits_for_the_stamp),
		cmocka_unit_test(settling_with_chains_names_what_may_have_connections),
		cmocka_unit_test(forget_leads_to_the_owner),
		cmocka_unit_test(forget_takes_names),
		cmocka_unit_test(count_tells_owners_from_leavers),
		cmocka_unit_test(naming_is_for_settled_and_named_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
