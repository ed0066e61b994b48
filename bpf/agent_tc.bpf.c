// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The backend's side in TC. poise_agent_tc decides about what comes in as poise_agent in XDP does:
 * in its place, where the card cannot run that, or after it, about what it left to TC.
 * poise_agent_mss makes the segment size smaller that SYN-ACKs from VIPs offer.
 * Both let the interface's other TC programs go on with what they do not drop.
 */
#define AGENT_TC

#include <linux/pkt_cls.h>

#include "agent_defer.bpf.h"
#include "agent_mss.bpf.h"
#include "agent_open.bpf.h"
#include "agent_tc_send.bpf.h"

const volatile bool after_xdp; /* only what XDP left to TC */

enum { HEADER_BYTES = 256 }; /* more than the longest headers that are looked at */

/* Makes the headers reachable; where that fails, there is less of them to see. */
static __always_inline void reach_headers(struct __sk_buff *ctx)
{
	__u32 bytes = ctx->len < HEADER_BYTES ? ctx->len : HEADER_BYTES;

	if (frame_end(ctx) - frame_begin(ctx) < bytes)
		bpf_skb_pull_data(ctx, bytes);
}

SEC("tc")
int poise_agent_tc(struct __sk_buff *ctx)
{
	__u32 reason = POISE_AGENT_REASON_NOT_TUNNEL;

	if (after_xdp && !is_deferred(ctx))
		return TC_ACT_UNSPEC;
	if (!ctx->vlan_present) {
		reach_headers(ctx);
		reason = open_tunnel(ctx);
	}
	if (count_reason(reason))
		return TC_ACT_SHOT;
	return reason == POISE_AGENT_REASON_FORWARDED ? TC_ACT_REDIRECT : TC_ACT_UNSPEC;
}

SEC("tc")
int poise_agent_mss(struct __sk_buff *ctx)
{
	clamp_mss(ctx);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual BSD/GPL";
