/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What libmariadb reads from and writes to, in place of sockets of its own: a connection that
 * somebody else made, of which it gets a bounded number of bytes and no chance to wait.
 */
#ifndef POISE_MYSQL_STREAM_H
#define POISE_MYSQL_STREAM_H

#include <mysql.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tls.h"

enum {
	MYSQL_STREAM_KIB = 256, /* read at most, in all */
	MYSQL_STREAM_HEAD_BYTES = 5,
};

enum mysql_secrecy { MYSQL_PLAIN, MYSQL_HANDSHAKE, MYSQL_SECURE };

/* Where in a packet a stream of bytes stands. */
struct mysql_place {
	uint32_t left; /* bytes of the packet */
	uint32_t size; /* of the next one, as far as its header came */
	uint8_t header_used;
};

/* The caller's; outlives the MYSQL that uses it. */
struct mysql_stream {
	int fd;		       /* connected, non-blocking; the caller closes it */
	const uint8_t *before; /* what was read of it before */
	size_t before_left;
	struct tls_client *tls; /* NULL: without TLS */
	struct tls_note *note;	/* with it */
	bool cut;		/* nothing goes through it any more */
	/* how it ended: */
	bool closed, too_much, malformed;
	int error; /* errno of the last system call that failed; 0: none did */
	/* its own: */
	enum mysql_secrecy secrecy;
	struct tls_session *session;
	short waits;   /* EV_READ or EV_WRITE: what TLS waits for; 0: what libmariadb does */
	uint8_t shift; /* of sequence numbers, which count the packet that asked for TLS */
	struct mysql_place reading, writing;
	size_t received;
	bool asked;	  /* a query was sent; its answer's head follows: */
	size_t head_used; /* bytes of it so far */
	uint8_t head[MYSQL_STREAM_HEAD_BYTES];
};

/* Ends TLS, if there is any. */
void mysql_stream_end(struct mysql_stream *stream);

/* Makes mysql_real_connect() use the stream. 0, or -ENOTSUP: this libmariadb cannot. */
int mysql_stream_use(struct mysql_stream *stream, MYSQL *mysql);

#endif
