/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A ring's moving slots as text, for another balancer: runs of slots in ascending order, each
 * "first-last owner previous earlier state age" and a ';' (docs/CONTROL.md, ring-export). Backends
 * are the places, from 1 on, of a list that goes with it; 0: none.
 */
#ifndef POISE_RING_RUNS_H
#define POISE_RING_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RING_RUN_BYTES = 80, /* of a run as text, with its final NUL */
	RING_RUN_MAX_AGE_S = 24 * 3600,
};

struct ring_run {
	uint32_t first, last; /* slots */
	uint16_t owner, previous, earlier;
	bool named, older; /* older: earlier owned the slot before previous, where it is recorded */
	uint32_t age_s;	   /* since it was stamped */
	uint32_t behind;   /* the slot behind it: the next run's first one, or before that */
};

/* What a text may speak of. */
struct ring_runs_limits {
	uint32_t slots;
	uint16_t backends;
};

/* Returns the length. */
int ring_runs_format(const struct ring_run *run, char out[RING_RUN_BYTES]);

/* Reads the run at *text, which must be behind that in *out (all 0 before the first one), and moves
 * *text behind it. Returns 1, 0 at the end, or -EINVAL with *text at what is wrong. */
int ring_runs_next(const char **text, const struct ring_runs_limits *limits, struct ring_run *out);

#endif
