/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The cost of a packet in nanoseconds, row by row: runs behind the harness, taken in turn with the
 * empty program, whose cost is subtracted, and with the limit, which they are compared with.
 */
#ifndef POISE_BENCH_COST_H
#define POISE_BENCH_COST_H

#include <stdint.h>

#include "harness.h"
#include "poise_abi.h"
#include "samples.h"

enum {
	COST_PACKETS = 1000000, /* of a run */
	COST_FAMILIES = 2,	/* IPv4 and IPv6, in this order */
};

/* X(name, what is measured, subject, family, TCP flags, flows) */
#define COST_ROWS(X)                                                                               \
	X(SETTLED_1, "settled, 1 flow", SETTLED, 4, FRAME_ACK, 1)                                  \
	X(SETTLED_1K, "settled, 1,000 flows", SETTLED, 4, FRAME_ACK, 1000)                         \
	X(SETTLED_100K, "settled, 100,000 flows", SETTLED, 4, FRAME_ACK, 100000)                   \
	X(SETTLED_1M, "settled, 1,000,000 flows", SETTLED, 4, FRAME_ACK, 1000000)                  \
	X(SETTLED_SYN, "settled, all SYN, 1,000,000 flows", SETTLED, 4, FRAME_SYN, 1000000)        \
	X(SETTLED6_1, "settled, IPv6, 1 flow", SETTLED6, 6, FRAME_ACK, 1)                          \
	X(SETTLED6_1M, "settled, IPv6, 1,000,000 flows", SETTLED6, 6, FRAME_ACK, 1000000)          \
	X(UNRECORDED_1, "moving, old flows, 1", UNRECORDED, 4, FRAME_ACK, 1)                       \
	X(UNRECORDED_1M, "moving, old flows, 1,000,000", UNRECORDED, 4, FRAME_ACK, 1000000)        \
	X(RECORDED_1, "moving, recorded flows, 1", RECORDED, 4, FRAME_ACK, 1)                      \
	X(RECORDED_1K, "moving, recorded flows, 1,000", RECORDED, 4, FRAME_ACK, 1000)              \
	X(RECORDED_100K, "moving, recorded flows, 100,000", RECORDED, 4, FRAME_ACK, 100000)        \
	X(RECORDED_1M, "moving, recorded flows, 1,000,000", RECORDED_1M, 4, FRAME_ACK, 1000000)    \
	X(MOVING_SYN, "moving, all SYN, 1,000,000 flows", OPENING, 4, FRAME_SYN, 1000000)          \
	X(FLOOD, "moving, all SYN, each a new flow", FLOOD, 4, FRAME_SYN, 0)

enum cost_row_index {
#define COST_ROW_ENUM(name, title, subject, family, flags, flows) COST_##name,
	COST_ROWS(COST_ROW_ENUM)
#undef COST_ROW_ENUM
		COST_ROW_COUNT
};

struct cost_figures {
	struct samples ns;	 /* harness subtracted */
	struct samples relative; /* the same, over that of the harness beside it */
};

struct cost_row {
	const char *key;
	const char *title;
	struct traffic traffic;
	struct cost_figures figures;
	/* Exceptions: of recorded flows, when they were recorded; else in all runs of the row. */
	uint64_t events[POISE_EVENT_COUNT];
};

struct cost {
	struct cost_row rows[COST_ROW_COUNT];
	struct samples harness_ns;		  /* with the empty program */
	struct cost_figures limit[COST_FAMILIES]; /* taken beside each row */
	int unsteady; /* measurements thrown away: the CPU's speed changed in the middle */
};

/*
 * Measures every row in so many rounds (at most SAMPLES_MAX). 0, or a negative errno with the
 * reason on stderr: -EBADMSG when Poise did anything else with a packet than its row says.
 */
int cost_measure(int rounds, struct cost *cost);

/* A row's cost over that of the limit of its family. Of medians of relative costs, which do not
 * depend on how fast the CPU happened to be in which round. */
double cost_ratio(const struct cost *cost, enum cost_row_index row);

#endif
