/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Takes the outer headers of a socket buffer away. What the card said of checksums is forgotten,
 * unless it is a sum over the whole: the stack verifies the inner ones. Of a packet that GRO or a
 * sender of this host made of several segments, their size stays: it is that of the inner ones.
 */
#ifndef POISE_AGENT_TC_STRIP_BPF_H
#define POISE_AGENT_TC_STRIP_BPF_H

#include <stddef.h>

#include "agent_parse.bpf.h"

/*
 * Surplus is the bytes that the headers are too many, and is put right.
 * bpf_skb_change_proto() makes the packet one of the other family, longer or shorter by what their
 * headers differ in; that the new one is in place already does not concern it. Only since Linux 6.3
 * bpf_skb_adjust_room() can do that alone.
 */
static __always_inline int change_family(struct __sk_buff *ctx, __u32 from, __u32 to,
					 __s32 *surplus)
{
	const __s32 difference = sizeof(struct ipv6hdr) - sizeof(struct iphdr);

	if (from == to)
		return GO_ON;
	if (bpf_skb_change_proto(ctx, to == 6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP), 0))
		return POISE_AGENT_REASON_INTERNAL;
	*surplus += to == 6 ? difference : -difference;
	return GO_ON;
}

static __always_inline int strip_outer(struct __sk_buff *ctx, const struct tunnel *tunnel)
{
	__be16 type = tunnel->inner_family == 4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	__s32 surplus = tunnel->inner - ETH_HLEN;

	if (change_family(ctx, tunnel->outer_family, tunnel->inner_family, &surplus) != GO_ON ||
	    bpf_skb_adjust_room(ctx, -surplus, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO) ||
	    bpf_skb_store_bytes(ctx, offsetof(struct ethhdr, h_proto), &type, sizeof(type), 0))
		return POISE_AGENT_REASON_INTERNAL;
	return GO_ON;
}

#endif
