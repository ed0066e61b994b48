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
 * own: FORWARDED; with the packet as it was HAND_UP, or GO_ON when nobody else can; or INTERNAL.
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

/* Of a packet that no socket here knows. GO_ON: it is opened all the same. */
static __always_inline int send_to_next(struct frame *ctx, const struct poise_agent_settings *set,
					const struct tunnel *tunnel, __u32 length, __u64 sum)
{
	struct forward forward = {};
	int decision = make_forward(ctx, set, tunnel, length, sum, &forward);
	int reason = GO_ON;

	if (decision == POISE_AGENT_DECISION_COUNT)
		return POISE_AGENT_REASON_INTERNAL;
	if (decision == POISE_AGENT_DECISION_SENT_ON) {
		reason = send_on(ctx, tunnel, &forward);
		if (reason == GO_ON)
			decision = POISE_AGENT_DECISION_NO_ROUTE;
		else if (reason == HAND_UP)
			decision = POISE_AGENT_DECISION_SLOW_PATH;
	}
	count_decision(decision);
	return reason;
}

/*
 * For an inner packet of length bytes. GO_ON: it is opened. Not inlined, so that packets without a
 * chain pay nothing for it, and a function of its own to the verifier.
 */
__noinline int second_chance(struct frame *ctx, const struct poise_agent_settings *set,
			     const struct tunnel *tunnel, __u32 length)
{
	int reason, decision;
	__u64 sum = 0;

	if (!set || !tunnel)
		return POISE_AGENT_REASON_INTERNAL;
	reason = check_chain(ctx, tunnel);
	if (reason != GO_ON)
		return reason;
	decision = decide_here(ctx, set, tunnel, length, &sum);
	if (decision == NOBODY)
		return send_to_next(ctx, set, tunnel, length, sum);
	count_decision(decision);
	return GO_ON;
}

#endif
