/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "curl_request.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	RECEIVE_BYTES = 4096, /* libcurl's buffer; there is one for each transfer */
	PATIENCE_MS = 10000,
};

int curl_request_add(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

/* Not libcurl's own socket: it would not close on exec, and its errno would be lost. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *peer)
{
	struct curl_request *request = context;
	int fd =
		socket(peer->family, peer->socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, peer->protocol);
	int err = fd < 0 ? -errno : check_target_socket(&request->target, fd);
	int off = 0;

	(void)purpose;
	/* the request acknowledges the SYN-ACK: one packet less (tcp(7)) */
	if (!err)
		setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
	if (!err)
		return fd;
	request->socket_error = -err;
	if (fd >= 0)
		close(fd);
	return CURL_SOCKET_BAD;
}

static bool set_target(struct curl_request *request, CURL *easy)
{
	return !curl_easy_setopt(easy, CURLOPT_URL, request->url) &&
	       !curl_easy_setopt(easy, CURLOPT_CONNECT_TO, request->connect) &&
	       !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers) &&
	       !curl_easy_setopt(easy, CURLOPT_USERAGENT, "poise-check/1") &&
	       !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, request->tls ? "https" : "http") &&
	       !curl_easy_setopt(easy, CURLOPT_PROXY, "") &&
	       !curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) &&
	       /* cleartext is one segment, which waits for nothing */
	       !curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, request->tls ? 1L : 0L) &&
	       !curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) &&
	       !curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, request);
}

static bool set_limits(uint32_t timeout_ms, CURL *easy)
{
	/* the caller's deadline comes first; libcurl's default would come before a long one */
	long connect_ms = (long)timeout_ms + PATIENCE_MS;

	return !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
	       !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) &&
	       !curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES) &&
	       !curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) &&
	       !curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) &&
	       /* libcurl walks through its whole cache of addresses after each transfer */
	       !curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
}

static bool set_callbacks(const struct curl_request_kind *kind, void *context, CURL *easy)
{
	return !curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, kind->header) &&
	       !curl_easy_setopt(easy, CURLOPT_HEADERDATA, context) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, kind->body) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEDATA, context) && kind->set(context, easy);
}

int curl_request_start(struct curl_request *request, const struct check *check,
		       const struct curl_request_kind *kind, void *context)
{
	CURL *easy = curl_easy_init();

	request->socket_error = 0;
	request->transfer = (struct curl_transfer){ .easy = easy, .done = kind->done };
	if (easy && set_target(request, easy) && set_limits(check->timeout_ms, easy) &&
	    set_callbacks(kind, context, easy) &&
	    (!request->tls || curl_tls_set(request->tls, easy)) &&
	    curl_loop_add(request->loop, &request->transfer) == 0)
		return 0;
	curl_easy_cleanup(easy);
	request->transfer.easy = NULL;
	return -ENOMEM;
}

void curl_request_cancel(struct curl_request *request)
{
	if (!request->transfer.easy)
		return;
	curl_loop_remove(&request->transfer);
	curl_easy_cleanup(request->transfer.easy);
	request->transfer.easy = NULL;
}

void curl_request_fini(struct curl_request *request)
{
	curl_request_cancel(request);
	curl_tls_free(request->tls);
	curl_slist_free_all(request->connect);
	curl_slist_free_all(request->headers);
}

bool curl_request_connected(const struct curl_request *request)
{
	curl_off_t after_us = 0;

	curl_easy_getinfo(request->transfer.easy,
			  request->tls ? CURLINFO_APPCONNECT_TIME_T : CURLINFO_CONNECT_TIME_T,
			  &after_us);
	return after_us > 0;
}

int curl_request_end(struct curl_request *request)
{
	long error = 0;

	curl_easy_getinfo(request->transfer.easy, CURLINFO_OS_ERRNO, &error);
	curl_easy_cleanup(request->transfer.easy);
	request->transfer.easy = NULL;
	return request->socket_error ? request->socket_error : (int)error;
}

void curl_request_expire(struct curl_request *request, struct check *check, bool answered)
{
	bool connected = curl_request_connected(request);

	curl_request_cancel(request);
	if (!connected && request->tls && request->tls->begun)
		check_fail(check, CHECK_TEXT_TIMEOUT_TLS, check->timeout_ms);
	else if (!connected)
		check_fail_connecting(check);
	else if (!answered)
		check_fail(check, CHECK_TEXT_TIMEOUT_ANSWER, check->timeout_ms);
	else
		check_fail(check, CHECK_TEXT_TIMEOUT_MIDDLE, check->timeout_ms);
}
