/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When each backend is checked (check_times.c reckons), and what becomes of the results
 * (health_state.c adds up).
 *
 * A health has one timer. Between checks it stands at the next start, during a check at the check's
 * deadline; so a check never overlaps with the next one.
 */
#include "health.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "check_shortage.h"
#include "check_times.h"
#include "curl_loop.h"
#include "echo.h"
#include "log.h"
#include "tls.h"

enum {
	US_PER_MS = 1000,
	US_PER_SECOND = 1000000,
	STALL_US = 50 * US_PER_MS, /* a deadline so late was held up by this process itself */
	LATE_US = 10 * US_PER_MS,  /* a start so late means that there is much to do */
	RETRY_US = 250 * US_PER_MS,
	PUT_OFF_US = 500 * US_PER_MS,	      /* at most, */
	PUT_OFF_UNKNOWN_US = 125 * US_PER_MS, /* and one without which nobody serves */
	NOT_RUN_TELL = 2, /* a start, when routes are not known for a moment, is no matter */
};

static const int64_t DAY_US = 24 * 3600 * (int64_t)US_PER_SECOND;

struct healths {
	struct check_env env;
	struct check_clock clock;
	uint32_t running; /* checks under way */
	struct check_shortage shortage;
};

struct health {
	struct healths *healths;
	struct check *check; /* NULL: CHECK_NONE */
	struct event *timer;
	health_changed changed;
	health_warned warned; /* NULL: none */
	void *context;
	int64_t interval_us, fast_us, timeout_us;
	uint16_t rise, fall;
	uint8_t jitter;
	bool running;	    /* a check is under way */
	bool stalled;	    /* it was begun anew once */
	bool has_warned;    /* it did */
	int64_t warned_us;  /* when 'warned' was called last for one that passed; 0: never */
	int64_t not_run_us; /* the same for those that are not run */
	uint32_t not_run;   /* in a row */
	struct check_times times;
	int64_t started_us; /* when the last or current check did, by the monotonic clock */
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
	int64_t delay = wake_us > now ? wake_us - now : 0; /* what is due already is not late yet */
	struct timeval timeout = {
		.tv_sec = delay / US_PER_SECOND,
		.tv_usec = delay % US_PER_SECOND,
	};

	health->wake_us = now + delay;
	return event_add(health->timer, &timeout) == 0 ? 0 : -ENOMEM;
}

static void schedule_next(struct health *health, int64_t now)
{
	bool doubted = health_state_is_doubted(health->status.state, &health->status.row);
	int64_t due = check_times_next(&health->healths->clock, &health->times,
				       doubted ? health->fast_us : health->interval_us,
				       health->jitter, now);

	set_timer(health, due, now);
}

/* The last thing that is done with a health: the callee may free it. */
static void report_change(struct health *health, enum health_state before)
{
	health->status.before = before;
	health->status.changed_at = time(NULL);
	health->changed(health->context, &health->status);
}

/* Of one without a check. */
static void be_up(struct health *health)
{
	enum health_state before = health->status.state;

	if (before == HEALTH_UP)
		return;
	health->status.state = HEALTH_UP;
	report_change(health, before);
}

static void count_result(struct health *health, bool passed, const char *error)
{
	struct health_status *status = &health->status;

	status->checks++;
	status->checked_at = time(NULL);
	health_row_add(&status->row, passed);
	if (!passed) {
		status->failures++;
		snprintf(status->error, sizeof(status->error), "%s", error);
	} else if (status->row.passed >= health->rise) {
		status->error[0] = '\0';
	}
}

/* From a kind, while the check is under way. */
static void check_warns(void *context, const char *warning)
{
	struct health *health = context;

	health->has_warned = true;
	snprintf(health->status.warning, sizeof(health->status.warning), "%s", warning);
}

static void tell_daily(struct health *health, int64_t *told_us, bool ran, int64_t now)
{
	if (!health->warned || (*told_us && now - *told_us < DAY_US))
		return;
	*told_us = now;
	health->warned(health->context, &health->status, ran);
}

/* A check passed. */
static void tell_warning(struct health *health, int64_t now)
{
	if (health->has_warned)
		tell_daily(health, &health->warned_us, true, now);
	else
		health->status.warning[0] = '\0';
}

static void not_run(struct health *health, const char *error, int64_t now)
{
	snprintf(health->status.error, sizeof(health->status.error), "%s", error);
	if (health->not_run < NOT_RUN_TELL)
		health->not_run++;
	if (health->not_run == NOT_RUN_TELL)
		tell_daily(health, &health->not_run_us, false, now);
	schedule_next(health, now);
	if (health->status.state == HEALTH_UNKNOWN) /* nobody knows so far, and that may be long */
		set_timer(health, now + RETRY_US, now);
}

static void set_running(struct health *health, bool running)
{
	health->healths->running += running - health->running;
	health->running = running;
}

static void check_ended(void *context, enum check_result result, const char *error)
{
	struct health *health = context;
	enum health_state before = health->status.state;
	int64_t now = clock_us();

	set_running(health, false);
	if (result == CHECK_NOT_RUN) {
		not_run(health, error, now);
		return;
	}
	health->stalled = false;
	health->not_run = 0;
	health->not_run_us = 0;
	health->status.last_duration_ms = (now - health->started_us) / US_PER_MS;
	if (result == CHECK_PASSED)
		tell_warning(health, now);
	count_result(health, result == CHECK_PASSED, error);
	health->status.state =
		health_state_after(before, &health->status.row, health->rise, health->fall);
	schedule_next(health, now);
	if (health->status.state != before)
		report_change(health, before);
}

static void start_check(struct health *health, int64_t now)
{
	char error[HEALTH_ERROR_BYTES];

	set_running(health, true);
	health->has_warned = false;
	health->started_us = now;
	set_timer(health, now + health->timeout_us, now);
	if (check_start(health->check, error) != 0)
		check_ended(health, CHECK_NOT_RUN, error);
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

/* Starts that come late say that there is no time for so many checks. More of them would only wait
 * until all deadlines are over, and every backend would seem down. */
static bool has_no_time(const struct health *health, int64_t now)
{
	return health->healths->running >= HEALTH_CROWD && now >= health->wake_us + LATE_US;
}

static void give_way(struct health *health, int64_t now)
{
	struct healths *healths = health->healths;
	bool unknown = health->status.state == HEALTH_UNKNOWN;
	int64_t within = unknown ? PUT_OFF_UNKNOWN_US : PUT_OFF_US;

	if (within > health->interval_us)
		within = health->interval_us;
	set_timer(health, check_times_put_off(&healths->clock, &health->times, within, now), now);
	if (check_shortage_tells(&healths->shortage, now))
		log_warning("checks are made less often: this host has no time for all of them");
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
		be_up(health);
	else if (health->running)
		end_check(health, now);
	else if (has_no_time(health, now))
		give_way(health, now);
	else
		start_check(health, now);
}

/* Two processes that start at the same moment may have the same clock, but not the same id here. */
static uint64_t random_seed(void)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == sizeof(seed))
		return seed;
	return (uint64_t)clock_us() << 20 ^ (uint64_t)getpid();
}

int healths_new(struct event_base *base, struct healths **out)
{
	struct healths *healths = calloc(1, sizeof(*healths));
	int r;

	if (!healths)
		return -ENOMEM;
	r = curl_loop_new(base, &healths->env.curl);
	if (r == 0)
		r = tls_contexts_new(&healths->env.tls);
	if (r == 0)
		r = echoes_new(base, &healths->env.echoes);
	if (r != 0) {
		healths_free(healths);
		return r;
	}
	healths->env.base = base;
	check_clock_init(&healths->clock, random_seed(), clock_us());
	*out = healths;
	return 0;
}

void healths_free(struct healths *healths)
{
	if (!healths)
		return;
	curl_loop_free(healths->env.curl);
	tls_contexts_free(healths->env.tls);
	echoes_free(healths->env.echoes);
	free(healths);
}

static int set_first_timer(struct health *health)
{
	int64_t now = clock_us(), due = now;

	if (health->check)
		due = check_times_first(&health->healths->clock, &health->times,
					health->interval_us, health->status.state == HEALTH_UNKNOWN,
					now);
	return set_timer(health, due, now);
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
	health->fast_us = health->interval_us;
	if (check->fast_interval_ms)
		health->fast_us = (int64_t)check->fast_interval_ms * US_PER_MS;
	health->timeout_us = (int64_t)check->timeout_ms * US_PER_MS;
	health->rise = check->rise;
	health->fall = check->fall;
	health->jitter = check->jitter;
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
	set_running(health, false);
	if (health->timer)
		event_free(health->timer);
	free(health);
}

const struct health_status *health_get(const struct health *health)
{
	return &health->status;
}
