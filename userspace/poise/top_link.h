/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The connection that poise top keeps to poised: one question at a time, without ever waiting.
 * Knows nothing of what is asked.
 */
#ifndef POISE_TOP_LINK_H
#define POISE_TOP_LINK_H

#include <stdbool.h>

#include "client.h"

struct top_link;

enum top_link_news { TOP_LINK_NOTHING, TOP_LINK_ANSWER, TOP_LINK_LOST };

struct top_link *top_link_new(const char *socket_path); /* kept by reference */
void top_link_free(struct top_link *link);		/* takes NULL */

/* Tries to connect. False: *why, to be free()d, says why not. */
bool top_link_open(struct top_link *link, char **why);
bool top_link_is_open(const struct top_link *link);
bool top_link_busy(const struct top_link *link); /* a question is not answered so far */

/* Asks, when it is open and not busy; takes the reference to arguments (NULL: none). now: seconds
 * of CLOCK_MONOTONIC, here and below. */
void top_link_ask(struct top_link *link, const char *command, json_t *arguments, double now);

/* What poll(2) shall wait for; the descriptor is -1 while it is not open. */
int top_link_fd(const struct top_link *link);
short top_link_events(const struct top_link *link);
double top_link_deadline(const struct top_link *link); /* of the answer; INFINITY: none */

struct top_answer {
	int code; /* of client_understand() */
	struct client_answer answer;
	double asked_at, began_at; /* when it was asked, and when its first byte came */
};

/* Goes on as far as that is possible. TOP_LINK_ANSWER: *out is to be client_answer_free()d;
 * TOP_LINK_LOST: the connection ended, *why is to be free()d. */
enum top_link_news top_link_work(struct top_link *link, double now, struct top_answer *out,
				 char **why);

#endif
