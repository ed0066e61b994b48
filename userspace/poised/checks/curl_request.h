/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the checks over HTTP have in common (check_http.c, check_grpc.c): a request by libcurl on a
 * connection of its own, to the target and nowhere else, and what it was waiting for when its time
 * was over. What is asked and what an answer means is theirs.
 */
#ifndef POISE_CURL_REQUEST_H
#define POISE_CURL_REQUEST_H

#include <stdbool.h>

#include "check.h"
#include "curl_loop.h"
#include "curl_tls.h"

/* header and body are libcurl's callbacks: returning anything but the length ends the transfer,
 * and done() follows. */
struct curl_request_kind {
	size_t (*header)(char *data, size_t size, size_t count, void *context);
	size_t (*body)(char *data, size_t size, size_t count, void *context);
	void (*done)(struct curl_transfer *transfer, CURLcode result);
	bool (*set)(void *context, CURL *easy); /* the options of its own; false: no memory */
};

/* A check embeds it; zeroed at first, then loop and target are set, the rest as it is to be. */
struct curl_request {
	struct curl_loop *loop;
	struct check_target target;
	struct curl_tls *tls; /* NULL: cleartext */
	const char *url;      /* the owner's */
	struct curl_slist
		*connect; /* leads the URL's name to the address; NULL: it is the address */
	struct curl_slist *headers;
	/* of the check under way: */
	struct curl_transfer transfer; /* easy is NULL: none is */
	int socket_error;
};

void curl_request_fini(struct curl_request *request); /* cancels */

/* Copies the line. 0 or -ENOMEM. */
int curl_request_add(struct curl_slist **list, const char *line);

/* Begins a transfer; context is the callbacks'. 0 or -ENOMEM. */
int curl_request_start(struct curl_request *request, const struct check *check,
		       const struct curl_request_kind *kind, void *context);
void curl_request_cancel(struct curl_request *request);

/* While the transfer is there: is the connection, with TLS, if there is any? */
bool curl_request_connected(const struct curl_request *request);
/* For done(): ends the transfer, and returns the errno that it failed with, 0: none. */
int curl_request_end(struct curl_request *request);
/* The time is over: cancels, and reports. answered: some of the header came. */
void curl_request_expire(struct curl_request *request, struct check *check, bool answered);

#endif
