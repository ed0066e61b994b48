/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The results as tables for people and as JSON. */
#ifndef POISE_BENCH_RESULTS_H
#define POISE_BENCH_RESULTS_H

#include "cost.h"
#include "loop.h"
#include "machine.h"

struct results {
	struct machine machine;
	int rounds;
	struct cost cost;
	struct loop loop;
};

void results_print_machine(const struct results *results);
void results_print_cost(const struct results *results);
void results_print_loop(const struct results *results);
void results_print_aims(const struct results *results);

/* Writes the file anew. 0 or a negative errno. */
int results_write_json(const struct results *results, const char *path);

#endif
