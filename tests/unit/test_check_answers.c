// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What agents, gRPC servers and MySQL servers answer to checks: every form, and what is none. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent_line.h"
#include "grpc_health.h"
#include "mysql_greeting.h"
#include "mysql_role.h"
#include "printable.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A copy of just these bytes, so that the sanitizer sees a read behind them. */
static void *exact(const void *bytes, size_t length)
{
	void *copy = malloc(length ? length : 1);

	memcpy(copy, bytes, length);
	return copy;
}

enum { NO = -1 };

static const struct {
	const char *line;
	int result, percent;
	enum agent_admin admin;
	enum agent_health health;
	const char *word, *reason;
} lines[] = {
	{ "75%", 0, 75, 0, 0, NULL, "" },
	{ "0%", 0, 0, 0, 0, NULL, "" },
	{ "100%", 0, 100, 0, 0, NULL, "" },
	{ "99999999999999999999%", 0, AGENT_MAX_PERCENT, 0, 0, NULL, "" },
	{ "drain", 0, NO, AGENT_DRAIN, 0, NULL, "" },
	{ "maint", 0, NO, AGENT_MAINT, 0, NULL, "" },
	{ "ready", 0, NO, AGENT_READY, 0, NULL, "" },
	{ "up", 0, NO, 0, AGENT_UP, NULL, "" },
	{ "down", 0, NO, 0, AGENT_DOWN, "down", "" },
	{ "fail", 0, NO, 0, AGENT_DOWN, "fail", "" },
	{ "stopped", 0, NO, 0, AGENT_DOWN, "stopped", "" },
	{ "DOWN", 0, NO, 0, AGENT_DOWN, "down", "" },
	{ "up ready 50%", 0, 50, AGENT_READY, AGENT_UP, NULL, "" },
	{ "ready,up,50%,maxconn:30", 0, 50, AGENT_READY, AGENT_UP, NULL, "" },
	{ " \t, up\t,", 0, NO, 0, AGENT_UP, NULL, "" },
	{ "down up", 0, NO, 0, AGENT_UP, "down", "" },
	{ "drain ready", 0, NO, AGENT_READY, 0, NULL, "" },
	{ "10% 20%", 0, 20, 0, 0, NULL, "" },
	{ "fail # disk full", 0, NO, 0, AGENT_DOWN, "fail", "disk full" },
	{ "down#a\x1b[31m\xff", 0, NO, 0, AGENT_DOWN, "down", "a?[31m?" },
	{ "up # down", 0, NO, 0, AGENT_UP, NULL, "down" },
	{ "maxconn:30", 0, NO, 0, 0, NULL, "" },
	{ "up banana", 0, NO, 0, AGENT_UP, NULL, "" },
	{ "", -EINVAL, NO, 0, 0, NULL, "" },
	{ " , ", -EINVAL, NO, 0, 0, NULL, "" },
	{ "#down", -EINVAL, NO, 0, 0, NULL, "down" },
	{ "banana", -EINVAL, NO, 0, 0, NULL, "" },
	{ "%", -EINVAL, NO, 0, 0, NULL, "" },
	{ "-5%", -EINVAL, NO, 0, 0, NULL, "" },
	{ "5", -EINVAL, NO, 0, 0, NULL, "" },
	{ "5.5%", -EINVAL, NO, 0, 0, NULL, "" },
	{ "upp", -EINVAL, NO, 0, 0, NULL, "" },
	{ "maxconn:", -EINVAL, NO, 0, 0, NULL, "" },
};

static void agent_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		size_t length = strlen(lines[i].line);
		char *line = exact(lines[i].line, length);
		struct agent_line out;

		print_message("'%s'\n", lines[i].line);
		assert_int_equal(agent_line_parse(line, length, &out), lines[i].result);
		assert_int_equal(out.has_percent ? out.percent : NO, lines[i].percent);
		assert_int_equal(out.admin, lines[i].admin);
		assert_int_equal(out.health, lines[i].health);
		assert_string_equal(out.reason, lines[i].reason);
		if (lines[i].word)
			assert_string_equal(out.down_word, lines[i].word);
		else
			assert_null(out.down_word);
		free(line);
	}
}

/* What no word of a line names stays as it was. */
static void agents_states(void **state)
{
	static const struct {
		const char *line;
		bool changed;
		struct agent_state after;
	} said[] = {
		{ "75%", true, { 75, AGENT_READY, AGENT_UP } },
		{ "75%", false, { 75, AGENT_READY, AGENT_UP } },
		{ "drain", true, { 75, AGENT_DRAIN, AGENT_UP } },
		{ "up", false, { 75, AGENT_DRAIN, AGENT_UP } },
		{ "fail", true, { 75, AGENT_DRAIN, AGENT_DOWN } },
		{ "ready", true, { 75, AGENT_READY, AGENT_DOWN } },
		{ "maint 100%", true, { 100, AGENT_MAINT, AGENT_DOWN } },
		{ "up ready", true, { 100, AGENT_READY, AGENT_UP } },
		{ "maxconn:9", false, { 100, AGENT_READY, AGENT_UP } },
	};
	struct agent_state now = AGENT_STATE_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(said); i++) {
		struct agent_line line;

		assert_int_equal(agent_line_parse(said[i].line, strlen(said[i].line), &line), 0);
		assert_int_equal(agent_state_apply(&now, &line), said[i].changed);
		assert_int_equal(now.percent, said[i].after.percent);
		assert_int_equal(now.admin, said[i].after.admin);
		assert_int_equal(now.health, said[i].after.health);
	}
}

static void agents_weights(void **state)
{
	static const struct {
		uint16_t weight, percent, expected;
	} cases[] = {
		{ 100, 75, 75 }, { 100, 0, 0 }, { 0, 75, 0 },	   { 1, 1, 1 },
		{ 10, 24, 2 },	 { 10, 25, 3 }, { 200, 150, 300 }, { 1000, 1000, 1000 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct agent_state agent = { .percent = cases[i].percent };

		assert_int_equal(agent_state_weight(&agent, cases[i].weight), cases[i].expected);
	}
}

static void what_is_printable(void **state)
{
	static const struct {
		const char *text, *out;
	} cases[] = {
		{ "a disk", "a disk" },
		{ "  a  b  ", "a  b" },
		{ "a\nb", "a" },
		{ "a\rb", "a" },
		{ "\n", "" },
		{ "\x1b\x7f\x80", "???" },
		{ "0123456789", "0123456" },
		{ "012345   9", "012345" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char out[sizeof("0123456")];

		printable_copy(cases[i].text, strlen(cases[i].text), out, sizeof(out));
		assert_string_equal(out, cases[i].out);
	}
}

static void grpc_requests(void **state)
{
	uint8_t out[GRPC_REQUEST_BYTES];
	char longest[GRPC_MAX_SERVICE + 1];

	(void)state;
	assert_int_equal(grpc_health_request(NULL, out), 5);
	assert_memory_equal(out, "\0\0\0\0\0", 5);
	assert_int_equal(grpc_health_request("", out), 5);
	assert_int_equal(grpc_health_request("shop.Cart", out), 16);
	assert_memory_equal(out, "\0\0\0\0\x0b\x0a\x09shop.Cart", 16);
	memset(longest, 'x', GRPC_MAX_SERVICE);
	longest[GRPC_MAX_SERVICE] = '\0';
	assert_int_equal(grpc_health_request(longest, out), GRPC_REQUEST_BYTES);
	assert_memory_equal(out, "\0\0\0\1\2\x0a\xff\1xx", 10); /* 258 and 255 */
	longest[127] = '\0';
	assert_int_equal(grpc_health_request(longest, out), 5 + 2 + 127);
	longest[127] = 'x';
	longest[128] = '\0';
	assert_int_equal(grpc_health_request(longest, out), 5 + 3 + 128);
	assert_memory_equal(out, "\0\0\0\0\x83\x0a\x80\1xx", 10);
}

#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *name, *bytes;
	size_t length;
	int result;
	enum grpc_status status;
} answers[] = {
	{ "serving", BYTES("\0\0\0\0\2\x08\1"), 0, GRPC_SERVING },
	{ "not serving", BYTES("\0\0\0\0\2\x08\2"), 0, GRPC_NOT_SERVING },
	{ "unknown service", BYTES("\0\0\0\0\2\x08\3"), 0, GRPC_SERVICE_UNKNOWN },
	{ "unknown", BYTES("\0\0\0\0\2\x08\0"), 0, GRPC_UNKNOWN },
	{ "a default is left out", BYTES("\0\0\0\0\0"), 0, GRPC_UNKNOWN },
	{ "a status of the future", BYTES("\0\0\0\0\2\x08\4"), 0, GRPC_STATUS_COUNT },
	{ "a negative status", BYTES("\0\0\0\0\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"), 0,
	  GRPC_STATUS_COUNT },
	{ "the last one counts", BYTES("\0\0\0\0\4\x08\1\x08\2"), 0, GRPC_NOT_SERVING },
	{ "more bytes than a number needs", BYTES("\0\0\0\0\4\x08\x81\x80\0"), 0, GRPC_SERVING },
	{ "other fields are skipped",
	  BYTES("\0\0\0\0\x1a\x10\x96\1\x19"
		"12345678"
		"\x22\3abc\x2d"
		"1234"
		"\x12\0\x08\1"),
	  0, GRPC_SERVING },
	{ "nothing", BYTES(""), -EINVAL, 0 },
	{ "half a frame", BYTES("\0\0\0\0"), -EINVAL, 0 },
	{ "compressed", BYTES("\1\0\0\0\2\x08\1"), -ENOTSUP, 0 },
	{ "a flag of the future", BYTES("\2\0\0\0\2\x08\1"), -EINVAL, 0 },
	{ "shorter than it says", BYTES("\0\0\0\0\3\x08\1"), -EINVAL, 0 },
	{ "longer than it says", BYTES("\0\0\0\0\1\x08\1"), -EINVAL, 0 },
	{ "a length of 4 GiB", BYTES("\0\xff\xff\xff\xff\x08\1"), -EINVAL, 0 },
	{ "two messages", BYTES("\0\0\0\0\2\x08\1\0\0\0\0\2\x08\1"), -EINVAL, 0 },
	{ "a number without an end", BYTES("\0\0\0\0\2\x08\x80"), -EINVAL, GRPC_UNKNOWN },
	{ "a number of 11 bytes",
	  BYTES("\0\0\0\0\x0c\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\1"), -EINVAL, 0 },
	{ "a tag alone", BYTES("\0\0\0\0\1\x08"), -EINVAL, 0 },
	{ "field 0", BYTES("\0\0\0\0\2\0\1"), -EINVAL, 0 },
	{ "a group", BYTES("\0\0\0\0\2\x0b\x0c"), -EINVAL, 0 },
	{ "text longer than the message", BYTES("\0\0\0\0\3\x12\5x"), -EINVAL, 0 },
	{ "text of 2^63 bytes", BYTES("\0\0\0\0\x0c\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\1x"),
	  -EINVAL, 0 },
	{ "32 bits cut", BYTES("\0\0\0\0\3\x2d\1\1"), -EINVAL, 0 },
	{ "64 bits cut", BYTES("\0\0\0\0\5\x19\1\1\1\1"), -EINVAL, 0 },
	{ "status as text", BYTES("\0\0\0\0\3\x0a\1\1"), 0, GRPC_UNKNOWN },
};

static void grpc_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		uint8_t *bytes = exact(answers[i].bytes, answers[i].length);
		enum grpc_status status;

		print_message("%s\n", answers[i].name);
		assert_int_equal(grpc_health_parse(bytes, answers[i].length, &status),
				 answers[i].result);
		if (answers[i].result == 0)
			assert_int_equal(status, answers[i].status);
		free(bytes);
	}
}

#define GREETING                                                                                   \
	"\x2a\0\0\0\x0a"                                                                           \
	"10.11.19\0"                                                                               \
	"\1\2\3\4"                                                                                 \
	"abcdefgh\0"                                                                               \
	"\xff\xf7\x21\2\0\xff\x81\x15\0\0\0"                                                       \
	"\0\0\0"

static const struct {
	const char *name, *bytes;
	size_t length;
	enum mysql_packet packet;
	uint16_t error;
} packets[] = {
	{ "a greeting", BYTES(GREETING "\0\0\0\0\0"), MYSQL_PACKET_GREETING, 0 },
	{ "a greeting and more", BYTES(GREETING "\0\0\0\0\0more"), MYSQL_PACKET_GREETING, 0 },
	{ "nothing so far", BYTES(""), MYSQL_PACKET_SHORT, 0 },
	{ "a header so far", BYTES("\x2a\0\0\0"), MYSQL_PACKET_SHORT, 0 },
	{ "half of it so far",
	  BYTES("\x2a\0\0\0\x0a"
		"10.11"),
	  MYSQL_PACKET_SHORT, 0 },
	{ "too many connections", BYTES("\x16\0\0\0\xff\x10\4#08004Too many conn"),
	  MYSQL_PACKET_ERROR, 1040 },
	{ "an error's number alone", BYTES("\3\0\0\0\xff\x69\4"), MYSQL_PACKET_ERROR, 1129 },
	{ "an error without a number", BYTES("\2\0\0\0\xff\x10"), MYSQL_PACKET_OTHER, 0 },
	{ "protocol 9",
	  BYTES("\x13\0\0\0\x09"
		"5.0\0"
		"\1\2\3\4"
		"abcdefgh\0"
		"\0"),
	  MYSQL_PACKET_OTHER, 0 },
	{ "another sequence number", BYTES("\x2a\0\0\1\x0a"), MYSQL_PACKET_OTHER, 0 },
	{ "SSH", BYTES("SSH-2.0-OpenSSH"), MYSQL_PACKET_OTHER, 0 },
	{ "HTTP", BYTES("HTTP/1.1 400 Bad Request"), MYSQL_PACKET_OTHER, 0 },
	{ "of no bytes", BYTES("\0\0\0\0"), MYSQL_PACKET_OTHER, 0 },
	{ "of 16 MiB", BYTES("\xff\xff\xff\0\x0a"), MYSQL_PACKET_OTHER, 0 },
	{ "a version without an end",
	  BYTES("\x1a\0\0\0\x0a"
		"1111111111111111111111111\0"),
	  MYSQL_PACKET_OTHER, 0 },
	{ "nothing behind the version",
	  BYTES("\5\0\0\0\x0a"
		"111\0"),
	  MYSQL_PACKET_OTHER, 0 },
};

static void mysql_greetings(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(packets); i++) {
		uint8_t *bytes = exact(packets[i].bytes, packets[i].length);
		uint16_t error = 0;

		print_message("%s\n", packets[i].name);
		assert_int_equal(mysql_greeting_parse(bytes, packets[i].length, &error),
				 packets[i].packet);
		assert_int_equal(error, packets[i].error);
		free(bytes);
	}
}

/* Byte by byte no greeting is anything but short, until it is whole. */
static void a_mysql_greeting_in_pieces(void **state)
{
	static const char greeting[] = GREETING "\0\0\0\0\0";
	uint16_t error;

	(void)state;
	for (size_t length = 0; length <= 4 + 0x2a; length++) {
		uint8_t *bytes = exact(greeting, length);

		assert_int_equal(mysql_greeting_parse(bytes, length, &error),
				 length < 4 + 0x2a ? MYSQL_PACKET_SHORT : MYSQL_PACKET_GREETING);
		free(bytes);
	}
}

static void mysql_answers(void **state)
{
	static const char expected[] = "\x3d\0\0\1"
				       "\0\x82\x08\0"
				       "\0\0\1\0"
				       "\x21"
				       "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
				       "poise\0"
				       "\0"
				       "mysql_native_password";
	uint8_t out[MYSQL_ANSWER_BYTES];
	char longest[64] = { 0 };

	(void)state;
	assert_int_equal(mysql_greeting_answer("poise", out), sizeof(expected));
	assert_memory_equal(out, expected, sizeof(expected));
	memset(longest, 'x', sizeof(longest) - 1);
	assert_int_equal(mysql_greeting_answer(longest, out), sizeof(expected) + 32 - 5);
	assert_string_equal(mysql_error_text(1040), "too many connections");
	assert_null(mysql_error_text(1));
}

static const struct {
	const char *name, *read_only, *super_read_only;
	const char *channels[2][3]; /* io, sql, lag */
	unsigned count;
	enum mysql_role role;
	uint32_t max_lag_ms;
	enum mysql_verdict verdict;
} roles[] = {
	{ "any", "ON", "ON", { { 0 } }, 0, MYSQL_ANY, 0, MYSQL_GOOD },
	{ "primary", "OFF", "OFF", { { 0 } }, 0, MYSQL_PRIMARY, 0, MYSQL_GOOD },
	{ "primary in numbers", "0", NULL, { { 0 } }, 0, MYSQL_PRIMARY, 0, MYSQL_GOOD },
	{ "not primary", "ON", NULL, { { 0 } }, 0, MYSQL_PRIMARY, 0, MYSQL_IS_READ_ONLY },
	{ "on in another way",
	  "NO_LOCK",
	  NULL,
	  { { 0 } },
	  0,
	  MYSQL_PRIMARY,
	  0,
	  MYSQL_IS_READ_ONLY },
	{ "super", "OFF", "ON", { { 0 } }, 0, MYSQL_PRIMARY, 0, MYSQL_IS_SUPER_READ_ONLY },
	{ "a primary that replicates",
	  "OFF",
	  NULL,
	  { { "Yes", "Yes", "0" } },
	  1,
	  MYSQL_PRIMARY,
	  0,
	  MYSQL_GOOD },
	{ "replica", "ON", NULL, { { "Yes", "Yes", "0" } }, 1, MYSQL_REPLICA, 1000, MYSQL_GOOD },
	{ "just in time",
	  "ON",
	  NULL,
	  { { "Yes", "Yes", "10" } },
	  1,
	  MYSQL_REPLICA,
	  10000,
	  MYSQL_GOOD },
	{ "too late", "ON", NULL, { { "Yes", "Yes", "11" } }, 1, MYSQL_REPLICA, 10000, MYSQL_LAGS },
	{ "any lag",
	  "ON",
	  NULL,
	  { { "Yes", "Yes", "99999999999999999999" } },
	  1,
	  MYSQL_REPLICA,
	  0,
	  MYSQL_GOOD },
	{ "the worst channel counts",
	  "ON",
	  NULL,
	  { { "Yes", "Yes", "11" }, { "Yes", "Yes", "0" } },
	  2,
	  MYSQL_REPLICA,
	  10000,
	  MYSQL_LAGS },
	{ "one channel is stopped",
	  "ON",
	  NULL,
	  { { "Yes", "No", NULL }, { "Yes", "Yes", "0" } },
	  2,
	  MYSQL_REPLICA,
	  10000,
	  MYSQL_SQL_STOPPED },
	{ "lag NULL",
	  "ON",
	  NULL,
	  { { "Yes", "Yes", NULL } },
	  1,
	  MYSQL_REPLICA,
	  10000,
	  MYSQL_LAG_UNKNOWN },
	{ "lag in words",
	  "ON",
	  NULL,
	  { { "Yes", "Yes", "1e9" } },
	  1,
	  MYSQL_REPLICA,
	  10000,
	  MYSQL_LAG_UNKNOWN },
	{ "negative lag",
	  "ON",
	  NULL,
	  { { "Yes", "Yes", "-1" } },
	  1,
	  MYSQL_REPLICA,
	  10000,
	  MYSQL_LAG_UNKNOWN },
	{ "a stale lag",
	  "ON",
	  NULL,
	  { { "Connecting", "Yes", "0" } },
	  1,
	  MYSQL_REPLICA,
	  10000,
	  MYSQL_LAG_UNKNOWN },
	{ "a primary is gone",
	  "ON",
	  NULL,
	  { { "Connecting", "Yes", NULL } },
	  1,
	  MYSQL_REPLICA,
	  0,
	  MYSQL_GOOD },
	{ "IO stopped",
	  "ON",
	  NULL,
	  { { "No", "Yes", NULL } },
	  1,
	  MYSQL_REPLICA,
	  0,
	  MYSQL_IO_STOPPED },
	{ "columns missing",
	  "ON",
	  NULL,
	  { { NULL, NULL, NULL } },
	  1,
	  MYSQL_REPLICA,
	  0,
	  MYSQL_SQL_STOPPED },
	{ "not set up", "ON", NULL, { { 0 } }, 0, MYSQL_REPLICA, 0, MYSQL_NOT_REPLICATING },
	{ "writable",
	  "OFF",
	  NULL,
	  { { "Yes", "Yes", "0" } },
	  1,
	  MYSQL_REPLICA,
	  0,
	  MYSQL_IS_WRITABLE },
};

static void mysql_roles(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(roles); i++) {
		struct mysql_state server = { 0 };

		print_message("%s\n", roles[i].name);
		mysql_state_variable(&server, "read_only", roles[i].read_only);
		if (roles[i].super_read_only)
			mysql_state_variable(&server, "super_read_only", roles[i].super_read_only);
		mysql_state_variable(&server, "other", "ON");
		mysql_state_variable(&server, NULL, NULL);
		for (unsigned c = 0; c < roles[i].count; c++)
			mysql_state_channel(&server, roles[i].channels[c][0],
					    roles[i].channels[c][1], roles[i].channels[c][2]);
		assert_int_equal(mysql_state_judge(&server, roles[i].role, roles[i].max_lag_ms),
				 roles[i].verdict);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agent_lines),	   cmocka_unit_test(agents_states),
		cmocka_unit_test(agents_weights),  cmocka_unit_test(what_is_printable),
		cmocka_unit_test(grpc_requests),   cmocka_unit_test(grpc_answers),
		cmocka_unit_test(mysql_greetings), cmocka_unit_test(a_mysql_greeting_in_pieces),
		cmocka_unit_test(mysql_answers),   cmocka_unit_test(mysql_roles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
