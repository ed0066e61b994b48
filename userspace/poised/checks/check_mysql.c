/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The 'mysql' check. The connection and the server's greeting are this file's, for exact reasons
 * when there are none; a login, if there is one to be made, is mysql_session.c's.
 *
 * Without a user the greeting decides. A client that then just goes away counts as one that broke
 * the protocol, and is refused for good after max_connect_errors of them; so a login is made that
 * is not expected to succeed, and its answer waited for.
 */
#include "check_mysql.h"

#include <errno.h>
#include <event2/event.h>
#include <mysql.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mysql_greeting.h"
#include "mysql_session.h"
#include "secret.h"
#include "tls.h"

enum {
	MS_PER_SECOND = 1000,
	AUTH_SWITCH = 0xfe, /* a server asks for another way to prove who one is */
	OUT_OF_MEMORY = 2008,
	FIRST_OF_LIBRARY = 2000,
	LAST_OF_LIBRARY = 2999,
};

static const char nobody[] = "poise";

enum phase { IDLE, REFUSED, CONNECTING, GREETING, FAREWELL, SESSION };

struct mysql {
	struct check check;
	struct event_base *base;
	struct check_target target;
	struct sockaddr_storage peer;
	socklen_t peer_length;
	char *user, *password_file; /* or NULL */
	enum mysql_role role;
	uint32_t max_lag_ms;
	struct tls_client *tls; /* NULL: without TLS */
	struct tls_note *note;	/* with it */
	/* of the check under way: */
	enum phase phase;
	struct event *event;
	int fd;		   /* -1: there is none */
	int connect_error; /* when it failed at once */
	int secret_error;  /* of REFUSED: why there is no password */
	uint8_t received[MYSQL_GREETING_BYTES];
	size_t received_length;
	char password[SECRET_BYTES];
	struct mysql_stream stream;
	struct mysql_session *session;
};

static void go_on(evutil_socket_t fd, short what, void *context);

static void mysql_cancel(struct check *check)
{
	struct mysql *mysql = (struct mysql *)check;

	if (mysql->phase == IDLE)
		return;
	mysql->phase = IDLE;
	event_free(mysql->event);
	mysql_session_free(mysql->session);
	mysql->session = NULL;
	mysql_stream_end(&mysql->stream);
	explicit_bzero(mysql->password, sizeof(mysql->password));
	if (mysql->fd >= 0)
		close(mysql->fd);
}

static void fail_errno(struct mysql *mysql, int error)
{
	mysql_cancel(&mysql->check);
	check_fail_errno(&mysql->check, error);
}

static void fail(struct mysql *mysql, const char *text)
{
	mysql_cancel(&mysql->check);
	check_fail(&mysql->check, "%s", text);
}

static void fail_server(struct mysql *mysql, unsigned int error)
{
	const char *text = mysql_error_text(error);

	mysql_cancel(&mysql->check);
	if (text)
		check_fail(&mysql->check, CHECK_TEXT_MYSQL, text);
	else
		check_fail(&mysql->check, CHECK_TEXT_MYSQL_ERROR, error);
}

static void wait_for(struct mysql *mysql, short events)
{
	event_del(mysql->event);
	event_assign(mysql->event, mysql->base, mysql->fd, events, go_on, mysql);
	if (event_add(mysql->event, NULL) != 0)
		fail_errno(mysql, ENOMEM);
}

/* The session. */

static void judge(struct mysql *mysql, const struct mysql_state *state)
{
	struct check *check = &mysql->check;

	switch (mysql_state_judge(state, mysql->role, mysql->max_lag_ms)) {
	case MYSQL_GOOD:
		check_pass(check);
		break;
	case MYSQL_IS_READ_ONLY:
		check_fail(check, CHECK_TEXT_MYSQL_READ_ONLY, "read_only");
		break;
	case MYSQL_IS_SUPER_READ_ONLY:
		check_fail(check, CHECK_TEXT_MYSQL_READ_ONLY, "super_read_only");
		break;
	case MYSQL_IS_WRITABLE:
		check_fail(check, CHECK_TEXT_MYSQL_WRITABLE);
		break;
	case MYSQL_NOT_REPLICATING:
		check_fail(check, CHECK_TEXT_MYSQL_NO_REPLICA);
		break;
	case MYSQL_IO_STOPPED:
		check_fail(check, CHECK_TEXT_MYSQL_STOPPED, "IO");
		break;
	case MYSQL_SQL_STOPPED:
		check_fail(check, CHECK_TEXT_MYSQL_STOPPED, "SQL");
		break;
	case MYSQL_LAG_UNKNOWN:
		check_fail(check, CHECK_TEXT_MYSQL_NO_LAG, mysql->max_lag_ms / MS_PER_SECOND);
		break;
	case MYSQL_LAGS:
		check_fail(check, CHECK_TEXT_MYSQL_LAG, state->lag_s,
			   mysql->max_lag_ms / MS_PER_SECOND);
		break;
	}
}

static void fail_tls(struct mysql *mysql)
{
	mysql_cancel(&mysql->check);
	if (mysql->note->not_run)
		check_not_run(&mysql->check, "%s", mysql->note->error);
	else
		check_fail(&mysql->check, "%s", mysql->note->error);
}

/* Why, as exactly as it is known. */
static void fail_session(struct mysql *mysql, int error)
{
	const struct mysql_stream stream = mysql->stream;

	if (mysql->tls && mysql->note->error[0] && !stream.error) {
		fail_tls(mysql);
	} else if (stream.too_much) {
		mysql_cancel(&mysql->check);
		check_fail(&mysql->check, CHECK_TEXT_MYSQL_LARGE, MYSQL_STREAM_KIB);
	} else if (error == OUT_OF_MEMORY) {
		fail_errno(mysql, ENOMEM);
	} else if (stream.error) {
		fail_errno(mysql, stream.error);
	} else if (error > 0 && (error < FIRST_OF_LIBRARY || mysql_error_text(error))) {
		fail_server(mysql, error);
	} else if (stream.closed) {
		fail(mysql, stream.secrecy == MYSQL_HANDSHAKE ? CHECK_TEXT_TLS_CLOSED
							      : CHECK_TEXT_CLOSED_MIDDLE);
	} else if (error > LAST_OF_LIBRARY) {
		fail_server(mysql, error);
	} else {
		fail(mysql, CHECK_TEXT_NOT_MYSQL);
	}
}

static void warn(struct mysql *mysql)
{
	char warning[HEALTH_ERROR_BYTES];

	if (mysql->tls && tls_ends_soon(mysql->note, warning))
		check_warn(&mysql->check, "%s", warning);
}

static void end_session(struct mysql *mysql)
{
	struct mysql_state state;
	int error = mysql_session_result(mysql->session, &state);

	if (error) {
		fail_session(mysql, error);
		return;
	}
	mysql_cancel(&mysql->check);
	warn(mysql);
	judge(mysql, &state);
}

static void run_session(struct mysql *mysql, short ready)
{
	short events = mysql_session_run(mysql->session, ready);

	if (events)
		wait_for(mysql, events);
	else
		end_session(mysql);
}

static void begin_session(struct mysql *mysql)
{
	if (mysql->tls && !mysql_greeting_has_tls(mysql->received, mysql->received_length)) {
		fail(mysql, CHECK_TEXT_MYSQL_NO_TLS);
		return;
	}
	mysql->stream = (struct mysql_stream){ .fd = mysql->fd,
					       .tls = mysql->tls,
					       .note = mysql->note,
					       .before = mysql->received,
					       .before_left = mysql->received_length };
	mysql->session =
		mysql_session_new(&mysql->stream, mysql->user, mysql->password, mysql->role);
	if (!mysql->session) {
		fail_errno(mysql, ENOMEM);
		return;
	}
	mysql->phase = SESSION;
	run_session(mysql, 0);
}

/* Without a user. */

/* A few bytes on a connection that has carried none: they fit, or it is broken. */
static int send_all(struct mysql *mysql, const uint8_t *data, size_t length)
{
	ssize_t sent = send(mysql->fd, data, length, MSG_NOSIGNAL);

	return sent < 0 ? errno : (size_t)sent < length ? EIO : 0;
}

static void begin_farewell(struct mysql *mysql)
{
	uint8_t answer[MYSQL_ANSWER_BYTES];
	int error = send_all(mysql, answer, mysql_greeting_answer(nobody, answer));

	if (error) {
		fail_errno(mysql, error);
		return;
	}
	mysql->phase = FAREWELL;
	mysql->received_length = 0;
	wait_for(mysql, EV_READ);
}

/* Whether the login was refused is all the same, that it was answered is not. */
static void end_farewell(struct mysql *mysql)
{
	static const uint8_t no_password[MYSQL_PACKET_HEADER_BYTES] = { 0, 0, 0, 3 };

	if (mysql->received_length <= MYSQL_PACKET_HEADER_BYTES) {
		wait_for(mysql, EV_READ);
	} else if (mysql->received[MYSQL_PACKET_HEADER_BYTES] == AUTH_SWITCH) {
		/* one more answer, and the server has seen a login as it ought to be */
		mysql->received_length = 0;
		if (send_all(mysql, no_password, sizeof(no_password)) == 0)
			wait_for(mysql, EV_READ);
		else
			fail(mysql, CHECK_TEXT_RESET);
	} else {
		mysql_cancel(&mysql->check);
		check_pass(&mysql->check);
	}
}

static void take_greeting(struct mysql *mysql)
{
	uint16_t error = 0;

	switch (mysql_greeting_parse(mysql->received, mysql->received_length, &error)) {
	case MYSQL_PACKET_SHORT:
		wait_for(mysql, EV_READ);
		break;
	case MYSQL_PACKET_ERROR:
		fail_server(mysql, error);
		break;
	case MYSQL_PACKET_OTHER:
		fail(mysql, CHECK_TEXT_NOT_MYSQL);
		break;
	case MYSQL_PACKET_GREETING:
		if (mysql->user)
			begin_session(mysql);
		else
			begin_farewell(mysql);
		break;
	}
}

static void receive(struct mysql *mysql)
{
	ssize_t got = recv(mysql->fd, mysql->received + mysql->received_length,
			   sizeof(mysql->received) - mysql->received_length, MSG_DONTWAIT);

	if (got > 0) {
		mysql->received_length += got;
		if (mysql->phase == GREETING)
			take_greeting(mysql);
		else
			end_farewell(mysql);
	} else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		wait_for(mysql, EV_READ);
	} else if (got < 0) {
		fail_errno(mysql, errno);
	} else {
		fail(mysql, mysql->received_length || mysql->phase == FAREWELL
				    ? CHECK_TEXT_CLOSED_MIDDLE
				    : CHECK_TEXT_CLOSED);
	}
}

static void connected(struct mysql *mysql)
{
	int error = mysql->connect_error;
	socklen_t length = sizeof(error);

	if (!error && getsockopt(mysql->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
		error = errno;
	if (error) {
		fail_errno(mysql, error);
		return;
	}
	mysql->phase = GREETING;
	wait_for(mysql, EV_READ);
}

static void refuse(struct mysql *mysql)
{
	mysql_cancel(&mysql->check);
	check_not_run(&mysql->check, CHECK_TEXT_PASSWORD_FILE, mysql->password_file,
		      secret_error(mysql->secret_error));
}

static void go_on(evutil_socket_t fd, short what, void *context)
{
	struct mysql *mysql = context;

	(void)fd;
	switch (mysql->phase) {
	case REFUSED:
		refuse(mysql);
		break;
	case CONNECTING:
		connected(mysql);
		break;
	case GREETING:
	case FAREWELL:
		receive(mysql);
		break;
	case SESSION:
		run_session(mysql, what);
		break;
	case IDLE:
		break;
	}
}

/* 0 or a negative errno: this host could not begin. */
static int begin_connect(struct mysql *mysql)
{
	int r = check_target_socket(&mysql->target, mysql->fd);

	if (r)
		return r;
	mysql->connect_error = 0;
	if (connect(mysql->fd, (struct sockaddr *)&mysql->peer, mysql->peer_length) != 0 &&
	    errno != EINPROGRESS)
		mysql->connect_error = errno;
	if (mysql->connect_error)
		event_active(mysql->event, EV_WRITE, 0);
	else if (event_add(mysql->event, NULL) != 0)
		return -ENOMEM;
	return 0;
}

static int open_socket(struct mysql *mysql)
{
	mysql->fd = socket(mysql->peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (mysql->fd < 0)
		return -errno;
	event_assign(mysql->event, mysql->base, mysql->fd, EV_WRITE, go_on, mysql);
	mysql->phase = CONNECTING;
	return begin_connect(mysql);
}

/* Before the connection, for one that is given up after the greeting counts as an error there. */
static int read_password(struct mysql *mysql)
{
	int r = 0;

	mysql->password[0] = '\0';
	if (mysql->password_file)
		r = secret_read(mysql->password_file, mysql->password);
	mysql->secret_error = r < 0 ? r : 0;
	return mysql->secret_error;
}

static int mysql_start(struct check *check)
{
	struct mysql *mysql = (struct mysql *)check;
	int r = 0;

	mysql->received_length = 0;
	mysql->stream = (struct mysql_stream){ 0 };
	mysql->fd = -1;
	mysql->event = event_new(mysql->base, -1, 0, go_on, mysql);
	if (!mysql->event)
		return -ENOMEM;
	mysql->phase = REFUSED;
	if (read_password(mysql) == 0)
		r = open_socket(mysql);
	else
		event_active(mysql->event, EV_TIMEOUT, 0);
	if (r)
		mysql_cancel(check);
	return r;
}

static void mysql_expire(struct check *check)
{
	struct mysql *mysql = (struct mysql *)check;
	enum phase phase = mysql->phase;
	bool began = mysql->received_length > 0;
	bool shaking = phase == SESSION && mysql->stream.secrecy == MYSQL_HANDSHAKE;

	mysql_cancel(check);
	if (phase == CONNECTING)
		check_fail_connecting(check);
	else if (shaking)
		check_fail(check, CHECK_TEXT_TIMEOUT_TLS, check->timeout_ms);
	else if (phase == GREETING && !began)
		check_fail(check, CHECK_TEXT_TIMEOUT_ANSWER, check->timeout_ms);
	else
		check_fail(check, CHECK_TEXT_TIMEOUT_MIDDLE, check->timeout_ms);
}

static void mysql_destroy(struct check *check)
{
	struct mysql *mysql = (struct mysql *)check;

	mysql_cancel(check);
	tls_client_free(mysql->tls);
	free(mysql->note);
	free(mysql->user);
	free(mysql->password_file);
	free(mysql);
}

static int copy_tls(struct mysql *mysql, struct tls_contexts *contexts,
		    const struct config_check_tls *config)
{
	if (!config->on)
		return 0;
	mysql->note = calloc(1, sizeof(*mysql->note));
	mysql->tls = mysql->note ? tls_client_new(contexts, config) : NULL;
	return mysql->tls ? 0 : -ENOMEM;
}

static struct check *mysql_create(const struct check_env *env, const struct check_target *target,
				  const struct config_check *config)
{
	struct mysql *mysql = calloc(1, sizeof(*mysql));

	if (!mysql)
		return NULL;
	mysql->base = env->base;
	mysql->target = *target;
	mysql->peer_length = address_to_sockaddr(&target->address, config->port, &mysql->peer);
	mysql->role = config->role;
	mysql->max_lag_ms = config->max_lag_ms;
	if (copy_tls(mysql, env->tls, &config->tls) ||
	    (config->user && !(mysql->user = strdup(config->user))) ||
	    (config->password_file && !(mysql->password_file = strdup(config->password_file)))) {
		mysql_destroy(&mysql->check);
		errno = ENOMEM;
		return NULL;
	}
	return &mysql->check;
}

const struct check_kind check_mysql = {
	.create = mysql_create,
	.start = mysql_start,
	.expire = mysql_expire,
	.cancel = mysql_cancel,
	.destroy = mysql_destroy,
};
