/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What poised says while it starts: with thousands of backends tens of thousands of lines, which a
 * reader of logs has no use for and the journal takes seconds for. Of each kind some are written,
 * the others counted. A kind: one format, about a backend or not, and of a change what changed.
 */
#ifndef POISE_LOG_START_H
#define POISE_LOG_START_H

#include <stdbool.h>
#include <stdint.h>

struct log_fields;

enum { LOG_START_LINES = 200 }; /* of a kind */

/* every_change: of changes none is left out. */
void log_start_begin(bool every_change);

/* Is a line to be written? Of the first one of a kind that is not, *example is where it is to be
 * kept, LOG_LINE_BYTES; else NULL. */
bool log_start_admit(const char *format, const struct log_fields *fields, char **example);

/* The start is over: takes a kind of which some were left out. NULL: there is none. */
const char *log_start_end(uint64_t *left_out);

#endif
