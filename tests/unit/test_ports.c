// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Overlapping port ranges cut up, against painting all 65536 ports one by one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ports.h"

enum { PORTS = 65536, NOBODY = 0 };

static uint32_t painted[PORTS];
static struct port_pieces pieces;

static int setup(void **state)
{
	(void)state;
	memset(painted, 0, sizeof(painted));
	pieces = (struct port_pieces){ .count = 0 };
	return 0;
}

static void overlay(uint16_t first, uint16_t last, uint32_t owner)
{
	struct port_piece range = { first, last, owner };

	assert_int_equal(ports_overlay(&pieces, &range), 0);
	for (uint32_t port = first; port <= last; port++)
		painted[port] = owner;
}

static void expect_painted(void)
{
	uint32_t port = 0;

	for (size_t i = 0; i < pieces.count; i++) {
		const struct port_piece *piece = &pieces.piece[i];

		assert_true(piece->first <= piece->last && piece->first >= port);
		for (; port < piece->first; port++)
			assert_int_equal(painted[port], NOBODY);
		for (; port <= piece->last; port++)
			assert_int_equal(painted[port], piece->owner);
	}
	for (; port < PORTS; port++)
		assert_int_equal(painted[port], NOBODY);
}

static void a_range_within_cuts_the_other_in_two(void **state)
{
	(void)state;
	overlay(1, 65535, 1);
	overlay(8000, 8100, 2);
	assert_int_equal(pieces.count, 3);
	expect_painted();
}

static void the_first_and_the_last_port_leave_nothing_beside(void **state)
{
	(void)state;
	overlay(0, 65535, 1);
	overlay(0, 0, 2);
	overlay(65535, 65535, 3);
	assert_int_equal(pieces.count, 3);
	overlay(0, 65535, 4);
	assert_int_equal(pieces.count, 1);
	expect_painted();
}

static void ranges_of_any_shape(void **state)
{
	(void)state;
	srandom(7);
	for (int round = 0; round < 300; round++) {
		setup(NULL);
		for (uint32_t owner = 1; owner <= 40; owner++) {
			uint16_t a = (uint16_t)(random() % 60), b = (uint16_t)(random() % 60);

			overlay(a < b ? a : b, a < b ? b : a, owner);
		}
		expect_painted();
	}
}

static void more_pieces_than_there_is_room_for_are_refused(void **state)
{
	struct port_piece range = { 10, 10, 1 };
	struct port_pieces before;

	(void)state;
	for (uint16_t i = 0; i < POISE_MAX_RANGES; i++)
		overlay((uint16_t)(1000 + 10 * i), (uint16_t)(1005 + 10 * i), i + 1U);
	expect_painted();
	before = pieces;
	assert_int_equal(ports_overlay(&pieces, &range), -ENOSPC);
	range = (struct port_piece){ 1002, 1003, 1 };
	assert_int_equal(ports_overlay(&pieces, &range), -ENOSPC);
	assert_memory_equal(&pieces, &before, sizeof(before));
	overlay(1, 65535, 9);
	assert_int_equal(pieces.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_range_within_cuts_the_other_in_two, setup),
		cmocka_unit_test_setup(the_first_and_the_last_port_leave_nothing_beside, setup),
		cmocka_unit_test_setup(ranges_of_any_shape, setup),
		cmocka_unit_test_setup(more_pieces_than_there_is_room_for_are_refused, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
