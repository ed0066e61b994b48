/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The glue of libcurl's multi_socket interface and libevent; knows nothing of checks. */
#include "curl_loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

/* When libcurl closes a connection it walks through all those of the same multi handle: several
 * handles keep that short with thousands of transfers under way. */
enum { LANES = 16 };

struct curl_lane {
	struct event_base *base;
	struct event *timer;
	CURLM *multi;
};

struct curl_loop {
	struct curl_lane lanes[LANES];
	unsigned next; /* lane that takes the next transfer */
};

static void finish_transfers(struct curl_lane *lane)
{
	struct curl_transfer *transfer;
	CURLMsg *message;
	CURLcode result;
	int left;

	while ((message = curl_multi_info_read(lane->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		/* removing the handle frees the message */
		result = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
		curl_multi_remove_handle(lane->multi, transfer->easy);
		transfer->done(transfer, result);
	}
}

static void timer_fired(evutil_socket_t fd, short what, void *context)
{
	struct curl_lane *lane = context;
	int running;

	(void)fd;
	(void)what;
	curl_multi_socket_action(lane->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_transfers(lane);
}

static void socket_ready(evutil_socket_t fd, short what, void *context)
{
	struct curl_lane *lane = context;
	int running, action = 0;

	if (what & EV_READ)
		action |= CURL_CSELECT_IN;
	if (what & EV_WRITE)
		action |= CURL_CSELECT_OUT;
	curl_multi_socket_action(lane->multi, fd, action, &running);
	finish_transfers(lane);
}

static int set_timer(CURLM *multi, long timeout_ms, void *context)
{
	struct curl_lane *lane = context;
	struct timeval timeout = {
		.tv_sec = timeout_ms / 1000,
		.tv_usec = timeout_ms % 1000 * 1000,
	};

	(void)multi;
	if (timeout_ms < 0)
		event_del(lane->timer);
	else
		event_add(lane->timer, &timeout);
	return 0;
}

/*
 * An error returned from here would make libcurl give up every transfer for good; a socket without
 * an event only leaves its own transfer to its owner's deadline.
 */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
	struct curl_lane *lane = context;
	struct event *event = socket_context;
	short events = EV_PERSIST;

	(void)easy;
	if (event)
		event_free(event);
	event = NULL;
	if (what != CURL_POLL_REMOVE) {
		events |= what & CURL_POLL_IN ? EV_READ : 0;
		events |= what & CURL_POLL_OUT ? EV_WRITE : 0;
		event = event_new(lane->base, fd, events, socket_ready, lane);
		if (event)
			event_add(event, NULL);
	}
	curl_multi_assign(lane->multi, fd, event);
	return 0;
}

static int lane_init(struct curl_lane *lane, struct event_base *base)
{
	lane->base = base;
	lane->timer = evtimer_new(base, timer_fired, lane);
	lane->multi = curl_multi_init();
	if (!lane->timer || !lane->multi)
		return -ENOMEM;
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
	return 0;
}

static void lane_fini(struct curl_lane *lane)
{
	if (lane->multi)
		curl_multi_cleanup(lane->multi);
	if (lane->timer)
		event_free(lane->timer);
}

int curl_loop_new(struct event_base *base, struct curl_loop **out)
{
	struct curl_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(loop);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < LANES; i++) {
		if (lane_init(&loop->lanes[i], base) != 0) {
			curl_loop_free(loop);
			return -ENOMEM;
		}
	}
	*out = loop;
	return 0;
}

void curl_loop_free(struct curl_loop *loop)
{
	if (!loop)
		return;
	for (unsigned i = 0; i < LANES; i++)
		lane_fini(&loop->lanes[i]);
	curl_global_cleanup();
	free(loop);
}

int curl_loop_add(struct curl_loop *loop, struct curl_transfer *transfer)
{
	struct curl_lane *lane = &loop->lanes[loop->next++ % LANES];

	transfer->lane = lane;
	if (curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer) != CURLE_OK ||
	    curl_multi_add_handle(lane->multi, transfer->easy) != CURLM_OK)
		return -ENOMEM;
	return 0;
}

void curl_loop_remove(struct curl_transfer *transfer)
{
	curl_multi_remove_handle(transfer->lane->multi, transfer->easy);
}
