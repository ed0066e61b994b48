/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the leastconn scheduler chooses: pure functions, built by gcc (which simulates them) and by
 * clang -target bpf. A choice looks at POISE_LEASTCONN_CANDIDATES slots of the schedule in a row;
 * the next choice goes on behind them. The schedule is spread evenly, so that they are a fair
 * sample of the backends, and with no more backends, of equal weight, all of them.
 */
#ifndef POISE_SCHEDULE_CHOICE_H
#define POISE_SCHEDULE_CHOICE_H

#include "poise_abi.h"

enum {
	/* By simulation (tests/unit/test_leastconn.c), with 1000 backends of 10 connections each:
	 * of 8 the choice is up to 20 % worse than of all, of 16 up to 8 %, of 32 up to 6 %. */
	POISE_LEASTCONN_CANDIDATES = 16,
	/* Slots that roundrobin tries before it gives up finding a backend that takes connections.
	 */
	POISE_ROUNDROBIN_TRIES = 16,
};

/* The slot that is number away from the cursor; size is not 0. */
static inline __u32 poise_schedule_slot(__u32 cursor, __u32 number, __u32 size)
{
	return (cursor + number) % size;
}

/* What a backend has with one more connection. A flow may be seen to end before it is seen to have
 * begun: less than none counts as none. */
static inline __u64 poise_burden(const struct poise_backend_load *load)
{
	return (__s32)load->active < 0 ? 1 : (__u64)load->active + 1;
}

/* Whether one more connection is a lesser burden to a than to b, for their weights. One without
 * weight is burdened without end. */
static inline int poise_lighter(const struct poise_backend_load *a,
				const struct poise_backend_load *b)
{
	return poise_burden(a) * b->weight < poise_burden(b) * a->weight;
}

#endif
