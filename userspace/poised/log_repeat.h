/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The same log line again and again: some of them are written, the others counted. */
#ifndef POISE_LOG_REPEAT_H
#define POISE_LOG_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

enum {
	LOG_LINE_BYTES = 1024,
	LOG_REPEAT_BURST = 5, /* so many of one line are written in a window */
	LOG_REPEAT_WINDOW_MS = 10 * 1000,
};

/* Is this line to be written at this time? If not, it is counted. */
bool log_repeat_admit(int level, const char *line, int64_t now_ms);

/* Takes one line whose window has ended (all: or not) and of which some were only counted; false:
 * there is none. line: of LOG_LINE_BYTES. */
bool log_repeat_take(int64_t now_ms, bool all, int *level, char *line, uint64_t *counted);

#endif
