/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a load costs that no cache holds: from 512 MB in small pages, as much as the rings of 4,096
 * services, at random, each waiting for the one before it. A miss of the cache and of the TLB.
 */
#ifndef POISE_BENCH_UNCACHED_H
#define POISE_BENCH_UNCACHED_H

#include <stdint.h>

struct uncached {
	uint32_t *memory;
};

int uncached_new(struct uncached *uncached); /* 0 or -ENOMEM */
void uncached_free(struct uncached *uncached);

/* Nanoseconds of the thread's CPU time, mean of a million loads. */
double uncached_measure(const struct uncached *uncached);

#endif
