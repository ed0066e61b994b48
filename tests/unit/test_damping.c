/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Damping and slow start, each by itself: limits, times, and what a restart keeps. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "damping.h"
#include "slow_start.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND };

/* Goes down every so often; returns how many times until it is held, 0: never. */
static unsigned falls_until_held(int64_t every_ms)
{
	struct damping damping = { 0 };

	for (unsigned i = 1; i <= 1000; i++) {
		damping_decay(&damping, i * every_ms);
		if (damping_count(&damping, i * every_ms))
			return i;
	}
	return 0;
}

static void what_flaps_fast_enough_is_held(void **state)
{
	(void)state;
	assert_int_equal(falls_until_held(1), 4);
	assert_int_equal(falls_until_held(5 * SECOND), 4);
	assert_int_equal(falls_until_held(30 * SECOND), 5); /* five within two minutes */
	assert_int_equal(falls_until_held(40 * SECOND), 6);
	assert_int_equal(falls_until_held(MINUTE), 0);
	assert_int_equal(falls_until_held(60 * MINUTE), 0);
}

static void a_penalty_halves(void **state)
{
	struct damping damping = { 0 };

	(void)state;
	damping_count(&damping, 0);
	assert_int_equal(damping_penalty(&damping, 0), 1000);
	assert_int_equal(damping_penalty(&damping, DAMPING_HALF_LIFE_MS), 500);
	damping_count(&damping, DAMPING_HALF_LIFE_MS);
	assert_int_equal(damping_penalty(&damping, DAMPING_HALF_LIFE_MS), 1500);
	assert_int_equal(damping.changes, 2);
	assert_int_equal(damping.since_ms, 0);
	/* and is forgotten in the end, with the changes that it stands for */
	damping_decay(&damping, 10 * MINUTE);
	assert_int_equal(damping.changes, 0);
	assert_true(damping_penalty(&damping, 10 * MINUTE) == 0);
}

/* Until the very millisecond that was told. */
static void it_is_released_when_it_was_told(void **state)
{
	struct damping damping = { 0 };
	int64_t hold;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(damping_count(&damping, i * SECOND), i == 3);
	hold = damping_hold_ms(&damping, 3 * SECOND);
	assert_in_range(hold, 230 * SECOND, 242 * SECOND);
	assert_false(damping_decay(&damping, 3 * SECOND + hold - 2));
	assert_true(damping.held);
	assert_true(damping_decay(&damping, 3 * SECOND + hold + 1));
	assert_false(damping.held);
	assert_false(damping_decay(&damping, 3 * SECOND + hold + 2));
	assert_int_equal(damping_hold_ms(&damping, 3 * SECOND + hold + 2), 0);
	/* one more fall, and the penalty that is left does not hold it at once */
	assert_false(damping_count(&damping, 3 * SECOND + hold + 3));
}

static void it_is_held_for_ten_minutes_at_most(void **state)
{
	struct damping damping = { 0 };
	int64_t hold;

	(void)state;
	for (int i = 0; i < 100000; i++)
		damping_count(&damping, i);
	hold = damping_hold_ms(&damping, 100000);
	assert_in_range(hold, DAMPING_MAX_MS - 101, DAMPING_MAX_MS);
	assert_int_equal(damping.changes, UINT16_MAX);
}

static void a_restart_keeps_the_penalty(void **state)
{
	struct damping damping = { 0 }, after;

	(void)state;
	for (int i = 0; i < 6; i++) {
		uint8_t stored;

		damping_count(&damping, i * SECOND);
		stored = damping_store(&damping, i * SECOND);
		damping_restore(&after, stored, damping.held, 1000 * MINUTE);
		assert_int_equal(after.held, damping.held);
		assert_in_range(damping_penalty(&after, 1000 * MINUTE),
				damping_penalty(&damping, i * SECOND),
				damping_penalty(&damping, i * SECOND) + DAMPING_STORED_UNIT);
	}
	damping_restore(&after, 0, true, 0);
	assert_false(after.held);
}

/* Slow start. */

static void weight_rises_in_steps(void **state)
{
	static const struct {
		uint32_t duration_ms;
		int64_t elapsed_ms;
		uint16_t weight, expected;
	} cases[] = {
		{ 30000, 0, 100, 10 },
		{ 30000, 3333, 100, 10 },
		{ 30000, 3334, 100, 20 },
		{ 30000, 15000, 100, 50 },
		{ 30000, 29999, 100, 90 },
		{ 30000, 30000, 100, 100 },
		{ 30000, 90000, 100, 100 },
		{ 30000, 0, 1000, 100 },
		{ 30000, 0, 5, 1 },
		{ 30000, 15000, 5, 2 },
		{ 30000, 0, 1, 1 },
		{ 30000, 0, 0, 0 },
		/* fewer steps, each of a second */
		{ 3000, 999, 100, 10 },
		{ 3000, 1000, 100, 40 },
		{ 3000, 2000, 100, 70 },
		{ 1000, 999, 100, 10 },
		{ 1000, 1000, 100, 100 },
		{ 0, 0, 100, 100 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct slow_start slow = { 0 };
		int64_t now = 5 * MINUTE;
		uint16_t got;

		slow_start_begin(&slow, now);
		got = slow_start_weight(&slow, cases[i].duration_ms, cases[i].weight,
					now + cases[i].elapsed_ms);
		if (got != cases[i].expected)
			fail_msg("case %zu: expected %u, got %u", i, cases[i].expected, got);
	}
}

static void there_are_ten_weights_at_most(void **state)
{
	struct slow_start slow = { 0 };
	unsigned changes = 0;
	uint16_t last = 0;

	(void)state;
	slow_start_begin(&slow, 0);
	for (int64_t now = 0; now <= 60 * MINUTE; now += SECOND) {
		uint16_t weight = slow_start_weight(&slow, 60 * MINUTE, 1000, now);

		assert_true(weight >= last);
		changes += weight != last;
		last = weight;
	}
	assert_int_equal(changes, SLOW_START_STEPS + 1);
	assert_int_equal(last, 1000);
}

static void it_ends_once(void **state)
{
	struct slow_start slow = { 0 };

	(void)state;
	assert_false(slow_start_finish(&slow, 1000, 5000));
	slow_start_begin(&slow, 5000);
	assert_false(slow_start_finish(&slow, 1000, 5999));
	assert_true(slow_start_finish(&slow, 1000, 6000));
	assert_false(slow_start_finish(&slow, 1000, 6000));
	assert_int_equal(slow_start_weight(&slow, 1000, 50, 5001), 50);
}

/* At any moment, also that of a step; the clock may be another one after it. */
static void a_restart_does_not_jump(void **state)
{
	static const uint32_t durations[] = { 1000, 2500, 30000, 3600000 };

	(void)state;
	for (size_t d = 0; d < sizeof(durations) / sizeof(*durations); d++)
		for (int64_t now = 0; now < durations[d]; now += durations[d] / 250) {
			struct slow_start slow = { 0 }, after;
			uint16_t before, weight;

			slow_start_begin(&slow, 0);
			slow_start_restore(&after, slow_start_store(&slow, durations[d], now),
					   durations[d], 99 * MINUTE);
			before = slow_start_weight(&slow, durations[d], 1000, now);
			weight = slow_start_weight(&after, durations[d], 1000, 99 * MINUTE);
			assert_true(after.running);
			/* a fraction of a step early, where one is near */
			assert_in_range(weight, before, before + 900);
			if (weight != before)
				assert_int_equal(weight,
						 slow_start_weight(&slow, durations[d], 1000,
								   now + durations[d] / 127));
		}
}

static void another_duration_keeps_the_weight(void **state)
{
	struct slow_start slow = { 0 };

	(void)state;
	slow_start_begin(&slow, 0);
	slow_start_rescale(&slow, 30000, 300000, 16000);
	assert_int_equal(slow_start_weight(&slow, 300000, 100, 16000), 50);
	assert_int_equal(slow_start_weight(&slow, 300000, 100, 16000 + 140001), 100);
	slow_start_rescale(&slow, 300000, 0, 16000);
	assert_int_equal(slow_start_weight(&slow, 0, 100, 16000), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_flaps_fast_enough_is_held),
		cmocka_unit_test(a_penalty_halves),
		cmocka_unit_test(it_is_released_when_it_was_told),
		cmocka_unit_test(it_is_held_for_ten_minutes_at_most),
		cmocka_unit_test(a_restart_keeps_the_penalty),
		cmocka_unit_test(weight_rises_in_steps),
		cmocka_unit_test(there_are_ten_weights_at_most),
		cmocka_unit_test(it_ends_once),
		cmocka_unit_test(a_restart_does_not_jump),
		cmocka_unit_test(another_duration_keeps_the_weight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
