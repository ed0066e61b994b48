/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For tests of the control socket's transport: the server runs in a thread with its own event loop
 * and a handler that echoes; the tests are blocking clients, of any user and group.
 */
#ifndef POISE_TEST_CONTROL_FIXTURE_H
#define POISE_TEST_CONTROL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "access.h"
#include "control.h"
#include "log.h"
#include "peer.h"

enum {
	ANSWER_WAIT_S = 20,
	BIG_BYTES = 8 << 20,  /* of a big answer */
	LAST_BYTES = 1 << 20, /* more than a socket holds */
};

struct server {
	char directory[64], path[96];
	struct event_base *base;
	struct control *control;
	struct access access;
	pthread_t thread;
	int stop[2];
	json_t *(*more)(struct server *server, const char *command); /* a test's own commands */
	int handled; /* requests; read after the thread has ended, or as a progress mark */
};

static inline json_t *big_result(size_t bytes)
{
	char *text = malloc(bytes + 1);
	json_t *result;

	memset(text, 'x', bytes);
	text[bytes] = '\0';
	result = json_pack("{s:s}", "big", text);
	free(text);
	return result;
}

/* A command for those who may write: says who did. */
static inline json_t *write_as(struct access *access, const struct peer *peer,
			       struct control_error *error)
{
	char why[ACCESS_ERROR_BYTES];

	if (!access_check(access, peer, ACCESS_WRITE, "write", why))
		return control_refuse(error, "%s", why);
	return json_pack("{s:i, s:i, s:b}", "uid", (int)peer->uid, "gid", (int)peer->gid, "pid",
			 peer->pid == getpid());
}

static inline json_t *handle(void *context, const struct peer *peer, const char *command,
			     json_t *arguments, struct control_error *error)
{
	struct server *server = context;

	__atomic_add_fetch(&server->handled, 1, __ATOMIC_SEQ_CST);
	if (!strcmp(command, "echo"))
		return json_pack("{s:O}", "arguments", arguments);
	if (!strcmp(command, "big"))
		return big_result(BIG_BYTES);
	if (!strcmp(command, "last")) {
		event_base_loopbreak(server->base);
		return big_result(LAST_BYTES);
	}
	if (!strcmp(command, "lines")) {
		control_refuse_line(error, "first");
		control_refuse_line(error, "bad \xff byte");
		return control_refuse(error, "two things are wrong");
	}
	if (!strcmp(command, "write"))
		return write_as(&server->access, peer, error);
	if (!strcmp(command, "silent"))
		return NULL;
	if (server->more)
		return server->more(server, command);
	return control_refuse(error, "unknown command \"%s\"", command);
}

static inline void on_stop(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(context);
}

static inline void *serve(void *context)
{
	struct server *server = context;
	struct event *stop =
		event_new(server->base, server->stop[0], EV_READ, on_stop, server->base);

	event_add(stop, NULL);
	event_base_dispatch(server->base);
	event_free(stop);
	control_free(server->control);
	return NULL;
}

static inline int set_up_with(void **state, const struct control_limits *limits)
{
	struct server *server = calloc(1, sizeof(*server));

	strcpy(server->directory, "/tmp/poise-control-XXXXXX");
	assert_non_null(mkdtemp(server->directory));
	assert_int_equal(chmod(server->directory, 0755), 0); /* for clients of other users */
	snprintf(server->path, sizeof(server->path), "%s/run/socket", server->directory);
	server->base = event_base_new();
	assert_int_equal(pipe(server->stop), 0);
	assert_int_equal(control_new(server->base, server->path, &server->access, handle, server,
				     &server->control),
			 0);
	if (limits)
		control_set_limits(server->control, limits);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
	*state = server;
	return 0;
}

static inline int set_up(void **state)
{
	return set_up_with(state, NULL);
}

static inline int set_up_impatient(void **state)
{
	return set_up_with(state, &(struct control_limits){ 300, 600, 60000 });
}

static inline int set_up_impatient_of_stalls(void **state)
{
	return set_up_with(state, &(struct control_limits){ 60000, 60000, 300 });
}

static inline int tear_down(void **state)
{
	struct server *server = *state;
	char parent[96];

	if (write(server->stop[1], "", 1) != 1)
		return -1;
	pthread_join(server->thread, NULL);
	event_base_free(server->base);
	close(server->stop[0]);
	close(server->stop[1]);
	unlink(server->path);
	snprintf(parent, sizeof(parent), "%s/run", server->directory);
	rmdir(parent);
	rmdir(server->directory);
	free(server);
	return 0;
}

static inline int client(const struct server *server)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_sec = ANSWER_WAIT_S };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, server->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	return fd;
}

/* A client of another user and group. System calls change the credentials of one thread only. */
static inline int client_as(const struct server *server, uid_t uid, gid_t gid, gid_t group)
{
	int fd;

	assert_int_equal(syscall(SYS_setgroups, group ? 1 : 0, &group), 0);
	assert_int_equal(syscall(SYS_setresgid, -1, gid, -1), 0);
	assert_int_equal(syscall(SYS_setresuid, -1, uid, -1), 0);
	fd = client(server);
	assert_int_equal(syscall(SYS_setresuid, -1, 0, -1), 0);
	assert_int_equal(syscall(SYS_setresgid, -1, 0, -1), 0);
	assert_int_equal(syscall(SYS_setgroups, 0, NULL), 0);
	return fd;
}

static inline void say_bytes(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return; /* the server has hung up: what it answers decides */
		data += sent;
		length -= sent;
	}
}

static inline void say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

/* Reads a line, to be free()d; NULL at the end of the stream; fails the test on a timeout. */
static inline char *hear(int fd)
{
	size_t length = 0, room = 0;
	char *line = NULL, *end = NULL;

	while (!end) {
		ssize_t got;

		if (room - length < 4096)
			line = realloc(line, room = room * 2 + 65536);
		got = recv(fd, line + length, room - length, MSG_PEEK);
		if (got < 0 && errno == EAGAIN)
			fail_msg("no answer within %d s", ANSWER_WAIT_S);
		if (got <= 0)
			break;
		end = memchr(line + length, '\n', got);
		if (end)
			got = end + 1 - (line + length);
		assert_int_equal(recv(fd, line + length, got, 0), got);
		length += got;
	}
	if (end) {
		*end = '\0';
		return line;
	}
	free(line);
	assert_int_equal(length, 0); /* an answer cut short */
	return NULL;
}

static inline void expect(int fd, const char *answer)
{
	char *line = hear(fd);

	assert_non_null(line);
	assert_string_equal(line, answer);
	free(line);
}

static inline void expect_end(int fd)
{
	char *line = hear(fd);

	if (line)
		fail_msg("expected the end, got '%.200s'", line);
	close(fd);
}

static inline void expect_refusal(int fd, const char *part)
{
	char *line = hear(fd);

	assert_non_null(line);
	if (strncmp(line, "{\"version\":1,\"ok\":false,\"error\":\"", 32) || !strstr(line, part))
		fail_msg("expected a refusal with '%s', got '%.300s'", part, line);
	free(line);
}

#define ECHO(text)   "{\"version\":1,\"command\":\"echo\",\"arguments\":{\"a\":" text "}}\n"
#define ECHOED(text) "{\"version\":1,\"ok\":true,\"result\":{\"arguments\":{\"a\":" text "}}}"

/* The server is in good order: a new client is served, and soon. */
static inline void expect_service(const struct server *server)
{
	int fd = client(server);

	say(fd, ECHO("7"));
	expect(fd, ECHOED("7"));
	close(fd);
}

static inline void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

#endif
