/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When each backend is checked, and what the results add up to.
 *
 * A health has one timer. Between checks it stands at the next start, during a check at the check's
 * deadline; so a check never overlaps with the next one. Starts lie on a grid: one point an
 * interval, moved by a share of the interval that is the backend's own.
 */
#include "health.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "curl_loop.h"

enum {
	US_PER_MS = 1000,
	US_PER_SECOND = 1000000,
	FIRST_SPREAD_US = 100 * US_PER_MS,
	STALL_US = 50 * US_PER_MS, /* a deadline so late was held up by this process itself */
	WARN_SECONDS = 24 * 3600,
	LATE_PARTS = 8, /* a start may come this part of an interval late */
};

struct healths {
	struct check_env env;
	int64_t epoch_us; /* where every grid begins */
	uint64_t serial;  /* of the next health */
};

struct health {
	struct healths *healths;
	struct check *check; /* NULL: CHECK_NONE */
	struct event *timer;
	health_changed changed;
	health_warned warned; /* NULL: none */
	void *context;
	int64_t interval_us, timeout_us;
	uint16_t rise, fall;
	bool running;	    /* a check is under way */
	bool stalled;	    /* it was begun anew once */
	bool has_warned;    /* it did */
	int64_t warned_at;  /* Unix seconds when 'warned' was called last */
	int64_t grid_us;    /* monotonic clock, a point of the grid */
	int64_t due_us;	    /* when the last or current check was to start */
	int64_t started_us; /* when it did */
	int64_t wake_us;    /* when the timer has something to do */
	struct health_status status;
};

static int64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)US_PER_SECOND + now.tv_nsec / 1000;
}

static int set_timer(struct health *health, int64_t wake_us, int64_t now)
{
	int64_t delay = wake_us > now ? wake_us - now : 0;
	struct timeval timeout = {
		.tv_sec = delay / US_PER_SECOND,
		.tv_usec = delay % US_PER_SECOND,
	};

	health->wake_us = wake_us;
	return event_add(health->timer, &timeout) == 0 ? 0 : -ENOMEM;
}

/* The first point of the health's grid after a time. */
static int64_t grid_after(const struct health *health, int64_t time_us)
{
	int64_t periods = (time_us - health->grid_us) / health->interval_us + 1;

	return health->grid_us + periods * health->interval_us;
}

/* After a long stop of this process the checks are not made up for: that would be all at once. */
static void schedule_next(struct health *health, int64_t now)
{
	int64_t after = now - health->interval_us / LATE_PARTS;

	if (after < health->due_us)
		after = health->due_us;
	health->due_us = grid_after(health, after);
	set_timer(health, health->due_us, now);
}

/* The last thing that is done with a health: the callee may free it. */
static void set_state(struct health *health, enum health_state state)
{
	if (state == health->status.state)
		return;
	health->status.state = state;
	health->status.changed_at = time(NULL);
	health->changed(health->context, &health->status);
}

static void count_result(struct health *health, bool passed, const char *error)
{
	struct health_status *status = &health->status;
	uint32_t *row = passed ? &status->passed : &status->failed;

	status->checks++;
	status->checked_at = time(NULL);
	if (*row < UINT32_MAX)
		(*row)++;
	if (passed) {
		status->failed = 0;
		if (status->passed >= health->rise)
			status->error[0] = '\0';
		return;
	}
	status->passed = 0;
	status->failures++;
	snprintf(status->error, sizeof(status->error), "%s", error);
}

static enum health_state state_after(const struct health *health)
{
	const struct health_status *status = &health->status;

	switch (status->state) {
	case HEALTH_UP:
		return status->failed >= health->fall ? HEALTH_DOWN : HEALTH_UP;
	case HEALTH_DOWN:
		return status->passed >= health->rise ? HEALTH_UP : HEALTH_DOWN;
	default:
		return status->passed ? HEALTH_UP : HEALTH_DOWN;
	}
}

/* From a kind, while the check is under way. */
static void check_warns(void *context, const char *warning)
{
	struct health *health = context;

	health->has_warned = true;
	snprintf(health->status.warning, sizeof(health->status.warning), "%s", warning);
}

/* A check passed. */
static void tell_warning(struct health *health)
{
	int64_t now = time(NULL);

	if (!health->has_warned)
		health->status.warning[0] = '\0';
	else if (health->warned && now - health->warned_at >= WARN_SECONDS) {
		health->warned_at = now;
		health->warned(health->context, &health->status);
	}
}

static void check_ended(void *context, enum check_result result, const char *error)
{
	struct health *health = context;
	int64_t now = clock_us();

	health->running = false;
	schedule_next(health, now);
	if (result == CHECK_NOT_RUN) {
		snprintf(health->status.error, sizeof(health->status.error), "%s", error);
		return;
	}
	health->stalled = false;
	health->status.last_duration_ms = (now - health->started_us) / US_PER_MS;
	if (result == CHECK_PASSED)
		tell_warning(health);
	count_result(health, result == CHECK_PASSED, error);
	set_state(health, state_after(health));
}

static void start_check(struct health *health, int64_t now)
{
	int r;

	health->running = true;
	health->has_warned = false;
	health->started_us = now;
	set_timer(health, now + health->timeout_us, now);
	r = health->check->kind->start(health->check);
	if (r != 0) {
		char error[HEALTH_ERROR_BYTES];

		snprintf(error, sizeof(error), CHECK_TEXT_NOT_RUN, strerror(-r));
		check_ended(health, CHECK_NOT_RUN, error);
	}
}

/* A deadline that comes much too late tells nothing of the backend, whose answer may lie unread:
 * the check begins anew, once. */
static void end_check(struct health *health, int64_t now)
{
	if (health->stalled || now < health->wake_us + STALL_US) {
		health->check->kind->expire(health->check);
		return;
	}
	health->stalled = true;
	health->check->kind->cancel(health->check);
	start_check(health, now);
}

static void timer_fired(evutil_socket_t fd, short what, void *context)
{
	struct health *health = context;
	int64_t now = clock_us();

	(void)fd;
	(void)what;
	/* libevent counts from when its loop last woke, which may be long before event_add() */
	if (now < health->wake_us)
		set_timer(health, health->wake_us, now);
	else if (!health->check)
		set_state(health, HEALTH_UP);
	else if (health->running)
		end_check(health, now);
	else
		start_check(health, now);
}

int healths_new(struct event_base *base, struct healths **out)
{
	struct healths *healths = calloc(1, sizeof(*healths));
	int r;

	if (!healths)
		return -ENOMEM;
	r = curl_loop_new(base, &healths->env.curl);
	if (r != 0) {
		free(healths);
		return r;
	}
	healths->env.base = base;
	healths->epoch_us = clock_us();
	*out = healths;
	return 0;
}

void healths_free(struct healths *healths)
{
	if (!healths)
		return;
	curl_loop_free(healths->env.curl);
	free(healths);
}

/*
 * A number in [0, range) that spreads evenly over the backends in any order of coming and going:
 * multiples of the golden ratio modulo 1 (Knuth, The Art of Computer Programming, 3, 6.4).
 */
static int64_t spread(uint64_t serial, int64_t range)
{
	uint64_t fraction = serial * 0x9e3779b97f4a7c15ULL >> 32;

	return (uint64_t)range * fraction >> 32;
}

static int set_first_timer(struct health *health)
{
	struct healths *healths = health->healths;
	uint64_t serial = healths->serial++;
	int64_t now = clock_us();

	if (!health->check)
		return set_timer(health, now, now);
	/* one interval back: before any time that grid_after() is asked for */
	health->grid_us =
		healths->epoch_us - health->interval_us + spread(serial, health->interval_us);
	if (health->status.state == HEALTH_UNKNOWN)
		health->due_us = now + spread(serial, health->interval_us < FIRST_SPREAD_US
							      ? health->interval_us
							      : FIRST_SPREAD_US);
	else
		health->due_us = grid_after(health, now);
	return set_timer(health, health->due_us, now);
}

static int health_init(struct health *health, const struct check_target *target,
		       const struct config_check *check)
{
	const struct check_env *env = &health->healths->env;

	if (check->type != CHECK_NONE) {
		if (check->interval_ms == 0 || check->timeout_ms == 0)
			return -EINVAL;
		health->check = check_new(env, target, check, check_ended, health);
		if (!health->check)
			return -errno;
		health->check->warned = check_warns;
	}
	health->interval_us = (int64_t)check->interval_ms * US_PER_MS;
	health->timeout_us = (int64_t)check->timeout_ms * US_PER_MS;
	health->rise = check->rise;
	health->fall = check->fall;
	health->timer = evtimer_new(env->base, timer_fired, health);
	return health->timer ? set_first_timer(health) : -ENOMEM;
}

struct health *health_new(struct healths *healths, const struct check_target *target,
			  const struct config_check *check, enum health_state initial,
			  health_changed changed, void *context)
{
	struct health *health = calloc(1, sizeof(*health));
	int r;

	if (!health)
		return NULL;
	health->healths = healths;
	health->status.state = initial;
	health->changed = changed;
	health->context = context;
	r = health_init(health, target, check);
	if (r == 0)
		return health;
	health_free(health);
	errno = -r;
	return NULL;
}

void health_set_warned(struct health *health, health_warned warned)
{
	health->warned = warned;
}

void health_free(struct health *health)
{
	if (!health)
		return;
	check_free(health->check);
	if (health->timer)
		event_free(health->timer);
	free(health);
}

const struct health_status *health_get(const struct health *health)
{
	return &health->status;
}

const char *health_state_text(enum health_state state)
{
	static const char *const texts[] = {
		[HEALTH_UNKNOWN] = "unknown",
		[HEALTH_UP] = "up",
		[HEALTH_DOWN] = "down",
	};

	return texts[state];
}
