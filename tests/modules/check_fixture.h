/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the tests of health checks begin with: an event loop with checks and their scripted servers,
 * and healths whose changes are counted. For one test program to include; cmocka.h comes first.
 */
#ifndef POISE_CHECK_FIXTURE_H
#define POISE_CHECK_FIXTURE_H

#include <stdio.h>

#include "check.h"
#include "health.h"
#include "scripted_server.h"

enum { LIMIT_MS = 30000 }; /* a test that waits so long has failed */

static struct healths *healths;

#define run_while(condition, limit_ms)                                                             \
	for (int64_t end_ = clock_ms() + (limit_ms); (condition) && clock_ms() < end_;)            \
	event_base_loop(base, EVLOOP_ONCE)

struct watch {
	struct health *health;
	unsigned changes;
	bool free_self;
	struct watch *free_other;
};

static void watch_changed(void *context, const struct health_status *status)
{
	struct watch *watch = context;

	assert_int_not_equal(status->state, HEALTH_UNKNOWN);
	watch->changes++;
	if (watch->free_other) {
		health_free(watch->free_other->health);
		watch->free_other->health = NULL;
	}
	if (watch->free_self) {
		health_free(watch->health);
		watch->health = NULL;
	}
}

static struct config_check __attribute__((unused)) check_of(enum check_type type, uint16_t port)
{
	return (struct config_check){
		.type = type,
		.port = port,
		.interval_ms = 1000,
		.timeout_ms = 500,
		.rise = 2,
		.fall = 3,
		.expect = { { 200, 399 } },
		.expect_count = 1,
	};
}

static void __attribute__((unused))
watch_start(struct watch *watch, const char *address, const struct config_check *check,
	    enum health_state initial)
{
	struct check_target target = { .service = "web", .backend = "app" };

	assert_int_equal(address_parse(address, &target.address), 0);
	watch->health = health_new(healths, &target, check, initial, watch_changed, watch);
	assert_non_null(watch->health);
	assert_int_equal(watch->changes, 0);
}

static void tick(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
}

static struct event *ticker; /* so that run_while() looks at its condition */

static int setup(void **state)
{
	(void)state;
	base = event_base_new();
	ticker = event_new(base, -1, EV_PERSIST, tick, NULL);
	event_add(ticker, &(struct timeval){ .tv_usec = 10000 });
	return healths_new(base, &healths);
}

static int teardown(void **state)
{
	(void)state;
	healths_free(healths);
	event_free(ticker);
	event_base_free(base);
	return 0;
}

#endif
