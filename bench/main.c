// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Measures Poise; started by bench/run, in a network namespace of its own. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "baseline.h"
#include "log.h"
#include "results.h"

enum {
	ROUNDS = 9,
	QUICK_ROUNDS = 2,
	EXIT_SLOWER = 3, /* some row is slower than in the baseline */
};

struct options {
	bool quick;
	const char *only;     /* rows alone whose key begins with it; NULL: all, and all the rest */
	const char *baseline; /* NULL: none */
	const char *path;
};

static int measure_rest(struct results *results)
{
	int err = loop_measure(results->rounds, &results->loop);

	if (err)
		return err;
	results_print_loop(results);
	fflush(stdout);
	err = changes_measure(results->rounds, results->quick, &results->changes);
	if (!err)
		results_print_changes(results);
	return err;
}

static int measure(struct results *results, const struct options *options)
{
	int err;

	results_print_machine(results);
	err = memory_measure(&results->memory);
	if (err)
		return err;
	results_print_sizes(results);
	fflush(stdout);
	err = cost_measure(results->rounds, options->only, &results->cost);
	if (err)
		return err;
	results_print_cost(results);
	fflush(stdout);
	if (!options->only)
		err = measure_rest(results);
	if (err)
		return err;
	results_print_aims(results);
	return options->only ? 0 : results_write_json(results, options->path);
}

static bool read_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = { { "quick", no_argument, NULL, 'q' },
					       { "only", required_argument, NULL, 'o' },
					       { "baseline", required_argument, NULL, 'b' },
					       { 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'q')
			options->quick = true;
		else if (option == 'o')
			options->only = optarg;
		else if (option == 'b')
			options->baseline = optarg;
		else
			return false;
	}
	options->path = argv[optind];
	return optind + 1 == argc;
}

int main(int argc, char **argv)
{
	static struct results results;
	struct options options = { 0 };
	int err, slower = 0;

	if (!read_options(argc, argv, &options)) {
		fprintf(stderr, "usage: poise-bench [--quick] [--only KEY] [--baseline FILE] "
				"JSON-FILE\n");
		return 2;
	}
	log_init(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	results.quick = options.quick;
	results.rounds = options.quick ? QUICK_ROUNDS : ROUNDS;
	err = machine_prepare(&results.machine);
	if (!err)
		err = measure(&results, &options);
	if (!err && !options.only)
		printf("written to %s\n", options.path);
	if (!err && options.baseline)
		slower = baseline_compare(&results, options.baseline);
	cost_free(&results.cost);
	if (err)
		fprintf(stderr, "bench: %s\n", strerror(-err));
	if (err || slower < 0)
		return 1;
	return slower ? EXIT_SLOWER : 0;
}
