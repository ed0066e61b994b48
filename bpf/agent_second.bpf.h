/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Second chance: a packet with a chain (docs/WIRE.md) is opened where its connection is known, and
 * goes on to the chain's next hop where it is not.
 */
#ifndef POISE_AGENT_SECOND_BPF_H
#define POISE_AGENT_SECOND_BPF_H

#include "agent_forward.bpf.h"
#include "agent_lookup.bpf.h"

/*
 * Puts the new headers in the place of the old ones and sends the packet, which is the program's
 * own: FORWARDED; HAND_UP, with the packet as it was, when it cannot; or INTERNAL.
 */
static __always_inline int send_on(struct frame *ctx, const struct tunnel *tunnel,
				   const struct forward *forward);

/* A decision to open, or NOBODY, with the sum over the inner packet. */
static __always_inline int decide_here(struct frame *ctx, const struct poise_agent_settings *set,
				       const struct tunnel *tunnel, __u32 length, __u64 *sum)
{
	struct connection connection = {};

	if (!set->second_chance)
		return POISE_AGENT_DECISION_OFF;
	if (!read_connection(ctx, tunnel, length, &connection))
		return POISE_AGENT_DECISION_OTHER;
	*sum = inner_sum(ctx, tunnel, &connection, length);
	return look_up(ctx, set, tunnel, &connection);
}

/*
 * For an inner packet of so many bytes. GO_ON: it is opened. Not inlined, so that packets without a
 * chain pay nothing for it, and a function of its own to the verifier.
 */
__noinline int second_chance(struct frame *ctx, const struct poise_agent_settings *set,
			     const struct tunnel *tunnel, __u32 length)
{
	struct forward forward = {};
	int reason, decision;
	__u64 sum = 0;

	if (!set || !tunnel)
		return POISE_AGENT_REASON_INTERNAL;
	reason = check_chain(ctx, tunnel);
	if (reason != GO_ON)
		return reason;
	decision = decide_here(ctx, set, tunnel, length, &sum);
	if (decision == NOBODY)
		decision = make_forward(ctx, set, tunnel, length, sum, &forward);
	if (decision == POISE_AGENT_DECISION_COUNT)
		return POISE_AGENT_REASON_INTERNAL;
	if (decision == POISE_AGENT_DECISION_SENT_ON)
		reason = send_on(ctx, tunnel, &forward);
	if (reason == HAND_UP)
		decision = POISE_AGENT_DECISION_SLOW_PATH;
	count_decision(decision);
	return reason;
}

#endif
