/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The 'exec' check. */
#ifndef POISE_CHECK_EXEC_H
#define POISE_CHECK_EXEC_H

#include "check.h"

extern const struct check_kind check_exec;

#endif
