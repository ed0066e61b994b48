/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The 'http' and 'https' checks, by libcurl. The answer is read no further than the verdict needs:
 * to the end of its header when the status decides, else until the body held the text or 64 KiB are
 * searched. So memory and time are bounded by this file and the caller's deadline, whatever the
 * server sends.
 */
#include "check_http.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "curl_request.h"
#include "search.h"

enum {
	EXPECT_TEXT_BYTES = CONFIG_MAX_EXPECT * sizeof("65535-65535,"),
	KIB = 1024,
};

enum verdict { OPEN, GOOD, BAD_STATUS, NOT_HTTP, HEADER_LARGE, BODY_LARGE };

struct http {
	struct check check;
	struct curl_request request;
	char *url; /* without the path; its host is what the server is called */
	char *path;
	struct search body; /* without a needle the status decides */
	struct status_range expect[CONFIG_MAX_EXPECT];
	size_t expect_count;
	/* of the check under way: */
	enum verdict verdict;
	bool header_ended;
	long status;
	size_t header_bytes, body_bytes;
};

static size_t body_arrived(char *data, size_t size, size_t count, void *context)
{
	struct http *http = context;
	size_t length = size * count;
	size_t room = CHECK_HTTP_MAX_BODY_KIB * KIB - http->body_bytes;

	if (http->verdict != OPEN)
		return 0;
	if (search_feed(&http->body, data, length < room ? length : room)) {
		http->verdict = GOOD;
		return 0;
	}
	if (length > room) {
		http->verdict = BODY_LARGE;
		return 0;
	}
	http->body_bytes += length;
	return length;
}

static bool status_expected(const struct http *http)
{
	for (size_t i = 0; i < http->expect_count; i++)
		if (http->status >= http->expect[i].first && http->status <= http->expect[i].last)
			return true;
	return false;
}

static enum verdict header_verdict(struct http *http)
{
	curl_easy_getinfo(http->request.transfer.easy, CURLINFO_RESPONSE_CODE, &http->status);
	if (http->status == 0)
		return NOT_HTTP;
	/* interim answers (RFC 9110, 15.2); after 101 no other one would follow */
	if (http->status < 200 && http->status != 101)
		return OPEN;
	http->header_ended = true;
	if (!status_expected(http))
		return BAD_STATUS;
	return http->body.length == 0 ? GOOD : OPEN;
}

/* One line a call, with its line end; also lines of interim answers, and of trailers. */
static size_t header_arrived(char *data, size_t size, size_t count, void *context)
{
	struct http *http = context;
	size_t length = size * count;

	if (http->verdict != OPEN)
		return 0;
	/* libcurl takes other versions as well */
	if (http->header_bytes == 0 && (length < 7 || memcmp(data, "HTTP/1.", 7) != 0))
		http->verdict = NOT_HTTP;
	http->header_bytes += length;
	if (http->header_bytes > CHECK_HTTP_MAX_HEADER_KIB * KIB)
		http->verdict = HEADER_LARGE;
	else if (!http->header_ended && length > 0 && (data[0] == '\r' || data[0] == '\n'))
		http->verdict = header_verdict(http);
	return http->verdict == OPEN ? length : 0;
}

static void fail_status(struct http *http)
{
	char expect[EXPECT_TEXT_BYTES] = "";
	size_t used = 0;

	for (size_t i = 0; i < http->expect_count; i++) {
		const struct status_range *range = &http->expect[i];

		used += snprintf(expect + used, sizeof(expect) - used, "%s%u", i ? "," : "",
				 range->first);
		if (range->last != range->first)
			used += snprintf(expect + used, sizeof(expect) - used, "-%u", range->last);
	}
	check_fail(&http->check, CHECK_TEXT_STATUS, http->status, expect);
}

/* The server ended the transfer, as it may: is the answer whole, and is there one? */
static void fail_end(struct http *http, CURLcode result)
{
	if (result == CURLE_OK && http->header_ended)
		check_fail(&http->check, CHECK_TEXT_NO_BODY, http->body.needle);
	else if (http->header_bytes == 0)
		check_fail(&http->check, CHECK_TEXT_CLOSED);
	else
		check_fail(&http->check, CHECK_TEXT_CLOSED_MIDDLE);
}

static void fail_transfer(struct http *http, CURLcode result, int error)
{
	if (http->request.tls && curl_tls_report(http->request.tls, &http->check, result))
		return;
	switch (result) {
	case CURLE_OK:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		fail_end(http, result);
		break;
	case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, or a version after 1.1 */
	case CURLE_WEIRD_SERVER_REPLY:
		check_fail(&http->check, CHECK_TEXT_NOT_HTTP);
		break;
	case CURLE_COULDNT_CONNECT:
	case CURLE_OUT_OF_MEMORY:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		if (error) {
			check_fail_errno(&http->check, error);
			break;
		}
		/* fall through */
	default:
		check_fail(&http->check, CHECK_TEXT_HTTP, curl_easy_strerror(result));
	}
}

static void http_report(struct http *http, CURLcode result, int error)
{
	switch (http->verdict) {
	case OPEN:
		fail_transfer(http, result, error);
		break;
	case GOOD:
		if (http->request.tls)
			curl_tls_warn(http->request.tls, &http->check);
		check_pass(&http->check);
		break;
	case BAD_STATUS:
		fail_status(http);
		break;
	case NOT_HTTP:
		check_fail(&http->check, CHECK_TEXT_NOT_HTTP);
		break;
	case HEADER_LARGE:
		check_fail(&http->check, CHECK_TEXT_HEADER_LARGE, CHECK_HTTP_MAX_HEADER_KIB);
		break;
	case BODY_LARGE:
		check_fail(&http->check, CHECK_TEXT_BODY_LARGE, CHECK_HTTP_MAX_BODY_KIB,
			   http->body.needle);
		break;
	}
}

static void transfer_done(struct curl_transfer *transfer, CURLcode result)
{
	struct http *http =
		(struct http *)((char *)transfer - offsetof(struct http, request.transfer));
	bool connected = curl_request_connected(&http->request);
	int error = curl_request_end(&http->request);

	/* libcurl's own bound on a single line; without a connection it is what it says */
	if (http->verdict == OPEN && result == CURLE_OUT_OF_MEMORY) {
		if (connected)
			http->verdict = HEADER_LARGE;
		else
			error = ENOMEM;
	}
	http_report(http, result, error);
}

static void http_cancel(struct check *check)
{
	struct http *http = (struct http *)check;

	curl_request_cancel(&http->request);
}

static void http_expire(struct check *check)
{
	struct http *http = (struct http *)check;

	curl_request_expire(&http->request, check, http->header_bytes != 0);
}

static bool set_request(void *context, CURL *easy)
{
	const struct http *http = context;

	return !curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, http->path) &&
	       !curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
}

static const struct curl_request_kind kind = {
	.header = header_arrived,
	.body = body_arrived,
	.done = transfer_done,
	.set = set_request,
};

static int http_start(struct check *check)
{
	struct http *http = (struct http *)check;

	http->verdict = OPEN;
	http->header_ended = false;
	http->status = 0;
	http->header_bytes = http->body_bytes = 0;
	search_begin(&http->body);
	return curl_request_start(&http->request, check, &kind, http);
}

static void http_destroy(struct check *check)
{
	struct http *http = (struct http *)check;

	curl_request_fini(&http->request);
	free(http->url);
	search_fini(&http->body);
	free(http->path);
	free(http);
}

/* Nothing that would end or split a line of the request. */
static bool is_word(const char *text)
{
	for (; *text; text++)
		if (*text == ' ' || iscntrl((unsigned char)*text))
			return false;
	return true;
}

static int add_header(struct http *http, const char *format, const char *value)
{
	char *line;
	int r;

	if (asprintf(&line, format, value) < 0)
		return -ENOMEM;
	r = curl_request_add(&http->request.headers, line);
	free(line);
	return r;
}

/* IPv6 addresses stand in brackets, in URLs (RFC 3986, 3.2.2) as elsewhere before a port. */
static char *make_host(const char *prefix, const char *name, uint16_t port)
{
	bool bare = !strchr(name, ':');
	char *out;

	if (asprintf(&out, "%s%s%s%s:%u", prefix, bare ? "" : "[", name, bare ? "" : "]", port) < 0)
		return NULL;
	return out;
}

/* Where it goes, and what the server is called there: by TLS's name, if it has one. */
static int copy_url(struct http *http, const struct address *address,
		    const struct config_check *config)
{
	char text[ADDRESS_TEXT_BYTES];
	const char *name = config->tls.on ? config->tls.server_name : NULL;
	char *connect;
	int r;

	address_format(address, text);
	http->url = make_host(config->tls.on ? "https://" : "http://", name ? name : text,
			      config->port);
	http->request.url = http->url;
	if (!http->url || !name)
		return http->url ? 0 : -ENOMEM;
	connect = make_host("::", text, config->port);
	r = connect ? curl_request_add(&http->request.connect, connect) : -ENOMEM;
	free(connect);
	return r;
}

static int copy_request(struct http *http, const struct address *address,
			const struct config_check *config)
{
	const char *path = config->path ? config->path : "/";

	if (path[0] != '/' || !is_word(path) || (config->host && !is_word(config->host)))
		return -EINVAL;
	http->path = strdup(path);
	if (!http->path || copy_url(http, address, config) != 0 ||
	    add_header(http, "Connection: %s", "close") != 0)
		return -ENOMEM;
	/* without one of the configuration libcurl makes it of the URL (RFC 9110, 7.2) */
	return config->host ? add_header(http, "Host: %s", config->host) : 0;
}

static int copy_expectation(struct http *http, const struct config_check *config)
{
	if (config->expect_count == 0 || config->expect_count > CONFIG_MAX_EXPECT)
		return -EINVAL;
	memcpy(http->expect, config->expect, sizeof(http->expect));
	http->expect_count = config->expect_count;
	return config->body ? search_init(&http->body, config->body, strlen(config->body)) : 0;
}

static struct check *http_create(const struct check_env *env, const struct check_target *target,
				 const struct config_check *config)
{
	struct http *http = calloc(1, sizeof(*http));
	int r;

	if (!http)
		return NULL;
	http->request.loop = env->curl;
	http->request.target = *target;
	if (config->tls.on)
		http->request.tls = curl_tls_new(env->tls, &config->tls);
	r = config->tls.on && !http->request.tls ? -ENOMEM
						 : copy_request(http, &target->address, config);
	if (r == 0)
		r = copy_expectation(http, config);
	if (r != 0) {
		http_destroy(&http->check);
		errno = -r;
		return NULL;
	}
	return &http->check;
}

const struct check_kind check_http = {
	.create = http_create,
	.start = http_start,
	.expire = http_expire,
	.cancel = http_cancel,
	.destroy = http_destroy,
};
