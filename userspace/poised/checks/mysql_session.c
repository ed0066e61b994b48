/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libmariadb runs each call on a stack of its own, which it leaves when it would have to wait. To
 * free it in the middle of a call would leak what that stack holds: a session that is given up lets
 * the call go on to its end first, on a stream that fails at once.
 */
#include "mysql_session.h"

#include <errmsg.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST_REPLICA_STATUS = 80022, /* MySQL's version that has the statement */
	MAX_PACKET_BYTES = MYSQL_STREAM_KIB * 1024,
	MOST_TURNS = 64, /* of a call that is to end on a stream that is cut */
	MADE_NO_SENSE = -1,
};

enum step { CONNECT, ASK_VARIABLES, STORE_VARIABLES, ASK_CHANNELS, STORE_CHANNELS, END };

struct mysql_session {
	MYSQL *mysql;
	struct mysql_stream *stream;
	const char *user, *password;
	enum mysql_role role;
	enum step step;
	bool suspended;
	int error; /* as mysql_session_result() says it */
	struct mysql_state state;
	/* what libmariadb returns of the step: */
	MYSQL *connected;
	int failed;
	MYSQL_RES *result;
};

static const char variables[] = "SHOW GLOBAL VARIABLES WHERE Variable_name IN "
				"('read_only', 'super_read_only')";

/* What there is of these names differs between servers, not what it means. */
static const char *channels_query(MYSQL *mysql)
{
	if (mariadb_connection(mysql))
		return "SHOW ALL SLAVES STATUS";
	if (mysql_get_server_version(mysql) >= FIRST_REPLICA_STATUS)
		return "SHOW REPLICA STATUS";
	return "SHOW SLAVE STATUS";
}

static int ask(struct mysql_session *session, const char *query)
{
	return mysql_real_query_start(&session->failed, session->mysql, query, strlen(query));
}

/* What libmariadb waits for (MYSQL_WAIT_*), 0: the step is done. */
static int begin_step(struct mysql_session *session)
{
	switch (session->step) {
	case CONNECT:
		return mysql_real_connect_start(&session->connected, session->mysql, "check",
						session->user, session->password, NULL, 0, NULL, 0);
	case ASK_VARIABLES:
		return ask(session, variables);
	case ASK_CHANNELS:
		return ask(session, channels_query(session->mysql));
	case STORE_VARIABLES:
	case STORE_CHANNELS:
		return mysql_store_result_start(&session->result, session->mysql);
	case END:
		break;
	}
	return 0;
}

static int continue_step(struct mysql_session *session, int ready)
{
	switch (session->step) {
	case CONNECT:
		return mysql_real_connect_cont(&session->connected, session->mysql, ready);
	case ASK_VARIABLES:
	case ASK_CHANNELS:
		return mysql_real_query_cont(&session->failed, session->mysql, ready);
	case STORE_VARIABLES:
	case STORE_CHANNELS:
		return mysql_store_result_cont(&session->result, session->mysql, ready);
	case END:
		break;
	}
	return 0;
}

/* A row's value in the column of one of two names; NULL: there is none. */
static const char *value(MYSQL_RES *result, MYSQL_ROW row, const char *name, const char *other)
{
	for (unsigned i = 0; i < mysql_num_fields(result); i++) {
		const char *found = mysql_fetch_field_direct(result, i)->name;

		if (found && (strcmp(found, name) == 0 || strcmp(found, other) == 0))
			return row[i];
	}
	return NULL;
}

static void take_variables(struct mysql_session *session)
{
	MYSQL_ROW row;

	/* without it nothing is known, and that must not count as 'OFF' */
	if (mysql_num_fields(session->result) != 2 || mysql_num_rows(session->result) == 0)
		session->error = MADE_NO_SENSE;
	while (!session->error && (row = mysql_fetch_row(session->result)))
		mysql_state_variable(&session->state, row[0], row[1]);
}

static void take_channels(struct mysql_session *session)
{
	MYSQL_RES *result = session->result;
	MYSQL_ROW row;

	while ((row = mysql_fetch_row(result)))
		mysql_state_channel(
			&session->state,
			value(result, row, "Slave_IO_Running", "Replica_IO_Running"),
			value(result, row, "Slave_SQL_Running", "Replica_SQL_Running"),
			value(result, row, "Seconds_Behind_Master", "Seconds_Behind_Source"));
}

static bool step_failed(const struct mysql_session *session)
{
	switch (session->step) {
	case CONNECT:
		return !session->connected;
	case STORE_VARIABLES:
	case STORE_CHANNELS:
		return !session->result;
	default:
		return session->failed;
	}
}

static void take_result(struct mysql_session *session)
{
	if (!session->result)
		return;
	if (session->step == STORE_VARIABLES)
		take_variables(session);
	else
		take_channels(session);
	mysql_free_result(session->result);
	session->result = NULL;
}

static enum step next_step(const struct mysql_session *session)
{
	if (session->step == CONNECT && session->role == MYSQL_ANY)
		return END;
	if (session->step == STORE_VARIABLES && session->role != MYSQL_REPLICA)
		return END;
	return session->step + 1;
}

static void finish_step(struct mysql_session *session)
{
	if (step_failed(session)) {
		session->error = mysql_errno(session->mysql);
		if (!session->error) /* an answer without a result */
			session->error = MADE_NO_SENSE;
	}
	take_result(session);
	session->step = session->error ? END : next_step(session);
}

static short to_events(int wait)
{
	return (wait & MYSQL_WAIT_READ ? EV_READ : 0) | (wait & MYSQL_WAIT_WRITE ? EV_WRITE : 0);
}

static int to_wait(short events)
{
	return (events & EV_READ ? MYSQL_WAIT_READ : 0) |
	       (events & EV_WRITE ? MYSQL_WAIT_WRITE : 0);
}

short mysql_session_run(struct mysql_session *session, short ready)
{
	while (session->step != END) {
		int wait;

		session->stream->waits = 0;
		wait = session->suspended ? continue_step(session, to_wait(ready))
					  : begin_step(session);

		session->suspended = wait != 0;
		if (wait)
			return session->stream->waits ? session->stream->waits : to_events(wait);
		finish_step(session);
	}
	return 0;
}

int mysql_session_result(const struct mysql_session *session, struct mysql_state *state)
{
	*state = session->state;
	return session->error;
}

static int set_options(struct mysql_session *session)
{
	MYSQL *mysql = session->mysql;
	unsigned int tcp = MYSQL_PROTOCOL_TCP, none = 0;
	unsigned long packet = MAX_PACKET_BYTES;

	if (mysql_optionsv(mysql, MYSQL_OPT_NONBLOCK, NULL) != 0 ||
	    mysql_optionsv(mysql, MYSQL_OPT_PROTOCOL, &tcp) != 0 ||
	    mysql_optionsv(mysql, MYSQL_OPT_LOCAL_INFILE, &none) != 0 ||
	    mysql_optionsv(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet) != 0 ||
	    /* never one that sends the password as it is, or loads what the server names */
	    mysql_optionsv(mysql, MARIADB_OPT_RESTRICTED_AUTH,
			   "mysql_native_password,client_ed25519,caching_sha2_password") != 0 ||
	    mysql_optionsv(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "poised") != 0)
		return -ENOMEM;
	return mysql_stream_use(session->stream, mysql);
}

struct mysql_session *mysql_session_new(struct mysql_stream *stream, const char *user,
					const char *password, enum mysql_role role)
{
	struct mysql_session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return NULL;
	session->stream = stream;
	session->user = user;
	session->password = password;
	session->role = role;
	session->mysql = mysql_init(NULL);
	r = session->mysql ? set_options(session) : -ENOMEM;
	if (r == 0)
		return session;
	mysql_session_free(session);
	errno = -r;
	return NULL;
}

static void end_step(struct mysql_session *session)
{
	session->stream->cut = true;
	for (int i = 0; session->suspended && i < MOST_TURNS; i++)
		session->suspended = continue_step(session, MYSQL_WAIT_TIMEOUT) != 0;
	mysql_free_result(session->result);
}

void mysql_session_free(struct mysql_session *session)
{
	if (!session)
		return;
	if (session->suspended)
		end_step(session);
	if (session->mysql)
		mysql_close(session->mysql);
	free(session);
}
