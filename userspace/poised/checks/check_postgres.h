/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The 'postgres' check: begins a session as clients do and sees how far the server lets it. Whoever
 * asks for a password, or refuses this user, host or database, serves others and is up; with
 * 'trust' the session must become ready. Starting up, shutting down, recovery without hot standby
 * and a full table of connections are not up.
 */
#ifndef POISE_CHECK_POSTGRES_H
#define POISE_CHECK_POSTGRES_H

#include "check.h"

extern const struct check_kind check_postgres;

#endif
