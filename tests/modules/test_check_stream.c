/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Checks by a conversation: what is said, and what each answer, and each way of not answering,
 * means. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check_fixture.h"
#include "health.h"

#define BYTES(text)                                                                                \
	{                                                                                          \
		(uint8_t *)(text), sizeof(text) - 1                                                \
	}
#define BINARY(text) .answer = text, .length = sizeof(text) - 1
#define PING	     "*1\r\n$4\r\nPING\r\n"

static char secret_path[] = "/tmp/poise-test-secret-XXXXXX";

static const struct stream_case {
	const char *name;
	enum check_type type;
	struct script script;
	struct config_bytes send, expect;
	const char *error;   /* NULL: it passes */
	const char *request; /* NULL: any */
	char *user, *password_file;
	unsigned timeout_ms;
	bool tls; /* asked for; the server does not speak it */
} cases[] = {
	/* Bytes are sent, others come. */
	{ .name = "tcp: a greeting",
	  .type = CHECK_TCP,
	  .script = { .answer = "220 mail ESMTP\r\n", .until = "" },
	  .expect = BYTES("220 ") },
	{ .name = "tcp: a question and its answer",
	  .type = CHECK_TCP,
	  .script = { .answer = "+PONG\r\n", .until = "PING" },
	  .send = BYTES("PING"),
	  .expect = BYTES("PONG"),
	  .request = "PING" },
	{ .name = "tcp: an answer byte by byte",
	  .type = CHECK_TCP,
	  .script = { .answer = "aabaabaaab", .until = "x", .trickle_ms = 1 },
	  .send = BYTES("x"),
	  .expect = BYTES("aabaaab") },
	{ .name = "tcp: bytes of any value",
	  .type = CHECK_TCP,
	  .script = { BINARY("\0\1\xff\0"), .until = "x" },
	  .send = BYTES("x"),
	  .expect = BYTES("\1\xff\0") },
	{ .name = "tcp: the answer is enough, whatever follows",
	  .type = CHECK_TCP,
	  .script = { .answer = "ok", .until = "x", .repeat = "abcd" },
	  .send = BYTES("x"),
	  .expect = BYTES("ok") },
	{ .name = "tcp: another answer",
	  .type = CHECK_TCP,
	  .script = { .answer = "no", .until = "x" },
	  .send = BYTES("x"),
	  .expect = BYTES("ok"),
	  .error = "connection closed, the answer is not what is expected" },
	{ .name = "tcp: another answer, and silence",
	  .type = CHECK_TCP,
	  .script = { .answer = "no", .until = "x", .then = HOLD },
	  .send = BYTES("x"),
	  .expect = BYTES("ok"),
	  .error = "timed out after 60 ms, what came is not what is expected",
	  .timeout_ms = 60 },
	{ .name = "tcp: no answer",
	  .type = CHECK_TCP,
	  .script = { .then = HOLD },
	  .send = BYTES("x"),
	  .expect = BYTES("ok"),
	  .error = "timed out after 60 ms waiting for the answer",
	  .timeout_ms = 60 },
	{ .name = "tcp: closed without an answer",
	  .type = CHECK_TCP,
	  .script = { .answer = "", .until = "" },
	  .send = BYTES("x"),
	  .expect = BYTES("ok"),
	  .error = "connection closed without an answer" },
	{ .name = "tcp: reset without an answer",
	  .type = CHECK_TCP,
	  .script = { .answer = "", .until = "x", .then = RESET },
	  .send = BYTES("x"),
	  .expect = BYTES("ok"),
	  .error = "connection reset" },
	{ .name = "tcp: reset at once",
	  .type = CHECK_TCP,
	  .script = { .answer = "", .until = "", .then = RESET },
	  .send = BYTES("x"),
	  .expect = BYTES("ok"),
	  .error = "connection reset" },
	{ .name = "tcp: reset in the answer",
	  .type = CHECK_TCP,
	  .script = { .answer = "no", .until = "x", .then = RESET },
	  .send = BYTES("x"),
	  .expect = BYTES("ok"),
	  .error = "connection reset" },
	{ .name = "tcp: an endless answer",
	  .type = CHECK_TCP,
	  .script = { .answer = "no", .until = "x", .repeat = "abcd" },
	  .send = BYTES("x"),
	  .expect = BYTES("ok"),
	  .error = "answer larger than 64 KiB, its beginning is not what is expected" },
	{ .name = "tcp: what comes after 64 KiB is not searched",
	  .type = CHECK_TCP,
	  .script = { .answer = "",
		      .until = "x",
		      .repeat = "abcd",
		      .repeats = 16384,
		      .then = HOLD },
	  .send = BYTES("x"),
	  .expect = BYTES("ok"),
	  .error = "answer larger than 64 KiB, its beginning is not what is expected" },

	/* Redis. */
	{ .name = "redis: pong",
	  .type = CHECK_REDIS,
	  .script = { .answer = "+PONG\r\n", .until = PING },
	  .request = PING },
	{ .name = "redis: byte by byte",
	  .type = CHECK_REDIS,
	  .script = { .answer = "+PONG\r\n", .until = PING, .trickle_ms = 1 } },
	{ .name = "redis: one that wants a password is up",
	  .type = CHECK_REDIS,
	  .script = { .answer = "-NOAUTH Authentication required.\r\n", .until = PING } },
	{ .name = "redis: a password",
	  .type = CHECK_REDIS,
	  .script = { .answer = "+OK\r\n+PONG\r\n", .until = PING },
	  .password_file = secret_path,
	  .request = "*2\r\n$4\r\nAUTH\r\n$9\r\nopen $esa\r\n" PING },
	{ .name = "redis: a user and a password",
	  .type = CHECK_REDIS,
	  .script = { .answer = "+OK\r\n+PONG\r\n", .until = PING },
	  .password_file = secret_path,
	  .user = "poise",
	  .request = "*3\r\n$4\r\nAUTH\r\n$5\r\npoise\r\n$9\r\nopen $esa\r\n" PING },
	{ .name = "redis: a wrong password",
	  .type = CHECK_REDIS,
	  .script = { .answer = "-WRONGPASS invalid\r\n-NOAUTH no\r\n", .until = PING },
	  .error = "password refused",
	  .password_file = secret_path },
	{ .name = "redis: a password that nobody asked for",
	  .type = CHECK_REDIS,
	  .script = { .answer = "-ERR AUTH <password> called without any password\r\n+PONG\r\n",
		      .until = PING },
	  .error = "password refused",
	  .password_file = secret_path },
	{ .name = "redis: pong before the password's answer is not enough",
	  .type = CHECK_REDIS,
	  .script = { .answer = "+PONG\r\n", .until = PING },
	  .error = "answer is not Redis's",
	  .password_file = secret_path },
	{ .name = "redis: after the password none may be asked for",
	  .type = CHECK_REDIS,
	  .script = { .answer = "+OK\r\n-NOAUTH no\r\n", .until = PING },
	  .error = "Redis answered with an error",
	  .password_file = secret_path },
	{ .name = "redis: loading",
	  .type = CHECK_REDIS,
	  .script = { .answer = "-LOADING Redis is loading the dataset in memory\r\n",
		      .until = PING },
	  .error = "Redis loads its data" },
	{ .name = "redis: without its primary",
	  .type = CHECK_REDIS,
	  .script = { .answer = "-MASTERDOWN Link with MASTER is down\r\n", .until = PING },
	  .error = "Redis has lost its primary" },
	{ .name = "redis: another error",
	  .type = CHECK_REDIS,
	  .script = { .answer = "-DENIED \x1b[31m protected mode\r\n", .until = PING },
	  .error = "Redis answered with an error" },
	{ .name = "redis: a longer word",
	  .type = CHECK_REDIS,
	  .script = { .answer = "+PONGO\r\n", .until = PING },
	  .error = "answer is not Redis's" },
	{ .name = "redis: a shorter one",
	  .type = CHECK_REDIS,
	  .script = { .answer = "+PON\r\n", .until = PING },
	  .error = "answer is not Redis's" },
	{ .name = "redis: a line without CR goes on",
	  .type = CHECK_REDIS,
	  .script = { .answer = "+PONG\n", .until = PING },
	  .error = "connection closed in the middle of the answer" },
	{ .name = "redis: HTTP",
	  .type = CHECK_REDIS,
	  .script = { .answer = "HTTP/1.1 400 Bad\r\n\r\n", .until = PING },
	  .error = "answer is not Redis's" },
	{ .name = "redis: another type",
	  .type = CHECK_REDIS,
	  .script = { .answer = "$4\r\nPONG\r\n", .until = PING },
	  .error = "answer is not Redis's" },
	{ .name = "redis: closed in a line",
	  .type = CHECK_REDIS,
	  .script = { .answer = "+PO", .until = PING },
	  .error = "connection closed in the middle of the answer" },
	{ .name = "redis: reset in a line",
	  .type = CHECK_REDIS,
	  .script = { .answer = "+PO", .until = PING, .then = RESET },
	  .error = "connection reset" },
	{ .name = "redis: a line without end",
	  .type = CHECK_REDIS,
	  .script = { .answer = "+PONG", .until = PING, .repeat = "abcd" },
	  .error = "answer larger than 1 KiB, its beginning is not what is expected" },
	{ .name = "redis: silence",
	  .type = CHECK_REDIS,
	  .script = { .then = HOLD },
	  .error = "timed out after 60 ms waiting for the answer",
	  .timeout_ms = 60 },

	/* PostgreSQL. */
	{ .name = "postgres: a password is asked for",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("R\0\0\0\x17\0\0\0\nSCRAM-SHA-256\0\0"), .until = "user",
		      .then = HOLD } },
	{ .name = "postgres: byte by byte",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("R\0\0\0\x0c\0\0\0\5salt"), .until = "user", .trickle_ms = 1 } },
	{ .name = "postgres: ready without a password",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("R\0\0\0\x08\0\0\0\0S\0\0\0\x09"
			     "a\0"
			     "bc\0"
			     "K\0\0\0\x0c"
			     "12345678"
			     "S\0\0\0\4"
			     "Z\0\0\0\5I"),
		      .until = "user" } },
	{ .name = "postgres: let in, but not ready",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("R\0\0\0\x08\0\0\0\0"), .until = "user", .then = HOLD },
	  .error = "timed out after 60 ms in the middle of the answer",
	  .timeout_ms = 60 },
	{ .name = "postgres: a host that is refused",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("E\0\0\0\x18SFATAL\0C28000\0Mno\0\0"), .until = "user" } },
	{ .name = "postgres: no such database",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("E\0\0\0\x18SFATAL\0C3D000\0Mno\0\0"), .until = "user" } },
	{ .name = "postgres: starting",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("E\0\0\0\x18SFATAL\0C57P03\0Mno\0\0"), .until = "user" },
	  .error = "PostgreSQL starts, stops or recovers" },
	{ .name = "postgres: no room",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("E\0\0\0\x18SFATAL\0C53300\0Mno\0\0"), .until = "user" },
	  .error = "PostgreSQL has no connection left" },
	{ .name = "postgres: an error after being let in",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("R\0\0\0\x08\0\0\0\0E\0\0\0\x18SFATAL\0C53200\0Mno\0\0"),
		      .until = "user" },
	  .error = "PostgreSQL answered with error 53200" },
	{ .name = "postgres: an error's code that is none",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("E\0\0\0\x18SFATAL\0C53\x1b[0\0Mno\0\0"), .until = "user" },
	  .error = "answer is not PostgreSQL's" },
	{ .name = "postgres: a code that is too long",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("E\0\0\0\x18SFATAL\0C533000\0Mn\0\0"), .until = "user" },
	  .error = "answer is not PostgreSQL's" },
	{ .name = "postgres: a code that is too short",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("E\0\0\0\x18SFATAL\0C5330\0Mnoo\0\0"), .until = "user" },
	  .error = "answer is not PostgreSQL's" },
	{ .name = "postgres: an error without a code",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("E\0\0\0\x0cSFATAL\0\0"), .until = "user" },
	  .error = "answer is not PostgreSQL's" },
	{ .name = "postgres: an error that ends within",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("E\0\0\0\x08SFATAL\0\0"), .until = "user" },
	  .error = "answer is not PostgreSQL's" },
	{ .name = "postgres: a length that is none",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("R\0\0\0\3\0\0\0\5"), .until = "user" },
	  .error = "answer is not PostgreSQL's" },
	{ .name = "postgres: authentication without a code",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("R\0\0\0\7\0\0\1R"), .until = "user" },
	  .error = "answer is not PostgreSQL's" },
	{ .name = "postgres: HTTP",
	  .type = CHECK_POSTGRES,
	  .script = { .answer = "HTTP/1.1 400 Bad\r\n\r\n", .until = "user" },
	  .error = "answer is not PostgreSQL's" },
	{ .name = "postgres: closed in a header",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("R\0\0"), .until = "user" },
	  .error = "connection closed in the middle of the answer" },
	{ .name = "postgres: reset in a message",
	  .type = CHECK_POSTGRES,
	  .script = { BINARY("R\0\0\0\x0c\0"), .until = "user", .then = RESET },
	  .error = "connection reset" },
	{ .name = "postgres: no TLS there",
	  .type = CHECK_POSTGRES,
	  .tls = true,
	  .script = { .answer = "N", .until = "\x16\x2f", .then = HOLD },
	  .error = "PostgreSQL does not speak TLS" },
	{ .name = "postgres: something else about TLS",
	  .type = CHECK_POSTGRES,
	  .tls = true,
	  .script = { .answer = "E", .until = "\x16\x2f", .then = HOLD },
	  .error = "answer is not PostgreSQL's" },
	{ .name = "postgres: bytes before the handshake are nobody's",
	  .type = CHECK_POSTGRES,
	  .tls = true,
	  .script = { .answer = "SR", .until = "\x16\x2f", .then = HOLD },
	  .error = "answer is not PostgreSQL's" },
	{ .name = "postgres: TLS that is none",
	  .type = CHECK_POSTGRES,
	  .tls = true,
	  .script = { .answer = "S", .until = "\x16\x2f" },
	  .error = "connection closed in the TLS handshake" },
	{ .name = "postgres: TLS that does not come",
	  .type = CHECK_POSTGRES,
	  .tls = true,
	  .script = { .answer = "S", .until = "\x16\x2f", .then = HOLD },
	  .timeout_ms = 60,
	  .error = "timed out after 60 ms in the TLS handshake" },
	{ .name = "postgres: notices without end",
	  .type = CHECK_POSTGRES,
	  .script = { .answer = "Nxxxx", .until = "user", .repeat = "abcd" },
	  .error = "answer larger than 16 KiB, its beginning is not what is expected" },
};

static void test_case(void **state)
{
	const struct stream_case *c = *state;
	struct server *server = server_new("127.0.0.1", 0, &c->script);
	struct config_check check = check_of(c->type, server->port);
	struct watch watch = { 0 };
	const struct health_status *status;

	check.send = c->send;
	check.answer = c->expect;
	check.user = c->user;
	check.tls.on = check.tls.insecure = c->tls;
	check.password_file = c->password_file;
	check.timeout_ms = c->timeout_ms ? c->timeout_ms : 4000;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0, LIMIT_MS);
	status = health_get(watch.health);
	assert_string_equal(status->error, c->error ? c->error : "");
	assert_int_equal(status->state, c->error ? HEALTH_DOWN : HEALTH_UP);
	if (c->request)
		assert_string_equal(server->request, c->request);
	health_free(watch.health);
	server_free(server);
}

/* Single behaviours. */

static void test_refused(void **state)
{
	static const enum check_type types[] = { CHECK_TLS, CHECK_REDIS, CHECK_POSTGRES };
	struct server bound;
	int fd = server_bind(&bound, "127.0.0.1", 0);

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct config_check check = check_of(types[i], bound.port);
		struct watch watch = { 0 };

		check.tls.on = types[i] == CHECK_TLS;
		watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
		run_while(watch.changes == 0, LIMIT_MS);
		assert_string_equal(health_get(watch.health)->error, "connection refused");
		health_free(watch.health);
	}
	close(fd);
}

static void test_startup_message(void **state)
{
	static const char poise[] = "\0\0\0\x14\0\3\0\0user\0poise\0";
	static const char monitor[] = "\0\0\0\x16\0\3\0\0user\0monitor\0";
	static const struct script script = { .answer = "", .until = "user" };
	struct server *server = server_new("127.0.0.1", 0, &script);
	struct config_check check = check_of(CHECK_POSTGRES, server->port);
	struct watch watch = { 0 };

	(void)state;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0, LIMIT_MS);
	assert_memory_equal(server->request, poise, sizeof(poise));
	health_free(watch.health);
	check.user = "monitor";
	watch.changes = 0;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0, LIMIT_MS);
	assert_memory_equal(server->request, monitor, sizeof(monitor));
	health_free(watch.health);
	server_free(server);
}

static void expect_not_checked(char *path, const char *why)
{
	struct server *server = server_new("127.0.0.1", 0, &pass);
	struct config_check check = check_of(CHECK_REDIS, server->port);
	char expected[HEALTH_ERROR_BYTES];
	struct watch watch = { 0 };

	snprintf(expected, sizeof(expected), "not checked: password file '%s': %s", path, why);
	check.interval_ms = check.timeout_ms = 50;
	check.password_file = path;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UP);
	run_while(!health_get(watch.health)->error[0], LIMIT_MS);
	assert_string_equal(health_get(watch.health)->error, expected);
	assert_int_equal(watch.changes, 0);
	assert_int_equal(server->accepted, 0);
	health_free(watch.health);
	server_free(server);
}

static void test_password_file(void **state)
{
	static const char exposed[] = "others may read it, or more than the owner write";

	(void)state;
	expect_not_checked("/nonexistent/secret", "No such file or directory");
	expect_not_checked("/tmp", "its first line is empty or no text");
	chmod(secret_path, 0604);
	expect_not_checked(secret_path, exposed);
	chmod(secret_path, 0620);
	expect_not_checked(secret_path, exposed);
	chmod(secret_path, 0440);
}

static unsigned not_run;

static void count_not_run(void *context, const struct health_status *status, bool ran)
{
	(void)context;
	assert_false(ran);
	assert_memory_equal(status->error, "not checked: ", strlen("not checked: "));
	not_run++;
}

/* Told once, and again when checks ran in between. */
static void test_not_run_is_told(void **state)
{
	struct server *server = server_new("127.0.0.1", 0, &pass);
	struct config_check check = check_of(CHECK_REDIS, server->port);
	struct watch watch = { 0 };

	(void)state;
	not_run = 0;
	check.interval_ms = check.timeout_ms = 50;
	check.password_file = secret_path;
	chmod(secret_path, 0604);
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UP);
	health_set_warned(watch.health, count_not_run);
	run_while(!not_run, LIMIT_MS);
	run_while(true, 300);
	assert_int_equal(not_run, 1);
	chmod(secret_path, 0440);
	run_while(!health_get(watch.health)->checks, LIMIT_MS);
	chmod(secret_path, 0604);
	run_while(not_run < 2, LIMIT_MS);
	assert_int_equal(not_run, 2);
	chmod(secret_path, 0440);
	health_free(watch.health);
	server_free(server);
}

/* Of a backend that nothing is known of, long before the next interval. */
static void test_not_run_is_tried_again_soon(void **state)
{
	struct server *server = server_new("127.0.0.1", 0, &pass);
	struct config_check check = check_of(CHECK_REDIS, server->port);
	struct watch watch = { 0 };

	(void)state;
	check.interval_ms = 3600 * 1000;
	check.password_file = secret_path;
	chmod(secret_path, 0604);
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(!health_get(watch.health)->error[0], LIMIT_MS);
	assert_int_equal(health_get(watch.health)->checks, 0);
	chmod(secret_path, 0440);
	run_while(!watch.changes, LIMIT_MS);
	assert_int_equal(watch.changes, 1);
	health_free(watch.health);
	server_free(server);
}

/* A connection that stays open, and one that is cancelled in each state, leave no file open. */
static void test_cancel(void **state)
{
	static const struct script part = { .answer = "+PO", .until = PING, .then = HOLD };
	struct server *server = server_new("127.0.0.1", 0, &part);
	struct config_check check = check_of(CHECK_REDIS, server->port);
	int lowest = dup(0);

	(void)state;
	close(lowest);
	for (unsigned ms = 0; ms < 60; ms += 20) {
		struct watch watch = { 0 };

		watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
		run_while(ms && server->accepted == 0, LIMIT_MS);
		health_free(watch.health);
		run_while(server->open, LIMIT_MS);
	}
	assert_int_equal(dup(0), lowest);
	close(lowest);
	server_free(server);
}

static const struct CMUnitTest single_tests[] = {
	cmocka_unit_test(test_refused),
	cmocka_unit_test(test_startup_message),
	cmocka_unit_test(test_password_file),
	cmocka_unit_test(test_not_run_is_told),
	cmocka_unit_test(test_not_run_is_tried_again_soon),
	cmocka_unit_test(test_cancel),
};

enum {
	CASES = sizeof(cases) / sizeof(*cases),
	SINGLE_TESTS = sizeof(single_tests) / sizeof(*single_tests),
};

int main(void)
{
	struct CMUnitTest tests[CASES + SINGLE_TESTS] = { 0 };
	int fd = mkstemp(secret_path), failed;

	if (fd < 0 || write(fd, "open $esa\nsecond line\n", 22) != 22)
		return 1;
	close(fd);
	for (size_t i = 0; i < CASES; i++)
		tests[i] = (struct CMUnitTest){ .name = cases[i].name,
						.test_func = test_case,
						.initial_state = (void *)&cases[i] };
	memcpy(tests + CASES, single_tests, sizeof(single_tests));
	failed = cmocka_run_group_tests(tests, setup, teardown);
	unlink(secret_path);
	return failed;
}
