/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "log_start.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "log_repeat.h"

enum {
	KINDS = 16, /* lines of others are all written */
	WHAT_BYTES = 32,
};

static struct kind {
	const char *format; /* NULL: the place is free */
	char what[WHAT_BYTES];
	bool backend;
	uint64_t count;
	char example[LOG_LINE_BYTES];
} kinds[KINDS];

static bool active, changes_exempt;

void log_start_begin(bool every_change)
{
	active = true;
	changes_exempt = every_change;
}

/* Of the kind, or a free place; NULL: there is none. */
static struct kind *find(const char *format, const struct log_fields *fields)
{
	const char *what = fields->what ? fields->what : "";
	bool backend = fields->backend != NULL;

	for (struct kind *kind = kinds; kind < kinds + KINDS; kind++) {
		if (kind->format == format && kind->backend == backend &&
		    strcmp(kind->what, what) == 0)
			return kind;
		if (kind->format)
			continue;
		kind->format = format;
		kind->backend = backend;
		kind->count = 0;
		snprintf(kind->what, sizeof(kind->what), "%s", what);
		return kind;
	}
	return NULL;
}

bool log_start_admit(const char *format, const struct log_fields *fields, char **example)
{
	struct kind *kind;

	*example = NULL;
	if (!active || (changes_exempt && fields->what))
		return true;
	kind = find(format, fields);
	if (!kind || ++kind->count <= LOG_START_LINES)
		return true;
	if (kind->count == LOG_START_LINES + 1)
		*example = kind->example;
	return false;
}

const char *log_start_end(uint64_t *left_out)
{
	active = false;
	for (struct kind *kind = kinds; kind < kinds + KINDS; kind++) {
		bool some = kind->format && kind->count > LOG_START_LINES;

		kind->format = NULL;
		*left_out = kind->count - LOG_START_LINES;
		if (some)
			return kind->example;
	}
	return NULL;
}
