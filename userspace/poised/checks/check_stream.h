/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What checks by a conversation over TCP or TLS have in common: connection, handshake, sending, and
 * reading no further than the verdict or a limit. What is said, and what an answer means, is a
 * protocol's (check_expect.c, check_redis.c, check_postgres.c).
 */
#ifndef POISE_CHECK_STREAM_H
#define POISE_CHECK_STREAM_H

#include <netinet/in.h>

#include "check.h"
#include "tls.h"

struct event;
struct stream;

enum stream_verdict { STREAM_OPEN, STREAM_PASSED, STREAM_FAILED };

struct stream_protocol {
	unsigned limit_kib; /* of an answer, which is read in pieces and not kept */
	bool asks_for_tls;  /* by stream_begin_tls(); else TLS comes first */
	const char *closed; /* said of a connection that ended within an answer */
	const char *late;   /* said of one whose answer, that had begun, did not end in time */
	/* Before each check: 0, or a negative errno; or -ECANCELED: fail() says why it was not run.
	 */
	int (*prepare)(struct stream *stream);
	/* The connection is there, and, after the handshake, once more. */
	enum stream_verdict (*ready)(struct stream *stream);
	/* The next bytes of the answer, one or more. */
	enum stream_verdict (*arrived)(struct stream *stream, const uint8_t *data, size_t length);
	/* After -ECANCELED and STREAM_FAILED: reports, by check_fail() or its like. */
	void (*fail)(struct stream *stream);
	void (*destroy)(struct stream *stream); /* frees the whole, after stream_fini() */
};

enum stream_phase {
	STREAM_IDLE,
	STREAM_PREPARED,
	STREAM_CONNECTING,
	STREAM_HANDSHAKE,
	STREAM_TALK
};

/* The first member of a protocol's structure. */
struct stream {
	struct check check;
	const struct stream_protocol *protocol;
	struct event_base *base;
	struct check_target target;
	struct tls_client *tls; /* NULL: without TLS */
	struct sockaddr_storage peer;
	socklen_t peer_length;
	/* of the check under way: */
	enum stream_phase phase;
	int fd, error;	  /* of connect(), when it failed at once */
	short waits_for;  /* EV_READ, EV_WRITE */
	bool wants_write; /* what is left to send, or TLS, needs it */
	struct event *event;
	struct tls_session *session; /* NULL: none so far */
	struct tls_note *note;
	const uint8_t *out; /* of the protocol; left to send: */
	size_t out_length;
	size_t received;
};

/* 0 or -ENOMEM, and then stream_fini() is still due. */
int stream_init(struct stream *stream, const struct stream_protocol *protocol,
		const struct check_env *env, const struct check_target *target,
		const struct config_check *config);
void stream_fini(struct stream *stream);

/* From ready() and arrived(): */
void stream_send(struct stream *stream, const void *data, size_t length); /* data stays as it is */
void stream_begin_tls(struct stream *stream);

/* Of struct check_kind. */
int stream_start(struct check *check);
void stream_expire(struct check *check);
void stream_cancel(struct check *check);
void stream_destroy(struct check *check);

#endif
