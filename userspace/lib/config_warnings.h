/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a valid configuration says that its author may not want. */
#ifndef POISE_CONFIG_WARNINGS_H
#define POISE_CONFIG_WARNINGS_H

#include "config.h"
#include "lines.h"

/* Adds a line for each, which names the place. */
void config_warnings(const struct config *config, struct lines *out);

#endif
