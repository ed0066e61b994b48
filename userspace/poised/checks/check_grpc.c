/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The 'grpc' check: grpc.health.v1.Health/Check over HTTP/2, by libcurl. Memory and time are
 * bounded by this file and the caller's deadline, whatever the server sends.
 */
#include "check_grpc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "curl_loop.h"
#include "curl_tls.h"
#include "grpc_health.h"

static const char health_path[] = "/grpc.health.v1.Health/Check";

enum {
	MAX_NAME = 255, /* of a host in the configuration */
	URL_BYTES = MAX_NAME + sizeof("https://:65535") + sizeof(health_path),
	CONNECT_BYTES = ADDRESS_TEXT_BYTES + 16,
	MAX_HEADER_KIB = 16,
	KIB = 1024,
	RECEIVE_BYTES = 4096, /* libcurl's buffer; there is one for each transfer */
	HTTP_OK = 200,
	/* google.golang.org/grpc/codes; the statuses are in grpc/doc/statuscodes.md */
	CODE_OK = 0,
	CODE_NOT_FOUND = 5,
	CODE_UNIMPLEMENTED = 12,
	CODE_NONE = 99,
};

static const char *const codes[] = {
	"OK",
	"CANCELLED",
	"UNKNOWN",
	"INVALID_ARGUMENT",
	"DEADLINE_EXCEEDED",
	"NOT_FOUND",
	"ALREADY_EXISTS",
	"PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED",
	"FAILED_PRECONDITION",
	"ABORTED",
	"OUT_OF_RANGE",
	"UNIMPLEMENTED",
	"INTERNAL",
	"UNAVAILABLE",
	"DATA_LOSS",
	"UNAUTHENTICATED",
};
static const char *const states[] = {
	[GRPC_UNKNOWN] = "UNKNOWN",
	[GRPC_SERVING] = "SERVING",
	[GRPC_NOT_SERVING] = "NOT_SERVING",
	[GRPC_SERVICE_UNKNOWN] = "SERVICE_UNKNOWN",
	[GRPC_STATUS_COUNT] = "another than those that there are",
};

struct grpc {
	struct check check;
	struct curl_loop *loop;
	struct check_target target;
	struct curl_tls *tls; /* NULL: cleartext */
	char url[URL_BYTES];
	struct curl_slist *connect; /* leads the URL's name to the address */
	struct curl_slist *headers;
	char *service; /* NULL: the server as a whole */
	uint8_t request[GRPC_REQUEST_BYTES];
	size_t request_length;
	/* of the check under way: */
	struct curl_transfer transfer; /* easy is NULL: none is */
	int socket_error;
	bool header_large, is_grpc, large;
	unsigned int code; /* grpc-status; CODE_NONE: none came */
	size_t header_bytes, body_bytes;
	uint8_t body[GRPC_ANSWER_BYTES];
};

/* The callbacks below are libcurl's: returning anything but length ends the transfer, and
 * transfer_done() reports. */

static size_t body_arrived(char *data, size_t size, size_t count, void *context)
{
	struct grpc *grpc = context;
	size_t length = size * count;

	if (length > sizeof(grpc->body) - grpc->body_bytes) {
		grpc->large = true;
		return 0;
	}
	memcpy(grpc->body + grpc->body_bytes, data, length);
	grpc->body_bytes += length;
	return length;
}

/* The value of a header's line, in 'value', when it has this name. */
static bool is_header(const char *line, size_t length, const char *name, char value[64])
{
	size_t skip = strlen(name), used = 0;

	if (length <= skip || strncasecmp(line, name, skip) != 0 || line[skip] != ':')
		return false;
	for (skip++; skip < length && line[skip] == ' '; skip++)
		;
	while (skip < length && line[skip] != '\r' && line[skip] != '\n' && used < 63)
		value[used++] = line[skip++];
	value[used] = '\0';
	return true;
}

static unsigned int parse_code(const char *value)
{
	unsigned int code = 0;

	if (!value[0] || strlen(value) > 2)
		return CODE_NONE;
	for (; *value; value++) {
		if (*value < '0' || *value > '9')
			return CODE_NONE;
		code = code * 10 + (*value - '0');
	}
	return code;
}

/* One line a call; also lines of trailers, where the status is unless there is no body. */
static size_t header_arrived(char *data, size_t size, size_t count, void *context)
{
	struct grpc *grpc = context;
	size_t length = size * count;
	char value[64];

	grpc->header_bytes += length;
	if (grpc->header_bytes > MAX_HEADER_KIB * KIB) {
		grpc->header_large = true;
		return 0;
	}
	if (is_header(data, length, "content-type", value))
		grpc->is_grpc = strncasecmp(value, "application/grpc", 16) == 0;
	else if (is_header(data, length, "grpc-status", value))
		grpc->code = parse_code(value);
	return length;
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *peer)
{
	struct grpc *grpc = context;
	int fd =
		socket(peer->family, peer->socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, peer->protocol);
	int r = fd < 0 ? -errno : check_target_socket(&grpc->target, fd);

	(void)purpose;
	if (r == 0)
		return fd;
	grpc->socket_error = -r;
	if (fd >= 0)
		close(fd);
	return CURL_SOCKET_BAD;
}

static void report_code(struct grpc *grpc)
{
	struct check *check = &grpc->check;

	if (grpc->code == CODE_UNIMPLEMENTED)
		check_fail(check, CHECK_TEXT_GRPC_NO_HEALTH);
	else if (grpc->code == CODE_NOT_FOUND && grpc->service)
		check_fail(check, CHECK_TEXT_GRPC_NO_SERVICE, grpc->service);
	else if (grpc->code < sizeof(codes) / sizeof(codes[0]))
		check_fail(check, CHECK_TEXT_GRPC_STATUS, grpc->code, codes[grpc->code]);
	else
		check_fail(check, CHECK_TEXT_NOT_GRPC);
}

static void pass(struct grpc *grpc)
{
	if (grpc->tls)
		curl_tls_warn(grpc->tls, &grpc->check);
	check_pass(&grpc->check);
}

static void report_message(struct grpc *grpc)
{
	enum grpc_status status;

	if (grpc_health_parse(grpc->body, grpc->body_bytes, &status) != 0)
		check_fail(&grpc->check, CHECK_TEXT_GRPC_MESSAGE);
	else if (status == GRPC_SERVING)
		pass(grpc);
	else
		check_fail(&grpc->check, CHECK_TEXT_GRPC_STATE, states[status]);
}

/* The server ended the answer. */
static void report_answer(struct grpc *grpc, long status)
{
	if (status != HTTP_OK)
		check_fail(&grpc->check, CHECK_TEXT_STATUS, status, "200");
	else if (!grpc->is_grpc || grpc->code == CODE_NONE)
		check_fail(&grpc->check, CHECK_TEXT_NOT_GRPC);
	else if (grpc->code != CODE_OK)
		report_code(grpc);
	else
		report_message(grpc);
}

static void report_broken(struct grpc *grpc, CURLcode result, int error)
{
	if (grpc->tls && curl_tls_report(grpc->tls, &grpc->check, result))
		return;
	switch (result) {
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		if (grpc->header_bytes == 0)
			check_fail(&grpc->check, CHECK_TEXT_GRPC_NONE);
		else
			check_fail(&grpc->check, CHECK_TEXT_CLOSED_MIDDLE);
		break;
	case CURLE_HTTP2: /* the peer speaks something else */
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
		check_fail(&grpc->check, CHECK_TEXT_NOT_GRPC);
		break;
	default:
		if (error)
			check_fail_errno(&grpc->check, error);
		else
			check_fail(&grpc->check, CHECK_TEXT_HTTP, curl_easy_strerror(result));
	}
}

static void transfer_done(struct curl_transfer *transfer, CURLcode result)
{
	struct grpc *grpc = (struct grpc *)((char *)transfer - offsetof(struct grpc, transfer));
	long error = 0, status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &error);
	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	if (grpc->socket_error)
		error = grpc->socket_error;
	curl_easy_cleanup(transfer->easy);
	transfer->easy = NULL;
	if (grpc->header_large)
		check_fail(&grpc->check, CHECK_TEXT_HEADER_LARGE, MAX_HEADER_KIB);
	else if (grpc->large)
		check_fail(&grpc->check, CHECK_TEXT_GRPC_MESSAGE);
	else if (result == CURLE_OK)
		report_answer(grpc, status);
	else
		report_broken(grpc, result, error);
}

static void grpc_cancel(struct check *check)
{
	struct grpc *grpc = (struct grpc *)check;

	if (!grpc->transfer.easy)
		return;
	curl_loop_remove(&grpc->transfer);
	curl_easy_cleanup(grpc->transfer.easy);
	grpc->transfer.easy = NULL;
}

/* With TLS, if there is any. */
static bool is_connected(const struct grpc *grpc)
{
	curl_off_t after_us = 0;

	curl_easy_getinfo(grpc->transfer.easy,
			  grpc->tls ? CURLINFO_APPCONNECT_TIME_T : CURLINFO_CONNECT_TIME_T,
			  &after_us);
	return after_us > 0;
}

static void grpc_expire(struct check *check)
{
	struct grpc *grpc = (struct grpc *)check;
	bool connected = is_connected(grpc);

	grpc_cancel(check);
	if (!connected && grpc->tls && grpc->tls->begun)
		check_fail(check, CHECK_TEXT_TIMEOUT_TLS, check->timeout_ms);
	else if (!connected)
		check_fail(check, CHECK_TEXT_TIMEOUT_CONNECT, check->timeout_ms);
	else if (grpc->header_bytes == 0)
		check_fail(check, CHECK_TEXT_TIMEOUT_ANSWER, check->timeout_ms);
	else
		check_fail(check, CHECK_TEXT_TIMEOUT_MIDDLE, check->timeout_ms);
}

static bool set_request(struct grpc *grpc, CURL *easy)
{
	long version = grpc->tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;

	return !curl_easy_setopt(easy, CURLOPT_URL, grpc->url) &&
	       !curl_easy_setopt(easy, CURLOPT_CONNECT_TO, grpc->connect) &&
	       !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, grpc->headers) &&
	       !curl_easy_setopt(easy, CURLOPT_USERAGENT, "poise-check/1") &&
	       !curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (char *)grpc->request) &&
	       !curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)grpc->request_length) &&
	       !curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version) &&
	       !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, grpc->tls ? "https" : "http") &&
	       !curl_easy_setopt(easy, CURLOPT_PROXY, "") &&
	       !curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
}

static bool set_limits(struct grpc *grpc, CURL *easy)
{
	/* the caller's deadline comes first; libcurl's default would come before a long one */
	long connect_ms = grpc->check.timeout_ms + 10000L;

	return !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
	       !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) &&
	       !curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES) &&
	       !curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) &&
	       !curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) &&
	       !curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
}

static bool set_callbacks(struct grpc *grpc, CURL *easy)
{
	return !curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) &&
	       !curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, grpc) &&
	       !curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_arrived) &&
	       !curl_easy_setopt(easy, CURLOPT_HEADERDATA, grpc) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_arrived) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEDATA, grpc);
}

static int grpc_start(struct check *check)
{
	struct grpc *grpc = (struct grpc *)check;
	CURL *easy = curl_easy_init();

	grpc->socket_error = 0;
	grpc->header_large = grpc->is_grpc = grpc->large = false;
	grpc->code = CODE_NONE;
	grpc->header_bytes = grpc->body_bytes = 0;
	grpc->transfer = (struct curl_transfer){ .easy = easy, .done = transfer_done };
	if (easy && set_request(grpc, easy) && (!grpc->tls || curl_tls_set(grpc->tls, easy)) &&
	    set_limits(grpc, easy) && set_callbacks(grpc, easy) &&
	    curl_loop_add(grpc->loop, &grpc->transfer) == 0)
		return 0;
	curl_easy_cleanup(easy);
	grpc->transfer.easy = NULL;
	return -ENOMEM;
}

static void grpc_destroy(struct check *check)
{
	struct grpc *grpc = (struct grpc *)check;

	grpc_cancel(check);
	curl_slist_free_all(grpc->headers);
	curl_slist_free_all(grpc->connect);
	curl_tls_free(grpc->tls);
	free(grpc->service);
	free(grpc);
}

static int add(struct curl_slist **list, const char *text)
{
	struct curl_slist *longer = curl_slist_append(*list, text);

	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

static int add_headers(struct grpc *grpc, const char *host)
{
	char line[MAX_NAME + sizeof("Host: ")];

	if (add(&grpc->headers, "Content-Type: application/grpc") ||
	    add(&grpc->headers, "TE: trailers") || add(&grpc->headers, "Accept:") ||
	    add(&grpc->headers, "Expect:"))
		return -ENOMEM;
	if (!host)
		return 0;
	snprintf(line, sizeof(line), "Host: %s", host);
	return add(&grpc->headers, line);
}

/* The name of tls stands in the URL, for SNI and for what the certificate must name; the connection
 * goes to the address. */
static int set_url(struct grpc *grpc, const struct address *address,
		   const struct config_check *config)
{
	char text[ADDRESS_TEXT_BYTES], connect[CONNECT_BYTES];
	const char *name = address_format(address, text);

	if (config->tls.on && config->tls.server_name)
		name = config->tls.server_name;
	snprintf(grpc->url, sizeof(grpc->url),
		 strchr(name, ':') ? "%s://[%s]:%u%s" : "%s://%s:%u%s",
		 config->tls.on ? "https" : "http", name, config->port, health_path);
	if (name == text)
		return 0;
	snprintf(connect, sizeof(connect), address->family == 6 ? "::[%s]:" : "::%s:", text);
	return add(&grpc->connect, connect);
}

static int copy_config(struct grpc *grpc, const struct check_env *env,
		       const struct config_check *config)
{
	if (config->tls.on && !(grpc->tls = curl_tls_new(env->tls, &config->tls)))
		return -ENOMEM;
	if (config->grpc_service && !(grpc->service = strdup(config->grpc_service)))
		return -ENOMEM;
	grpc->request_length = grpc_health_request(grpc->service, grpc->request);
	return add_headers(grpc, config->host);
}

static struct check *grpc_create(const struct check_env *env, const struct check_target *target,
				 const struct config_check *config)
{
	struct grpc *grpc = calloc(1, sizeof(*grpc));

	if (!grpc)
		return NULL;
	grpc->loop = env->curl;
	grpc->target = *target;
	if (copy_config(grpc, env, config) != 0 || set_url(grpc, &target->address, config) != 0) {
		grpc_destroy(&grpc->check);
		errno = ENOMEM;
		return NULL;
	}
	return &grpc->check;
}

const struct check_kind check_grpc = {
	.create = grpc_create,
	.start = grpc_start,
	.expire = grpc_expire,
	.cancel = grpc_cancel,
	.destroy = grpc_destroy,
};
