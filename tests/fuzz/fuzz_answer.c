// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the servers of checks and agents might answer. An input's first byte chooses who reads it,
 * its second how the rest is cut into pieces. No access beside the answer, no error that is not fit
 * to print, and, where an answer comes in pieces, the same verdict wherever it is cut.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent_line.h"
#include "check_expect.h"
#include "check_postgres.h"
#include "check_redis.h"
#include "check_stream.h"
#include "dns_message.h"
#include "grpc_health.h"
#include "mysql_greeting.h"
#include "mysql_role.h"

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STREAMS = 4 };

static struct check *streams[STREAMS];
static char reported[HEALTH_ERROR_BYTES];
static char password_path[] = "/tmp/poise-fuzz-XXXXXX";

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void require_line(const char *line)
{
	for (; *line; line++)
		require((unsigned char)*line >= ' ' && (unsigned char)*line < 0x7f);
}

/* In place of check.c. */

static void __attribute__((format(printf, 1, 0))) keep(const char *format, va_list arguments)
{
	vsnprintf(reported, sizeof(reported), format, arguments);
	require_line(reported);
}

void check_fail(struct check *check, const char *format, ...)
{
	va_list arguments;

	(void)check;
	va_start(arguments, format);
	keep(format, arguments);
	va_end(arguments);
}

void check_not_run(struct check *check, const char *format, ...)
{
	(void)check;
	(void)format;
	abort(); /* the password's file is there */
}

void check_warn(struct check *check, const char *format, ...)
{
	(void)check;
	(void)format;
}

void check_pass(struct check *check)
{
	(void)check;
}

void check_fail_connecting(struct check *check)
{
	check_fail(check, CHECK_TEXT_TIMEOUT_CONNECT, check->timeout_ms);
}

void check_fail_errno(struct check *check, int error)
{
	(void)check;
	(void)error;
}

void check_close(int fd)
{
	(void)fd;
}

int check_target_socket(const struct check_target *target, int fd)
{
	(void)target;
	(void)fd;
	return 0;
}

/* Protocols over streams. */

static enum stream_verdict feed(struct stream *stream, const uint8_t *data, size_t size,
				size_t piece)
{
	enum stream_verdict verdict;

	require(!stream->protocol->prepare || stream->protocol->prepare(stream) == 0);
	verdict = stream->protocol->ready(stream);
	for (size_t at = 0; at < size && verdict == STREAM_OPEN; at += piece) {
		size_t length = size - at < piece ? size - at : piece;
		/* an allocation of its own: the sanitizer knows its end */
		uint8_t *copy = malloc(length);

		memcpy(copy, data + at, length);
		verdict = stream->protocol->arrived(stream, copy, length);
		free(copy);
	}
	reported[0] = '\0';
	if (verdict == STREAM_FAILED) {
		stream->protocol->fail(stream);
		require(reported[0]);
	}
	return verdict;
}

static void read_stream(struct check *check, const uint8_t *data, size_t size, size_t piece)
{
	struct stream *stream = (struct stream *)check;
	enum stream_verdict whole = feed(stream, data, size, size ? size : 1);
	char error[HEALTH_ERROR_BYTES];

	memcpy(error, reported, sizeof(error));
	require(feed(stream, data, size, piece) == whole);
	require(!strcmp(error, reported));
}

/* Answers that come as one. */

static void read_dns(const uint8_t *data, size_t size)
{
	uint8_t query[DNS_QUERY_BYTES];
	char text[DNS_RCODE_BYTES];
	size_t length = dns_query_write("www.example.org", 28, query);
	int rcode = dns_answer_rcode(query, length, data, size);

	require(rcode == DNS_FOREIGN || (rcode >= 0 && rcode <= 15));
	if (rcode >= 0) {
		dns_answer_truncated(data);
		require_line(dns_rcode_text((unsigned)rcode, text));
	}
}

static void read_grpc(const uint8_t *data, size_t size)
{
	enum grpc_status status;

	if (!grpc_health_parse(data, size, &status))
		require(status <= GRPC_STATUS_COUNT);
}

static void read_mysql(const uint8_t *data, size_t size)
{
	uint16_t error = 0;
	enum mysql_packet packet = mysql_greeting_parse(data, size, &error);

	if (packet == MYSQL_PACKET_GREETING)
		mysql_greeting_has_tls(data, size);
	else if (packet == MYSQL_PACKET_ERROR && mysql_error_text(error))
		require_line(mysql_error_text(error));
}

/* The next text of what a server said, up to a NUL; NULL when nothing is left. */
static const char *next_text(char **at, const char *end)
{
	char *text = *at;

	if (text >= end)
		return NULL;
	*at = text + strlen(text) + 1;
	return text;
}

/* The texts of a session's rows: a variable, then channels. */
static void read_role(const uint8_t *data, size_t size)
{
	struct mysql_state state = { 0 };
	char *texts = calloc(1, size + 1), *at = texts, *end = texts + size;
	const char *name;

	memcpy(texts, data, size);
	name = next_text(&at, end);
	mysql_state_variable(&state, name, next_text(&at, end));
	while (at < end) {
		const char *io = next_text(&at, end), *sql = next_text(&at, end);

		mysql_state_channel(&state, io, sql, next_text(&at, end));
	}
	require(mysql_state_judge(&state, MYSQL_REPLICA, 0) <= MYSQL_LAGS);
	if (mysql_state_judge(&state, MYSQL_REPLICA, 1000) == MYSQL_GOOD)
		require(state.channels && !state.io_stopped && !state.sql_stopped &&
			!state.lag_unknown && state.lag_s <= 1);
	free(texts);
}

static void read_agent(const uint8_t *data, size_t size)
{
	struct agent_state state = AGENT_STATE_INIT;
	struct agent_line line;

	if (size > AGENT_LINE_BYTES || agent_line_parse((const char *)data, size, &line))
		return;
	require(!line.has_percent || line.percent <= AGENT_MAX_PERCENT);
	require(strlen(line.reason) < AGENT_REASON_BYTES);
	require_line(line.reason);
	agent_state_apply(&state, &line);
	require(agent_state_weight(&state, 100) <= 1000);
}

static void (*const readers[])(const uint8_t *data, size_t size) = { read_dns, read_grpc,
								     read_mysql, read_agent,
								     read_role };

enum { READERS = sizeof(readers) / sizeof(readers[0]) };

static void remove_password(void)
{
	unlink(password_path);
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	struct check_env env = { 0 };
	struct check_target target = { .address = { .family = 4 } };
	struct config_check check = { .port = 1, .password_file = password_path };
	int fd = mkstemp(password_path);

	(void)count;
	(void)arguments;
	require(fd >= 0 && write(fd, "secret\n", 7) == 7);
	close(fd);
	atexit(remove_password);
	streams[0] = check_redis.create(&env, &target, &check);
	check.password_file = NULL;
	streams[1] = check_redis.create(&env, &target, &check);
	streams[2] = check_postgres.create(&env, &target, &check);
	check.answer = (struct config_bytes){ (uint8_t *)"aabaaab", 7 };
	streams[3] = check_expect.create(&env, &target, &check);
	for (size_t i = 0; i < STREAMS; i++)
		require(streams[i]);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t reader, piece;
	uint8_t *copy;

	if (size < 2)
		return 0;
	reader = data[0] % (STREAMS + READERS);
	piece = (size_t)data[1] + 1;
	copy = malloc(size - 2 ? size - 2 : 1);
	memcpy(copy, data + 2, size - 2);
	if (reader < STREAMS)
		read_stream(streams[reader], copy, size - 2, piece);
	else
		readers[reader - STREAMS](copy, size - 2);
	free(copy);
	return 0;
}
