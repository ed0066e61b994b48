/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The allotment of ring slots: first fit, no overlap, no extent over a segment's end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "extents.h"

enum { SEGMENTS = 3, SLOTS = 100 };

static struct extent take(struct extents *extents, uint32_t size)
{
	struct extent extent;

	assert_int_equal(extents_allocate(extents, size, &extent), 0);
	assert_int_equal(extent.size, size);
	return extent;
}

static void assert_place(struct extent extent, uint32_t segment, uint32_t base)
{
	assert_int_equal(extent.segment, segment);
	assert_int_equal(extent.base, base);
}

static void test_first_fit(void **state)
{
	struct extents extents;
	struct extent first;

	(void)state;
	extents_init(&extents, SEGMENTS, SLOTS);
	first = take(&extents, 40);
	assert_place(first, 0, 0);
	assert_place(take(&extents, 40), 0, 40);
	assert_place(take(&extents, 40), 1, 0); /* 20 are left in segment 0: not across its end */
	assert_place(take(&extents, 20), 0, 80);
	assert_int_equal(extents_release(&extents, &first), 0);
	assert_place(take(&extents, 30), 0, 0);
	assert_place(take(&extents, 10), 0, 30);
	extents_free(&extents);
}

static void test_refusals(void **state)
{
	struct extents extents;
	struct extent extent = { .segment = 0, .base = 10, .size = 10 }, out;

	(void)state;
	extents_init(&extents, 1, SLOTS);
	assert_int_equal(extents_allocate(&extents, SLOTS + 1, &out), -ENOSPC);
	assert_int_equal(extents_allocate(&extents, 0, &out), -ENOSPC);
	assert_int_equal(extents_reserve(&extents, &extent), 0);
	assert_int_equal(extents_allocate(&extents, 81, &out), -ENOSPC);
	assert_int_equal(extents_reserve(&extents, &extent), -EEXIST);
	extent.base = 19;
	assert_int_equal(extents_reserve(&extents, &extent), -EEXIST);
	assert_int_equal(extents_release(&extents, &extent), -ENOENT);
	extent.base = 95;
	assert_int_equal(extents_reserve(&extents, &extent), -EINVAL);
	extent = (struct extent){ .segment = 1, .base = 0, .size = 1 };
	assert_int_equal(extents_reserve(&extents, &extent), -EINVAL);
	extents_free(&extents);
}

/* Random takes and releases against a plain array of who has each slot. */
static void test_random(void **state)
{
	struct extent held[64] = {};
	uint8_t owner[SEGMENTS][SLOTS] = {};
	struct extents extents;

	(void)state;
	srandom(1);
	extents_init(&extents, SEGMENTS, SLOTS);
	for (int step = 0; step < 20000; step++) {
		int i = random() % 64;

		if (held[i].size) {
			memset(&owner[held[i].segment][held[i].base], 0, held[i].size);
			assert_int_equal(extents_release(&extents, &held[i]), 0);
			held[i].size = 0;
		} else if (extents_allocate(&extents, random() % 30 + 1, &held[i]) == 0) {
			assert_true(held[i].segment < SEGMENTS);
			assert_true(held[i].base + held[i].size <= SLOTS);
			for (uint32_t s = 0; s < held[i].size; s++) {
				assert_int_equal(owner[held[i].segment][held[i].base + s], 0);
				owner[held[i].segment][held[i].base + s] = 1;
			}
		} else {
			held[i].size = 0;
		}
	}
	extents_free(&extents);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_fit),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
