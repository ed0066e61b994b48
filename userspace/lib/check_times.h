/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When checks begin. Their times lie on grids: one point an interval, moved by a share of the
 * interval that is the check's own, so that all checks together are spread evenly; and each start
 * is later than its point by some jitter. The first point of all is random, so that no two
 * balancers check in step. Times are microseconds of a clock that only grows; random numbers come
 * from the seed alone.
 */
#ifndef POISE_CHECK_TIMES_H
#define POISE_CHECK_TIMES_H

#include <stdbool.h>
#include <stdint.h>

enum {
	CHECK_TIMES_FIRST_US = 100 * 1000, /* first checks that are urgent: so many */
	CHECK_TIMES_FIRST_CHECKS = 2000,   /* of them in such a time */
};

/* Of all checks of a process. */
struct check_clock {
	int64_t epoch_us;     /* where every grid begins */
	uint64_t serial;      /* of the next check */
	uint64_t random;      /* the generator's state */
	int64_t window_us;    /* where the urgent checks of now go, */
	uint32_t window_used; /* and how many do already */
};

/* Of one check. */
struct check_times {
	uint32_t phase;	  /* its share of the interval, in parts of 2^32 */
	int64_t point_us; /* of the grid, from which the last or next start was reckoned */
};

void check_clock_init(struct check_clock *clock, uint64_t seed, int64_t now_us);

/* The first start of a new check; urgent: nothing is known of the backend so far. */
int64_t check_times_first(struct check_clock *clock, struct check_times *times, int64_t interval_us,
			  bool urgent, int64_t now_us);

/* The start that follows the last one, which may have been reckoned with another interval: on
 * average an interval later, never less than half of one (jitter apart). What a stop of the process
 * made miss is not made up for. jitter: percent of the interval, at most 50. */
int64_t check_times_next(struct check_clock *clock, struct check_times *times, int64_t interval_us,
			 uint8_t jitter, int64_t now_us);

/* The start of a check that gives way to others, within that time: those that give way together do
 * not come back together. */
int64_t check_times_put_off(const struct check_clock *clock, struct check_times *times,
			    int64_t within_us, int64_t now_us);

#endif
