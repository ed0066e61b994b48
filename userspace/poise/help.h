/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the CLI says of itself. */
#ifndef POISE_HELP_H
#define POISE_HELP_H

#include <stddef.h>
#include <stdio.h>

struct command;

void help_all(FILE *file);
void help_command(const struct command *command, FILE *file);
void help_group(const char *group, FILE *file); /* the commands that begin with that word */

/* The name that text (length bytes) was probably meant to be, or NULL. */
const char *help_nearest(const char *text, size_t length, const char *const *names, size_t count);

#endif
