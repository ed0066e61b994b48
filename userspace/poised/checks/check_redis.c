/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The 'redis' check speaks RESP (the Redis serialization protocol), of which it reads simple lines.
 */
#include "check_redis.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_stream.h"
#include "secret.h"

enum {
	LIMIT_KIB = 1,
	LINE_BYTES = 32, /* of a line that are looked at */
	USER_BYTES = 256,
	REQUEST_BYTES = SECRET_BYTES + USER_BYTES + 128,
};

enum redis_end {
	END_NONE,
	END_FILE,
	END_FOREIGN,
	END_PASSWORD,
	END_LOADING,
	END_PRIMARY,
	END_ERROR
};

struct redis {
	struct stream stream;
	char *user, *password_file; /* NULL: none */
	/* of the check under way: */
	char *request; /* holds the password; NULL: none */
	bool wants_auth;
	enum redis_end end;
	int file_error;
	char line[LINE_BYTES], previous;
	size_t length; /* of the line so far, which may be longer than what is kept of it */
};

static void forget_request(struct redis *redis)
{
	if (redis->request)
		explicit_bzero(redis->request, REQUEST_BYTES);
	free(redis->request);
	redis->request = NULL;
}

static void write_auth(struct redis *redis, const char *password)
{
	const char *user = redis->user;

	if (user)
		snprintf(redis->request, REQUEST_BYTES,
			 "*3\r\n$4\r\nAUTH\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n*1\r\n$4\r\nPING\r\n",
			 strlen(user), user, strlen(password), password);
	else
		snprintf(redis->request, REQUEST_BYTES,
			 "*2\r\n$4\r\nAUTH\r\n$%zu\r\n%s\r\n*1\r\n$4\r\nPING\r\n", strlen(password),
			 password);
}

static int redis_prepare(struct stream *stream)
{
	struct redis *redis = (struct redis *)stream;
	char password[SECRET_BYTES];

	redis->end = END_NONE;
	redis->length = 0;
	redis->wants_auth = redis->password_file;
	if (!redis->password_file)
		return 0;
	redis->file_error = secret_read(redis->password_file, password);
	if (redis->file_error < 0) {
		redis->end = END_FILE;
		return -ECANCELED;
	}
	forget_request(redis);
	redis->request = malloc(REQUEST_BYTES);
	if (redis->request)
		write_auth(redis, password);
	explicit_bzero(password, sizeof(password));
	return redis->request ? 0 : -ENOMEM;
}

static enum stream_verdict redis_ready(struct stream *stream)
{
	static const char ping[] = "*1\r\n$4\r\nPING\r\n";
	struct redis *redis = (struct redis *)stream;
	const char *request = redis->request ? redis->request : ping;

	stream_send(stream, request, strlen(request));
	return STREAM_OPEN;
}

static bool line_begins(const struct redis *redis, const char *text)
{
	return redis->length >= strlen(text) && !memcmp(redis->line, text, strlen(text));
}

static bool line_is(const struct redis *redis, const char *text)
{
	return redis->length == strlen(text) && line_begins(redis, text);
}

/* The first word of an error says what kind it is. */
static enum redis_end judge_error(const struct redis *redis)
{
	if (!line_begins(redis, "-"))
		return END_FOREIGN;
	if (line_begins(redis, "-LOADING "))
		return END_LOADING;
	if (line_begins(redis, "-MASTERDOWN "))
		return END_PRIMARY;
	if (redis->wants_auth || line_begins(redis, "-WRONGPASS "))
		return END_PASSWORD;
	return END_ERROR;
}

static enum stream_verdict judge_line(struct redis *redis)
{
	if (redis->wants_auth && line_is(redis, "+OK")) {
		redis->wants_auth = false;
		return STREAM_OPEN;
	}
	if (!redis->wants_auth && line_is(redis, "+PONG"))
		return STREAM_PASSED;
	if (!redis->password_file && line_begins(redis, "-NOAUTH "))
		return STREAM_PASSED;
	redis->end = judge_error(redis);
	return STREAM_FAILED;
}

/* A line is a type, text, CR and LF; only simple strings and errors can be the answer. */
static enum stream_verdict take_byte(struct redis *redis, char byte)
{
	bool ends = byte == '\n' && redis->previous == '\r';
	enum stream_verdict verdict;

	if (redis->length == 0 && byte != '+' && byte != '-') {
		redis->end = END_FOREIGN;
		return STREAM_FAILED;
	}
	if (redis->length < LINE_BYTES)
		redis->line[redis->length] = byte;
	redis->length++;
	redis->previous = byte;
	if (!ends)
		return STREAM_OPEN;
	redis->length -= 2;
	verdict = judge_line(redis);
	redis->length = 0;
	return verdict;
}

static enum stream_verdict redis_arrived(struct stream *stream, const uint8_t *data, size_t length)
{
	struct redis *redis = (struct redis *)stream;
	enum stream_verdict verdict = STREAM_OPEN;

	for (size_t i = 0; i < length && verdict == STREAM_OPEN; i++)
		verdict = take_byte(redis, (char)data[i]);
	return verdict;
}

static void redis_fail(struct stream *stream)
{
	struct redis *redis = (struct redis *)stream;
	struct check *check = &stream->check;

	switch (redis->end) {
	case END_FILE:
		check_not_run(check, CHECK_TEXT_PASSWORD_FILE, redis->password_file,
			      secret_error(redis->file_error));
		break;
	case END_PASSWORD:
		check_fail(check, CHECK_TEXT_PASSWORD);
		break;
	case END_LOADING:
		check_fail(check, CHECK_TEXT_REDIS_LOADING);
		break;
	case END_PRIMARY:
		check_fail(check, CHECK_TEXT_REDIS_PRIMARY);
		break;
	case END_ERROR:
		check_fail(check, CHECK_TEXT_REDIS_ERROR);
		break;
	default:
		check_fail(check, CHECK_TEXT_NOT_REDIS);
	}
}

static void redis_destroy(struct stream *stream)
{
	struct redis *redis = (struct redis *)stream;

	stream_fini(stream);
	forget_request(redis);
	free(redis->password_file);
	free(redis->user);
	free(redis);
}

static const struct stream_protocol protocol = {
	.limit_kib = LIMIT_KIB,
	.closed = CHECK_TEXT_CLOSED_MIDDLE,
	.late = CHECK_TEXT_TIMEOUT_MIDDLE,
	.prepare = redis_prepare,
	.ready = redis_ready,
	.arrived = redis_arrived,
	.fail = redis_fail,
	.destroy = redis_destroy,
};

static bool copy(char **out, const char *text)
{
	*out = text ? strdup(text) : NULL;
	return !text || *out;
}

static struct check *redis_create(const struct check_env *env, const struct check_target *target,
				  const struct config_check *config)
{
	struct redis *redis = calloc(1, sizeof(*redis));

	if (!redis)
		return NULL;
	if (stream_init(&redis->stream, &protocol, env, target, config) ||
	    !copy(&redis->user, config->user) ||
	    !copy(&redis->password_file, config->password_file)) {
		redis_destroy(&redis->stream);
		errno = ENOMEM;
		return NULL;
	}
	return &redis->stream.check;
}

const struct check_kind check_redis = {
	.create = redis_create,
	.start = stream_start,
	.expire = stream_expire,
	.cancel = stream_cancel,
	.destroy = stream_destroy,
};
