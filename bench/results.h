/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The results as tables for people (results.c) and as JSON (results_json.c). */
#ifndef POISE_BENCH_RESULTS_H
#define POISE_BENCH_RESULTS_H

#include <stdbool.h>

#include "changes.h"
#include "checks.h"
#include "cost.h"
#include "loop.h"
#include "machine.h"
#include "memory.h"

struct results {
	struct machine machine;
	struct memory memory;
	int rounds;
	bool quick;
	struct cost cost;
	struct loop loop;
	struct changes changes;
	struct checks checks;
};

/* What the documents promise: found is at most this. */
struct aim {
	const char *text;
	double found, most;
};

enum { AIM_MAX = 16 };

/* Returns how many; those whose rows were not measured are left out. */
int results_aims(const struct results *results, struct aim aims[AIM_MAX]);
/* Exceptions and flows that a newer one took the place of, of those recorded; false: none were. */
bool results_given_up(const struct cost_row *row, double *share);

void results_print_machine(const struct results *results);
void results_print_sizes(const struct results *results);
void results_print_cost(const struct results *results);
void results_print_loop(const struct results *results);
void results_print_changes(const struct results *results);
void results_print_checks(const struct results *results);
void results_print_aims(const struct results *results);

/* Writes the file anew. 0 or a negative errno. */
int results_write_json(const struct results *results, const char *path);

#endif
