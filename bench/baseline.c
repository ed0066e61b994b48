// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "baseline.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Smaller changes are noise, whatever the samples say. */
static const double least_change = 0.06;

/* The samples' spread of either run, over the median, times this is noise, too. */
static const double spreads = 2;

static json_t *find_row(json_t *file, const char *key)
{
	json_t *list = json_object_get(file, "rows"), *row;
	size_t i;

	json_array_foreach (list, i, row) {
		const char *found = json_string_value(json_object_get(row, "key"));

		if (found && strcmp(found, key) == 0)
			return row;
	}
	return NULL;
}

static double number(json_t *row, const char *field)
{
	return json_number_value(json_object_get(row, field));
}

/* -1: faster, 1: slower, 0: neither. */
static int compare_row(const struct cost *cost, size_t index, json_t *before)
{
	double was = number(before, "ratio_to_limit"), is = cost_ratio(cost, index);
	double noise = spreads * fmax(number(before, "spread"), cost_spread(cost, index));
	double change;

	if (was <= 0)
		return 0;
	change = is / was - 1;
	if (fabs(change) <= fmax(noise, least_change))
		return 0;
	printf("%-20s %8.2f x limit before, %8.2f now: %+.0f%% (noise %.0f%%)\n", rows[index].key,
	       was, is, change * 100, fmax(noise, least_change) * 100);
	return change > 0 ? 1 : -1;
}

int baseline_compare(const struct results *results, const char *path)
{
	json_error_t error;
	json_t *file = json_load_file(path, 0, &error);
	int slower = 0, compared = 0;

	if (!file || !json_is_array(json_object_get(file, "rows"))) {
		fprintf(stderr, "bench: '%s' is no file of an earlier run: %s\n", path,
			file ? "it has no rows" : error.text);
		json_decref(file);
		return -EINVAL;
	}
	printf("\ncompared with %s:\n", path);
	for (size_t i = 0; i < row_count; i++) {
		json_t *before = find_row(file, rows[i].key);

		if (!before || !cost_measured(&results->cost, i))
			continue;
		compared++;
		slower += compare_row(&results->cost, i, before) > 0;
	}
	json_decref(file);
	printf("%d of %d rows are slower beyond noise\n", slower, compared);
	return slower;
}
