/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The log, one event a line, to stderr. As text: with a time of day on a terminal or file, with the
 * journal's priority prefix (sd-daemon(3)) when stderr is the journal (JOURNAL_STREAM). As JSON:
 * one object a line. Whatever a line is made of, it holds no control character and stays one line.
 */
#ifndef POISE_LOG_H
#define POISE_LOG_H

#include <stdbool.h>

struct peer;

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

void log_init(enum log_level level, enum log_format format);

/* "error", "warning", "info", "debug" / "text", "json": 0 or -EINVAL. */
int log_parse_level(const char *text, enum log_level *out);
int log_parse_format(const char *text, enum log_format *out);

/*
 * What a line is about. Members that are NULL are not there. As text, event, service, backend (with
 * its service) and interface are the line's beginning: "change: backend 'web/app-01': "; in JSON
 * each is a key. The others are keys of JSON alone: the message says them in its own way.
 */
struct log_fields {
	const char *event; /* a word for lines of one kind: "change", "refused" */
	const char *service, *backend, *interface;
	const char *what, *before, *after; /* of a change */
	const char *by;			   /* who made it */
	const struct peer *peer;	   /* its "uid" and "pid" */
	bool named;			   /* the message names what it is about itself */
	bool always;			   /* however often the same is said */
};

/* Logs one event. fields may be NULL; the message ends without a full stop or newline. */
void log_event(enum log_level level, const struct log_fields *fields, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Between these two, the lines of a start: of each kind two hundred are written, the rest is told
 * of in one line at the end, unless the level is debug; every_change: but of changes, all are.
 * Warnings and errors are always written.
 */
void log_begin_start(bool every_change);
void log_end_start(void);

/*
 * One line that comes more often than a few times in ten seconds is counted then, and later told of
 * once: by the next line, or by this, which the event loop calls from time to time, and with all at
 * the end.
 */
void log_flush(bool all);

#define log_error(...)	 log_event(LOG_LEVEL_ERROR, NULL, __VA_ARGS__)
#define log_warning(...) log_event(LOG_LEVEL_WARNING, NULL, __VA_ARGS__)
#define log_info(...)	 log_event(LOG_LEVEL_INFO, NULL, __VA_ARGS__)
#define log_debug(...)	 log_event(LOG_LEVEL_DEBUG, NULL, __VA_ARGS__)

#endif
