/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is measured: the subjects, and the traffic that is put through each. */
#ifndef POISE_BENCH_ROWS_H
#define POISE_BENCH_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness.h"
#include "subject.h"

struct subject_row {
	struct subject_options options;
	bool moving;	   /* all slots are */
	uint32_t recorded; /* connections that are opened before anything is measured */
};

struct row {
	const char *key;     /* in the JSON file; never reused for something else */
	const char *section; /* the first row of each names it, else NULL */
	const char *title;
	uint32_t subject; /* index into subject_rows */
	struct traffic traffic;
	uint32_t reason; /* enum poise_reason: what becomes of each packet */
	bool uncached;	 /* a load that no cache holds is measured beside it */
	bool writes;	 /* packets record connections as exceptions */
	uint32_t all_of; /* enum poise_event that each packet causes, when has_event */
	bool has_event;
};

extern const struct subject_row subject_rows[];
extern const size_t subject_row_count;
extern const struct row rows[];
extern const size_t row_count;

/* The row's index; it must exist. */
size_t row_index(const char *key);
struct outcome row_outcome(const struct row *row);

#endif
