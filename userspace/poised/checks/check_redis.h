/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The 'redis' check: PING, after AUTH when there is a password; passes with PONG. A server that
 * wants a password which the check does not have answers and is up; one that loads its data, or is
 * a replica that serves nothing without its primary, is not.
 */
#ifndef POISE_CHECK_REDIS_H
#define POISE_CHECK_REDIS_H

#include "check.h"

extern const struct check_kind check_redis;

#endif
