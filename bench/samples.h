/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the rounds of one measurement gave. */
#ifndef POISE_BENCH_SAMPLES_H
#define POISE_BENCH_SAMPLES_H

enum { SAMPLES_MAX = 1024 };

struct samples {
	double value[SAMPLES_MAX];
	int count;
};

void samples_add(struct samples *samples, double value); /* does nothing when they are full */

/* Of at least one sample. */
double samples_median(const struct samples *samples);
double samples_quantile(const struct samples *samples,
			double share); /* 0: the least, 1: the most */
double samples_min(const struct samples *samples);
double samples_max(const struct samples *samples);

#endif
