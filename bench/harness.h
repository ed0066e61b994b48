/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Nanoseconds of one run of a program behind the harness (harness.bpf.c). */
#ifndef POISE_BENCH_HARNESS_H
#define POISE_BENCH_HARNESS_H

#include <stdint.h>

#include "frame.h"

struct harness;

struct traffic {
	struct frame frame;
	uint32_t flows;	   /* in turn, from the first in each run; 0: no flow comes twice */
	uint32_t services; /* hit at random, a power of two; 0: 1 */
};

/* What a program must do with each packet. */
struct outcome {
	uint32_t verdict;
	int growth; /* bytes that the frame becomes longer by */
};

/* 0 or a negative errno with the reason on stderr. */
int harness_new(struct harness **out);
void harness_free(struct harness *harness); /* takes NULL */

/*
 * Puts packets of this traffic through a program. *ns: the thread's CPU time a packet, harness
 * included. 0, a negative errno of the test run, or -EBADMSG, with the reason on stderr, when the
 * outcome of the last packet is another one.
 */
int harness_run(struct harness *harness, int program_fd, const struct traffic *traffic,
		const struct outcome *outcome, uint32_t packets, double *ns);
/* The same for the empty program; and for the limit, with plain TCP frames. */
int harness_run_empty(struct harness *harness, const struct traffic *traffic, uint32_t packets,
		      double *ns);
int harness_run_limit(struct harness *harness, const struct traffic *traffic, uint32_t packets,
		      double *ns);

#endif
