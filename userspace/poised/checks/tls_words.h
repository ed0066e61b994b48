/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What OpenSSL says of certificates and handshakes, as CHECK_TEXTS say it (check.h). */
#ifndef POISE_TLS_WORDS_H
#define POISE_TLS_WORDS_H

#include <openssl/x509.h>
#include <stdint.h>

#include "health.h"

/* Why a certificate is refused: error is an X509_V_ERR_*; name is what it should name, or NULL. */
void tls_words_certificate(int error, const X509 *certificate, const char *name,
			   char out[HEALTH_ERROR_BYTES]);

/* Why a handshake or a connection failed: a number of OpenSSL's error queue. */
void tls_words_error(unsigned long error, char out[HEALTH_ERROR_BYTES]);

/* A certificate's end: seconds from now, and as "2026-10-01". */
int64_t tls_words_ends_in(const X509 *certificate);
enum { TLS_DATE_BYTES = sizeof("2026-10-01") };
void tls_words_date(int64_t time, char out[TLS_DATE_BYTES]);

#endif
