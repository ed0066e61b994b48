// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Measures Poise; started by bench/run, in a network namespace of its own. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "results.h"

enum { ROUNDS = 15, QUICK_ROUNDS = 3 };

static int measure(struct results *results)
{
	int err;

	results_print_machine(results);
	fflush(stdout);
	err = cost_measure(results->rounds, &results->cost);
	if (err)
		return err;
	results_print_cost(results);
	fflush(stdout);
	err = loop_measure(results->rounds, &results->loop);
	if (err)
		return err;
	results_print_loop(results);
	results_print_aims(results);
	return 0;
}

int main(int argc, char **argv)
{
	static struct results results;
	bool quick = argc == 3 && strcmp(argv[1], "--quick") == 0;
	const char *path = argv[argc - 1];
	int err;

	if (argc != 2 && !quick) {
		fprintf(stderr, "usage: bench [--quick] JSON-FILE\n");
		return 2;
	}
	log_init(LOG_LEVEL_WARNING);
	results.rounds = quick ? QUICK_ROUNDS : ROUNDS;
	err = machine_prepare(&results.machine);
	if (!err)
		err = measure(&results);
	if (!err)
		err = results_write_json(&results, path);
	if (err) {
		fprintf(stderr, "bench: %s\n", strerror(-err));
		return 1;
	}
	printf("written to %s\n", path);
	return 0;
}
