/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "upkeep.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "balancer.h"
#include "log.h"
#include "maps.h"
#include "poise_flow.h"

enum {
	SETTLE_INTERVAL_MS = 500,
	SWEEP_INTERVAL_MS = 50,
	SWEEP_BUCKETS = POISE_EXCEPTION_BUCKETS / 40, /* a round takes 2 s */
};

/* Whether any flow of the first bucket of this number is recorded in a second one. */
static bool has_spilled(const struct poise_exception_bucket *table, uint32_t number)
{
	for (uint32_t i = number; i < POISE_EXCEPTION_SECOND; i += POISE_EXCEPTION_FIRST)
		for (int way = 0; way < POISE_EXCEPTION_WAYS; way++)
			if (__atomic_load_n(&table[POISE_EXCEPTION_FIRST + i].word[way],
					    __ATOMIC_SEQ_CST))
				return true;
	return false;
}

/* Empties a place that holds word. After the first look packets may have gone on to a second
 * bucket; those that come to it after the second one mark the place themselves. */
static void vacate(struct poise_exception_bucket *table, uint32_t number, int way, __u64 word)
{
	bool marks = number < POISE_EXCEPTION_FIRST && way == 0;
	__u64 *place = &table[number].word[way], vacant = 0;

	if (marks && has_spilled(table, number))
		vacant = POISE_EXCEPTION_GAP;
	__atomic_compare_exchange_n(place, &word, vacant, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_RELAXED);
	if (vacant || !marks || !has_spilled(table, number))
		return;
	__atomic_compare_exchange_n(place, &vacant, POISE_EXCEPTION_GAP, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_RELAXED);
}

/* Removes what nobody may find any more; counts the rest. */
static void sweep_word(struct balancer *balancer, uint32_t number, int way, uint16_t now,
		       uint16_t settle)
{
	struct poise_exception_bucket *table = maps_exceptions(balancer->maps);
	__u64 word = __atomic_load_n(&table[number].word[way], __ATOMIC_RELAXED);
	uint32_t backend = poise_exception_backend(word);

	if (word == 0)
		return;
	if (poise_age(now, poise_exception_stamp(word)) >= settle || !balancer->by_index[backend])
		vacate(table, number, way, word);
	else
		balancer->counts[backend]++;
}

static void finish_round(struct balancer *balancer)
{
	balancer->sweep_round++;
	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++) {
		if (balancer->by_index[i])
			balancer->by_index[i]->exceptions = balancer->counts[i];
		else if (balancer->swept_at[i] && balancer->sweep_round >= balancer->swept_at[i])
			balancer->swept_at[i] = 0;
	}
	memset(balancer->counts, 0, POISE_MAX_BACKENDS * sizeof(*balancer->counts));
}

static void sweep(struct balancer *balancer, uint32_t buckets)
{
	uint16_t settle = maps_settings(balancer->maps)->settle_ticks;
	uint16_t now = balancer_clock();

	while (buckets--) {
		for (int way = 0; way < POISE_EXCEPTION_WAYS; way++)
			sweep_word(balancer, balancer->sweep_bucket, way, now, settle);
		if (++balancer->sweep_bucket < POISE_EXCEPTION_BUCKETS)
			continue;
		balancer->sweep_bucket = 0;
		finish_round(balancer);
	}
}

void upkeep_sweep(struct balancer *balancer)
{
	memset(balancer->counts, 0, POISE_MAX_BACKENDS * sizeof(*balancer->counts));
	balancer->sweep_bucket = 0;
	sweep(balancer, POISE_EXCEPTION_BUCKETS);
}

static void sweep_cb(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	sweep(context, SWEEP_BUCKETS);
}

static void settle_service(struct balancer *balancer, struct service *service)
{
	uint32_t before = service->moving;

	service->moving = ring_settle(&service->ring, balancer_clock(),
				      maps_settings(balancer->maps)->settle_ticks);
	if (service->moving == before)
		return;
	service_count_slots(balancer, service);
	if (service->moving == 0)
		log_info("service '%s': all slots are settled", service->config.name);
}

/* Closes the removed backends of a service whose connections are gone. Returns how many. */
static size_t close_gone(struct balancer *balancer, struct service *service)
{
	size_t count = 0;

	for (struct backend *b = service->backends; b; b = b->next) {
		if (b->state != POISE_RECORD_REMOVING || !backend_gone(balancer, b))
			continue;
		log_info("backend '%s/%s': removed, its connections are gone", service->config.name,
			 b->name);
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

static void settle_cb(evutil_socket_t fd, short what, void *context)
{
	struct balancer *balancer = context;
	int64_t now = balancer_now_ms();

	(void)fd;
	(void)what;
	for (size_t i = 0; i < balancer->service_count; i++) {
		struct service *service = balancer->services[i];

		if (service->moving)
			settle_service(balancer, service);
		if (!service->filled && now >= service->fill_by) {
			service_touch(service);
			balancer_commit_later(balancer);
		}
	}
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
	return balancer->settle_event && balancer->sweep_event ? 0 : -ENOMEM;
}

void upkeep_stop(struct balancer *balancer)
{
	if (balancer->settle_event)
		event_free(balancer->settle_event);
	if (balancer->sweep_event)
		event_free(balancer->sweep_event);
}
