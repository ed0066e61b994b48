/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "maps.h"
#include "poise_flow.h"

enum {
	/* A round takes 2 s; with more than 4,000,000 recorded flows longer, for a slice goes over
	 * 1 MB at most: 26 s with 2^26. */
	SWEEP_SLICES = 40,
	SWEEP_SLICE_BUCKETS = 1 << 14,
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

static void sweep_exception(struct balancer *balancer, uint32_t number, int way, uint16_t now)
{
	struct poise_exception_bucket *table = maps_exceptions(balancer->maps);
	uint16_t settle = maps_settings(balancer->maps)->settle_ticks;
	__u64 word = __atomic_load_n(&table[number].word[way], __ATOMIC_RELAXED);
	uint32_t backend = poise_exception_backend(word);

	if (word == 0)
		return;
	if (poise_age(now, poise_exception_stamp(word)) >= settle || !balancer->by_index[backend])
		vacate(table, number, way, word);
	else
		balancer->counts[backend]++;
}

static bool is_active(__u64 word)
{
	return word && poise_exception_state(word) != POISE_EXCEPTION_CLOSING;
}

static void sweep_flow(struct balancer *balancer, __u64 *place, uint16_t now)
{
	__u64 word = __atomic_load_n(place, __ATOMIC_RELAXED);
	uint32_t backend = poise_exception_backend(word);
	struct poise_backend_load *load = maps_load(balancer->maps, backend);

	if (word == 0)
		return;
	if (balancer->by_index[backend] &&
	    poise_age(now, poise_exception_stamp(word)) < load->idle_ticks) {
		balancer->counts[backend]++;
		balancer->flows_seen++;
		return;
	}
	if (__atomic_compare_exchange_n(place, &word, 0, false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED) &&
	    is_active(word))
		__atomic_fetch_sub(&load->active, 1, __ATOMIC_RELAXED);
}

/* number: of the exceptions' buckets, those of flows behind them. */
static void sweep_bucket(struct balancer *balancer, uint32_t number, uint16_t now)
{
	struct poise_exception_bucket *flows;
	uint32_t count;

	if (number < POISE_EXCEPTION_BUCKETS) {
		for (int way = 0; way < POISE_EXCEPTION_WAYS; way++)
			sweep_exception(balancer, number, way, now);
		return;
	}
	flows = maps_flows(balancer->maps, &count);
	for (int way = 0; way < POISE_EXCEPTION_WAYS; way++)
		sweep_flow(balancer, &flows[number - POISE_EXCEPTION_BUCKETS].word[way], now);
}

static void begin_round(struct balancer *balancer)
{
	memset(balancer->counts, 0, POISE_MAX_BACKENDS * sizeof(*balancer->counts));
	balancer->flows_seen = 0;
	balancer->sweep_bucket = 0;
}

/* Nobody's index may become another backend's, to which fragments must not follow. 0: the host. */
static bool is_nobody(void *context, uint32_t backend)
{
	const struct balancer *balancer = context;

	return backend && (backend >= POISE_MAX_BACKENDS || !balancer->by_index[backend]);
}

static void finish_round(struct balancer *balancer)
{
	balancer->sweep_round++;
	maps_fragments_forget(balancer->maps, is_nobody, balancer);
	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++) {
		if (balancer->by_index[i])
			balancer->by_index[i]->exceptions = balancer->counts[i];
		else if (balancer->swept_at[i] && balancer->sweep_round >= balancer->swept_at[i])
			balancer->swept_at[i] = 0;
	}
	balancer->lowest_index = 1;
	balancer->flows_used = balancer->flows_seen;
	begin_round(balancer);
}

static uint32_t count_buckets(struct balancer *balancer)
{
	uint32_t flows;

	maps_flows(balancer->maps, &flows);
	return POISE_EXCEPTION_BUCKETS + flows;
}

static void sweep(struct balancer *balancer, uint32_t buckets)
{
	uint32_t all = count_buckets(balancer);
	uint16_t now = balancer_clock();

	while (buckets--) {
		sweep_bucket(balancer, balancer->sweep_bucket, now);
		if (++balancer->sweep_bucket == all)
			finish_round(balancer);
	}
}

void sweep_slice(struct balancer *balancer)
{
	uint32_t buckets = count_buckets(balancer) / SWEEP_SLICES;

	sweep(balancer, buckets < SWEEP_SLICE_BUCKETS ? buckets : SWEEP_SLICE_BUCKETS);
}

void sweep_all(struct balancer *balancer)
{
	begin_round(balancer);
	sweep(balancer, count_buckets(balancer));
}

/* A backend's count, and by how much it is wrong: 0 when it changed meanwhile. */
struct recount {
	uint32_t before, found;
	uint32_t error; /* modulo 2^32 */
};

static void count_once(struct balancer *balancer, struct recount *counts)
{
	uint32_t buckets;
	const struct poise_exception_bucket *flows = maps_flows(balancer->maps, &buckets);

	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++)
		counts[i] = (struct recount){
			.before = __atomic_load_n(&maps_load(balancer->maps, i)->active,
						  __ATOMIC_SEQ_CST),
		};
	for (uint32_t i = 0; i < buckets; i++)
		for (int way = 0; way < POISE_EXCEPTION_WAYS; way++) {
			__u64 word = __atomic_load_n(&flows[i].word[way], __ATOMIC_RELAXED);

			if (is_active(word))
				counts[poise_exception_backend(word)].found++;
		}
	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++) {
		struct poise_backend_load *load = maps_load(balancer->maps, i);

		if (__atomic_load_n(&load->active, __ATOMIC_SEQ_CST) == counts[i].before)
			counts[i].error = counts[i].found - counts[i].before;
	}
}

/* Read twice: an error is one that stays. */
int sweep_recount(struct balancer *balancer)
{
	struct recount *first = calloc(POISE_MAX_BACKENDS, sizeof(*first));
	struct recount *second = calloc(POISE_MAX_BACKENDS, sizeof(*second));
	int err = first && second ? 0 : -ENOMEM;

	if (!err) {
		count_once(balancer, first);
		count_once(balancer, second);
		for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++)
			if (first[i].error == second[i].error)
				__atomic_fetch_add(&maps_load(balancer->maps, i)->active,
						   first[i].error, __ATOMIC_RELAXED);
	}
	free(first);
	free(second);
	return err;
}
