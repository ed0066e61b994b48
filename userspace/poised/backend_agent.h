/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a backend's agent leads to: a third source beside the configuration and commands. It takes
 * back only what it said itself, and survives a restart in the backend's record.
 */
#ifndef POISE_BACKEND_AGENT_H
#define POISE_BACKEND_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent_check.h"

struct backend;
struct balancer;
struct poise_backend_record;
struct service;

/* Part of struct backend. Zeroed: it has none. */
struct backend_agent {
	struct agent_check *check; /* NULL: it has none */
	struct agent_state state;
	bool heard;			 /* it said something once */
	bool asked;			 /* it answered, or could not be asked, once */
	char reason[AGENT_REASON_BYTES]; /* of its last line */
	char error[AGENT_ERROR_BYTES];	 /* "": the last question was answered */
	int64_t answered_at;		 /* Unix seconds; 0 never */
};

/* Begins to ask as the service says, or anew, or no more. 0 or -ENOMEM. */
int backend_agent_start(struct balancer *balancer, struct backend *backend);
void backend_agent_stop(struct backend *backend);
/* After a reload changed the service's key 'agent'. */
void backend_agents_restart(struct service *service);

bool backend_agent_drains(const struct backend *backend);
bool backend_agent_down(const struct backend *backend);
/* Not in use so far, and its agent was not asked so far. */
bool backend_agent_waits(const struct backend *backend);
uint16_t backend_agent_weight(const struct backend *backend); /* of the one in force */

/* What of it survives a restart. */
void backend_agent_store(const struct backend *backend, struct poise_backend_record *record);
void backend_agent_restore(struct backend *backend, const struct poise_backend_record *record);

enum { BACKEND_AGENT_TEXT_BYTES = 160 };

/* "drain, 50 %: being updated" */
const char *backend_agent_text(const struct backend *backend, char out[BACKEND_AGENT_TEXT_BYTES]);

#endif
