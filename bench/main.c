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
#include "rows.h"

enum {
	ROUNDS = 9,
	QUICK_ROUNDS = 2,
	EXIT_SLOWER = 3, /* some row is slower than in the baseline */
};

struct options {
	bool quick;
	const char *only;     /* rows and parts alone whose key begins with it; NULL: all */
	const char *baseline; /* NULL: none */
	const char *path;
};

static bool is_asked_for(const struct options *options, const char *key)
{
	return !options->only || strncmp(key, options->only, strlen(options->only)) == 0;
}

static bool asks_for_rows(const struct options *options)
{
	for (size_t i = 0; i < row_count; i++)
		if (is_asked_for(options, rows[i].key))
			return true;
	return false;
}

static int measure_rows(struct results *results, const struct options *options)
{
	int err = memory_measure(&results->memory);

	if (err)
		return err;
	results_print_sizes(results);
	fflush(stdout);
	err = cost_measure(results->rounds, options->only, &results->cost);
	if (!err)
		results_print_cost(results);
	return err;
}

static int measure_loop(struct results *results, const struct options *options)
{
	int err = loop_measure(results->rounds, &results->loop);

	(void)options;
	if (!err)
		results_print_loop(results);
	return err;
}

static int measure_changes(struct results *results, const struct options *options)
{
	int err = changes_measure(results->rounds, options->quick, &results->changes);

	if (!err)
		results_print_changes(results);
	return err;
}

static int measure_checks(struct results *results, const struct options *options)
{
	int err = checks_measure(results->rounds, &results->checks);

	(void)options;
	if (!err)
		results_print_checks(results);
	return err;
}

/* Each with its key; the packets' rows have their own. */
static const struct part {
	const char *key;
	int (*measure)(struct results *results, const struct options *options);
} parts[] = {
	{ "loop", measure_loop },
	{ "changes", measure_changes },
	{ "checks", measure_checks },
};

static int measure(struct results *results, const struct options *options)
{
	int err = 0;

	results_print_machine(results);
	if (asks_for_rows(options))
		err = measure_rows(results, options);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !err; i++) {
		fflush(stdout);
		if (is_asked_for(options, parts[i].key))
			err = parts[i].measure(results, options);
	}
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
