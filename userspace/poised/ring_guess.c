/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ring_guess.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "log.h"
#include "maglev.h"
#include "maps.h"
#include "parallel.h"
#include "ring_stage.h"
#include "timer.h"

enum {
	BATCH_JOBS = 16,
	SLICE_MS = 10,
};

/* One ring, built without a backend; without: 0 for the one with those that drain. */
struct job {
	struct service *service;
	uint16_t without, now; /* coarse clock */
	uint64_t seed;
	struct maglev_member *members;
	size_t count;
};

static bool is_eligible_undrained(const struct backend *backend)
{
	struct standing_facts facts = backend_facts(backend);

	facts.drained = false;
	return standing_eligible(&facts, &backend->standing, backend->service->verdict);
}

static bool takes_part(const struct job *job, const struct backend *backend)
{
	if (!job->without)
		return is_eligible_undrained(backend);
	return backend->index != job->without && backend_eligible(backend);
}

static bool list_members(struct job *job)
{
	struct service *service = job->service;

	job->members = calloc(service->backend_count + 1, sizeof(*job->members));
	for (const struct backend *b = service->backends; b && job->members; b = b->next)
		if (takes_part(job, b))
			job->members[job->count++] =
				(struct maglev_member){ .address = b->address,
							.index = b->index,
							.weight = backend_effective_weight(b) };
	return job->members;
}

/* Names another one in a slot, behind what was guessed before; what moves by now knows better. */
static void name(const struct job *job, uint32_t slot, uint16_t other)
{
	struct ring *ring = &job->service->ring;
	struct poise_move move;
	uint16_t word = ring_read(ring, slot, &move), owner = word & POISE_SLOT_OWNER;

	if (!owner || owner == other || (job->without && owner != job->without))
		return;
	if (!(word & POISE_SLOT_MOVING))
		ring_guess(ring, slot, other, 0, job->now);
	else if (ring_is_guess(move) && !(move.earlier & POISE_MOVE_EARLIER))
		ring_guess(ring, slot, move.previous, other, job->now);
}

/* In any thread; no two jobs name anything in the same slot. */
static void do_job(void *context, size_t number)
{
	struct job *job = (struct job *)context + number;
	uint32_t size = job->service->ring.size;
	uint16_t *owners = malloc(size * sizeof(*owners));

	if (owners && job->members &&
	    !maglev_build(job->members, job->count, size, job->seed, owners))
		for (uint32_t i = 0; i < size; i++)
			name(job, i, owners[i]);
	free(owners);
}

/* The jobs that one service has left; the first one, of those that drain, by itself. */
static size_t list_jobs(struct service *service, struct job *jobs)
{
	struct guess *guess = &service->guess;
	size_t count = 0;

	while (guess->next < guess->count && count < BATCH_JOBS) {
		jobs[count] = (struct job){ .service = service,
					    .without = guess->without[guess->next++],
					    .now = balancer_clock(),
					    .seed = maps_settings(service->balancer->maps)->seed };
		list_members(&jobs[count++]);
		if (guess->next == 1)
			break;
	}
	return count;
}

static void work_on(struct service *service)
{
	struct job jobs[BATCH_JOBS];
	size_t count = list_jobs(service, jobs);
	size_t done = count ? parallel_run(count, SLICE_MS, do_job, jobs) : 0;

	for (size_t i = 0; i < count; i++)
		free(jobs[i].members);
	service->guess.next -= count - done;
	if (service->guess.next < service->guess.count)
		return;
	ring_guess_end(service);
	service_settle(service);
	log_event(LOG_LEVEL_INFO, &(struct log_fields){ .service = service->config.name },
		  "no history: %u slots name who may have connections", service->moving.named);
	ring_stage_end(service);
}

static void guess_cb(evutil_socket_t fd, short what, void *context)
{
	struct balancer *balancer = context;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < balancer->service_count; i++)
		if (balancer->services[i]->guess.without) {
			work_on(balancer->services[i]);
			ring_stage_tick(balancer);
			timer_set(balancer->guess_event, 0);
			return;
		}
}

int ring_guess_start(struct balancer *balancer)
{
	balancer->guess_event = evtimer_new(balancer->base, guess_cb, balancer);
	return balancer->guess_event ? 0 : -ENOMEM;
}

void ring_guess_stop(struct balancer *balancer)
{
	if (balancer->guess_event)
		event_free(balancer->guess_event);
}

static size_t list_owners(const struct service *service, uint16_t *out)
{
	size_t count = 0;

	out[count++] = 0;
	for (const struct backend *b = service->backends; b; b = b->next)
		if (b->ring.owned)
			out[count++] = b->index;
	return count;
}

bool ring_guess_begin(struct service *service)
{
	struct balancer *balancer = service->balancer;
	struct guess *guess = &service->guess;

	if ((uint64_t)service->backend_count * service->ring.size > RING_GUESS_MAX_SLOTS) {
		log_event(LOG_LEVEL_WARNING,
			  &(struct log_fields){ .service = service->config.name },
			  "no history, and too many backends to guess one: connections of before "
			  "may break; see poise ring export");
		return false;
	}
	if (maps_ring_allow_moves(balancer->maps, &service->extent, &service->ring))
		return false;
	guess->without = calloc(service->backend_count + 1, sizeof(*guess->without));
	if (!guess->without)
		return false;
	guess->count = list_owners(service, guess->without);
	guess->next = 0;
	guess->made = true;
	guess->made_ms = balancer_now_ms();
	timer_set(balancer->guess_event, 0);
	return true;
}

/* How long ago it was made nobody knows: it has its whole time once more. */
void ring_guess_adopt(struct service *service)
{
	struct poise_move move;

	if (!(service->flags & POISE_SERVICE_CHAIN))
		return;
	for (uint32_t i = 0; i < service->ring.size && !service->guess.made; i++) {
		ring_read(&service->ring, i, &move);
		service->guess.made = ring_is_guess(move);
	}
	service->guess.made_ms = balancer_now_ms();
}

void ring_guess_end(struct service *service)
{
	free(service->guess.without);
	service->guess.without = NULL;
}

void ring_guess_tick(struct service *service)
{
	struct guess *guess = &service->guess;
	struct poise_move move;

	if (!guess->made || guess->without ||
	    balancer_now_ms() - guess->made_ms < (int64_t)service->balancer->config->settle_ms)
		return;
	for (uint32_t i = 0; i < service->ring.size; i++) {
		ring_read(&service->ring, i, &move);
		if (ring_is_guess(move))
			ring_name(&service->ring, i, 0, 0, 0);
	}
	guess->made = false;
	service_settle(service);
	log_event(LOG_LEVEL_INFO, &(struct log_fields){ .service = service->config.name },
		  "names that were a guess are given up, %u slots name backends",
		  service->moving.named);
}
