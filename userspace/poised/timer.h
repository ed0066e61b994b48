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

/*
 * For work that goes on in the loop's next turn: how long it may take of this one, at least
 * least_ms. left_ms: when it was left in the last turn, 0: it begins. Where others' events fill the
 * turns, it gets half as much time as they took, so that it ends however many there are.
 */
static inline int64_t timer_share_ms(int64_t left_ms, int64_t least_ms)
{
	int64_t share = left_ms ? (timer_now_ms() - left_ms) / 2 : 0;
	int64_t most_ms = 10 * least_ms;

	return share < least_ms ? least_ms : share > most_ms ? most_ms : share;
}

/* (Re)starts a timer. With 0 it runs in the loop's next turn, after events that are ready before.
 */
static inline void timer_set(struct event *timer, int64_t delay_ms)
{
	struct timeval delay = { .tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000 };

	evtimer_add(timer, &delay);
}

#endif
