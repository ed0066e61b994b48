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
#include <sys/socket.h>
#include <unistd.h>

#include "curl_loop.h"
#include "curl_tls.h"
#include "search.h"

enum {
	EXPECT_TEXT_BYTES = CONFIG_MAX_EXPECT * sizeof("65535-65535,"),
	RECEIVE_BYTES = 4096, /* libcurl's buffer; there is one for each transfer */
	KIB = 1024,
};

enum verdict { OPEN, GOOD, BAD_STATUS, NOT_HTTP, HEADER_LARGE, BODY_LARGE };

struct http {
	struct check check;
	struct curl_loop *loop;
	struct check_target target;
	struct curl_tls *tls; /* NULL: http */
	char *url;	      /* without the path; its host is what the server is called */
	char *path;
	struct curl_slist *connect; /* the address, where that is called otherwise */
	struct curl_slist *headers;
	struct search body; /* without a needle the status decides */
	struct status_range expect[CONFIG_MAX_EXPECT];
	size_t expect_count;
	/* of the check under way: */
	struct curl_transfer transfer; /* easy is NULL: none is */
	enum verdict verdict;
	int socket_error;
	bool header_ended;
	long status;
	size_t header_bytes, body_bytes;
};

/* The callbacks below are libcurl's: returning anything but length ends the transfer, and
 * transfer_done() reports the verdict. */

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
	curl_easy_getinfo(http->transfer.easy, CURLINFO_RESPONSE_CODE, &http->status);
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

/* Not libcurl's own socket: it would not close on exec, and its errno would be lost. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *peer)
{
	struct http *http = context;
	int fd =
		socket(peer->family, peer->socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, peer->protocol);

	int err = fd < 0 ? -errno : check_target_socket(&http->target, fd);

	(void)purpose;
	if (!err)
		return fd;
	http->socket_error = -err;
	if (fd >= 0)
		close(fd);
	return CURL_SOCKET_BAD;
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
	if (http->tls && curl_tls_report(http->tls, &http->check, result))
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
		if (http->tls)
			curl_tls_warn(http->tls, &http->check);
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

/* With TLS, if there is any. */
static bool connected(const struct http *http)
{
	curl_off_t after_us = 0;

	curl_easy_getinfo(http->transfer.easy,
			  http->tls ? CURLINFO_APPCONNECT_TIME_T : CURLINFO_CONNECT_TIME_T,
			  &after_us);
	return after_us > 0;
}

static void transfer_done(struct curl_transfer *transfer, CURLcode result)
{
	struct http *http = (struct http *)((char *)transfer - offsetof(struct http, transfer));
	long error = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &error);
	if (http->socket_error)
		error = http->socket_error;
	/* libcurl's own bound on a single line; without a connection it is what it says */
	if (http->verdict == OPEN && result == CURLE_OUT_OF_MEMORY) {
		if (connected(http))
			http->verdict = HEADER_LARGE;
		else
			error = ENOMEM;
	}
	curl_easy_cleanup(transfer->easy);
	transfer->easy = NULL;
	http_report(http, result, error);
}

static void http_cancel(struct check *check)
{
	struct http *http = (struct http *)check;

	if (!http->transfer.easy)
		return;
	curl_loop_remove(&http->transfer);
	curl_easy_cleanup(http->transfer.easy);
	http->transfer.easy = NULL;
}

static void fail_unconnected(struct http *http)
{
	struct check *check = &http->check;

	if (http->tls && http->tls->begun)
		check_fail(check, CHECK_TEXT_TIMEOUT_TLS, check->timeout_ms);
	else
		check_fail(check, CHECK_TEXT_TIMEOUT_CONNECT, check->timeout_ms);
}

static void http_expire(struct check *check)
{
	struct http *http = (struct http *)check;
	bool was_connected = connected(http);

	http_cancel(check);
	if (!was_connected)
		fail_unconnected(http);
	else if (http->header_bytes == 0)
		check_fail(check, CHECK_TEXT_TIMEOUT_ANSWER, check->timeout_ms);
	else
		check_fail(check, CHECK_TEXT_TIMEOUT_MIDDLE, check->timeout_ms);
}

static bool set_request(struct http *http, CURL *easy)
{
	return !curl_easy_setopt(easy, CURLOPT_URL, http->url) &&
	       !curl_easy_setopt(easy, CURLOPT_CONNECT_TO, http->connect) &&
	       !curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, http->path) &&
	       !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers) &&
	       !curl_easy_setopt(easy, CURLOPT_USERAGENT, "poise-check/1") &&
	       !curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) &&
	       !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, http->tls ? "https" : "http") &&
	       !curl_easy_setopt(easy, CURLOPT_PROXY, "") &&
	       !curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
}

static bool set_limits(struct http *http, CURL *easy)
{
	/* the caller's deadline comes first; libcurl's default would come before a long one */
	long connect_ms = http->check.timeout_ms + 10000L;

	return !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
	       !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) &&
	       !curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES) &&
	       !curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) &&
	       !curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) &&
	       /* libcurl walks through its whole cache of addresses after each transfer */
	       !curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
}

static bool set_callbacks(struct http *http, CURL *easy)
{
	return !curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) &&
	       !curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, http) &&
	       !curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_arrived) &&
	       !curl_easy_setopt(easy, CURLOPT_HEADERDATA, http) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_arrived) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
}

static int http_start(struct check *check)
{
	struct http *http = (struct http *)check;
	CURL *easy = curl_easy_init();

	http->verdict = OPEN;
	http->socket_error = 0;
	http->header_ended = false;
	http->status = 0;
	http->header_bytes = http->body_bytes = 0;
	search_begin(&http->body);
	http->transfer = (struct curl_transfer){ .easy = easy, .done = transfer_done };
	if (easy && set_request(http, easy) && set_limits(http, easy) &&
	    set_callbacks(http, easy) && (!http->tls || curl_tls_set(http->tls, easy)) &&
	    curl_loop_add(http->loop, &http->transfer) == 0)
		return 0;
	curl_easy_cleanup(easy);
	http->transfer.easy = NULL;
	return -ENOMEM;
}

static void http_destroy(struct check *check)
{
	struct http *http = (struct http *)check;

	http_cancel(check);
	curl_tls_free(http->tls);
	curl_slist_free_all(http->connect);
	curl_slist_free_all(http->headers);
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
	struct curl_slist *longer;
	char *line;

	if (asprintf(&line, format, value) < 0)
		return -ENOMEM;
	longer = curl_slist_append(http->headers, line);
	free(line);
	if (!longer)
		return -ENOMEM;
	http->headers = longer;
	return 0;
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

	address_format(address, text);
	http->url = make_host(config->tls.on ? "https://" : "http://", name ? name : text,
			      config->port);
	if (!http->url || !name)
		return http->url ? 0 : -ENOMEM;
	connect = make_host("::", text, config->port);
	if (connect)
		http->connect = curl_slist_append(NULL, connect);
	free(connect);
	return http->connect ? 0 : -ENOMEM;
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
	http->loop = env->curl;
	http->target = *target;
	if (config->tls.on)
		http->tls = curl_tls_new(env->tls, &config->tls);
	r = config->tls.on && !http->tls ? -ENOMEM : copy_request(http, &target->address, config);
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
