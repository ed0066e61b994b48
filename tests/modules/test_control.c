/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The control socket's messages: requests in every shape, whole, in parts, malformed. */
#include "control_fixture.h"

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
	expect_refusal(fd, "more than 65536 brackets and commas");
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

/* A line of this many bytes is answered. */
static void expect_long_line(int fd, size_t length)
{
	static const char head[] = "{\"version\":1,\"command\":\"nope\",\"arguments\":{\"a\":\"";
	char *request = malloc(length + 1);

	memset(request, 'y', length);
	memcpy(request, head, sizeof(head) - 1);
	memcpy(request + length - 3, "\"}}\n", 4);
	say_bytes(fd, request, length + 1);
	free(request);
	expect_refusal(fd, "nope");
}

static void test_a_long_line_of_one_client(void **state)
{
	int fd = client(*state), other = client(*state);

	expect_long_line(fd, 3 * CONTROL_MAX_LINE_BYTES);
	expect_long_line(other, CONTROL_LONG_LINE_BYTES); /* the first one has ended its own */
	expect_long_line(fd, CONTROL_MAX_LINE_BYTES + 1);
	close(fd);
	close(other);
}

static void test_oversized_line_is_refused_and_closed(void **state)
{
	static char request[CONTROL_MAX_LINE_BYTES + 2];
	int fd = client(*state), other = client(*state);

	memset(request, 'y', sizeof(request));
	say_bytes(fd, request, CONTROL_MAX_LINE_BYTES + 1); /* which may become a long one */
	say_bytes(other, request, CONTROL_MAX_LINE_BYTES + 1);
	expect_refusal(other, "longer than 1 MiB");
	expect_end(other);
	expect_service(*state);
	close(fd);
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

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_SERVER(test_envelopes),
		WITH_SERVER(test_garbage_is_refused),
		WITH_SERVER(test_structure_is_bounded),
		WITH_SERVER(test_longest_line),
		WITH_SERVER(test_oversized_line_is_refused_and_closed),
		WITH_SERVER(test_a_long_line_of_one_client),
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
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
