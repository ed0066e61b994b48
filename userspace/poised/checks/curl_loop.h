/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* libcurl's transfers on the event loop: multi handles, driven by their sockets and timers. */
#ifndef POISE_CURL_LOOP_H
#define POISE_CURL_LOOP_H

#include <curl/curl.h>

struct curl_lane;
struct curl_loop;
struct event_base;

/* A transfer under way; the owner embeds it, and keeps it until done or removed. */
struct curl_transfer {
	CURL *easy; /* the owner's, CURLOPT_PRIVATE apart */
	/* Called from the event loop, when easy is out of the loop again; may add and remove
	 * transfers, but not free the loop. */
	void (*done)(struct curl_transfer *transfer, CURLcode result);
	struct curl_lane *lane; /* the loop's */
};

/* 0 or a negative errno. */
int curl_loop_new(struct event_base *base, struct curl_loop **out);
void curl_loop_free(struct curl_loop *loop); /* no transfer is left in it; takes NULL */

/* Begins a transfer: 0 or a negative errno. done is never called from within. */
int curl_loop_add(struct curl_loop *loop, struct curl_transfer *transfer);

/* Ends a transfer that is under way, without a call of done. Not from libcurl's callbacks. */
void curl_loop_remove(struct curl_transfer *transfer);

#endif
