/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The 'postgres' check speaks the frontend/backend protocol 3.0 as far as a session's beginning. */
#include "check_postgres.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check_stream.h"

#define DEFAULT_USER "poise"
/* Authentication, BackendKeyData, ErrorResponse, NoticeResponse, ParameterStatus, ReadyForQuery,
 * NegotiateProtocolVersion */
#define EXPECTED_MESSAGES "RKENSZv"

enum {
	LIMIT_KIB = 16,
	HEADER_BYTES = 5, /* type, and the length without it */
	LENGTH_BYTES = 4,
	AUTHENTICATION_BYTES = 4,
	SQLSTATE_BYTES = 5,
	STARTUP_BYTES = 256,
	ANSWER_IS_TLS = 'S',
	ANSWER_IS_PLAIN = 'N',
};

/* Where the next byte of the answer stands. */
enum place {
	PLACE_TLS_ANSWER,
	PLACE_HEADER,
	PLACE_AUTHENTICATION,
	PLACE_FIELD, /* of an error, which is a kind and a text */
	PLACE_TEXT,
	PLACE_SKIP,
};

enum postgres_end { END_FOREIGN, END_NO_TLS, END_ERROR };

struct postgres {
	struct stream stream;
	size_t startup_length;
	uint8_t startup[STARTUP_BYTES];
	/* of the check under way: */
	enum place place;
	enum postgres_end end;
	uint8_t header[HEADER_BYTES];
	size_t header_length;
	uint32_t left; /* of the message that began */
	uint32_t authentication, authentication_length;
	uint8_t field; /* its kind */
	char sqlstate[SQLSTATE_BYTES + 1];
	size_t sqlstate_length;
};

static const uint8_t ssl_request[] = { 0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f };

static enum stream_verdict fail(struct postgres *postgres, enum postgres_end end)
{
	postgres->end = end;
	return STREAM_FAILED;
}

static int postgres_prepare(struct stream *stream)
{
	struct postgres *postgres = (struct postgres *)stream;

	postgres->place = stream->tls ? PLACE_TLS_ANSWER : PLACE_HEADER;
	postgres->header_length = postgres->sqlstate_length = 0;
	return 0;
}

static enum stream_verdict postgres_ready(struct stream *stream)
{
	struct postgres *postgres = (struct postgres *)stream;

	if (postgres->place == PLACE_TLS_ANSWER)
		stream_send(stream, ssl_request, sizeof(ssl_request));
	else
		stream_send(stream, postgres->startup, postgres->startup_length);
	return STREAM_OPEN;
}

/* Bytes that come with it, before the handshake, could be anyone's. */
static enum stream_verdict take_tls_answer(struct postgres *postgres, const uint8_t *data,
					   size_t length)
{
	if (data[0] == ANSWER_IS_PLAIN)
		return fail(postgres, END_NO_TLS);
	if (data[0] != ANSWER_IS_TLS || length != 1)
		return fail(postgres, END_FOREIGN);
	postgres->place = PLACE_HEADER;
	stream_begin_tls(&postgres->stream);
	return STREAM_OPEN;
}

/* After the header. ReadyForQuery is the end of a session's beginning. */
static enum stream_verdict begin_message(struct postgres *postgres)
{
	const uint8_t *h = postgres->header;
	uint32_t length = (uint32_t)h[1] << 24 | (uint32_t)h[2] << 16 | (uint32_t)h[3] << 8 | h[4];

	if (length < LENGTH_BYTES || !h[0] || !strchr(EXPECTED_MESSAGES, h[0]))
		return fail(postgres, END_FOREIGN);
	postgres->left = length - LENGTH_BYTES;
	postgres->header_length = 0;
	postgres->authentication = postgres->authentication_length = 0;
	postgres->place = h[0] == 'R'	   ? PLACE_AUTHENTICATION
			  : h[0] == 'E'	   ? PLACE_FIELD
			  : postgres->left ? PLACE_SKIP
					   : PLACE_HEADER;
	return h[0] == 'Z' ? STREAM_PASSED : STREAM_OPEN;
}

static enum stream_verdict take_header(struct postgres *postgres, uint8_t byte)
{
	postgres->header[postgres->header_length++] = byte;
	return postgres->header_length < HEADER_BYTES ? STREAM_OPEN : begin_message(postgres);
}

/* 0: no password is wanted, and the session goes on. */
static enum stream_verdict take_authentication(struct postgres *postgres, uint8_t byte)
{
	postgres->authentication = postgres->authentication << 8 | byte;
	if (++postgres->authentication_length < AUTHENTICATION_BYTES)
		return STREAM_OPEN;
	postgres->place = PLACE_SKIP;
	return postgres->authentication ? STREAM_PASSED : STREAM_OPEN;
}

static bool state_begins(const struct postgres *postgres, const char *text)
{
	return !strncmp(postgres->sqlstate, text, strlen(text));
}

/* A server that judges who may come in is one that serves: invalid authorization, no such database.
 */
static enum stream_verdict judge_state(struct postgres *postgres)
{
	postgres->sqlstate[postgres->sqlstate_length] = '\0';
	if (state_begins(postgres, "28") || state_begins(postgres, "3D"))
		return STREAM_PASSED;
	return fail(postgres,
		    postgres->sqlstate_length == SQLSTATE_BYTES ? END_ERROR : END_FOREIGN);
}

static enum stream_verdict take_text(struct postgres *postgres, uint8_t byte)
{
	bool is_state = postgres->field == 'C';

	if (!byte) {
		postgres->place = PLACE_FIELD;
		return is_state ? judge_state(postgres) : STREAM_OPEN;
	}
	if (!is_state)
		return STREAM_OPEN;
	if (postgres->sqlstate_length == SQLSTATE_BYTES ||
	    !((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z')))
		return fail(postgres, END_FOREIGN);
	postgres->sqlstate[postgres->sqlstate_length++] = (char)byte;
	return STREAM_OPEN;
}

static enum stream_verdict take_content(struct postgres *postgres, uint8_t byte)
{
	switch (postgres->place) {
	case PLACE_AUTHENTICATION:
		return take_authentication(postgres, byte);
	case PLACE_FIELD:
		postgres->field = byte;
		postgres->place = PLACE_TEXT;
		return byte ? STREAM_OPEN : fail(postgres, END_FOREIGN);
	case PLACE_TEXT:
		return take_text(postgres, byte);
	default:
		return STREAM_OPEN;
	}
}

/* A message that holds what it must leaves only PLACE_SKIP behind. */
static enum stream_verdict take_byte(struct postgres *postgres, uint8_t byte)
{
	enum stream_verdict verdict;

	if (postgres->place == PLACE_HEADER) {
		verdict = take_header(postgres, byte);
	} else {
		postgres->left--;
		verdict = take_content(postgres, byte);
	}
	if (verdict != STREAM_OPEN || postgres->left || postgres->header_length ||
	    postgres->place == PLACE_HEADER)
		return verdict;
	if (postgres->place != PLACE_SKIP)
		return fail(postgres, END_FOREIGN);
	postgres->place = PLACE_HEADER;
	return STREAM_OPEN;
}

static enum stream_verdict postgres_arrived(struct stream *stream, const uint8_t *data,
					    size_t length)
{
	struct postgres *postgres = (struct postgres *)stream;
	enum stream_verdict verdict = STREAM_OPEN;

	if (postgres->place == PLACE_TLS_ANSWER)
		return take_tls_answer(postgres, data, length);
	for (size_t i = 0; i < length && verdict == STREAM_OPEN; i++)
		verdict = take_byte(postgres, data[i]);
	return verdict;
}

static void fail_error(struct postgres *postgres)
{
	struct check *check = &postgres->stream.check;

	if (state_begins(postgres, "57P0"))
		check_fail(check, CHECK_TEXT_POSTGRES_NOT_NOW);
	else if (state_begins(postgres, "53300"))
		check_fail(check, CHECK_TEXT_POSTGRES_FULL);
	else
		check_fail(check, CHECK_TEXT_POSTGRES_ERROR, postgres->sqlstate);
}

static void postgres_fail(struct stream *stream)
{
	struct postgres *postgres = (struct postgres *)stream;

	if (postgres->end == END_ERROR)
		fail_error(postgres);
	else
		check_fail(&stream->check, "%s",
			   postgres->end == END_NO_TLS ? CHECK_TEXT_POSTGRES_TLS
						       : CHECK_TEXT_NOT_POSTGRES);
}

static void postgres_destroy(struct stream *stream)
{
	stream_fini(stream);
	free(stream);
}

static const struct stream_protocol protocol = {
	.limit_kib = LIMIT_KIB,
	.asks_for_tls = true,
	.closed = CHECK_TEXT_CLOSED_MIDDLE,
	.late = CHECK_TEXT_TIMEOUT_MIDDLE,
	.prepare = postgres_prepare,
	.ready = postgres_ready,
	.arrived = postgres_arrived,
	.fail = postgres_fail,
	.destroy = postgres_destroy,
};

/* StartupMessage: length, version 3.0, names and values, and an empty name. The database is by
 * default the one of the user's name. */
static int write_startup(struct postgres *postgres, const char *user)
{
	static const uint8_t begin[] = { 0, 0, 0, 0, 0, 3, 0, 0, 'u', 's', 'e', 'r', 0 };
	size_t length = sizeof(begin) + strlen(user) + 2;

	if (length > STARTUP_BYTES)
		return -EINVAL;
	memcpy(postgres->startup, begin, sizeof(begin));
	memcpy(postgres->startup + sizeof(begin), user, strlen(user));
	postgres->startup[2] = (uint8_t)(length >> 8);
	postgres->startup[3] = (uint8_t)length;
	postgres->startup_length = length;
	return 0;
}

static struct check *postgres_create(const struct check_env *env, const struct check_target *target,
				     const struct config_check *config)
{
	struct postgres *postgres = calloc(1, sizeof(*postgres));
	int r;

	if (!postgres)
		return NULL;
	r = write_startup(postgres, config->user ? config->user : DEFAULT_USER);
	if (r == 0)
		r = stream_init(&postgres->stream, &protocol, env, target, config);
	if (r) {
		postgres_destroy(&postgres->stream);
		errno = -r;
		return NULL;
	}
	return &postgres->stream.check;
}

const struct check_kind check_postgres = {
	.create = postgres_create,
	.start = stream_start,
	.expire = stream_expire,
	.cancel = stream_cancel,
	.destroy = stream_destroy,
};
