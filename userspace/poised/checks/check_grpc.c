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

#include "curl_request.h"
#include "grpc_health.h"

static const char health_path[] = "/grpc.health.v1.Health/Check";

enum {
	MAX_NAME = 255, /* of a host in the configuration */
	URL_BYTES = MAX_NAME + sizeof("https://:65535") + sizeof(health_path),
	CONNECT_BYTES = ADDRESS_TEXT_BYTES + 16,
	MAX_HEADER_KIB = 16,
	KIB = 1024,
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
	struct curl_request request;
	char url[URL_BYTES];
	char *service; /* NULL: the server as a whole */
	uint8_t message[GRPC_REQUEST_BYTES];
	size_t message_length;
	/* of the check under way: */
	bool header_large, is_grpc, large;
	unsigned int code; /* grpc-status; CODE_NONE: none came */
	size_t header_bytes, body_bytes;
	uint8_t body[GRPC_ANSWER_BYTES];
};

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
	if (grpc->request.tls)
		curl_tls_warn(grpc->request.tls, &grpc->check);
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
	if (grpc->request.tls && curl_tls_report(grpc->request.tls, &grpc->check, result))
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
	struct grpc *grpc =
		(struct grpc *)((char *)transfer - offsetof(struct grpc, request.transfer));
	long status = 0;
	int error;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	error = curl_request_end(&grpc->request);
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

	curl_request_cancel(&grpc->request);
}

static void grpc_expire(struct check *check)
{
	struct grpc *grpc = (struct grpc *)check;

	curl_request_expire(&grpc->request, check, grpc->header_bytes != 0);
}

static bool set_request(void *context, CURL *easy)
{
	struct grpc *grpc = context;
	long version =
		grpc->request.tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;

	return !curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (char *)grpc->message) &&
	       !curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)grpc->message_length) &&
	       !curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version);
}

static const struct curl_request_kind kind = {
	.header = header_arrived,
	.body = body_arrived,
	.done = transfer_done,
	.set = set_request,
};

static int grpc_start(struct check *check)
{
	struct grpc *grpc = (struct grpc *)check;

	grpc->header_large = grpc->is_grpc = grpc->large = false;
	grpc->code = CODE_NONE;
	grpc->header_bytes = grpc->body_bytes = 0;
	return curl_request_start(&grpc->request, check, &kind, grpc);
}

static void grpc_destroy(struct check *check)
{
	struct grpc *grpc = (struct grpc *)check;

	curl_request_fini(&grpc->request);
	free(grpc->service);
	free(grpc);
}

static int add_headers(struct grpc *grpc, const char *host)
{
	char line[MAX_NAME + sizeof("Host: ")];

	if (curl_request_add(&grpc->request.headers, "Content-Type: application/grpc") ||
	    curl_request_add(&grpc->request.headers, "TE: trailers") ||
	    curl_request_add(&grpc->request.headers, "Accept:") ||
	    curl_request_add(&grpc->request.headers, "Expect:"))
		return -ENOMEM;
	if (!host)
		return 0;
	snprintf(line, sizeof(line), "Host: %s", host);
	return curl_request_add(&grpc->request.headers, line);
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
	return curl_request_add(&grpc->request.connect, connect);
}

static int copy_config(struct grpc *grpc, const struct check_env *env,
		       const struct config_check *config)
{
	if (config->tls.on && !(grpc->request.tls = curl_tls_new(env->tls, &config->tls)))
		return -ENOMEM;
	if (config->grpc_service && !(grpc->service = strdup(config->grpc_service)))
		return -ENOMEM;
	grpc->message_length = grpc_health_request(grpc->service, grpc->message);
	return add_headers(grpc, config->host);
}

static struct check *grpc_create(const struct check_env *env, const struct check_target *target,
				 const struct config_check *config)
{
	struct grpc *grpc = calloc(1, sizeof(*grpc));

	if (!grpc)
		return NULL;
	grpc->request.loop = env->curl;
	grpc->request.target = *target;
	grpc->request.url = grpc->url;
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
