/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which role a MySQL or MariaDB server has: what it says of itself, put together and judged. Knows
 * nothing of connections. Texts may be NULL.
 */
#ifndef POISE_MYSQL_ROLE_H
#define POISE_MYSQL_ROLE_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

/* Zeroed at first. */
struct mysql_state {
	bool read_only, super_read_only;
	uint32_t channels; /* of replication that are set up */
	bool io_stopped, sql_stopped;
	bool lag_unknown;
	uint32_t lag_s; /* the largest one */
};

enum mysql_verdict {
	MYSQL_GOOD,
	MYSQL_IS_READ_ONLY,	  /* expected a primary */
	MYSQL_IS_SUPER_READ_ONLY, /* likewise */
	MYSQL_IS_WRITABLE,	  /* expected a replica */
	MYSQL_NOT_REPLICATING,	  /* likewise */
	MYSQL_IO_STOPPED,
	MYSQL_SQL_STOPPED,
	MYSQL_LAG_UNKNOWN,
	MYSQL_LAGS,
};

/* A row of SHOW GLOBAL VARIABLES. */
void mysql_state_variable(struct mysql_state *state, const char *name, const char *value);

/* A channel's row of SHOW REPLICA STATUS: both threads, "Yes" or not, and the lag in seconds. A
 * thread of the first kind that looks for its primary ("Connecting") counts as running, but then
 * the lag is not known. */
void mysql_state_channel(struct mysql_state *state, const char *io, const char *sql,
			 const char *lag);

/* max_lag_ms 0: any lag will do, a replica whose primary is gone included. */
enum mysql_verdict mysql_state_judge(const struct mysql_state *state, enum mysql_role role,
				     uint32_t max_lag_ms);

#endif
