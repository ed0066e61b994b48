/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "upkeep.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "availability.h"
#include "balancer.h"
#include "log.h"
#include "map_memory.h"
#include "maps.h"
#include "ring_ahead.h"
#include "ring_guess.h"
#include "ring_history.h"
#include "ring_stage.h"
#include "sweep.h"

enum { SETTLE_INTERVAL_MS = 500 };

static void sweep_cb(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	sweep_slice(context);
}

static void settle_service(struct service *service, int64_t now)
{
	if (service->waiting.slots && now >= service->waiting.next_ms)
		service_retry(service);
	if (!service->moving.recorded)
		return;
	if (!service_settle(service) || service->moving.recorded)
		return;
	if (service->moving.named)
		log_event(LOG_LEVEL_INFO, &(struct log_fields){ .service = service->config.name },
			  "no slot records connections any more, %u name other backends",
			  service->moving.named);
	else
		log_event(LOG_LEVEL_INFO, &(struct log_fields){ .service = service->config.name },
			  "all slots are settled");
}

/* Closes the removed backends of a service whose connections are gone. Returns how many. */
static size_t close_gone(struct balancer *balancer, struct service *service)
{
	size_t count = 0;

	for (struct backend *b = service->backends; b; b = b->next) {
		if (b->state != POISE_RECORD_REMOVING || !backend_gone(balancer, b))
			continue;
		log_event(
			LOG_LEVEL_INFO,
			&(struct log_fields){ .service = service->config.name, .backend = b->name },
			"removed, its connections are gone");
		service_forget_names(service, b->index);
		backend_close(balancer, b);
		count++;
	}
	return count;
}

/* One that the configuration still declares stays known, so that it stays removed. */
static void forget_gone(struct balancer *balancer)
{
	struct backend *next;
	size_t count = 0;

	for (size_t i = 0; i < balancer->service_count; i++)
		count += close_gone(balancer, balancer->services[i]);
	if (!count)
		return;
	maps_synchronize(balancer->maps); /* once for all of them: it takes milliseconds */
	for (size_t i = 0; i < balancer->service_count; i++)
		for (struct backend *b = balancer->services[i]->backends; b; b = next) {
			next = b->next;
			if (b->state == POISE_RECORD_REMOVED)
				backend_retire(balancer, b);
		}
}

static bool any_wants_names(const struct balancer *balancer)
{
	for (size_t i = 0; i < balancer->service_count; i++)
		if (ring_stage_wanted(balancer->services[i]))
			return true;
	return false;
}

static void drop_ahead(struct balancer *balancer)
{
	ring_ahead_free(balancer->ahead);
	balancer->ahead = NULL;
}

/* When rings have their owners, so that a change finds what it needs. */
static void prepare_moves(struct balancer *balancer)
{
	char why[MAP_MEMORY_WHY_BYTES];
	int err;

	for (size_t i = 0; i < balancer->service_count; i++)
		if (!balancer->services[i]->filled)
			return;
	if (balancer->service_count)
		balancer->empty = false;
	drop_ahead(balancer);
	if (balancer->service_count && !any_wants_names(balancer))
		ring_history_forget(balancer);
	err = maps_moves_ahead(balancer->maps);
	if (err && err != balancer->moves_error)
		log_error("rings: no memory for slots that move so far, it is tried again: %s",
			  err == -ENOMEM ? map_memory_why(why) : strerror(-err));
	balancer->moves_error = err;
}

static void settle_cb(evutil_socket_t fd, short what, void *context)
{
	struct balancer *balancer = context;
	int64_t now = balancer_now_ms();

	(void)fd;
	(void)what;
	for (size_t i = 0; i < balancer->service_count; i++) {
		struct service *service = balancer->services[i];

		settle_service(service, now);
		ring_guess_tick(service);
		if (service->ring_error)
			balancer_commit_later(balancer);
		if (!service->filled && now >= service->fill_by) {
			service->undecided = true;
			service_touch(service);
			balancer_commit_later(balancer);
		}
	}
	ring_stage_tick(balancer);
	availability_tick(balancer);
	prepare_moves(balancer);
	forget_gone(balancer);
}

static struct event *start_timer(struct event_base *base, event_callback_fn callback,
				 struct balancer *balancer, int interval_ms)
{
	struct timeval interval = { .tv_sec = interval_ms / 1000,
				    .tv_usec = interval_ms % 1000 * 1000 };
	struct event *timer = event_new(base, -1, EV_PERSIST, callback, balancer);

	if (timer)
		event_add(timer, &interval);
	return timer;
}

int upkeep_start(struct balancer *balancer)
{
	balancer->settle_event =
		start_timer(balancer->base, settle_cb, balancer, SETTLE_INTERVAL_MS);
	balancer->sweep_event = start_timer(balancer->base, sweep_cb, balancer, SWEEP_INTERVAL_MS);
	return balancer->settle_event && balancer->sweep_event ? ring_guess_start(balancer)
							       : -ENOMEM;
}

void upkeep_stop(struct balancer *balancer)
{
	ring_guess_stop(balancer);
	drop_ahead(balancer);
	ring_history_forget(balancer);
	if (balancer->settle_event)
		event_free(balancer->settle_event);
	if (balancer->sweep_event)
		event_free(balancer->sweep_event);
}
