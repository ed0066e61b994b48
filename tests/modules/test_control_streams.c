/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Connections of the control socket that become streams: whatever the reader does, they end well,
 * and cost no more than they may. */
#include "control_fixture.h"

enum {
	FEW = 5,
	MANY_BYTES = 64 << 20, /* more than may wait */
	MOST_BYTES = 2 << 20,  /* that wait and are in the socket */
	LINE_BYTES = 8 << 10,
	LINES_A_TURN = 64,
};

#define STREAM(command) "{\"version\":1,\"command\":\"" command "\"}\n"
#define BEGUN		"{\"version\":1,\"ok\":true,\"result\":{}}"

static struct source {
	struct control_stream *stream;
	struct event *timer;
	int left, lost; /* lines */
	int ended;	/* how often the server heard so */
	bool endless;
} source;

static void on_ended(void *context)
{
	struct source *from = context;

	from->stream = NULL;
	event_free(from->timer);
	__atomic_add_fetch(&from->ended, 1, __ATOMIC_SEQ_CST);
}

static void on_turn(evutil_socket_t fd, short what, void *context)
{
	static const struct timeval at_once = { .tv_usec = 1000 };
	static char line[LINE_BYTES];
	struct source *from = context;

	(void)fd;
	(void)what;
	memset(line, 'x', sizeof(line));
	for (int i = 0; i < LINES_A_TURN && from->left; i++, from->left--)
		from->lost +=
			!control_stream_send(from->stream, line, from->endless ? sizeof(line) : 1);
	if (from->left) {
		event_add(from->timer, &at_once);
		return;
	}
	if (from->endless)
		return;
	control_stream_end(from->stream, "end", 3);
	event_free(from->timer);
}

static json_t *begin(struct server *server, const char *command)
{
	static const struct timeval at_once = { .tv_usec = 1000 };

	if (strncmp(command, "stream", 6) != 0)
		return NULL;
	memset(&source, 0, sizeof(source));
	source.endless = strcmp(command, "stream-much") == 0;
	source.left = source.endless ? MANY_BYTES / LINE_BYTES : FEW;
	source.timer = evtimer_new(server->base, on_turn, &source);
	source.stream = control_stream_begin(server->control, on_ended, &source);
	event_add(source.timer, &at_once);
	return json_object();
}

static int set_up_streams(void **state)
{
	int result = set_up(state);

	((struct server *)*state)->more = begin;
	return result;
}

static int set_up_impatient_streams(void **state)
{
	int result = set_up_impatient_of_stalls(state);

	((struct server *)*state)->more = begin;
	return result;
}

static int begin_stream(struct server *server, const char *request)
{
	int fd = client(server);

	say(fd, request);
	expect(fd, BEGUN);
	return fd;
}

/* Waits until the server has heard of the end. */
static void expect_ended(void)
{
	double limit = now() + ANSWER_WAIT_S;

	while (!__atomic_load_n(&source.ended, __ATOMIC_SEQ_CST) && now() < limit)
		pause_ms(10);
	assert_int_equal(source.ended, 1);
}

static void test_lines_follow_the_answer(void **state)
{
	int fd = begin_stream(*state, STREAM("stream"));

	for (int i = 0; i < FEW; i++)
		expect(fd, "x");
	expect(fd, "end");
	expect_end(fd);
	assert_int_equal(source.lost, 0);
	assert_int_equal(source.ended, 0); /* the server ended it */
	expect_service(*state);
}

static void test_requests_mean_nothing_any_more(void **state)
{
	int fd = begin_stream(*state, STREAM("stream") ECHO("1") ECHO("2"));

	for (int i = 0; i < FEW; i++)
		expect(fd, "x");
	expect(fd, "end");
	expect_end(fd);
}

static void test_client_goes_away(void **state)
{
	int fd = begin_stream(*state, STREAM("stream-much"));

	close(fd);
	expect_ended();
	expect_service(*state);
}

/* After much that nobody asked for. */
static void test_client_closes_its_side(void **state)
{
	static const char noise[3 * CONTROL_MAX_LINE_BYTES];
	int fd = begin_stream(*state, STREAM("stream-much"));

	for (size_t sent = 0; sent < sizeof(noise);) {
		ssize_t n = send(fd, noise + sent, sizeof(noise) - sent, MSG_NOSIGNAL);

		assert_true(n > 0); /* else the server reads no more */
		sent += n;
	}
	shutdown(fd, SHUT_WR);
	expect_ended();
	close(fd);
	expect_service(*state);
}

static void test_slow_reader_loses_lines(void **state)
{
	int fd = begin_stream(*state, STREAM("stream-much"));
	double limit = now() + ANSWER_WAIT_S;
	static char bytes[LINE_BYTES];
	size_t got = 0;
	ssize_t n;

	while (__atomic_load_n(&source.left, __ATOMIC_SEQ_CST) && now() < limit)
		pause_ms(10);
	assert_int_equal(source.left, 0);
	assert_true(source.lost > 0);
	shutdown(fd, SHUT_WR);
	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		got += n;
	assert_int_equal(n, 0);
	assert_true(got < MOST_BYTES);
	close(fd);
	expect_ended();
	expect_service(*state);
}

static void test_reader_that_stalls_is_closed(void **state)
{
	int fd = begin_stream(*state, STREAM("stream-much"));

	expect_ended();
	expect_service(*state);
	close(fd);
}

/* The server goes, and tells. */
static void test_server_ends(void **state)
{
	int fd = begin_stream(*state, STREAM("stream-much"));

	(void)fd;
	(void)state;
}

static int tear_down_streaming(void **state)
{
	int result = tear_down(state);

	return result ? result : source.ended != 1;
}

int main(void)
{
#define WITH(test, from, to) cmocka_unit_test_setup_teardown(test, from, to)
	const struct CMUnitTest tests[] = {
		WITH(test_lines_follow_the_answer, set_up_streams, tear_down),
		WITH(test_requests_mean_nothing_any_more, set_up_streams, tear_down),
		WITH(test_client_goes_away, set_up_streams, tear_down),
		WITH(test_client_closes_its_side, set_up_streams, tear_down),
		WITH(test_slow_reader_loses_lines, set_up_streams, tear_down),
		WITH(test_reader_that_stalls_is_closed, set_up_impatient_streams, tear_down),
		WITH(test_server_ends, set_up_streams, tear_down_streaming),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
