// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The weight that a host asks for by its load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "load_weight.h"

static const struct {
	const char *name;
	double load, target;
	uint16_t said, expected;
} cases[] = {
	{ "idle", 0, 1, 0, 100 },
	{ "at the target", 1, 1, 0, 100 },
	{ "another target", 4, 4, 0, 100 },
	{ "a quarter above", 1.25, 1, 0, 80 },
	{ "twice the target", 2, 1, 0, 50 },
	{ "half of a small target's twice", 0.2, 0.1, 0, 50 },
	{ "rounded down", 1.6, 1, 0, 60 },
	{ "rounded up", 1.5, 1, 0, 70 },
	{ "never below the least", 1000, 1, 0, 10 },
	{ "trembling above: 100 % stay", 1.08, 1, 100, 100 },
	{ "beyond the margin: 90 %", 1.1, 1, 100, 90 },
	{ "trembling around 50 %, upwards", 1.75, 1, 50, 50 },
	{ "trembling around 50 %, downwards", 2.35, 1, 50, 50 },
	{ "beyond the margin, upwards", 1.72, 1, 50, 60 },
	{ "beyond the margin, downwards", 2.4, 1, 50, 40 },
	{ "back to idle", 0.1, 1, 90, 100 },
	{ "back to idle from the least", 0.1, 1, 10, 100 },
	{ "the least stays", 500, 1, 10, 10 },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint16_t got = load_weight(cases[i].load, cases[i].target, cases[i].said);

		if (got != cases[i].expected)
			fail_msg("%s: expected %u, got %u", cases[i].name, cases[i].expected, got);
	}
}

/* A load that swings within a step's width changes the weight once at most. */
static void test_keeps_still(void **state)
{
	uint16_t said = 0, changes = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint16_t now = load_weight(i % 2 ? 1.95 : 2.1, 1, said);

		changes += said && now != said;
		said = now;
	}
	assert_int_equal(changes, 0);
	assert_int_equal(said, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_keeps_still),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
