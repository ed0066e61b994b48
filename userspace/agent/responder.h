/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers agent checks (HAProxy's protocol; poise.yaml(5), Agents): who connects gets one line, and
 * the connection ends. What peers send is not looked at.
 */
#ifndef POISE_AGENT_RESPONDER_H
#define POISE_AGENT_RESPONDER_H

#include <event2/event.h>

#include "options.h"

struct responder;

/* The line, with its end; it need not outlive the call. */
typedef const char *responder_line(void *context);

/* Listens from now on. 0 or a negative errno. */
int responder_new(struct event_base *base, const struct listen_address *address,
		  responder_line *line, void *context, struct responder **out);
void responder_free(struct responder *responder);

#endif
