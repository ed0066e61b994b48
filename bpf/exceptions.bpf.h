/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The exceptions table: connections that the ring alone would send to the wrong backend. Buckets of
 * eight words in a cache line, shared by all CPUs, changed by compare-and-exchange alone. The table
 * of recorded flows (flows.bpf.h) is made of the same buckets. Which of the two a bucket is of is
 * told by the first of the four events that its records may cause, a constant.
 */
#ifndef POISE_EXCEPTIONS_BPF_H
#define POISE_EXCEPTIONS_BPF_H

#include "count.bpf.h"
#include "poise_flow.h"

enum {
	EXCEPTION_TRIES = 4,
	WAY_BITS = 3,
	/* Ranks of what a full bucket gives up first; within a rank the oldest (age < 2^16). */
	RANK_EMPTY = 3 << 16,
	RANK_OWN = RANK_EMPTY + 1, /* the flow's own, being replaced */
	RANK_EXPIRED = 2 << 16,
	RANK_HALF_OPEN = 1 << 16,
};

/* Both tables' events stand in the same order behind the first one. */
enum {
	EVENT_EVICTED_HALF_OPEN =
		POISE_EVENT_EXCEPTION_EVICTED_HALF_OPEN - POISE_EVENT_EXCEPTION_RECORDED,
	EVENT_EVICTED = POISE_EVENT_EXCEPTION_EVICTED - POISE_EVENT_EXCEPTION_RECORDED,
	EVENT_LOST = POISE_EVENT_EXCEPTION_LOST - POISE_EVENT_EXCEPTION_RECORDED,
};
_Static_assert((int)POISE_EVENT_FLOW_EVICTED_HALF_OPEN - (int)POISE_EVENT_FLOW_RECORDED ==
			       EVENT_EVICTED_HALF_OPEN &&
		       (int)POISE_EVENT_FLOW_EVICTED - (int)POISE_EVENT_FLOW_RECORDED ==
			       EVENT_EVICTED &&
		       (int)POISE_EVENT_FLOW_LOST - (int)POISE_EVENT_FLOW_RECORDED == EVENT_LOST,
	       "order of events");

struct exception {
	__u64 *place; /* of the bucket, or NULL when there is none */
	__u64 word;
};

/* What a compare-and-exchange did to a place; the same twice when it did nothing. */
struct exception_change {
	__u64 before, after;
};

/* The clock as it was last read, of all CPUs: jiffies << 16 | ticks. */
static __u64 clock_last;

/*
 * The coarse clock. It goes forward with the jiffies, which the verifier makes a load, while asking
 * for the clock itself is a call: so that is done once a jiffy.
 */
static __always_inline __u16 clock_ticks(void)
{
	__u64 jiffies = bpf_jiffies64() << 16, last = READ_ONCE(clock_last);
	__u16 ticks = last;

	if (unlikely(last - ticks != jiffies)) {
		ticks = bpf_ktime_get_coarse_ns() >> POISE_TICK_SHIFT;
		WRITE_ONCE(clock_last, jiffies | ticks);
	}
	return ticks;
}

/* Every change of a word. Returns what it was; a dry run leaves it and says that it was changed. */
static __always_inline __u64 exception_exchange(__u64 *place, __u64 before, __u64 after)
{
	return poise_dry ? before : __sync_val_compare_and_swap(place, before, after);
}

static __always_inline struct poise_exception_bucket *exception_first(__u64 hash)
{
	__u32 number = poise_exception_first(hash);

	return bpf_map_lookup_elem(&exceptions, &number);
}

static __always_inline struct poise_exception_bucket *exception_second(__u64 hash)
{
	__u32 number = poise_exception_second(hash);

	return bpf_map_lookup_elem(&exceptions, &number);
}

/* Whether records of the first bucket's flows may be in a second one. */
static __always_inline bool exception_spilled(const struct poise_exception_bucket *first)
{
	return READ_ONCE(first->word[0]) != 0;
}

/*
 * Makes the verifier forget what it knows of a number, by adding and taking away one that it does
 * not know. Otherwise it follows every place of a bucket, and every rank, as a path of its own.
 */
static __always_inline __u32 forget(__u32 number, __u64 hash)
{
	__u32 unknown = hash;

	number += unknown;
	barrier_var(number);
	return number - unknown;
}

/*
 * The words of the bucket with the hash's fingerprint, each XORed with 'expected', a word with that
 * fingerprint; 0 when there is none, and all of them ORed when there are several. Without branches:
 * which of the eight it is cannot be predicted.
 */
static __always_inline __u64 exception_match(const struct poise_exception_bucket *bucket,
					     __u64 expected)
{
	__u64 match = 0;

#pragma clang loop unroll(full)
	for (__u32 way = 0; way < POISE_EXCEPTION_WAYS; way++) {
		__u64 difference = READ_ONCE(bucket->word[way]) ^ expected;
		__s64 other = difference >> POISE_EXCEPTION_PRINT_SHIFT;

		match |= difference & (other - 1) >> 63;
		barrier_var(match); /* one after the other: there are few registers */
	}
	return match;
}

/* Finds the flow's exception; one idle for settle ticks or longer counts as absent. */
static __always_inline struct exception exception_find(struct poise_exception_bucket *bucket,
						       __u64 hash, __u16 now, __u16 settle)
{
	struct exception found = {};
	__u32 way;

#pragma clang loop unroll(disable)
	for (way = 0; way < POISE_EXCEPTION_WAYS; way++) {
		__u64 word = READ_ONCE(bucket->word[way]);

		if ((word ^ hash) >> POISE_EXCEPTION_PRINT_SHIFT || !poise_exception_backend(word))
			continue;
		if (poise_age(now, poise_exception_stamp(word)) < settle)
			break;
	}
	if (way == POISE_EXCEPTION_WAYS)
		return found;
	found.place = &bucket->word[forget(way, hash) & (POISE_EXCEPTION_WAYS - 1)];
	found.word = READ_ONCE(*found.place);
	if ((found.word ^ hash) >> POISE_EXCEPTION_PRINT_SHIFT) /* another CPU gave it up */
		found.place = NULL;
	return found;
}

/* Writes to the shared line only when something changes: once a tick for a busy connection. */
static __always_inline struct exception_change exception_renew(const struct exception *exception,
							       __u64 hash, __u32 state, __u16 now)
{
	__u64 word =
		poise_exception_make(hash, poise_exception_backend(exception->word), state, now);
	struct exception_change change = { exception->word, exception->word };

	if (word != exception->word &&
	    exception_exchange(exception->place, exception->word, word) == change.before)
		change.after = word;
	return change;
}

/* lifetime: ticks after which a record has expired. */
static __always_inline __u32 rank_of(__u64 word, __u64 hash, __u16 now, __u16 lifetime)
{
	__u16 age = poise_age(now, poise_exception_stamp(word));

	if (!poise_exception_backend(word))
		return RANK_EMPTY;
	if (!((word ^ hash) >> POISE_EXCEPTION_PRINT_SHIFT))
		return RANK_OWN;
	if (age >= lifetime)
		return RANK_EXPIRED + age;
	if (poise_exception_state(word) == POISE_EXCEPTION_HALF_OPEN)
		return RANK_HALF_OPEN + age;
	return age;
}

/*
 * Of a recorded flow, which lives as long as its service says. Not inlined: the verifier would
 * follow each way through it for each place of a bucket, which are too many for Linux 6.1.
 */
__noinline int exception_rank_flow(__u64 word, __u64 hash, __u32 now)
{
	__u32 backend = poise_exception_backend(word);
	struct poise_backend_load *load = bpf_map_lookup_elem(&backend_load, &backend);

	return rank_of(word, hash, now, load ? READ_ONCE(load->idle_ticks) : 0);
}

static __always_inline __u32 exception_rank(__u64 word, __u64 hash, __u16 now, __u16 settle,
					    __u32 events)
{
	if (events == POISE_EVENT_EXCEPTION_RECORDED)
		return rank_of(word, hash, now, settle);
	return exception_rank_flow(word, hash, now);
}

static __always_inline void exception_count_recorded(__u32 rank, __u32 events)
{
	count_event(events);
	if (rank < RANK_HALF_OPEN)
		count_event(events + EVENT_EVICTED);
	else if (rank < RANK_EXPIRED)
		count_event(events + EVENT_EVICTED_HALF_OPEN);
}

/* The place that is worth least: its rank << WAY_BITS | way. */
static __always_inline __u32 exception_worst(const struct poise_exception_bucket *bucket,
					     __u64 hash, __u16 now, __u16 settle, __u32 events)
{
	__u32 worst = 0;

#pragma clang loop unroll(disable)
	for (__u32 way = 0; way < POISE_EXCEPTION_WAYS; way++) {
		__u32 rank =
			exception_rank(READ_ONCE(bucket->word[way]), hash, now, settle, events);
		__u32 candidate = forget(rank, hash) << WAY_BITS | way;

		if (candidate > worst)
			worst = candidate;
	}
	return forget(worst, hash);
}

/* Records a connection that just began, in the place that is worth least. */
static __always_inline struct exception_change exception_record(
	struct poise_exception_bucket *bucket, __u64 hash, __u32 backend, __u16 now, __u16 settle,
	__u32 events)
{
	__u64 word = poise_exception_make(hash, backend, POISE_EXCEPTION_HALF_OPEN, now);

#pragma clang loop unroll(disable)
	for (int try = 0; try < EXCEPTION_TRIES; try++) {
		__u32 worst = exception_worst(bucket, hash, now, settle, events);
		__u64 *place = &bucket->word[worst & (POISE_EXCEPTION_WAYS - 1)];
		__u64 victim = READ_ONCE(*place);

		/* another CPU may have changed the place since it was ranked */
		if (exception_rank(victim, hash, now, settle, events) != worst >> WAY_BITS)
			continue;
		if (exception_exchange(place, victim, word) == victim) {
			exception_count_recorded(worst >> WAY_BITS, events);
			return (struct exception_change){ victim, word };
		}
	}
	count_event(events + EVENT_LOST);
	return (struct exception_change){};
}

/* The one of the flow's buckets to record it in. */
static __always_inline struct poise_exception_bucket *exception_choose(
	struct poise_exception_bucket *first, struct poise_exception_bucket *second, __u64 hash,
	__u16 now, __u16 settle)
{
	__u32 worst, other;

	if (!exception_spilled(first))
		return first;
	worst = exception_worst(first, hash, now, settle, POISE_EVENT_EXCEPTION_RECORDED) >>
		WAY_BITS;
	other = exception_worst(second, hash, now, settle, POISE_EVENT_EXCEPTION_RECORDED) >>
		WAY_BITS;
	if (worst < RANK_OWN && other == RANK_OWN)
		return second;
	return worst >= RANK_EXPIRED || worst >= other ? first : second;
}

/* Has lookers-up go on to the second buckets: poised may have emptied the place meanwhile. */
static __always_inline void exception_mark_spilled(struct poise_exception_bucket *first)
{
	if (!exception_spilled(first))
		exception_exchange(&first->word[0], 0, POISE_EXCEPTION_GAP);
}

#endif
