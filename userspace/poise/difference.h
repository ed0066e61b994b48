/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What differs between a running poised and a configuration file. */
#ifndef POISE_DIFFERENCE_H
#define POISE_DIFFERENCE_H

#include <jansson.h>
#include <stdbool.h>

struct config;

/*
 * Compares the answer to "status" with config. *out becomes a new list of objects
 *   {"change": "added" | "removed" | "changed",	  as seen from the running state to the file
 *    "service": NAME or null, "backend": NAME or null, "field": text or null,
 *    "running": text or null, "file": text or null}
 * False, after a complaint, if the answer is not understood.
 */
bool difference_list(json_t *status, const struct config *config, json_t **out);

#endif
