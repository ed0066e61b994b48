/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TLS of libcurl's transfers as tls.h has it: libcurl itself reads no certificates and judges none.
 */
#ifndef POISE_CURL_TLS_H
#define POISE_CURL_TLS_H

#include <curl/curl.h>
#include <stdbool.h>

#include "check.h"
#include "tls.h"

struct curl_tls {
	struct tls_client *client;
	/* of the transfer under way: */
	bool begun; /* the connection is there, and the handshake began */
	struct tls_note note;
	char error[CURL_ERROR_SIZE];
};

/* For a check with TLS; NULL: no memory. */
struct curl_tls *curl_tls_new(struct tls_contexts *contexts, const struct config_check_tls *config);
void curl_tls_free(struct curl_tls *tls); /* no transfer is under way; takes NULL */

/* Before a transfer begins; takes its error buffer. */
bool curl_tls_set(struct curl_tls *tls, CURL *easy);

/* After it failed: does the reason lie in TLS, or in what only its words know? Then the check is
 * ended with it. */
bool curl_tls_report(struct curl_tls *tls, struct check *check, CURLcode result);

/* After it passed. */
void curl_tls_warn(const struct curl_tls *tls, struct check *check);

#endif
