/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static enum log_level threshold = LOG_LEVEL_INFO;
static bool journal;

/* systemd names the device and inode of the journal's stream: stderr may since be another file. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long device, inode;
	struct stat stat;

	return stream && sscanf(stream, "%lu:%lu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &stat) == 0 && stat.st_dev == device && stat.st_ino == inode;
}

void log_init(enum log_level level)
{
	threshold = level;
	journal = stderr_is_journal();
}

void log_write(enum log_level level, const char *format, ...)
{
	static const int priorities[] = { 3, 4, 6, 7 }; /* syslog(3) */
	static const char *const words[] = { "error", "warning", "info", "debug" };
	char line[1024], when[32];
	va_list arguments;

	if (level > threshold)
		return;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?'; /* one event a line, whatever a peer sent */
	if (journal) {
		fprintf(stderr, "<%d>%s\n", priorities[level], line);
	} else {
		struct timespec now;
		struct tm tm;

		clock_gettime(CLOCK_REALTIME, &now);
		gmtime_r(&now.tv_sec, &tm);
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
		fprintf(stderr, "%s.%03ldZ %s: %s\n", when, now.tv_nsec / 1000000, words[level],
			line);
	}
}
