/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A comparison with an earlier run, by ratios to the limit: other machines will do. */
#ifndef POISE_BENCH_BASELINE_H
#define POISE_BENCH_BASELINE_H

#include "results.h"

/* Prints the rows that became slower or faster beyond noise. Returns how many became slower, or a
 * negative errno with the reason on stderr: the file cannot be read, or is not one of ours. */
int baseline_compare(const struct results *results, const char *path);

#endif
