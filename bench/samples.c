// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "samples.h"

#include <stdlib.h>

void samples_add(struct samples *samples, double value)
{
	if (samples->count < SAMPLES_MAX)
		samples->value[samples->count++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct samples sorted(const struct samples *samples)
{
	struct samples copy = *samples;

	qsort(copy.value, copy.count, sizeof(copy.value[0]), compare);
	return copy;
}

double samples_median(const struct samples *samples)
{
	struct samples copy = sorted(samples);
	int middle = copy.count / 2;

	if (copy.count % 2)
		return copy.value[middle];
	return (copy.value[middle - 1] + copy.value[middle]) / 2;
}

double samples_quantile(const struct samples *samples, double share)
{
	return sorted(samples).value[(int)(share * (samples->count - 1) + 0.5)];
}

double samples_min(const struct samples *samples)
{
	return sorted(samples).value[0];
}

double samples_max(const struct samples *samples)
{
	return sorted(samples).value[samples->count - 1];
}
