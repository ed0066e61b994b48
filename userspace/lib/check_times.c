/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "check_times.h"

#include <stddef.h>

enum { LATE_PARTS = 8 /* a start may come this part of an interval late, jitter apart */ };

static const int64_t epoch_spread_us = 3600LL * 1000000; /* the longest interval */

/* SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014). */
static uint64_t draw(struct check_clock *clock)
{
	uint64_t z = clock->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static int64_t share_of(int64_t range_us, uint32_t part)
{
	return (int64_t)((uint64_t)range_us * part >> 32);
}

/* At least 0, less than range_us. */
static int64_t draw_below(struct check_clock *clock, int64_t range_us)
{
	return share_of(range_us, (uint32_t)(draw(clock) >> 32));
}

void check_clock_init(struct check_clock *clock, uint64_t seed, int64_t now_us)
{
	*clock = (struct check_clock){ .random = seed, .window_us = now_us };
	/* before any time that grid_after() is asked for */
	clock->epoch_us = now_us - 2 * epoch_spread_us - draw_below(clock, epoch_spread_us);
}

/*
 * Multiples of the golden ratio modulo 1 spread evenly in any order of coming and going (Knuth, The
 * Art of Computer Programming, 3, 6.4).
 */
static uint32_t take_phase(struct check_clock *clock)
{
	return (uint32_t)(clock->serial++ * 0x9e3779b97f4a7c15ULL >> 32);
}

/* The first point after a time. */
static int64_t grid_after(const struct check_clock *clock, const struct check_times *times,
			  int64_t interval_us, int64_t time_us)
{
	int64_t first = clock->epoch_us + share_of(interval_us, times->phase);

	return first + ((time_us - first) / interval_us + 1) * interval_us;
}

static int64_t first_of_all(struct check_clock *clock, const struct check_times *times,
			    int64_t interval_us, int64_t now_us)
{
	int64_t spread = interval_us < CHECK_TIMES_FIRST_US ? interval_us : CHECK_TIMES_FIRST_US;

	if (clock->window_us < now_us - CHECK_TIMES_FIRST_US) {
		clock->window_us = now_us;
		clock->window_used = 0;
	} else if (clock->window_used == CHECK_TIMES_FIRST_CHECKS) {
		clock->window_us += CHECK_TIMES_FIRST_US;
		clock->window_used = 0;
	}
	clock->window_used++;
	return (clock->window_us > now_us ? clock->window_us : now_us) +
	       share_of(spread, times->phase);
}

int64_t check_times_first(struct check_clock *clock, struct check_times *times, int64_t interval_us,
			  bool urgent, int64_t now_us)
{
	times->phase = take_phase(clock);
	if (urgent)
		times->point_us = first_of_all(clock, times, interval_us, now_us);
	else
		times->point_us = grid_after(clock, times, interval_us, now_us);
	return times->point_us;
}

int64_t check_times_put_off(const struct check_clock *clock, struct check_times *times,
			    int64_t within_us, int64_t now_us)
{
	times->point_us = grid_after(clock, times, within_us, now_us);
	return times->point_us;
}

int64_t check_times_next(struct check_clock *clock, struct check_times *times, int64_t interval_us,
			 uint8_t jitter, int64_t now_us)
{
	int64_t jitter_us = interval_us * jitter / 100;
	int64_t after = times->point_us + interval_us / 2;
	int64_t missed = now_us - interval_us / LATE_PARTS - jitter_us;

	if (after < missed)
		after = missed;
	times->point_us = grid_after(clock, times, interval_us, after);
	return times->point_us + draw_below(clock, jitter_us);
}
