/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "availability.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "balancer.h"
#include "config_values.h"
#include "log.h"
#include "poise_flow.h"
#include "standing.h"

enum {
	STEP_DISTANCE_MS = 1000, /* between two steps of a service's slow starts */
	STEP_SLOTS = 1 << 20,	 /* of rings that are built anew for slow starts at a time */
	ROUND_TO_MINUTES_MS = 120 * 1000,
};

static struct standing_rules rules_of(const struct service *service)
{
	return (struct standing_rules){ .damping = service->config.damping,
					.panic_threshold = service->config.panic_threshold,
					.slow_start_ms = service->config.slow_start_ms };
}

void availability_note(struct backend *backend, enum history_kind kind, const char *format, ...)
{
	char text[AVAILABILITY_TEXT_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	history_add(&backend->history, kind, time(NULL), text);
}

int64_t availability_held_until(const struct backend *backend)
{
	const struct damping *damping = &backend->standing.damping;

	if (!damping->held)
		return 0;
	return time(NULL) + (damping_hold_ms(damping, balancer_now_ms()) + 999) / 1000;
}

const char *availability_hold_text(const struct backend *backend,
				   char text[AVAILABILITY_TEXT_BYTES])
{
	const struct damping *damping = &backend->standing.damping;
	int64_t within_ms = damping->at_ms - damping->since_ms;
	time_t until = availability_held_until(backend);
	char clock[16] = "", past[64] = "it went up and down before a restart";
	struct tm local;

	if (localtime_r(&until, &local))
		strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	if (damping->changes && within_ms < ROUND_TO_MINUTES_MS)
		snprintf(past, sizeof(past), "it went down %u times within %lld s",
			 damping->changes, (long long)(within_ms + 999) / 1000);
	else if (damping->changes)
		snprintf(past, sizeof(past), "it went down %u times within %lld min",
			 damping->changes, (long long)(within_ms + 59999) / 60000);
	snprintf(text, AVAILABILITY_TEXT_BYTES, "%s, until %s", past, clock);
	return text;
}

void availability_health(struct backend *backend, bool up)
{
	struct standing_facts facts = backend_facts(backend);
	struct standing_rules rules = rules_of(backend->service);
	char text[AVAILABILITY_TEXT_BYTES];

	if (up || !(backend->record & POISE_RECORD_UP) ||
	    !standing_fell(&backend->standing, &facts, &rules, balancer_now_ms()))
		return;
	availability_hold_text(backend, text);
	log_event(LOG_LEVEL_WARNING,
		  &(struct log_fields){ .service = backend->service->config.name,
					.backend = backend->name },
		  "held down: %s", text);
	availability_note(backend, HISTORY_DAMPING, "held down: %s", text);
}

static void say_released(struct backend *backend, const char *why)
{
	log_event(LOG_LEVEL_INFO,
		  &(struct log_fields){ .service = backend->service->config.name,
					.backend = backend->name },
		  "no longer held down%s", why);
	availability_note(backend, HISTORY_DAMPING, "no longer held down%s", why);
}

bool availability_release(struct backend *backend)
{
	bool held = backend->standing.damping.held;

	damping_reset(&backend->standing.damping);
	if (held)
		say_released(backend, ": undrained by command");
	return held;
}

/* Slow start. */

static void say_slow_start(struct backend *backend)
{
	char duration[CONFIG_DURATION_BYTES];
	const char *service = backend->service->config.name;

	if (!backend->standing.slow_start.running)
		return;
	config_format_duration(backend->service->config.slow_start_ms, duration);
	log_event(LOG_LEVEL_INFO,
		  &(struct log_fields){ .service = service, .backend = backend->name },
		  "slow start: begins with weight %u of %u, which it has in %s",
		  backend_effective_weight(backend), backend->weight, duration);
	availability_note(backend, HISTORY_SLOW_START, "begins with weight %u of %u, rises for %s",
			  backend_effective_weight(backend), backend->weight, duration);
}

static void finish_slow_start(struct backend *backend, int64_t now)
{
	uint32_t duration = backend->service->config.slow_start_ms;

	if (!slow_start_finish(&backend->standing.slow_start, duration, now))
		return;
	log_event(LOG_LEVEL_INFO,
		  &(struct log_fields){ .service = backend->service->config.name,
					.backend = backend->name },
		  "slow start: over, weight %u", backend->weight);
	availability_note(backend, HISTORY_SLOW_START, "over, weight %u", backend->weight);
}

/* Returns whether the ring has a weight that is no longer right. */
static bool step_backend(struct balancer *balancer, struct backend *backend, int64_t now)
{
	if (!backend->standing.slow_start.running)
		return false;
	finish_slow_start(backend, now);
	if (backend->ring_weight == backend_effective_weight(backend))
		return false;
	backend_touch(backend);
	backend_write_record(balancer, backend);
	return true;
}

static uint32_t step_service(struct balancer *balancer, struct service *service, int64_t now)
{
	bool stale = false;

	if (now - service->stepped_ms < STEP_DISTANCE_MS)
		return 0;
	for (struct backend *b = service->backends; b; b = b->next)
		stale |= step_backend(balancer, b, now);
	if (!stale)
		return 0;
	service->stepped_ms = now;
	service_touch(service);
	balancer_commit_later(balancer);
	return service->ring.size;
}

/* Each service in its turn, and no more at a time than other events can wait for. */
static void step_slow_starts(struct balancer *balancer, int64_t now)
{
	uint32_t slots = 0;

	for (size_t i = 0; i < balancer->service_count && slots < STEP_SLOTS; i++) {
		if (balancer->step_next >= balancer->service_count)
			balancer->step_next = 0;
		slots += step_service(balancer, balancer->services[balancer->step_next++], now);
	}
}

void availability_set_slow_start(struct service *service, uint32_t before_ms)
{
	int64_t now = balancer_now_ms();

	for (struct backend *b = service->backends; b; b = b->next)
		slow_start_rescale(&b->standing.slow_start, before_ms,
				   service->config.slow_start_ms, now);
}

/* Decisions. */

static struct standing_verdict judge(const struct service *service, struct standing_tally *tally)
{
	struct standing_rules rules = rules_of(service);

	*tally = (struct standing_tally){ 0 };
	for (const struct backend *b = service->backends; b; b = b->next) {
		struct standing_facts facts = backend_facts(b);

		standing_count(tally, &facts, &b->standing);
	}
	/* too little is known before the first fill */
	if (!service->filled && !service_may_fill(service))
		return (struct standing_verdict){ .panic = false };
	return standing_judge(tally, &rules);
}

static void say_verdict(const struct service *service, struct standing_verdict before,
			const struct standing_tally *tally)
{
	const char *name = service->config.name;
	uint32_t up = tally->up + (service->verdict.unheld ? tally->held : 0);

	if (service->verdict.unheld && !before.unheld)
		log_event(LOG_LEVEL_WARNING, &(struct log_fields){ .service = name },
			  "backends that are held down are used, for only %u of %u "
			  "others are up",
			  tally->up, tally->members);
	if (service->verdict.panic && !before.panic)
		log_event(LOG_LEVEL_WARNING, &(struct log_fields){ .service = name },
			  "panic: %u of %u backends are up, fewer than %u%%: all "
			  "are used that have a next hop",
			  up, tally->members, service->config.panic_threshold);
	if (!service->verdict.panic && before.panic)
		log_event(LOG_LEVEL_INFO, &(struct log_fields){ .service = name },
			  "panic is over: %u of %u backends are up", up, tally->members);
}

/* panicked: whether the service's panic began or ended just now. */
static void decide_backend(struct backend *backend, bool panicked, int64_t now)
{
	struct service *service = backend->service;
	struct standing_rules rules = rules_of(service);
	struct standing_facts facts = backend_facts(backend);
	bool was_slow = backend->standing.slow_start.running;
	bool changed = standing_decide(&backend->standing, &facts, service->verdict, &rules,
				       service->filled, now);

	if (was_slow != backend->standing.slow_start.running) {
		backend_touch(backend);
		backend_write_record(service->balancer, backend);
		service_touch(service);
		say_slow_start(backend);
	}
	if (changed)
		service_touch(service);
	if (changed && panicked)
		availability_note(backend, HISTORY_PANIC, "%s",
				  backend->standing.eligible ? "used although it is not up"
							     : "no longer used, for it is not up");
}

static void decide_service(struct service *service, int64_t now)
{
	struct standing_verdict before = service->verdict;
	struct standing_tally tally;
	bool panicked;

	service->verdict = judge(service, &tally);
	panicked = service->verdict.panic != before.panic;
	say_verdict(service, before, &tally);
	for (struct backend *b = service->backends; b; b = b->next) {
		decide_backend(b, panicked, now);
		if (panicked || service->verdict.unheld != before.unheld)
			backend_touch(b);
	}
	service->undecided = false;
}

void availability_decide(struct balancer *balancer)
{
	int64_t now = balancer_now_ms();

	for (size_t i = 0; i < balancer->service_count; i++)
		if (balancer->services[i]->undecided)
			decide_service(balancer->services[i], now);
}

static void decay(struct balancer *balancer, struct backend *backend, int64_t now)
{
	bool off = !backend->service->config.damping && backend->standing.damping.held;

	if (off)
		damping_reset(&backend->standing.damping);
	if (!damping_decay(&backend->standing.damping, now) && !off)
		return;
	say_released(backend, off ? ": damping is off" : "");
	backend_write_record(balancer, backend);
	backend_refresh(balancer, backend);
}

void availability_tick(struct balancer *balancer)
{
	int64_t now = balancer_now_ms();

	for (size_t i = 0; i < balancer->service_count; i++)
		for (struct backend *b = balancer->services[i]->backends; b; b = b->next)
			if (b->standing.damping.changes || b->standing.damping.held)
				decay(balancer, b, now);
	step_slow_starts(balancer, now);
}

/* Restarts. */

void availability_store(const struct backend *backend, struct poise_backend_record *record)
{
	const struct standing *standing = &backend->standing;
	int64_t now = balancer_now_ms();

	record->penalty = damping_store(&standing->damping, now);
	if (standing->damping.held)
		record->flags |= POISE_RECORD_HELD;
	record->slow_start = slow_start_store(&standing->slow_start,
					      backend->service->config.slow_start_ms, now);
	record->stamp = balancer_clock();
}

/* While poised did not run, penalties grew old, but weights rested. */
void availability_restore(struct backend *backend, const struct poise_backend_record *record)
{
	uint16_t ticks = poise_age(balancer_clock(), record->stamp);
	int64_t now = balancer_now_ms(), age_ms = ((int64_t)ticks << POISE_TICK_SHIFT) / 1000000;

	damping_restore(&backend->standing.damping, record->penalty,
			record->flags & POISE_RECORD_HELD, now - age_ms);
	slow_start_restore(&backend->standing.slow_start, record->slow_start,
			   backend->service->config.slow_start_ms, now);
	backend->standing.eligible = backend->flags & POISE_BACKEND_ELIGIBLE;
}
