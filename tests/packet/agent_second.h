/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets whose chain names one more backend, at a poise_agent with second chance on the host of
 * agent_host.h: expected to be opened there, and why, or to be sent on.
 */
#ifndef POISE_TEST_AGENT_SECOND_H
#define POISE_TEST_AGENT_SECOND_H

#include <stdbool.h>

#include "agent_chain.h"
#include "agent_host.h"
#include "agent_run.h"

extern const char *const SECOND_NEXT[]; /* the chain */

#define FOR_EACH_FAMILY(family) for (int family = 4; family <= 6; family += 2)

/* Loads the agent and switches second chance on. False, after a note: it cannot be loaded. */
bool second_begin(void);

/* The packet is opened for the decision's reason. */
bool second_opened(const char *name, const struct packet *in, int inner,
		   enum poise_agent_decision decision, const struct packet *out);

/* By the layers of a client's packet. */
#define IS_OPENED(name, family, decision, ...)                                                     \
	({                                                                                         \
		struct packet in_ = CHAIN_IN(4, family, SECOND_NEXT, __VA_ARGS__);                 \
		struct packet out_ = CHAIN_OPENED(__VA_ARGS__);                                    \
		second_opened(name, &in_, family, POISE_AGENT_DECISION_##decision, &out_);         \
	})

#define IS_SENT(name, family, ...)                                                                 \
	({                                                                                         \
		struct packet in_ = CHAIN_IN(4, family, SECOND_NEXT, __VA_ARGS__);                 \
		struct packet out_ = CHAIN_SENT(4, family, SECOND_NEXT, __VA_ARGS__);              \
		agent_run_decided(name, &in_, POISE_AGENT_REASON_FORWARDED,                        \
				  POISE_AGENT_DECISION_SENT_ON, &out_, 0, 0);                      \
	})

#endif
