/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The keys of checks of types mysql, grpc and exec. */
#ifndef POISE_CONFIG_CHECK_PROGRAMS_H
#define POISE_CONFIG_CHECK_PROGRAMS_H

#include "config_fields.h"

enum { CONFIG_MAX_COMMAND = 64, CONFIG_MAX_ARGUMENT = 4095 };

extern const struct config_choice config_mysql_roles[];
extern const struct config_range config_lag_range;
extern const struct config_text config_grpc_service_text;

CONFIG_READ(command); /* char **, allocated, ends with NULL; no rule */
CONFIG_WRITE(command);

/* What these types need, once every key of the check at check_place was read. */
void config_check_programs_finish(struct config_report *report,
				  const struct config_place *check_place,
				  const struct config_check *check);

#endif
