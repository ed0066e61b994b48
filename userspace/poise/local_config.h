/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Configurations, read here: files, and what poised says that it runs. */
#ifndef POISE_LOCAL_CONFIG_H
#define POISE_LOCAL_CONFIG_H

#include <jansson.h>

struct config;

/* A file's configuration, or NULL after its errors were printed. */
struct config *local_config_load(const char *path);

/* The configuration that is the text of that key of an answer of poised; NULL after a complaint. */
struct config *local_config_of(const json_t *answer, const char *key);

#endif
