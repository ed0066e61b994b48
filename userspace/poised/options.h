/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poised's command line. */
#ifndef POISE_OPTIONS_H
#define POISE_OPTIONS_H

#include <stdbool.h>

#include "log.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2 };

struct options {
	const char *config;
	const char *history; /* NULL: none */
	bool check;
	enum log_level log_level;
	enum log_format log_format;
};

/* Returns -1 to go on, or an exit code: help was asked for, or stderr says what is wrong. */
int options_parse(int argc, char **argv, struct options *options);

#endif
