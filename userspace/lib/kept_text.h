/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a change by command that stays over the configuration is told. */
#ifndef POISE_KEPT_TEXT_H
#define POISE_KEPT_TEXT_H

#include "config_compare.h"

enum { KEPT_TEXT_BYTES = 256 };

/* A difference of a backend, from what runs (before) to the configuration (after). Returns text. */
const char *kept_text(const struct config_difference *difference, char text[KEPT_TEXT_BYTES]);

#endif
