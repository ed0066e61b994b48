/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How long changes take in poised: a ring is built, a command takes effect, alone and among many
 * services. The balancer runs as in poised, with next hops that bench/run has made.
 */
#ifndef POISE_BENCH_CHANGES_H
#define POISE_BENCH_CHANGES_H

#include <stdbool.h>

#include "samples.h"

/* The gateway that every backend of 10.64.0.0/10 is behind, on this interface. */
#define CHANGES_INTERFACE "edge"

enum {
	CHANGES_SLOTS = 65537,
	CHANGES_BACKENDS = 1000,      /* of the one service */
	CHANGES_SERVICES = 4096,      /* in the other case */
	CHANGES_SERVICE_BACKENDS = 4, /* of each of those */
};

/* Milliseconds: of CPU for 'build', of wall clock for the rest. */
struct changes {
	struct samples build;  /* maglev_build(): CHANGES_SLOTS of CHANGES_BACKENDS */
	struct samples drain;  /* a drain command of the same service, until it is in effect */
	struct samples among;  /* the same of one of CHANGES_SERVICES */
	struct samples load;   /* a start with that many, until every ring has its owners */
	struct samples reload; /* their configuration, read and applied with one backend changed */
};

/* quick: without the many services. 0 or a negative errno with the reason on stderr. */
int changes_measure(int rounds, bool quick, struct changes *changes);

#endif
