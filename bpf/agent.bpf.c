// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The backend's side: opens tunnels (IP in IP, GUE, GRE; all four mixes of IPv4 and IPv6) for the
 * VIPs and hands the inner packet to the stack, or sends a packet that no socket here knows on to
 * the next backend. Whatever is not for a VIP is passed on as it came, to the byte.
 */
#include "agent_defer.bpf.h"
#include "agent_open.bpf.h"

#include <xdp/xdp_helpers.h>

/* An Ethernet header in words: struct ethhdr is packed, and would be copied byte by byte. */
enum { ETH_WORDS = ETH_HLEN / 2, ETH_TYPE_WORD = ETH_WORDS - 1 };

struct ethernet {
	__u16 word[ETH_WORDS];
};

/* Moves the Ethernet header to just before the inner packet, and the frame's beginning with it. */
static __always_inline int strip_outer(struct frame *ctx, const struct tunnel *tunnel)
{
	__u16 type = tunnel->inner_family == 4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	struct ethernet *from = frame_at(ctx, 0, sizeof(*from));
	struct ethernet *to = frame_at(ctx, tunnel->inner - ETH_HLEN, sizeof(*to));

	if (!from || !to)
		return POISE_AGENT_REASON_INTERNAL;
	for (int i = 0; i < ETH_TYPE_WORD; i++)
		to->word[i] = from->word[i];
	to->word[ETH_TYPE_WORD] = type;
	if (bpf_xdp_adjust_head(ctx, tunnel->inner - ETH_HLEN))
		return POISE_AGENT_REASON_INTERNAL;
	return GO_ON;
}

/*
 * A packet leaves here by the interface that it came in by, to a neighbour that is known; all else
 * is left to TC, which can ask for neighbours, and sends by any interface (a redirect would lose
 * the packets where the other device's driver, or its being a VLAN, does not take frames of XDP).
 */
static __always_inline int send_on(struct frame *ctx, const struct tunnel *tunnel,
				   const struct forward *forward)
{
	__be16 type = forward->family == 4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	struct ethernet *eth;
	__be32 *words;

	if (!forward->neighbour || forward->ifindex != ctx->ingress_ifindex)
		return defer_to_tc(ctx) ? HAND_UP : GO_ON;
	if (bpf_xdp_adjust_head(ctx, (int)(tunnel->inner - ETH_HLEN - forward->bytes)))
		return POISE_AGENT_REASON_INTERNAL;
	eth = frame_at(ctx, 0, sizeof(*eth));
	/* the longest header: an inner packet makes up for what a shorter one lacks */
	words = frame_at(ctx, ETH_HLEN, sizeof(forward->header));
	if (!eth || !words)
		return POISE_AGENT_REASON_INTERNAL;
	__builtin_memcpy(eth, &forward->macs, sizeof(forward->macs));
	eth->word[ETH_TYPE_WORD] = type;
	for (__u32 i = 0; i < HEADER_WORDS; i++)
		if (i * sizeof(*words) < forward->bytes)
			words[i] = forward->header[i];
	return POISE_AGENT_REASON_FORWARDED;
}

SEC("xdp")
int poise_agent(struct xdp_md *ctx)
{
	__u32 reason = open_tunnel(ctx);

	if (count_reason(reason))
		return reason == (__u32)HAND_UP ? XDP_PASS : XDP_DROP;
	return reason == POISE_AGENT_REASON_FORWARDED ? XDP_TX : XDP_PASS;
}

struct {
	__uint(priority, 60);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(poise_agent);

char _license[] SEC("license") = "Dual BSD/GPL";
