/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What only some types of checks have, as JSON; docs/CONTROL.md says what each field means. */
#ifndef POISE_REPORT_CHECK_H
#define POISE_REPORT_CHECK_H

#include <jansson.h>

struct config_check;

/* Adds the keys of types mysql, grpc and exec. */
void report_check_program(const struct config_check *check, json_t *out);

#endif
