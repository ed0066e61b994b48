/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Asks a backend's agent, at intervals, for a line of HAProxy's agent-check. What the lines lead to
 * is the caller's (backend_agent.c); the line's form is lib/agent_line.h's.
 */
#ifndef POISE_AGENT_CHECK_H
#define POISE_AGENT_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent_line.h"
#include "config.h"

struct agent_check;
struct event_base;

enum { AGENT_ERROR_BYTES = 96 };

/*
 * Why there was no line: X(name, text). One that could not be had changes nothing, by HAProxy's
 * rule: whether the backend is well is its check's to say.
 */
#define AGENT_TEXTS(X)                                                                             \
	X(TIMEOUT, "no answer within %u ms")                                                       \
	X(LONG, "a line of more than %u bytes")                                                    \
	X(UNKNOWN, "a line without a word that is known")                                          \
	X(CLOSED, "connection closed without a line")                                              \
	X(SYSTEM, "%s")

struct agent_answer {
	const struct agent_line *line; /* NULL: there is none, error says why */
	const char *error;
};

/* After each question, from the event loop, never from within agent_check_new(). It may free the
 * agent check. */
typedef void (*agent_answered)(void *context, const struct agent_answer *answer);

/* urgent: nothing is known of the backend so far, ask at once. NULL: no memory. */
struct agent_check *agent_check_new(struct event_base *base, const struct address *address,
				    const struct config_agent *config, bool urgent,
				    agent_answered answered, void *context);
void agent_check_free(struct agent_check *check); /* takes NULL */

#endif
