/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When people are told that checks are put off because there is no time for all of them: when it
 * lasts, not for what a start or a busy moment puts off. Times are microseconds of a clock that
 * only grows.
 */
#ifndef POISE_CHECK_SHORTAGE_H
#define POISE_CHECK_SHORTAGE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	CHECK_SHORTAGE_LASTS_US = 5 * 1000 * 1000,
	CHECK_SHORTAGE_ENDS_US = 2 * 1000 * 1000, /* without a check that was put off */
	CHECK_SHORTAGE_TELL_US = 60 * 1000 * 1000,
};

/* Of a process; zeroed at first. */
struct check_shortage {
	int64_t began_us, last_us; /* checks that were put off; 0: none was */
	int64_t told_us;	   /* 0: never */
};

/* A check is put off: is it time to tell? */
bool check_shortage_tells(struct check_shortage *shortage, int64_t now_us);

#endif
