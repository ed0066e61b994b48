/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "mysql_role.h"

#include <stdlib.h>
#include <string.h>

enum { MS_PER_SECOND = 1000 };

static bool is(const char *text, const char *word)
{
	return text && strcasecmp(text, word) == 0;
}

void mysql_state_variable(struct mysql_state *state, const char *name, const char *value)
{
	bool on = !is(value, "OFF") && !is(value, "0"); /* newer MariaDBs have several ways of on */

	if (is(name, "read_only"))
		state->read_only = on;
	else if (is(name, "super_read_only"))
		state->super_read_only = on;
}

/* Seconds in digits; false for NULL and all else. */
static bool parse_lag(const char *text, uint32_t *out)
{
	uint64_t seconds = 0;

	if (!text || !*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		seconds = seconds * 10 + (*text - '0');
		if (seconds > UINT32_MAX)
			seconds = UINT32_MAX;
	}
	*out = seconds;
	return true;
}

void mysql_state_channel(struct mysql_state *state, const char *io, const char *sql,
			 const char *lag)
{
	uint32_t seconds;

	state->channels++;
	if (!is(io, "Yes") && !is(io, "Connecting") && !is(io, "Preparing"))
		state->io_stopped = true;
	if (!is(sql, "Yes"))
		state->sql_stopped = true;
	if (!is(io, "Yes") || !parse_lag(lag, &seconds))
		state->lag_unknown = true;
	else if (seconds > state->lag_s)
		state->lag_s = seconds;
}

static enum mysql_verdict judge_replica(const struct mysql_state *state, uint32_t max_lag_ms)
{
	if (!state->channels)
		return MYSQL_NOT_REPLICATING;
	if (!state->read_only)
		return MYSQL_IS_WRITABLE;
	if (state->sql_stopped)
		return MYSQL_SQL_STOPPED;
	if (state->io_stopped)
		return MYSQL_IO_STOPPED;
	if (max_lag_ms && state->lag_unknown)
		return MYSQL_LAG_UNKNOWN;
	if (max_lag_ms && state->lag_s * (uint64_t)MS_PER_SECOND > max_lag_ms)
		return MYSQL_LAGS;
	return MYSQL_GOOD;
}

enum mysql_verdict mysql_state_judge(const struct mysql_state *state, enum mysql_role role,
				     uint32_t max_lag_ms)
{
	if (role == MYSQL_REPLICA)
		return judge_replica(state, max_lag_ms);
	if (role == MYSQL_PRIMARY && state->read_only)
		return MYSQL_IS_READ_ONLY;
	if (role == MYSQL_PRIMARY && state->super_read_only)
		return MYSQL_IS_SUPER_READ_ONLY;
	return MYSQL_GOOD;
}
