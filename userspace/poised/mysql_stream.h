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

enum {
	MYSQL_STREAM_KIB = 256, /* read at most, in all */
	MYSQL_STREAM_HEAD_BYTES = 5,
};

/* The caller's; outlives the MYSQL that uses it. */
struct mysql_stream {
	int fd;		       /* connected, non-blocking; the caller closes it */
	const uint8_t *before; /* what was read of it before */
	size_t before_left;
	bool cut; /* nothing goes through it any more */
	/* how it ended: */
	bool closed, too_much, malformed;
	int error; /* errno of the last system call that failed; 0: none did */
	/* its own: */
	size_t received;
	bool asked;	  /* a query was sent; its answer's head follows: */
	size_t head_used; /* bytes of it so far */
	uint8_t head[MYSQL_STREAM_HEAD_BYTES];
};

/* Makes mysql_real_connect() use the stream. 0, or -ENOTSUP: this libmariadb cannot. */
int mysql_stream_use(struct mysql_stream *stream, MYSQL *mysql);

#endif
