/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The clock of durations that people are shown: no step of the wall clock changes it, and time in
 * which the host was suspended counts. */
#ifndef POISE_BOOTTIME_H
#define POISE_BOOTTIME_H

#include <stdint.h>
#include <time.h>

/* Milliseconds since the host was booted. */
static inline int64_t boottime_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
