/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log_repeat.h"
#include "log_start.h"
#include "peer.h"
#include "timer.h"

enum { TIME_BYTES = 48 };

static const char *const level_words[] = { "error", "warning", "info", "debug", NULL };
static const char *const format_words[] = { "text", "json", NULL };

static enum log_level threshold = LOG_LEVEL_INFO;
static enum log_format shape = LOG_FORMAT_TEXT;
static bool journal;

static int find_word(const char *const *words, const char *text)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -EINVAL;
}

int log_parse_level(const char *text, enum log_level *out)
{
	int found = find_word(level_words, text);

	if (found >= 0)
		*out = found;
	return found < 0 ? found : 0;
}

int log_parse_format(const char *text, enum log_format *out)
{
	int found = find_word(format_words, text);

	if (found >= 0)
		*out = found;
	return found < 0 ? found : 0;
}

/* systemd names the device and inode of the journal's stream: stderr may since be another file. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long device, inode;
	struct stat stat;

	return stream && sscanf(stream, "%lu:%lu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &stat) == 0 && stat.st_dev == device && stat.st_ino == inode;
}

void log_init(enum log_level level, enum log_format format)
{
	threshold = level;
	shape = format;
	journal = stderr_is_journal();
}

/* RFC 3339, UTC. Most lines are of the same second as the one before. */
static const char *time_now(char text[TIME_BYTES])
{
	static char seconds[32];
	static time_t of = -1;
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != of) {
		gmtime_r(&now.tv_sec, &tm);
		strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
		of = now.tv_sec;
	}
	snprintf(text, TIME_BYTES, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
	return text;
}

/* What a terminal or a log's reader may take for more than text does not stay: control characters
 * of ASCII, and everything beyond it, where those of Unicode are. One too long ends with dots. */
static void make_printable(char *text, bool cut)
{
	size_t length = strlen(text);

	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
			*c = '?';
	if (cut && length > 3)
		memcpy(text + length - 3, "...", 3);
}

/* "change: backend 'web/app-01': ". Returns its length, less than size. */
static size_t write_subject(const struct log_fields *fields, char *text, size_t size)
{
	const char *event = fields->event ? fields->event : "";
	const char *between = fields->event ? ": " : "";
	int length;

	if (fields->named)
		length = snprintf(text, size, "%s%s", event, between);
	else if (fields->backend)
		length = snprintf(text, size, "%s%sbackend '%s/%s': ", event, between,
				  fields->service ? fields->service : "", fields->backend);
	else if (fields->service)
		length =
			snprintf(text, size, "%s%sservice '%s': ", event, between, fields->service);
	else if (fields->interface)
		length = snprintf(text, size, "%s%sinterface '%s': ", event, between,
				  fields->interface);
	else
		length = snprintf(text, size, "%s%s", event, between);
	return length < 0 ? 0 : (size_t)length < size ? (size_t)length : size - 1;
}

static void set_text(json_t *object, const char *key, const char *value)
{
	char text[LOG_LINE_BYTES];

	if (!value)
		return;
	make_printable(text, snprintf(text, sizeof(text), "%s", value) >= (int)sizeof(text));
	json_object_set_new(object, key, json_string(text));
}

static void set_fields(json_t *object, const struct log_fields *fields)
{
	set_text(object, "event", fields->event);
	set_text(object, "service", fields->service);
	set_text(object, "backend", fields->backend);
	set_text(object, "interface", fields->interface);
	set_text(object, "what", fields->what);
	set_text(object, "before", fields->before);
	set_text(object, "after", fields->after);
	set_text(object, "by", fields->by);
	if (!fields->peer)
		return;
	json_object_set_new(object, "uid", json_integer(fields->peer->uid));
	json_object_set_new(object, "pid", json_integer(fields->peer->pid));
}

/* False: no memory. */
static bool write_json(enum log_level level, const struct log_fields *fields, const char *message)
{
	json_t *object = json_object();
	char when[TIME_BYTES], *text;

	json_object_set_new(object, "time", json_string(time_now(when)));
	json_object_set_new(object, "level", json_string(level_words[level]));
	set_text(object, "message", message);
	set_fields(object, fields);
	text = object ? json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
	json_decref(object);
	if (text)
		fprintf(stderr, "%s\n", text);
	free(text);
	return text != NULL;
}

static void write_text(enum log_level level, const char *line)
{
	static const int priorities[] = { 3, 4, 6, 7 }; /* syslog(3) */
	char when[TIME_BYTES];

	if (journal)
		fprintf(stderr, "<%d>%s\n", priorities[level], line);
	else
		fprintf(stderr, "%s %s: %s\n", time_now(when), level_words[level], line);
}

/* line: the whole as text, of which the message is the end. */
static void write_event(enum log_level level, const struct log_fields *fields, const char *line,
			const char *message)
{
	if (shape != LOG_FORMAT_JSON || !write_json(level, fields, message))
		write_text(level, line);
}

void log_begin_start(bool every_change)
{
	log_start_begin(every_change);
}

void log_end_start(void)
{
	static const struct log_fields fields = { .event = "left out" };
	char text[LOG_LINE_BYTES + 64];
	uint64_t count;
	const char *line;

	while ((line = log_start_end(&count))) {
		snprintf(text, sizeof(text), "left out: %" PRIu64 " more like: %s", count, line);
		write_event(LOG_LEVEL_INFO, &fields, text, text + strlen("left out: "));
	}
}

void log_flush(bool all)
{
	static const struct log_fields fields = { .event = "repeated" };
	char line[LOG_LINE_BYTES], text[LOG_LINE_BYTES + 64];
	uint64_t counted;
	int level;

	while (log_repeat_take(timer_now_ms(), all, &level, line, &counted)) {
		snprintf(text, sizeof(text), "repeated: %" PRIu64 " more like: %s", counted, line);
		write_event(level, &fields, text, text + strlen("repeated: "));
	}
}

void log_event(enum log_level level, const struct log_fields *fields, const char *format, ...)
{
	static const struct log_fields none;
	char line[LOG_LINE_BYTES], *example = NULL;
	va_list arguments;
	size_t subject;
	int length;

	if (level > threshold)
		return;
	if (!fields)
		fields = &none;
	if (level == LOG_LEVEL_INFO && threshold == LOG_LEVEL_INFO &&
	    !log_start_admit(format, fields, &example) && !example)
		return;
	subject = write_subject(fields, line, sizeof(line));
	va_start(arguments, format);
	length = vsnprintf(line + subject, sizeof(line) - subject, format, arguments);
	va_end(arguments);
	make_printable(line, length >= (int)(sizeof(line) - subject));
	log_flush(false);
	if (example)
		memcpy(example, line, sizeof(line));
	else if (fields->always || log_repeat_admit(level, line, timer_now_ms()))
		write_event(level, fields, line, line + subject);
}
