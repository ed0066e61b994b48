/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libcurl makes an SSL_CTX for each connection and empties OpenSSL's queue of errors into a line of
 * text; from that line the error's number is taken, never words.
 */
#include "curl_tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tls_words.h"

struct curl_tls *curl_tls_new(struct tls_contexts *contexts, const struct config_check_tls *config)
{
	struct curl_tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		return NULL;
	tls->client = tls_client_new(contexts, config);
	if (tls->client)
		return tls;
	free(tls);
	return NULL;
}

void curl_tls_free(struct curl_tls *tls)
{
	if (!tls)
		return;
	tls_client_free(tls->client);
	free(tls);
}

static CURLcode context_made(CURL *easy, void *context, void *user)
{
	struct curl_tls *tls = user;

	(void)easy;
	tls->begun = true;
	return tls_client_apply(tls->client, context, &tls->note) ? CURLE_SSL_CACERT_BADFILE
								  : CURLE_OK;
}

bool curl_tls_set(struct curl_tls *tls, CURL *easy)
{
	tls->begun = false;
	tls->note.error[0] = tls->error[0] = '\0';
	return !curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, context_made) &&
	       !curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, tls) &&
	       !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, tls->error) &&
	       !curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       /* the context has its own of these */
	       !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L) &&
	       !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L) &&
	       !curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
}

/* "... error:0A00010B:SSL routines::wrong version number": 0 if there is none. */
static unsigned long error_number(const char *text)
{
	const char *number = strstr(text, "error:");

	return number ? strtoul(number + strlen("error:"), NULL, 16) : 0;
}

bool curl_tls_report(struct curl_tls *tls, struct check *check, CURLcode result)
{
	unsigned long number = error_number(tls->error);

	if (strstr(tls->error, strerror(ECONNRESET)))
		check_fail_errno(check, ECONNRESET);
	else if (tls->note.error[0] && tls->note.not_run)
		check_not_run(check, "%s", tls->note.error);
	else if (tls->note.error[0])
		check_fail(check, "%s", tls->note.error);
	else if (number) {
		tls_words_error(number, tls->note.error);
		check_fail(check, "%s", tls->note.error);
	} else if (result == CURLE_SSL_CONNECT_ERROR)
		check_fail(check, CHECK_TEXT_TLS_CLOSED);
	else
		return false;
	return true;
}

void curl_tls_warn(const struct curl_tls *tls, struct check *check)
{
	char warning[HEALTH_ERROR_BYTES];

	if (tls_ends_soon(&tls->note, warning))
		check_warn(check, "%s", warning);
}
