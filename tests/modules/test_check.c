/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Single checks: what is sent, and what each kind of answer leads to. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check_fixture.h"
#include "health.h"

enum {
	FULL_BACKLOG = 8,
	PATIENT_MS = 10000, /* for a check that is to end by itself, on a machine however busy */
};

static struct config_check patient_check(enum check_type type, uint16_t port)
{
	struct config_check check = check_of(type, port);

	check.timeout_ms = PATIENT_MS;
	return check;
}

/* One answer, one verdict. */

#define OK "HTTP/1.1 200 OK\r\n"
#define SIXTEEN(text)                                                                              \
	text text text text text text text text text text text text text text text text
#define KIB_OF_HEADER "X: " SIXTEEN(SIXTEEN("abcd")) "\r\n"
static const struct answer_case {
	const char *name;
	struct script script;
	const char *error; /* NULL: it passes */
	const char *body;
	const char *address;
	struct status_range expect[2];
	unsigned timeout_ms;
} answer_cases[] = {
	{ .name = "http: an expected status passes",
	  .script = { .answer = OK "Content-Length: 0\r\n\r\n" } },
	{ .name = "http: IPv6",
	  .script = { .answer = OK "Content-Length: 0\r\n\r\n" },
	  .address = "::1" },
	{ .name = "http: an unexpected status fails",
	  .script = { .answer = "HTTP/1.1 503 \x1b[31mNo\a\r\n\r\n" },
	  .error = "status 503, expected 200-399" },
	{ .name = "http: several ranges of expected status",
	  .script = { .answer = "HTTP/1.1 301 No\r\n\r\n" },
	  .error = "status 301, expected 200-299,404",
	  .expect = { { 200, 299 }, { 404, 404 } } },
	{ .name = "http: the second range counts",
	  .script = { .answer = "HTTP/1.1 404 No\r\n\r\n" },
	  .expect = { { 200, 299 }, { 404, 404 } } },
	{ .name = "http: a redirection is not followed",
	  .script = { .answer = "HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\n\r\n" } },
	{ .name = "http: the status decides without the body's end",
	  .script = { .answer = OK "Content-Length: 9\r\n\r\n", .then = HOLD } },
	{ .name = "http: interim answers come before the final one",
	  .script = { .answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: "
				"b\r\n\r\n" OK "\r\n" } },
	{ .name = "http: the body holds the text",
	  .script = { .answer = OK "\r\nall is ok here" },
	  .body = "ok" },
	{ .name = "http: the body holds the text, in chunks",
	  .script = { .answer = OK
		      "Transfer-Encoding: chunked\r\n\r\n2\r\nso\r\n1\r\nk\r\n0\r\n\r\n" },
	  .body = "ok" },
	{ .name = "http: the body holds the text, byte by byte",
	  .script = { .answer = OK "\r\naabaabaaab", .trickle_ms = 1 },
	  .body = "aabaaab" },
	{ .name = "http: the body's text is found before its end",
	  .script = { .answer = OK "Content-Length: 999\r\n\r\nok", .then = HOLD },
	  .body = "ok" },
	{ .name = "http: the body does not hold the text",
	  .script = { .answer = OK "\r\no k oK" },
	  .error = "body does not hold 'ok'",
	  .body = "ok" },
	{ .name = "http: text in the header does not count",
	  .script = { .answer = OK "A: ok\r\nContent-Length: 0\r\n\r\n" },
	  .error = "body does not hold 'ok'",
	  .body = "ok" },
	{ .name = "http: no control characters in errors",
	  .script = { .answer = OK "\r\n" },
	  .error = "body does not hold 'a?b'",
	  .body = "a\nb" },
	{ .name = "http: an empty text is in every body",
	  .script = { .answer = OK "Content-Length: 0\r\n\r\n" },
	  .body = "" },
	{ .name = "http: 64 KiB are searched",
	  .script = { .answer = OK "\r\n", .repeat = "abcd", .repeats = 16384 },
	  .error = "body does not hold 'ok'",
	  .body = "ok" },
	{ .name = "http: more than 64 KiB are not",
	  .script = { .answer = OK "\r\n", .repeat = "abcd", .repeats = 16385 },
	  .error = "answer larger than 64 KiB, its beginning does not hold 'ok'",
	  .body = "ok" },
	{ .name = "http: endless body",
	  .script = { .answer = OK "\r\n", .repeat = "abcd" },
	  .error = "answer larger than 64 KiB, its beginning does not hold 'ok'",
	  .body = "ok" },
	{ .name = "http: endless header",
	  .script = { .answer = OK, .repeat = KIB_OF_HEADER },
	  .error = "answer's header larger than 16 KiB" },
	{ .name = "http: header without a line's end",
	  .script = { .answer = OK "X: ", .repeat = "abcd" },
	  .error = "answer's header larger than 16 KiB" },
	{ .name = "http: status line without an end",
	  .script = { .answer = "HTTP/1.1 200 ", .repeat = "abcd" },
	  .error = "answer's header larger than 16 KiB" },
	{ .name = "http: interim answers without an end",
	  .script = { .answer = "HTTP/1.1 100 Continue\r\n\r\n",
		      .repeat = "HTTP/1.1 100 Continue\r\n\r\n" },
	  .error = "answer's header larger than 16 KiB" },
	{ .name = "http: trailers without an end",
	  .script = { .answer = OK "Transfer-Encoding: chunked\r\n\r\n0\r\n",
		      .repeat = KIB_OF_HEADER },
	  .error = "answer's header larger than 16 KiB",
	  .body = "ok" },
	{ .name = "http: garbage",
	  .script = { .answer = "\x01\x02\xff garbage\r\n\r\n" },
	  .error = "answer is not HTTP/1" },
	{ .name = "http: an empty line for an answer",
	  .script = { .answer = "\r\n\r\n" },
	  .error = "answer is not HTTP/1" },
	{ .name = "http: HTTP/2",
	  .script = { .answer = "HTTP/2 200\r\n\r\n" },
	  .error = "answer is not HTTP/1" },
	{ .name = "http: closed without an answer",
	  .script = { .answer = "" },
	  .error = "connection closed without an answer" },
	{ .name = "http: closed in the header",
	  .script = { .answer = OK "Content-Le" },
	  .error = "connection closed in the middle of the answer" },
	{ .name = "http: closed in the body",
	  .script = { .answer = OK "Content-Length: 9\r\n\r\nabc" },
	  .error = "connection closed in the middle of the answer",
	  .body = "ok" },
	{ .name = "http: reset without an answer",
	  .script = { .answer = "", .then = RESET },
	  .error = "connection reset" },
	{ .name = "http: reset in the header",
	  .script = { .answer = OK "A: b\r\n", .then = RESET },
	  .error = "connection reset" },
	{ .name = "http: reset in the body",
	  .script = { .answer = OK "Content-Length: 9\r\n\r\nabc", .then = RESET },
	  .error = "connection reset",
	  .body = "ok" },
	{ .name = "http: no answer",
	  .script = { .then = HOLD },
	  .error = "timed out after 60 ms waiting for the answer",
	  .timeout_ms = 60 },
	{ .name = "http: slow trickle of a status line",
	  .script = { .answer = OK "\r\n", .trickle_ms = 10 },
	  .error = "timed out after 60 ms waiting for the answer",
	  .timeout_ms = 60 },
	{ .name = "http: slow trickle of a header",
	  .script = { .answer = OK KIB_OF_HEADER KIB_OF_HEADER KIB_OF_HEADER "\r\n",
		      .trickle_ms = 1 }, /* the status line within the time, the rest not */
	  .error = "timed out after 1000 ms in the middle of the answer",
	  .timeout_ms = 1000 },
	{ .name = "http: no end of the body",
	  .script = { .answer = OK "\r\n", .repeat = "x", .repeats = 1, .then = HOLD },
	  .error = "timed out after 60 ms in the middle of the answer",
	  .body = "ok",
	  .timeout_ms = 60 },
};

static void test_answer(void **state)
{
	const struct answer_case *c = *state;
	const char *address = c->address ? c->address : "127.0.0.1";
	struct server *server = server_new(address, 0, &c->script);
	struct config_check check;
	const struct health_status *status;
	struct watch watch = { 0 };

	if (!server)
		skip();
	check = patient_check(CHECK_HTTP, server->port);
	check.body = (char *)c->body;
	if (c->timeout_ms)
		check.timeout_ms = c->timeout_ms;
	if (c->expect[0].first) {
		memcpy(check.expect, c->expect, sizeof(c->expect));
		check.expect_count = 2;
	}
	watch_start(&watch, address, &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0, LIMIT_MS);
	status = health_get(watch.health);
	assert_string_equal(status->error, c->error ? c->error : "");
	assert_int_equal(status->state, c->error ? HEALTH_DOWN : HEALTH_UP);
	health_free(watch.health);
	server_free(server);
}

/* Single behaviours. */

static void expect_request(const char *address, uint16_t port, const char *host,
			   const char *expected_host, bool with_port)
{
	struct server *server = server_new(address, port, &pass);
	struct config_check check;
	struct watch watch = { 0 };
	char expected[512], suffix[8] = "";

	if (!server)
		skip();
	if (with_port)
		snprintf(suffix, sizeof(suffix), ":%u", server->port);
	snprintf(expected, sizeof(expected),
		 "GET /a/../b?c=d#e HTTP/1.1\r\nHost: %s%s\r\nUser-Agent: poise-check/1\r\n"
		 "Accept: */*\r\nConnection: close\r\n\r\n",
		 expected_host, suffix);
	check = patient_check(CHECK_HTTP, server->port);
	check.path = "/a/../b?c=d#e";
	check.host = (char *)host;
	watch_start(&watch, address, &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0, LIMIT_MS);
	assert_string_equal(server->request, expected);
	health_free(watch.health);
	server_free(server);
}

static void test_request(void **state)
{
	(void)state;
	expect_request("127.0.0.1", 0, NULL, "127.0.0.1", true);
}

static void test_request_ipv6(void **state)
{
	(void)state;
	expect_request("::1", 0, NULL, "[::1]", true);
}

static void test_request_port_80(void **state)
{
	(void)state;
	expect_request("127.80.80.80", 80, NULL, "127.80.80.80", false);
}

static void test_request_host(void **state)
{
	(void)state;
	expect_request("127.0.0.1", 0, "www.example.org", "www.example.org", false);
}

/* Runs the first check of a backend that does not answer as it should. */
static void expect_error(enum check_type type, const char *address, uint16_t port,
			 unsigned timeout_ms, const char *error)
{
	struct config_check check = check_of(type, port);
	struct watch watch = { 0 };

	check.timeout_ms = timeout_ms;
	watch_start(&watch, address, &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0, LIMIT_MS);
	assert_string_equal(health_get(watch.health)->error, error);
	assert_int_equal(health_get(watch.health)->state, HEALTH_DOWN);
	health_free(watch.health);
}

static void test_refused(void **state)
{
	struct server bound;
	int fd = server_bind(&bound, "127.0.0.1", 0); /* and does not listen */

	(void)state;
	assert_true(fd >= 0);
	expect_error(CHECK_TCP, "127.0.0.1", bound.port, PATIENT_MS, "connection refused");
	expect_error(CHECK_HTTP, "127.0.0.1", bound.port, PATIENT_MS, "connection refused");
	close(fd);
}

static void test_unreachable(void **state)
{
	(void)state;
	/* a broadcast address is none to connect to: fails at once, without a packet */
	expect_error(CHECK_TCP, "255.255.255.255", 80, PATIENT_MS, "network unreachable");
	expect_error(CHECK_HTTP, "255.255.255.255", 80, PATIENT_MS, "network unreachable");
}

/* Linux drops the SYNs for a full backlog. */
static void test_connect_timeout(void **state)
{
	int filling[FULL_BACKLOG], fd;
	struct server full;
	struct address address;
	struct sockaddr_storage peer;
	socklen_t length;

	(void)state;
	fd = server_bind(&full, "127.0.0.1", 0);
	assert_true(fd >= 0 && listen(fd, 0) == 0);
	address_parse("127.0.0.1", &address);
	length = address_to_sockaddr(&address, full.port, &peer);
	for (int i = 0; i < FULL_BACKLOG; i++) {
		filling[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(filling[i], (struct sockaddr *)&peer, length);
	}
	expect_error(CHECK_TCP, "127.0.0.1", full.port, 70,
		     "timed out after 70 ms while connecting");
	expect_error(CHECK_HTTP, "127.0.0.1", full.port, 70,
		     "timed out after 70 ms while connecting");
	for (int i = 0; i < FULL_BACKLOG; i++)
		close(filling[i]);
	close(fd);
}

static void expect_tcp_up(const char *address)
{
	struct server *server = server_new(address, 0, &hold);
	struct config_check check;
	struct watch watch = { 0 };

	if (!server)
		skip();
	check = patient_check(CHECK_TCP, server->port);
	watch_start(&watch, address, &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0 || server->accepted == 0 || server->open, LIMIT_MS);
	assert_int_equal(health_get(watch.health)->state, HEALTH_UP);
	assert_int_equal(server->closed_by_fin, 1);
	health_free(watch.health);
	server_free(server);
}

static void test_tcp(void **state)
{
	(void)state;
	expect_tcp_up("127.0.0.1");
}

static void test_tcp_ipv6(void **state)
{
	(void)state;
	expect_tcp_up("::1");
}

static void test_invalid(void **state)
{
	static const struct {
		char *path, *host;
	} cases[] = { { "a", NULL }, { "/a b", NULL }, { "/a\r\nb: c", NULL }, { "/", "a\nb" } };
	struct config_check check = patient_check(CHECK_HTTP, 80);
	struct check_target target = { .service = "web", .backend = "app" };

	(void)state;
	address_parse("127.0.0.1", &target.address);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		check.path = cases[i].path;
		check.host = cases[i].host;
		errno = 0;
		assert_null(health_new(healths, &target, &check, HEALTH_UP, watch_changed, NULL));
		assert_int_equal(errno, EINVAL);
	}
}

static void test_long_error(void **state)
{
	struct server *server = server_new("127.0.0.1", 0, &pass);
	struct config_check check = patient_check(CHECK_HTTP, server->port);
	struct watch watch = { 0 };
	char body[2 * HEALTH_ERROR_BYTES + 2] = "";
	const char *error;

	(void)state;
	for (int i = 0; i < HEALTH_ERROR_BYTES; i++)
		strcat(body, "\u00e9");
	check.body = body;
	/* one of the two lengths would cut a character in half */
	for (int shift = 0; shift < 2; shift++) {
		memset(&watch, 0, sizeof(watch));
		watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
		run_while(watch.changes == 0, LIMIT_MS);
		error = health_get(watch.health)->error;
		assert_in_range(strlen(error), HEALTH_ERROR_BYTES - 5, HEALTH_ERROR_BYTES - 1);
		assert_memory_equal(error + strlen(error) - 2, "\u00e9", 2);
		health_free(watch.health);
		memmove(body + 1, body, sizeof(body) - 2);
		body[0] = 'x';
	}
	server_free(server);
}

static void test_not_run(void **state)
{
	struct server *server = server_new("127.0.0.1", 0, &pass);
	struct config_check check = patient_check(CHECK_HTTP, server->port);
	struct watch http = { 0 }, tcp = { 0 };
	const struct health_status *http_status, *tcp_status;
	struct rlimit limit, none;

	(void)state;
	check.interval_ms = 50;
	watch_start(&http, "127.0.0.1", &check, HEALTH_UNKNOWN);
	check.type = CHECK_TCP;
	check.fall = 1;
	watch_start(&tcp, "127.0.0.1", &check, HEALTH_UP);
	http_status = health_get(http.health);
	tcp_status = health_get(tcp.health);
	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = dup(0);
	close(none.rlim_cur);
	setrlimit(RLIMIT_NOFILE, &none);
	run_while(!http_status->error[0] || !tcp_status->error[0], LIMIT_MS);
	setrlimit(RLIMIT_NOFILE, &limit);
	assert_string_equal(http_status->error, "not checked: Too many open files");
	assert_string_equal(tcp_status->error, "not checked: Too many open files");
	assert_int_equal(http_status->checks + tcp_status->checks, 0);
	assert_int_equal(http.changes + tcp.changes, 0);
	run_while(http_status->error[0] || tcp_status->error[0], LIMIT_MS);
	assert_int_equal(http_status->state, HEALTH_UP);
	assert_int_equal(tcp.changes, 0);
	health_free(http.health);
	health_free(tcp.health);
	server_free(server);
}

static const struct CMUnitTest single_tests[] = {
	cmocka_unit_test(test_request),		cmocka_unit_test(test_request_ipv6),
	cmocka_unit_test(test_request_port_80), cmocka_unit_test(test_request_host),
	cmocka_unit_test(test_refused),		cmocka_unit_test(test_unreachable),
	cmocka_unit_test(test_connect_timeout), cmocka_unit_test(test_tcp),
	cmocka_unit_test(test_tcp_ipv6),	cmocka_unit_test(test_invalid),
	cmocka_unit_test(test_long_error),	cmocka_unit_test(test_not_run),
};

enum {
	ANSWER_CASES = sizeof(answer_cases) / sizeof(*answer_cases),
	SINGLE_TESTS = sizeof(single_tests) / sizeof(*single_tests),
};

int main(void)
{
	struct CMUnitTest tests[ANSWER_CASES + SINGLE_TESTS] = { 0 };

	/* checks ask the backend itself, whatever the environment says */
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	for (size_t i = 0; i < ANSWER_CASES; i++)
		tests[i] = (struct CMUnitTest){ .name = answer_cases[i].name,
						.test_func = test_answer,
						.initial_state = (void *)&answer_cases[i] };
	memcpy(tests + ANSWER_CASES, single_tests, sizeof(single_tests));
	return cmocka_run_group_tests(tests, setup, teardown);
}
