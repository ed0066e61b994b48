/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line: options anywhere, the command's words between them. */
#ifndef POISE_OPTIONS_H
#define POISE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct command;
struct invocation;

struct option_facts {
	const char *name, *short_name; /* the latter may be NULL */
	unsigned bit;		       /* enum option_bits; 0: every command takes it */
	bool has_value;
};

/* The option of that number, from 0; false: there are no more. */
bool options_describe(size_t number, struct option_facts *out);

/* Takes argv apart. False, after a complaint, on an unknown option or a bad value. */
bool options_parse(int argc, char **argv, struct invocation *out);

/* Whether command takes the options and operands that were given; false after a complaint. */
bool options_suit(const struct command *command, const struct invocation *invocation);

#endif
