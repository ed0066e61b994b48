/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The two layers together: the declared configuration, and over it what was changed by command
 * (runtime.h). Changes nothing.
 */
#ifndef POISE_OVERLAY_H
#define POISE_OVERLAY_H

#include <stdbool.h>

#include "lines.h"

enum { OVERLAY_WORDS_BYTES = 64 };

struct backend;
struct balancer;
struct config;

/* Is anything of the backend, or of any backend, as a command left it? */
bool overlay_has(const struct backend *backend);
bool overlay_has_any(const struct balancer *balancer);

/* The configuration that would declare what runs. It shares what it points to with
 * balancer->config; overlay_config_free() releases the rest. NULL: no memory. */
struct config *overlay_config(const struct balancer *balancer);
void overlay_config_free(struct config *config); /* takes NULL */

/* What of the backend is as a command left it: "weight 30, drained"; "" nothing. Returns text. */
const char *overlay_words(const struct backend *backend, char text[OVERLAY_WORDS_BYTES]);

/* A line for each change by command that is in force: what it is, and what it lies over. */
void overlay_describe(const struct balancer *balancer, struct lines *lines);

#endif
