/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A login at a MySQL or MariaDB server and what it says of its role, by libmariadb's non-blocking
 * calls. The caller waits for the socket and for deadlines.
 */
#ifndef POISE_MYSQL_SESSION_H
#define POISE_MYSQL_SESSION_H

#include <stdint.h>

#include "config.h"
#include "mysql_role.h"
#include "mysql_stream.h"

struct mysql_session;

/* Texts are the caller's and outlive the session. password: "" none. NULL: no memory, or a
 * libmariadb that cannot (errno). */
struct mysql_session *mysql_session_new(struct mysql_stream *stream, const char *user,
					const char *password, enum mysql_role role);

/* Goes on as far as it can; ready: EV_READ and EV_WRITE that came, 0 at first. What to wait for,
 * likewise; 0: it ended, mysql_session_result() says how. */
short mysql_session_run(struct mysql_session *session, short ready);

/* 0 with *state filled; or the error's number, of the server (1000-1999, 3000 and more) or of
 * libmariadb (2000-2999, 5000-5999); or -1 for an answer that makes no sense. */
int mysql_session_result(const struct mysql_session *session, struct mysql_state *state);

/* Says goodbye if it may, never waits; takes NULL. The stream is the caller's to close. */
void mysql_session_free(struct mysql_session *session);

#endif
