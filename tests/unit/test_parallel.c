/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Work that is shared among threads: what is called, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "parallel.h"

enum { MAX_CALLS = 5000 };

static atomic_int calls[MAX_CALLS];
static atomic_int blocked, elsewhere;

static void forget(void)
{
	for (int i = 0; i < MAX_CALLS; i++)
		calls[i] = 0;
}

static void note(void *context, size_t number)
{
	assert_true(number < MAX_CALLS);
	atomic_fetch_add(&calls[number], 1);
	if (context)
		usleep(*(int *)context);
}

static void assert_called(size_t count)
{
	for (size_t i = 0; i < MAX_CALLS; i++)
		if (calls[i] != (i < count))
			fail_msg("call %zu: expected %d, got %d", i, i < count, calls[i]);
}

static void every_number_is_called_once(void **state)
{
	static const size_t counts[] = { 0, 1, 2, 3, 7, MAX_CALLS };

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		forget();
		assert_int_equal(parallel_run(counts[i], INT_MAX, note, NULL), counts[i]);
		assert_called(counts[i]);
	}
}

static void over_time_the_lowest_numbers_were_called(void **state)
{
	int pause_us = 2000;
	size_t made;

	(void)state;
	forget();
	made = parallel_run(MAX_CALLS, 10, note, &pause_us);
	assert_in_range(made, 1, MAX_CALLS - 1);
	assert_called(made);
}

/* Whoever calls again and again gets on, however little time there is. */
static void without_time_one_call_is_made(void **state)
{
	size_t made;

	(void)state;
	forget();
	made = parallel_run(MAX_CALLS, 0, note, NULL);
	assert_in_range(made, 1, MAX_CALLS - 1);
	assert_called(made);
}

static void see_mask(void *context, size_t number)
{
	sigset_t mask;

	(void)number;
	usleep(100); /* so that others get a part */
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	if (pthread_equal(pthread_self(), *(pthread_t *)context))
		return;
	atomic_fetch_add(&elsewhere, 1);
	atomic_fetch_add(&blocked, sigismember(&mask, SIGTERM));
}

static void signals_stay_with_the_first_thread(void **state)
{
	pthread_t self = pthread_self();
	sigset_t mask;

	(void)state;
	blocked = elsewhere = 0;
	parallel_run(200, INT_MAX, see_mask, &self);
	assert_int_equal(blocked, elsewhere);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_false(sigismember(&mask, SIGTERM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_is_called_once),
		cmocka_unit_test(over_time_the_lowest_numbers_were_called),
		cmocka_unit_test(without_time_one_call_is_made),
		cmocka_unit_test(signals_stay_with_the_first_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
