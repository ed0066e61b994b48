/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a MySQL or MariaDB server says first (mariadb.com/kb, "Client/Server Protocol", Connection):
 * a greeting of protocol 10, or an error; and an answer to it. What a server says is not trusted.
 */
#ifndef POISE_MYSQL_GREETING_H
#define POISE_MYSQL_GREETING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MYSQL_PACKET_HEADER_BYTES = 4,
	MYSQL_GREETING_BYTES = 1024, /* the longest that is read, header included */
	MYSQL_ANSWER_BYTES = 128,
};

enum mysql_packet {
	MYSQL_PACKET_SHORT, /* more bytes are to come */
	MYSQL_PACKET_GREETING,
	MYSQL_PACKET_ERROR,
	MYSQL_PACKET_OTHER, /* neither */
};

/* bytes: all that came so far. error: the server's number of an error. */
enum mysql_packet mysql_greeting_parse(const uint8_t *bytes, size_t length, uint16_t *error);

/* Does the server of this greeting, a whole one, speak TLS? */
bool mysql_greeting_has_tls(const uint8_t *bytes, size_t length);

/* A login of a user without a password, that ends the conversation in an orderly way whether or
 * not the server knows the user. user is cut to 32 bytes. The answer's length. */
size_t mysql_greeting_answer(const char *user, uint8_t out[MYSQL_ANSWER_BYTES]);

/* What a server's number of an error means, in words of ours; NULL for others. */
const char *mysql_error_text(unsigned int error);

#endif
