/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* When checks begin, by a clock that the test turns: how evenly, how late, how much in step. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "check_shortage.h"
#include "check_times.h"

enum {
	CHECKS = 10000,
	SECOND = 1000000,
	BINS = 100, /* of an interval */
	SHARE = CHECKS / BINS,
};

static const int64_t start_us = 86400LL * SECOND * 7;

struct checked {
	struct check_times times;
	int64_t due_us;
};

static struct checked checks[CHECKS];

static void begin(struct check_clock *clock, int i, bool urgent, int64_t now)
{
	checks[i].due_us = check_times_first(clock, &checks[i].times, SECOND, urgent, now);
}

/* Every start in [from, from + 1 s), in bins; all checks answer at once. */
static void run_interval(struct check_clock *clock, int64_t from, uint8_t jitter, int bins[BINS])
{
	for (int i = 0; i < BINS; i++)
		bins[i] = 0;
	for (int i = 0; i < CHECKS; i++)
		while (checks[i].due_us < from + SECOND) {
			int64_t due = checks[i].due_us;

			if (due >= from)
				bins[(due - from) / (SECOND / BINS)]++;
			checks[i].due_us = check_times_next(clock, &checks[i].times, SECOND, jitter,
							    due < from ? from : due);
		}
}

static void expect_even(const int bins[BINS], int off, const char *when)
{
	for (int i = 0; i < BINS; i++)
		if (abs(bins[i] - SHARE) > off)
			fail_msg("%s: %d starts in 10 ms, expected %d, at most %d off", when,
				 bins[i], SHARE, off);
}

static void starts_are_evenly_spread(void **state)
{
	static const uint8_t jitters[] = { 0, 5, 50 };
	struct check_clock clock;
	int bins[BINS];

	(void)state;
	for (size_t j = 0; j < sizeof(jitters); j++) {
		check_clock_init(&clock, j, start_us);
		for (int i = 0; i < CHECKS; i++)
			begin(&clock, i, false, start_us);
		for (int turn = 0; turn < 6; turn++) {
			run_interval(&clock, start_us + turn * SECOND, jitters[j], bins);
			/* the first starts have no jitter, which the second ones miss */
			if (turn >= 2)
				expect_even(bins, jitters[j] ? 40 : 3, "after a start");
		}
	}
}

static bool is_replaced(int kind, int i)
{
	switch (kind) {
	case 0: /* a service, or several */
		return i >= CHECKS / 4 && i < CHECKS / 2;
	case 1: /* a host that is in every service */
		return i % 4 == 0;
	default:
		return rand() % 3 == 0;
	}
}

static void starts_are_evenly_spread_after_reloads(void **state)
{
	struct check_clock clock;
	int bins[BINS];
	int64_t now = start_us;

	(void)state;
	check_clock_init(&clock, 7, now);
	for (int i = 0; i < CHECKS; i++)
		begin(&clock, i, true, now);
	for (int reload = 0; reload < 30; reload++) {
		for (int i = 0; i < CHECKS; i++)
			if (is_replaced(reload % 3, i))
				begin(&clock, i, reload % 2, now);
		run_interval(&clock, now, 5, bins);
		now += SECOND;
		run_interval(&clock, now, 5, bins);
		now += SECOND;
	}
	run_interval(&clock, now, 5, bins);
	expect_even(bins, 50, "after 30 reloads");
}

/* They come before the service serves, so they hurry; but not all in one moment. */
static void urgent_checks_are_paced(void **state)
{
	int bins[BINS] = { 0 };
	struct check_clock clock;

	(void)state;
	check_clock_init(&clock, 3, start_us);
	for (int i = 0; i < CHECKS; i++) {
		begin(&clock, i, true, start_us + i);
		assert_in_range(checks[i].due_us, start_us, start_us + SECOND - 1);
		bins[(checks[i].due_us - start_us) / (SECOND / BINS)]++;
	}
	for (int i = 0; i < BINS; i++)
		assert_in_range(bins[i], 0, CHECK_TIMES_FIRST_CHECKS / 10 + 20);
	for (int i = 53; i < BINS; i++)
		assert_int_equal(bins[i], 0);
	/* and one that comes a second later need not wait for anything */
	begin(&clock, 0, true, start_us + SECOND);
	assert_in_range(checks[0].due_us, start_us + SECOND, start_us + SECOND + 100000);
}

/* Of the same configuration, started at the same moment. */
static void balancers_do_not_check_in_step(void **state)
{
	unsigned in_step = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct check_clock one, other;
		struct check_times times = { 0 };
		int64_t apart;

		check_clock_init(&one, 2 * seed, start_us);
		check_clock_init(&other, 2 * seed + 1, start_us);
		apart = check_times_first(&one, &times, SECOND, false, start_us);
		apart -= check_times_first(&other, &times, SECOND, false, start_us);
		in_step += llabs(apart) < SECOND / 50;
	}
	assert_in_range(in_step, 0, 20); /* 4 % by chance */
}

static void jitter_moves_each_start_within_its_bounds(void **state)
{
	struct check_clock clock;
	struct check_times times;
	int64_t due, least = SECOND, most = 0;

	(void)state;
	check_clock_init(&clock, 11, start_us);
	due = check_times_first(&clock, &times, SECOND, false, start_us);
	for (int i = 0; i < 1000; i++) {
		int64_t late = due - times.point_us;

		least = late < least ? late : least;
		most = late > most ? late : most;
		due = check_times_next(&clock, &times, SECOND, 20, due);
	}
	assert_in_range(least, 0, 1000);
	assert_in_range(most, 198000, 199999);
}

static void the_fast_interval_takes_over_at_once(void **state)
{
	struct check_clock clock;
	int64_t fast = SECOND / 5;

	(void)state;
	check_clock_init(&clock, 13, start_us);
	for (int i = 0; i < 1000; i++) {
		struct check_times times;
		int64_t due = check_times_first(&clock, &times, SECOND, false, start_us), next;

		next = check_times_next(&clock, &times, fast, 0, due);
		assert_in_range(next - due, fast / 2, 3 * fast / 2);
		due = next;
		next = check_times_next(&clock, &times, fast, 0, due);
		assert_int_equal(next - due, fast);
		due = next;
		next = check_times_next(&clock, &times, SECOND, 0, due);
		assert_in_range(next - due, SECOND / 2, 3 * SECOND / 2);
	}
}

/* A check that takes the whole interval is followed by the next one at once, whatever the jitter;
 * the rate stays that of the configuration. */
static void slow_checks_keep_their_rate(void **state)
{
	static const uint8_t jitters[] = { 0, 5, 50 };

	(void)state;
	for (size_t j = 0; j < sizeof(jitters); j++) {
		struct check_clock clock;
		struct check_times times;
		int64_t due, now;

		check_clock_init(&clock, j, start_us);
		due = check_times_first(&clock, &times, SECOND, false, start_us);
		for (int i = 0; i < 100; i++) {
			now = due + SECOND;
			due = check_times_next(&clock, &times, SECOND, jitters[j], now);
			due = due < now ? now : due;
		}
		assert_in_range(due - start_us, 100LL * SECOND, 103LL * SECOND * (100 + j) / 100);
	}
}

static void what_a_stop_missed_is_not_made_up_for(void **state)
{
	int64_t now = start_us + 100 * SECOND;
	struct check_clock clock;
	int at_once = 0;

	(void)state;
	check_clock_init(&clock, 17, start_us);
	for (int i = 0; i < CHECKS; i++) {
		int64_t due;

		begin(&clock, i, false, start_us);
		due = check_times_next(&clock, &checks[i].times, SECOND, 5, now);
		assert_in_range(due, now - SECOND / 5, now + SECOND + SECOND / 20);
		at_once += due <= now;
	}
	assert_in_range(at_once, 0, CHECKS / 5);
}

/* All in one moment, whatever put them off; and from there on they are as even as all others. */
static void those_that_give_way_together_come_back_spread(void **state)
{
	int bins[BINS] = { 0 };
	struct check_clock clock;

	(void)state;
	check_clock_init(&clock, 19, start_us);
	for (int i = 0; i < CHECKS; i++) {
		begin(&clock, i, true, start_us);
		checks[i].due_us =
			check_times_put_off(&clock, &checks[i].times, SECOND / 4, start_us);
		assert_in_range(checks[i].due_us, start_us + 1, start_us + SECOND / 4);
		bins[(checks[i].due_us - start_us - 1) / (SECOND / 4 / BINS)]++;
	}
	expect_even(bins, 3, "after giving way");
	for (int turn = 0; turn < 4; turn++)
		run_interval(&clock, start_us + turn * SECOND, 0, bins);
	expect_even(bins, 3, "and later");
}

/* Puts checks off each 100 ms in [from, to): when is it told first? -1: not at all. */
static int64_t told_at(struct check_shortage *shortage, int64_t from, int64_t to)
{
	for (int64_t now = from; now < to; now += SECOND / 10)
		if (check_shortage_tells(shortage, now))
			return now;
	return -1;
}

static void a_shortage_is_told_when_it_lasts(void **state)
{
	enum { LASTS = CHECK_SHORTAGE_LASTS_US, TELL = CHECK_SHORTAGE_TELL_US };
	struct check_shortage shortage = { 0 };
	int64_t now = start_us;

	(void)state;
	/* a start, and busy moments */
	for (int i = 0; i < 10; i++, now += LASTS + CHECK_SHORTAGE_ENDS_US)
		assert_int_equal(told_at(&shortage, now, now + LASTS), -1);
	assert_int_equal(told_at(&shortage, now, now + 2 * LASTS), now + LASTS);
	now += LASTS;
	assert_int_equal(told_at(&shortage, now + SECOND / 10, now + 2 * TELL), now + TELL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_are_evenly_spread),
		cmocka_unit_test(starts_are_evenly_spread_after_reloads),
		cmocka_unit_test(urgent_checks_are_paced),
		cmocka_unit_test(balancers_do_not_check_in_step),
		cmocka_unit_test(jitter_moves_each_start_within_its_bounds),
		cmocka_unit_test(the_fast_interval_takes_over_at_once),
		cmocka_unit_test(slow_checks_keep_their_rate),
		cmocka_unit_test(what_a_stop_missed_is_not_made_up_for),
		cmocka_unit_test(those_that_give_way_together_come_back_spread),
		cmocka_unit_test(a_shortage_is_told_when_it_lasts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
