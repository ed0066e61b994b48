/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What differs between a running poised and a configuration, as JSON and for people. */
#ifndef POISE_DIFFERENCE_H
#define POISE_DIFFERENCE_H

#include <jansson.h>
#include <stdbool.h>

struct config;

/*
 * Compares the answer to "config" with a configuration. *out becomes a new list of objects
 *   {"change": "added" | "removed" | "changed",	  as seen from the running state to the file
 *    "service": NAME or null, "backend": NAME or null, "field": text or null,
 *    "running": text or null, "file": text or null,
 *    "by_command": whether what runs is so by command, and not by the declared configuration}
 * False, after a complaint, if the answer is not understood.
 */
bool difference_list(const json_t *answer, const struct config *config, json_t **out);

/* Prints such a list, a line each. */
void difference_say(const json_t *list);
/* The same as what applying the configuration would change, then what stays by command. */
void difference_say_applied(const json_t *list);

#endif
