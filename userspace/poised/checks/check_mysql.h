/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The 'mysql' check. */
#ifndef POISE_CHECK_MYSQL_H
#define POISE_CHECK_MYSQL_H

#include "check.h"

extern const struct check_kind check_mysql;

#endif
