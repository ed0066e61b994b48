/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TLS of checks, by OpenSSL: whom to believe, and in words why not. Contexts are shared by all
 * checks that believe the same CA file; the file is read again when it changes. TLS 1.2 and newer,
 * no session is resumed. Sockets are the caller's, as are deadlines.
 */
#ifndef POISE_TLS_H
#define POISE_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "health.h"

struct tls_contexts; /* all of them */
struct tls_client;   /* what one check believes */
struct tls_session;  /* one connection of it */

/* What came to light in a handshake. */
struct tls_note {
	const struct tls_client *client;
	bool not_run;			/* the error is this host's */
	char error[HEALTH_ERROR_BYTES]; /* "": none, as far as certificates go */
	int64_t ends_in; /* seconds, of the chain's first certificate to end; INT64_MAX: not known
			  */
};

int tls_contexts_new(struct tls_contexts **out);       /* 0 or -ENOMEM */
void tls_contexts_free(struct tls_contexts *contexts); /* no client is left; takes NULL */

/* Copies what it needs of config, which is on. NULL: no memory. */
struct tls_client *tls_client_new(struct tls_contexts *contexts,
				  const struct config_check_tls *config);
void tls_client_free(struct tls_client *client); /* no session is left; takes NULL */

/* A session on a connected, non-blocking socket. NULL with the note filled; else the note is the
 * session's and outlives it. */
struct tls_session *tls_session_new(struct tls_client *client, int fd, struct tls_note *note);
void tls_session_free(struct tls_session *session); /* says goodbye if it may; takes NULL */

enum tls_result {
	TLS_DONE,
	TLS_WANTS_READ,
	TLS_WANTS_WRITE,
	TLS_CLOSED, /* by the peer */
	TLS_SYSTEM, /* errno says */
	TLS_FAILED, /* note->error says */
};

/* TLS_DONE: it stands. */
enum tls_result tls_handshake(struct tls_session *session);
/* TLS_DONE: *count, more than 0, of length bytes. */
enum tls_result tls_read(struct tls_session *session, void *data, size_t length, size_t *count);
enum tls_result tls_write(struct tls_session *session, const void *data, size_t length,
			  size_t *count);

/* For a library that makes the context of each connection itself (libcurl): sets what is believed;
 * the note is filled until the
 * connection's end. 0, or -EINVAL with note->error. */
int tls_client_apply(struct tls_client *client, SSL_CTX *context, struct tls_note *note);
/* Of a passed handshake: does a certificate end sooner than the client wants? Then text says so. */
bool tls_ends_soon(const struct tls_note *note, char text[HEALTH_ERROR_BYTES]);

#endif
