/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The 'tcp' check: passes when the backend accepts a connection. */
#ifndef POISE_CHECK_TCP_H
#define POISE_CHECK_TCP_H

#include "check.h"

extern const struct check_kind check_tcp;

#endif
