/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A configuration file read by the CLI itself. */
#ifndef POISE_LOCAL_CONFIG_H
#define POISE_LOCAL_CONFIG_H

struct config;

/* The configuration, for config_free(); or NULL, after each error was printed to standard error. */
struct config *local_config_load(const char *path);

#endif
