/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The cost of a packet in nanoseconds, row by row: runs behind the harness, taken in turn with the
 * empty program, whose cost is subtracted, and with the limit, which they are compared with.
 */
#ifndef POISE_BENCH_COST_H
#define POISE_BENCH_COST_H

#include <stdint.h>

#include "rows.h"
#include "samples.h"

enum {
	COST_PACKETS = 400000, /* of a run */
	COST_FAMILIES = 2,     /* IPv4 and IPv6, in this order */
};

struct cost_figures {
	struct samples ns;	 /* harness subtracted */
	struct samples relative; /* the same, over that of the harness beside it */
};

struct cost_row {
	struct cost_figures figures;
	uint64_t events[POISE_EVENT_COUNT]; /* of the row's runs, those that opened its flows too */
};

struct cost {
	struct cost_row *rows;			  /* row_count */
	struct samples harness_ns;		  /* with the empty program */
	struct cost_figures limit[COST_FAMILIES]; /* taken beside each row */
	struct samples uncached_ns; /* a load that no cache holds, beside the rows that say so */
	int unsteady; /* measurements thrown away: the CPU's speed changed in the middle */
};

/*
 * Measures the rows whose key begins with only (NULL: all) in so many rounds (at most SAMPLES_MAX).
 * 0, or a negative errno with the reason on stderr: -EBADMSG when Poise did anything else with a
 * packet than its row says.
 */
int cost_measure(int rounds, const char *only, struct cost *cost);
void cost_free(struct cost *cost);

bool cost_measured(const struct cost *cost, size_t row);
/* A row's cost over that of the limit of its family. Of medians of relative costs, which do not
 * depend on how fast the CPU happened to be in which round. */
double cost_ratio(const struct cost *cost, size_t row);
/* Half the width of the middle half of the samples, over their median. */
double cost_spread(const struct cost *cost, size_t row);

#endif
