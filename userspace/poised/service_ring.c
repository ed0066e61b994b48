/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A service's ring and schedule: who owns their slots, when they are filled first, and when they
 * are built. Rings are built at the same time on every CPU: one is a job that touches nothing but
 * its own service's slots and counts.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "fault.h"
#include "log.h"
#include "map_memory.h"
#include "maglev.h"
#include "maps.h"
#include "parallel.h"
#include "ring_ahead.h"
#include "ring_history.h"
#include "ring_stage.h"
#include "ring_wait.h"
#include "schedule.h"
#include "timer.h"

enum {
	BATCH_JOBS = 128,
	SLICE_MS = 20, /* that other events wait; a check's deadline must not come 50 ms late */
};

struct job {
	struct service *service;
	size_t place; /* of the service in the balancer's list */
	struct maglev_member *members;
	size_t count;
	uint64_t seed;
	uint16_t now, settle_ticks; /* coarse clock */
	uint8_t *flags;		    /* for ring_wait(); NULL: no slot waits */
	uint32_t changed;	    /* slots */
	struct ring_wait wait;
	int err;
};

/* By backend; all 0 but while one is in use. */
static _Thread_local struct ring_count slot_counts[POISE_MAX_BACKENDS];

static void take_counts(struct service *service)
{
	static const struct ring_count none;

	for (struct backend *b = service->backends; b; b = b->next) {
		if (b->ring.owned && !slot_counts[b->index].owned)
			b->left_ms = balancer_now_ms();
		b->ring = slot_counts[b->index];
		slot_counts[b->index] = none;
	}
	slot_counts[0] = none;
}

void service_count_slots(struct service *service)
{
	ring_count(&service->ring, slot_counts);
	take_counts(service);
}

/* By what packets do: one that is to get chains has none so far. */
enum ring_rules service_rules(const struct service *service)
{
	const struct config_service *config = &service->config;

	if (service->flags & POISE_SERVICE_CHAIN)
		return config->exceptions ? RING_CHAINS : RING_NAMES;
	return config->exceptions || config->second_chance ? RING_RECORDS : RING_AT_ONCE;
}

static struct ring_moving settle(struct service *service, uint16_t now, uint16_t settle_ticks)
{
	return ring_settle(&service->ring, now, settle_ticks, service_rules(service));
}

bool service_settle(struct service *service)
{
	const struct poise_settings *settings = maps_settings(service->balancer->maps);
	struct ring_moving before = service->moving;

	service->moving = settle(service, balancer_clock(), settings->settle_ticks);
	if (service->moving.recorded == before.recorded && service->moving.named == before.named)
		return false;
	service_count_slots(service);
	return true;
}

void service_forget_names(struct service *service, uint16_t index)
{
	ring_forget_names(&service->ring, index);
	service_settle(service);
	service_count_slots(service);
	service_retry(service);
}

void service_retry(struct service *service)
{
	if (!service->waiting.slots)
		return;
	service_touch(service);
	balancer_commit_later(service->balancer);
}

/* A first fill waits until it is known which backends are up: later ones would make slots move. */
bool service_may_fill(const struct service *service)
{
	if (balancer_now_ms() >= service->fill_by)
		return true;
	for (const struct backend *b = service->backends; b; b = b->next)
		if (b->state == POISE_RECORD_ACTIVE && !backend_known(b))
			return false;
	return true;
}

static size_t collect_members(struct service *service, struct maglev_member *members)
{
	size_t count = 0;

	for (struct backend *b = service->backends; b; b = b->next) {
		if (!backend_eligible(b))
			continue;
		b->ring_weight = backend_effective_weight(b);
		members[count++] = (struct maglev_member){ .address = b->address,
							   .index = b->index,
							   .weight = b->ring_weight };
		b->exposed = true;
	}
	return count;
}

/* Flows that are all recorded need no slots to be led by. */
static bool may_move(const struct service *service)
{
	return service->filled && !(service->flags & POISE_SERVICE_RECORD);
}

/* Of each of the service's backends, by index: which slots may wait depends on it. */
static int collect_flags(struct service *service, uint8_t **out)
{
	uint8_t *flags;

	if (!may_move(service) || service_rules(service) != RING_NAMES)
		return 0;
	flags = calloc(POISE_MAX_BACKENDS, sizeof(*flags));
	if (!flags)
		return -ENOMEM;
	for (const struct backend *b = service->backends; b; b = b->next)
		flags[b->index] = backend_flags(b);
	*out = flags;
	return 0;
}

/* What a job needs of its service, as that is now. */
static struct job make_job(struct balancer *balancer, size_t place)
{
	const struct poise_settings *settings = maps_settings(balancer->maps);
	struct service *service = balancer->services[place];
	struct job job = { .service = service,
			   .place = place,
			   .seed = settings->seed,
			   .now = balancer_clock(),
			   .settle_ticks = settings->settle_ticks };

	job.members = calloc(service->backend_count + 1, sizeof(*job.members));
	if (!job.members)
		job.err = -ENOMEM;
	else if (may_move(service))
		job.err = maps_ring_allow_moves(balancer->maps, &service->extent, &service->ring);
	if (!job.err)
		job.err = collect_flags(service, &job.flags);
	if (!job.err)
		job.count = collect_members(service, job.members);
	if (!job.err && job.count)
		ring_stage_begin(service);
	return job;
}

/* To count its slots anew would take as long as to fill them. */
static void fill(struct job *job, const uint16_t *owners)
{
	job->changed = job->service->ring.size;
	ring_fill(&job->service->ring, owners);
	FAULT_POINT("ring-written");
	for (size_t i = 0; i < job->count; i++)
		slot_counts[job->members[i].index].owned = job->members[i].slots;
	take_counts(job->service);
}

static void change(struct job *job, uint16_t *owners)
{
	struct service *service = job->service;

	if (job->flags)
		job->wait =
			ring_wait(&service->ring, owners, job->flags, job->now, job->settle_ticks);
	job->changed = ring_change(&service->ring, owners, job->now, service_rules(service));
	FAULT_POINT("ring-written");
	service->moving = settle(service, job->now, job->settle_ticks);
	service_count_slots(service);
}

static int build_owners(struct job *job)
{
	uint32_t size = job->service->ring.size;
	uint16_t *owners = malloc(size * sizeof(*owners));
	int err = owners ? 0 : -ENOMEM;

	if (!err && !ring_ahead_take(job->service->balancer->ahead, job->place, job->members,
				     job->count, size, job->seed, owners))
		err = maglev_build(job->members, job->count, size, job->seed, owners);
	if (!err)
		may_move(job->service) ? change(job, owners) : fill(job, owners);
	free(owners);
	return err;
}

/* Packets walk it meanwhile, a slot at a time. */
static int build_schedule(const struct job *job)
{
	struct ring *schedule = &job->service->schedule;
	uint16_t *slots;
	int err;

	if (!schedule->size)
		return 0;
	slots = malloc(schedule->size * sizeof(*slots));
	err = slots ? schedule_build(job->members, job->count, schedule->size, slots) : -ENOMEM;
	if (!err)
		ring_fill(schedule, slots);
	free(slots);
	return err;
}

/* In any thread, beside other jobs. */
static void do_job(void *context, size_t number)
{
	struct job *job = (struct job *)context + number;

	if (!job->err)
		job->err = build_owners(job);
	if (!job->err)
		job->err = build_schedule(job);
}

static int64_t after_ticks(uint16_t ticks)
{
	return balancer_now_ms() + (((int64_t)ticks << POISE_TICK_SHIFT) + 999999) / 1000000;
}

/* What waits is pinned as a change under way, so that the next poised goes on with it. */
static void note_wait(struct service *service, const struct ring_wait *wait)
{
	uint32_t before = service->waiting.slots;

	service->waiting = (struct waiting_slots){ .slots = wait->slots,
						   .next_ms = after_ticks(wait->next_ticks),
						   .last_ms = after_ticks(wait->last_ticks) };
	if (wait->slots && wait->slots != before)
		log_event(LOG_LEVEL_INFO, &(struct log_fields){ .service = service->config.name },
			  "%u slots keep their owner for %lld s at most: their next change would "
			  "break connections younger than 'settle'",
			  wait->slots,
			  (long long)(service->waiting.last_ms - balancer_now_ms() + 999) / 1000);
}

/* members: backends that own slots. Said when the last one went, and when one is back. */
static void note_members(struct service *service, size_t members)
{
	const struct log_fields fields = { .service = service->config.name };

	if (service->ownerless == (members == 0))
		return;
	service->ownerless = members == 0;
	if (service->ownerless)
		log_event(LOG_LEVEL_WARNING, &fields,
			  "no backend takes new connections: they are dropped");
	else
		log_event(LOG_LEVEL_INFO, &fields,
			  "new connections are taken again, by %zu "
			  "backends",
			  members);
}

/* Said once until it is built; upkeep.c tries again meanwhile. err: 0 or a negative errno. */
static void note_error(struct service *service, int err)
{
	const struct log_fields fields = { .service = service->config.name };
	char why[MAP_MEMORY_WHY_BYTES];

	if (err && err != service->ring_error)
		log_event(LOG_LEVEL_ERROR, &fields,
			  "cannot build its ring, which stays as it was and is tried again: %s",
			  err == -ENOMEM ? map_memory_why(why) : strerror(-err));
	else if (!err && service->ring_error)
		log_event(LOG_LEVEL_INFO, &fields, "its ring is built now");
	service->ring_error = err;
}

static void finish_job(struct job *job)
{
	struct service *service = job->service;

	service->urgent = false;
	service->dirty = job->err != 0;
	note_error(service, job->err);
	if (job->err)
		return;
	service->filled = true;
	if (job->count)
		ring_history_begin(service);
	else if (!service->stage.active)
		service->stage.until_ms = 0; /* its time begins when some backend is up */
	if (job->changed)
		log_event(LOG_LEVEL_INFO, &(struct log_fields){ .service = service->config.name },
			  "%u of %u slots have a new owner, %u are moving", job->changed,
			  service->ring.size, service->moving.recorded + service->moving.named);
	note_members(service, job->count);
	note_wait(service, &job->wait);
	if (service->published)
		service_write_record(service, service->dirty || service->waiting.slots ||
						      service->stage.active);
}

static bool is_due(struct service *service, bool urgent)
{
	return service->dirty && (service->urgent || !urgent) &&
	       (service->filled || service_may_fill(service)) && !ring_stage_waits(service);
}

/* From the service on whose turn it is, so that none waits for others for ever. */
static size_t list_jobs(struct balancer *balancer, bool urgent, struct job *jobs)
{
	size_t count = 0, place = balancer->ring_next;

	for (size_t i = 0; i < balancer->service_count && count < BATCH_JOBS; i++, place++) {
		if (place >= balancer->service_count)
			place = 0;
		balancer->services[place]->urgent &= balancer->services[place]->dirty;
		if (is_due(balancer->services[place], urgent))
			jobs[count++] = make_job(balancer, place);
	}
	return count;
}

/* Returns whether there may be more to do at once. */
static bool build_batch(struct balancer *balancer, bool urgent, int limit_ms)
{
	struct job jobs[BATCH_JOBS];
	size_t count = list_jobs(balancer, urgent, jobs), failed = 0, done;

	if (!count)
		return false;
	done = parallel_run(count, limit_ms, do_job, jobs);
	for (size_t i = 0; i < done; i++) {
		finish_job(&jobs[i]);
		failed += jobs[i].err != 0;
	}
	for (size_t i = 0; i < count; i++) {
		free(jobs[i].members);
		free(jobs[i].flags);
	}
	balancer->ring_next = jobs[done - 1].place + 1;
	return done < count || (count == BATCH_JOBS && failed < count);
}

/* One batch, or as many as there is time for where other events fill the turns. */
bool rings_build(struct balancer *balancer)
{
	int64_t share_ms, left_ms, end_ms;
	bool more;

	while (build_batch(balancer, true, INT_MAX))
		;
	left_ms = share_ms = timer_share_ms(balancer->rings_left_ms, SLICE_MS);
	end_ms = timer_now_ms() + share_ms;
	do {
		more = build_batch(balancer, false, left_ms);
		left_ms = end_ms - timer_now_ms();
	} while (more && left_ms > 0 && share_ms > SLICE_MS);
	balancer->rings_left_ms = more ? timer_now_ms() : 0;
	return more;
}
