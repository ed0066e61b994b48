/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The control socket's transport against hostile clients. The server runs in a thread with its own
 * event loop and a handler that echoes; the tests are blocking clients.
 */
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
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "access.h"
#include "control.h"

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
	int handled; /* requests; read after the thread has ended, or as a progress mark */
};

static json_t *big_result(size_t bytes)
{
	char *text = malloc(bytes + 1);
	json_t *result;

	memset(text, 'x', bytes);
	text[bytes] = '\0';
	result = json_pack("{s:s}", "big", text);
	free(text);
	return result;
}

static json_t *handle(void *context, const struct peer *peer, const char *command,
		      json_t *arguments, struct control_error *error)
{
	struct server *server = context;

	(void)peer;
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
	if (!strcmp(command, "silent"))
		return NULL;
	return control_refuse(error, "unknown command \"%s\"", command);
}

static void on_stop(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(context);
}

static void *serve(void *context)
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

static int set_up_with(void **state, const struct control_limits *limits)
{
	struct server *server = calloc(1, sizeof(*server));

	strcpy(server->directory, "/tmp/poise-control-XXXXXX");
	assert_non_null(mkdtemp(server->directory));
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

static int set_up(void **state)
{
	return set_up_with(state, NULL);
}

static int set_up_impatient(void **state)
{
	return set_up_with(state, &(struct control_limits){ 300, 600, 60000 });
}

static int set_up_impatient_of_stalls(void **state)
{
	return set_up_with(state, &(struct control_limits){ 60000, 60000, 300 });
}

static int tear_down(void **state)
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

static int client(const struct server *server)
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

static void say_bytes(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return; /* the server has hung up: what it answers decides */
		data += sent;
		length -= sent;
	}
}

static void say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

/* Reads a line, to be free()d; NULL at the end of the stream; fails the test on a timeout. */
static char *hear(int fd)
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

static void expect(int fd, const char *answer)
{
	char *line = hear(fd);

	assert_non_null(line);
	assert_string_equal(line, answer);
	free(line);
}

static void expect_end(int fd)
{
	char *line = hear(fd);

	if (line)
		fail_msg("expected the end, got '%.200s'", line);
	close(fd);
}

static void expect_refusal(int fd, const char *part)
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
static void expect_service(const struct server *server)
{
	int fd = client(server);

	say(fd, ECHO("7"));
	expect(fd, ECHOED("7"));
	close(fd);
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void test_envelopes(void **state)
{
	static const struct {
		const char *request, *answer;
	} rows[] = {
		{ ECHO("1"), ECHOED("1") },
		{ "{\"command\":\"echo\",\"version\":1}\n",
		  "{\"version\":1,\"ok\":true,\"result\":{\"arguments\":{}}}" },
		{ " \t{\"version\":1,\"command\":\"echo\"}\r\n",
		  "{\"version\":1,\"ok\":true,\"result\":{\"arguments\":{}}}" },
		{ ECHO("\"a\\nb \\\"[{,\""), ECHOED("\"a\\nb \\\"[{,\"") },
		{ "{\"version\":1,\"command\":\"nonsense\"}\n",
		  "{\"version\":1,\"ok\":false,\"error\":\"unknown command \\\"nonsense\\\"\"}" },
		{ "{\"version\":1,\"command\":\"lines\"}\n",
		  "{\"version\":1,\"ok\":false,\"error\":\"two things are wrong\","
		  "\"errors\":[\"first\",\"bad ? byte\"]}" },
		{ "{\"version\":1,\"command\":\"silent\"}\n",
		  "{\"version\":1,\"ok\":false,\"error\":\"refused without a reason: a defect, "
		  "report it\"}" },
	};
	int fd = client(*state);

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		say(fd, rows[i].request);
		expect(fd, rows[i].answer);
	}
	close(fd);
}

static void test_garbage_is_refused(void **state)
{
	static const struct {
		const char *request, *part;
	} rows[] = {
		{ "\n", "not JSON" },
		{ "hello\n", "not JSON" },
		{ "{\"version\":1,\"command\":\"echo\"\n", "not JSON" },
		{ "{\"version\":1,\"command\":\"echo\"} x\n", "not JSON" },
		{ "{\"version\":1,\"version\":1,\"command\":\"echo\"}\n", "duplicate" },
		{ ECHO("1,\"a\":2"), "duplicate" },
		{ ECHO("\"\\u0000\""), "\\\\u0000" },
		{ ECHO("\"\xff\xfe\""), "not JSON" },
		{ ECHO("\"\\ud800\""), "not JSON" },
		{ ECHO("1e999"), "not JSON" },
		{ ECHO("99999999999999999999"), "not JSON" },
		{ "[1]\n", "not a JSON object" },
		{ "7\n", "not JSON" },
		{ "{}\n", "\\\"version\\\"" },
		{ "{\"version\":\"1\",\"command\":\"echo\"}\n", "\\\"version\\\"" },
		{ "{\"version\":2,\"command\":\"echo\"}\n", "protocol version 2 is not known" },
		{ "{\"version\":1}\n", "\\\"command\\\"" },
		{ "{\"version\":1,\"command\":null}\n", "\\\"command\\\"" },
		{ "{\"version\":1,\"command\":\"echo\",\"arguments\":[]}\n", "not an object" },
		{ "{\"version\":1,\"command\":\"echo\",\"arguments\":null}\n", "not an object" },
		{ "{\"version\":1,\"command\":\"echo\",\"argument\":{}}\n",
		  "unknown key \\\"argument\\\"" },
		{ ECHO("[[[[[[[[1]]]]]]]]"), "nests deeper than 8" },
	};
	struct server *server = *state;
	int fd = client(server);

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		say(fd, rows[i].request);
		expect_refusal(fd, rows[i].part);
	}
	say_bytes(fd, "{\"version\":1,\0\"command\":\"echo\"}\n", 32);
	expect_refusal(fd, "NUL byte");
	assert_int_equal(server->handled, 0);
	say(fd, ECHO("1")); /* and the connection is still good */
	expect(fd, ECHOED("1"));
	close(fd);
}

static void test_structure_is_bounded(void **state)
{
	static char request[CONTROL_MAX_LINE_BYTES + 2];
	size_t length = 0;
	int fd = client(*state);

	length = sprintf(request, "{\"version\":1,\"command\":\"echo\",\"arguments\":{\"a\":[");
	while (length < CONTROL_MAX_LINE_BYTES - 8)
		length += sprintf(request + length, "[],");
	length += sprintf(request + length, "[]]}}\n");
	say_bytes(fd, request, length);
	expect_refusal(fd, "more than 1024 brackets and commas");
	close(fd);
}

static void test_longest_line(void **state)
{
	static char request[CONTROL_MAX_LINE_BYTES + 2], wanted[CONTROL_MAX_LINE_BYTES + 128];
	static const char head[] = "{\"version\":1,\"command\":\"echo\",\"arguments\":{\"a\":\"";
	size_t text = CONTROL_MAX_LINE_BYTES - (sizeof(head) - 1) - 3;
	int fd = client(*state);

	memset(request, 'y', sizeof(request));
	memcpy(request, head, sizeof(head) - 1);
	memcpy(request + CONTROL_MAX_LINE_BYTES - 3, "\"}}\n", 4);
	say_bytes(fd, request, CONTROL_MAX_LINE_BYTES + 1);
	snprintf(wanted, sizeof(wanted),
		 "{\"version\":1,\"ok\":true,\"result\":{\"arguments\":{\"a\":\"%.*s\"}}}",
		 (int)text, request + sizeof(head) - 1);
	expect(fd, wanted);
	close(fd);
}

static void test_oversized_line_is_refused_and_closed(void **state)
{
	static char request[CONTROL_MAX_LINE_BYTES + 2];
	int fd = client(*state);

	memset(request, 'y', sizeof(request));
	say_bytes(fd, request, CONTROL_MAX_LINE_BYTES + 1);
	expect_refusal(fd, "longer than 1 MiB");
	expect_end(fd);
	expect_service(*state);
}

static void *pour(void *context)
{
	static char block[1 << 16];
	int fd = *(int *)context;

	memset(block, 'z', sizeof(block));
	for (int i = 0; i < 1024; i++)
		say_bytes(fd, block, sizeof(block));
	return NULL;
}

static void test_endless_line_is_cut_off(void **state)
{
	int fd = client(*state);
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, pour, &fd), 0);
	expect_refusal(fd, "longer than 1 MiB");
	pthread_join(thread, NULL); /* the pouring ends because the server hung up */
	expect_end(fd);
	expect_service(*state);
}

static void test_request_in_single_bytes(void **state)
{
	static const char request[] = ECHO("\"slow\"");
	int fd = client(*state);

	for (size_t i = 0; request[i]; i++) {
		say_bytes(fd, request + i, 1);
		pause_ms(1);
	}
	expect(fd, ECHOED("\"slow\""));
	close(fd);
}

static void test_many_single_bytes_cost_little(void **state)
{
	int fd = client(*state);
	double begin;

	for (int i = 0; i < 300000; i++)
		say_bytes(fd, " ", 1);
	begin = now();
	expect_service(*state);
	assert_true(now() - begin < 2);
	say(fd, ECHO("1"));
	expect(fd, ECHOED("1"));
	close(fd);
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
	enum { REQUESTS = 2000 };
	int fd = client(*state);
	char text[128];

	for (int i = 0; i < REQUESTS; i++) {
		sprintf(text, ECHO("%d"), i);
		say(fd, text);
		if (i % 50 == 49) /* the socket holds so many answers unread */
			for (int j = i - 49; j <= i; j++) {
				sprintf(text, ECHOED("%d"), j);
				expect(fd, text);
			}
	}
	close(fd);
}

static void test_two_requests_and_a_half(void **state)
{
	int fd = client(*state);

	say(fd, ECHO("1") ECHO("2") "{\"version\":1,\"comm");
	expect(fd, ECHOED("1"));
	expect(fd, ECHOED("2"));
	say(fd, "and\":\"echo\",\"arguments\":{\"a\":3}}\n");
	expect(fd, ECHOED("3"));
	close(fd);
}

static void test_short_line_after_one_in_parts(void **state)
{
	int fd = client(*state);

	say(fd, "{\"version\":1,\"command\":\"echo\"");
	pause_ms(50);
	say(fd, ",\"arguments\":{\"a\":1}}\n");
	expect(fd, ECHOED("1"));
	say(fd, "[]\n");
	expect_refusal(fd, "not a JSON object");
	close(fd);
}

static void test_half_closed_client_gets_its_answers(void **state)
{
	int fd = client(*state);

	say(fd, ECHO("1") "{\"version\":1,\"command\":\"big\"}\n" ECHO("2") "{\"unfinished\"");
	shutdown(fd, SHUT_WR);
	expect(fd, ECHOED("1"));
	free(hear(fd));
	expect(fd, ECHOED("2"));
	expect_end(fd);
}

static void test_client_gone_in_mid_request(void **state)
{
	struct server *server = *state;

	for (int i = 0; i < 200; i++) {
		int fd = client(server);

		say(fd, "{\"version\":1,\"command\":\"echo\"");
		close(fd);
	}
	expect_service(server);
	assert_int_equal(server->handled, 1);
}

static void test_client_gone_before_its_answer(void **state)
{
	struct server *server = *state;

	for (int i = 1; i <= 20; i++) {
		int fd = client(server);

		say(fd, "{\"version\":1,\"command\":\"big\"}\n");
		close(fd);
		while (__atomic_load_n(&server->handled, __ATOMIC_SEQ_CST) < i)
			pause_ms(1);
	}
	pause_ms(200); /* in which the answers that nobody hears are dropped */
	expect_service(server);
}

static void test_big_answer(void **state)
{
	int fd = client(*state);
	char *line;

	say(fd, "{\"version\":1,\"command\":\"big\"}\n");
	pause_ms(100);
	expect_service(*state); /* while the other client does not read */
	line = hear(fd);
	assert_non_null(line);
	assert_int_equal(strlen(line),
			 strlen("{\"version\":1,\"ok\":true,\"result\":{\"big\":\"\"}}") +
				 BIG_BYTES);
	free(line);
	close(fd);
}

static void test_unread_answers_are_bounded(void **state)
{
	enum { CLIENTS = 20 };
	struct server *server = *state;
	int fds[CLIENTS], fd;

	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = client(server);
		say(fds[i],
		    "{\"version\":1,\"command\":\"big\"}\n{\"version\":1,\"command\":\"big\"}\n");
	}
	fd = client(server);
	do {
		say(fd, ECHO("1"));
		free(hear(fd));
	} while (__atomic_load_n(&server->handled, __ATOMIC_SEQ_CST) < 9);
	pause_ms(200);
	say(fd, ECHO("1"));
	expect_refusal(fd, "wait to be read by other clients");
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
	pause_ms(200);
	say(fd, ECHO("1"));
	expect(fd, ECHOED("1"));
	close(fd);
}

static void test_oldest_idle_client_gives_way(void **state)
{
	int fds[CONTROL_MAX_CLIENTS], extra;

	for (int i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		fds[i] = client(*state);
		say(fds[i], ECHO("1"));
		expect(fds[i], ECHOED("1"));
	}
	say(fds[0], ECHO("2")); /* now the second is the oldest */
	expect(fds[0], ECHOED("2"));
	extra = client(*state);
	say(extra, ECHO("3"));
	expect(extra, ECHOED("3"));
	expect_end(fds[1]);
	for (int i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		if (i == 1)
			continue;
		say(fds[i], ECHO("4"));
		expect(fds[i], ECHOED("4"));
		close(fds[i]);
	}
	close(extra);
}

static void test_new_client_is_refused_when_all_are_busy(void **state)
{
	int fds[CONTROL_MAX_CLIENTS], extra;

	for (int i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		fds[i] = client(*state);
		say(fds[i], ECHO("1") "{");
		expect(fds[i], ECHOED("1"));
	}
	extra = client(*state);
	expect_refusal(extra, "too many clients");
	expect_end(extra);
	for (int i = 0; i < CONTROL_MAX_CLIENTS; i++)
		close(fds[i]);
	pause_ms(100);
	expect_service(*state);
}

static void test_connection_flood(void **state)
{
	for (int i = 0; i < 3000; i++)
		close(client(*state));
	expect_service(*state);
}

static void test_slow_line_is_cut_off(void **state)
{
	int fd = client(*state);
	double begin = now();

	do { /* each byte comes in time, the line does not */
		say(fd, "{");
		pause_ms(50);
	} while (recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT) != 0 && now() - begin < 5);
	assert_true(now() - begin > 0.25 && now() - begin < 3);
	expect_end(fd);
}

static void test_idle_client_is_closed(void **state)
{
	int fd = client(*state);
	double begin = now();

	expect_end(fd);
	assert_true(now() - begin > 0.5 && now() - begin < 5);
}

static void test_active_client_is_not_idle(void **state)
{
	int fd = client(*state);

	for (int i = 0; i < 5; i++) {
		pause_ms(250);
		say(fd, ECHO("1"));
		expect(fd, ECHOED("1"));
	}
	close(fd);
}

/* Asks for a big answer and does not read for a while; whether the server has given up by then. */
static bool given_up_on(const struct server *server)
{
	char block[65536];
	int fd = client(server);
	size_t got = 0;
	ssize_t n;

	say(fd, "{\"version\":1,\"command\":\"big\"}\n");
	pause_ms(1500);
	while (got < BIG_BYTES && (n = recv(fd, block, sizeof(block), 0)) > 0)
		got += n;
	close(fd);
	return got < BIG_BYTES;
}

static void test_client_that_never_reads_is_closed(void **state)
{
	assert_true(given_up_on(*state));
	expect_service(*state);
}

static void test_patience_with_a_pause_in_reading(void **state)
{
	assert_false(given_up_on(*state));
}

static void test_socket_file(void **state)
{
	struct server *server = *state;
	struct stat stat;
	char parent[96];

	assert_int_equal(lstat(server->path, &stat), 0);
	assert_true(S_ISSOCK(stat.st_mode));
	assert_int_equal(stat.st_mode & 07777, 0660);
	snprintf(parent, sizeof(parent), "%s/run", server->directory);
	assert_int_equal(lstat(parent, &stat), 0);
	assert_int_equal(stat.st_mode & 07777, 0755);
}

static void test_second_server_is_refused(void **state)
{
	struct server *server = *state;
	struct event_base *base = event_base_new();
	struct control *second = NULL;

	assert_int_equal(control_new(base, server->path, &server->access, handle, server, &second),
			 -EADDRINUSE);
	event_base_free(base);
	expect_service(server); /* and the first has lost nothing */
}

static void test_paths(void **state)
{
	struct server *server = *state;
	struct event_base *base = event_base_new();
	struct control *control = NULL;
	char path[160], longest[200];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat stat;
	int fd;

	snprintf(path, sizeof(path), "%s/stale", server->directory);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd); /* the file stays: a socket that nobody listens on */
	assert_int_equal(control_new(base, path, &server->access, handle, server, &control), 0);
	control_free(control);
	assert_int_equal(lstat(path, &stat), -1);

	assert_int_equal(control_new(base, path, &server->access, handle, server, &control), 0);
	unlink(path);
	fclose(fopen(path, "w")); /* somebody else's file is not removed */
	control_free(control);
	assert_int_equal(lstat(path, &stat), 0);
	assert_int_equal(control_new(base, path, &server->access, handle, server, &control),
			 -ENOTSOCK);
	unlink(path);

	memset(longest, 'p', sizeof(longest));
	longest[0] = '/';
	longest[108] = '\0';
	assert_int_equal(control_new(base, longest, &server->access, handle, server, &control),
			 -ENAMETOOLONG);
	assert_int_equal(control_new(base, "", &server->access, handle, server, &control), -EINVAL);
	snprintf(path, sizeof(path), "%s/no/such/socket", server->directory);
	assert_int_equal(control_new(base, path, &server->access, handle, server, &control),
			 -ENOENT);
	event_base_free(base);
	control_free(NULL);
}

static void test_last_answer_leaves_before_the_end(void **state)
{
	struct server *server = *state;
	int fd = client(server);
	struct stat stat;
	char *line;

	say(fd, "{\"version\":1,\"command\":\"last\"}\n");
	line = hear(fd);
	assert_non_null(line);
	assert_true(strlen(line) > LAST_BYTES);
	free(line);
	expect_end(fd);
	for (int i = 0; i < 100 && !lstat(server->path, &stat); i++)
		pause_ms(10);
	assert_int_equal(lstat(server->path, &stat), -1);
}

int main(void)
{
#define WITH_SERVER(test)    cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define WITH_IMPATIENT(test) cmocka_unit_test_setup_teardown(test, set_up_impatient, tear_down)
#define WITH_IMPATIENT_OF_STALLS(test)                                                             \
	cmocka_unit_test_setup_teardown(test, set_up_impatient_of_stalls, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_SERVER(test_envelopes),
		WITH_SERVER(test_garbage_is_refused),
		WITH_SERVER(test_structure_is_bounded),
		WITH_SERVER(test_longest_line),
		WITH_SERVER(test_oversized_line_is_refused_and_closed),
		WITH_SERVER(test_endless_line_is_cut_off),
		WITH_SERVER(test_request_in_single_bytes),
		WITH_SERVER(test_many_single_bytes_cost_little),
		WITH_SERVER(test_pipelined_requests_are_answered_in_order),
		WITH_SERVER(test_two_requests_and_a_half),
		WITH_SERVER(test_short_line_after_one_in_parts),
		WITH_SERVER(test_half_closed_client_gets_its_answers),
		WITH_SERVER(test_client_gone_in_mid_request),
		WITH_SERVER(test_client_gone_before_its_answer),
		WITH_SERVER(test_big_answer),
		WITH_SERVER(test_unread_answers_are_bounded),
		WITH_SERVER(test_oldest_idle_client_gives_way),
		WITH_SERVER(test_new_client_is_refused_when_all_are_busy),
		WITH_SERVER(test_connection_flood),
		WITH_IMPATIENT(test_slow_line_is_cut_off),
		WITH_IMPATIENT(test_idle_client_is_closed),
		WITH_IMPATIENT(test_active_client_is_not_idle),
		WITH_IMPATIENT(test_client_that_never_reads_is_closed),
		WITH_IMPATIENT_OF_STALLS(test_client_that_never_reads_is_closed),
		WITH_SERVER(test_patience_with_a_pause_in_reading),
		WITH_SERVER(test_socket_file),
		WITH_SERVER(test_second_server_is_refused),
		WITH_SERVER(test_paths),
		WITH_SERVER(test_last_answer_leaves_before_the_end),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
