/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Threads live as long as one call: starting one takes some 20 microseconds, and while none runs
 * there is nothing to wake, to stop, or to be interrupted.
 */
#include "parallel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

enum { MAX_HELPERS = 31 };

struct run {
	void (*work)(void *context, size_t number);
	void *context;
	size_t count;
	int64_t end_ms; /* monotonic */
	atomic_size_t next;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)1000 + now.tv_nsec / 1000000;
}

/* Works until nothing is left, or the time is over. */
static void *take_part(void *context)
{
	struct run *run = context;
	size_t number;

	while (!atomic_load(&run->next) || now_ms() < run->end_ms) {
		number = atomic_fetch_add(&run->next, 1);
		if (number >= run->count)
			break;
		run->work(run->context, number);
	}
	return NULL;
}

static size_t count_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
}

/* Signals are the first thread's. Returns how many were started. */
static size_t start_helpers(pthread_t *helpers, size_t wanted, struct run *run)
{
	sigset_t all, before;
	size_t count = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (count < wanted && pthread_create(&helpers[count], NULL, take_part, run) == 0)
		count++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return count;
}

size_t parallel_run(size_t count, int64_t time_ms, void (*work)(void *context, size_t number),
		    void *context)
{
	struct run run = {
		.work = work, .context = context, .count = count, .end_ms = now_ms() + time_ms
	};
	pthread_t helpers[MAX_HELPERS];
	size_t wanted = count > 1 ? count_cpus() - 1 : 0, started, made;

	if (wanted > MAX_HELPERS)
		wanted = MAX_HELPERS;
	if (count > 1 && wanted > count - 1)
		wanted = count - 1;
	started = start_helpers(helpers, wanted, &run);
	take_part(&run);
	for (size_t i = 0; i < started; i++)
		pthread_join(helpers[i], NULL);
	made = atomic_load(&run.next);
	return made < count ? made : count;
}
