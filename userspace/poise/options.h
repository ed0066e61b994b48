/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line: options anywhere, the command's words between them. */
#ifndef POISE_OPTIONS_H
#define POISE_OPTIONS_H

#include <stdbool.h>

struct command;
struct invocation;

/* Takes argv apart. False, after a complaint, on an unknown option or a bad value. */
bool options_parse(int argc, char **argv, struct invocation *out);

/* Whether command takes the options and operands that were given; false after a complaint. */
bool options_suit(const struct command *command, const struct invocation *invocation);

#endif
