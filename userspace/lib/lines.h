/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A growing list of lines of text for people. */
#ifndef POISE_LINES_H
#define POISE_LINES_H

#include <stddef.h>

struct lines {
	char **text;
	size_t count;
};

/* Adds a formatted line; one for which there is no memory is lost. */
void lines_add(struct lines *lines, const char *format, ...) __attribute__((format(printf, 2, 3)));
void lines_free(struct lines *lines);

#endif
