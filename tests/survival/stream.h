/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the survival matrix's client and server say to each other. Each direction of a connection is
 * a sequence of bytes that follows from the connection's id and, from the server, from the
 * backend's number, so that a byte which belongs elsewhere is seen at once.
 *
 * A connection begins with struct stream_hello, which the server answers with struct
 * stream_greeting; or with a line of HTTP, 'GET /ID', which it answers with a page of STREAM_PAGE
 * bytes, and closes. Numbers are of the host's byte order: both ends are on one machine.
 */
#ifndef POISE_SURVIVAL_STREAM_H
#define POISE_SURVIVAL_STREAM_H

#include <stddef.h>
#include <stdint.h>

enum {
	STREAM_PORT = 7000,
	STREAM_HEALTH_PORT = 7001,
	STREAM_PAGE = 1024,
	STREAM_TICK_MS = 500, /* of a paced sender */
};

#define STREAM_MAGIC 0x31565350 /* "PSV1" */

enum stream_kind {
	STREAM_ECHO, /* each byte is answered by one */
	STREAM_DOWN, /* the server sends 'rate' bytes a second, until the client's end */
	STREAM_UP,   /* the server says how many bytes came, and again after the client's end */
};

struct stream_hello {
	uint32_t magic;
	uint32_t kind;
	uint64_t id;
	uint32_t rate; /* bytes a second, STREAM_DOWN */
	uint32_t reserved;
};

struct stream_greeting {
	uint32_t magic;
	uint32_t backend;
	uint64_t id;
};

/* The key of what the server of that number sends; a client's is the id. */
uint64_t stream_server_key(uint64_t id, uint32_t backend);

void stream_fill(uint64_t key, uint64_t offset, unsigned char *out, size_t len);

/* Whether these are the bytes of 'key' from 'offset' on. */
int stream_right(uint64_t key, uint64_t offset, const unsigned char *in, size_t len);

#endif
