/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What health checks cost: many backends, each checked once a second, by the parts of poised that
 * do so, against a responder that costs next to nothing. Nothing here passes or fails. A machine
 * that has other things to do misses the deadlines of ten thousand checks a second: there the CPU
 * time of a check is that of the smaller row.
 */
#ifndef POISE_BENCH_CHECKS_H
#define POISE_BENCH_CHECKS_H

#include "samples.h"

enum { CHECKS_BACKENDS_MAX = 10000, CHECKS_ROWS = 4, CHECKS_BIN_MS = 10 };

/* A sample a second. */
struct checks_row {
	const char *kind; /* NULL: not measured */
	int backends;
	struct samples cores;	 /* CPU time of the thread that checks / wall clock */
	struct samples us;	 /* the same of one check, microseconds */
	struct samples answered; /* a second */
	struct samples failed;	 /* a second, most of them by their deadline */
	struct samples starts;	 /* in CHECKS_BIN_MS each, of the whole time */
	double peak_mib;	 /* of memory, beyond what the process had before */
};

struct checks {
	struct checks_row row[CHECKS_ROWS];
};

/* seconds: of each row. 0 or a negative errno with the reason on stderr. */
int checks_measure(int seconds, struct checks *checks);

#endif
