/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The monotonic clock, and libevent's timers, in milliseconds. */
#ifndef POISE_TIMER_H
#define POISE_TIMER_H

#include <event2/event.h>
#include <stdint.h>
#include <time.h>

static inline int64_t timer_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* (Re)starts a timer. With 0 it runs in the loop's next turn, after events that are ready before.
 */
static inline void timer_set(struct event *timer, int64_t delay_ms)
{
	struct timeval delay = { .tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000 };

	evtimer_add(timer, &delay);
}

#endif
