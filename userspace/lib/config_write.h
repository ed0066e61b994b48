/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The text of a configuration: config_load_text() makes the same of it again. */
#ifndef POISE_CONFIG_WRITE_H
#define POISE_CONFIG_WRITE_H

#include <stddef.h>

#include "config.h"

/* YAML without the keys that have their standard value. 0 and a text that is to be freed, with a
 * final NUL after length bytes; or -ENOMEM. */
int config_write_text(const struct config *config, char **out, size_t *length);

#endif
