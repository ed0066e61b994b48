/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Congestion marks of the outer header, carried over to the inner one (RFC 6040, section 4.2). */
#ifndef POISE_AGENT_ECN_BPF_H
#define POISE_AGENT_ECN_BPF_H

#include "agent_parse.bpf.h"
#include "sum.bpf.h"

enum ecn { ECN_NOT_ECT = 0, ECN_ECT_1 = 1, ECN_ECT_0 = 2, ECN_CE = 3 };

enum { ECN_MASK = 3, ECN_SHIFT6 = 4 }; /* in IPv6 the field is bits 4 and 5 of the second byte */

static __always_inline void set_ecn4(struct iphdr *ip, __u8 ecn)
{
	__u8 tos = (ip->tos & ~ECN_MASK) | ecn;

	ip->check = checksum_replace(ip->check, bpf_htons(ip->tos), bpf_htons(tos));
	ip->tos = tos;
}

/* Of IPv6 no checksum covers it. */
static __always_inline void set_ecn6(struct frame *ctx, __u8 *ip, __u8 ecn)
{
	__be32 before = *(__be32 *)ip;

	ip[1] = (ip[1] & ~(ECN_MASK << ECN_SHIFT6)) | ecn << ECN_SHIFT6;
	frame_changed(ctx, before, *(__be32 *)ip);
}

/* RFC 6040, figure 4: what the inner field becomes when it is not as it was. */
static __always_inline int carry_ecn(struct frame *ctx, const struct tunnel *tunnel)
{
	__u8 *ip = frame_at(ctx, tunnel->inner, sizeof(struct iphdr));
	__u8 inner;

	if (!ip)
		return POISE_AGENT_REASON_INTERNAL;
	inner = (tunnel->inner_family == 4 ? ip[1] : ip[1] >> ECN_SHIFT6) & ECN_MASK;
	if (tunnel->ecn == ECN_CE && inner == ECN_NOT_ECT)
		return POISE_AGENT_REASON_ECN_DROP;
	if (!(tunnel->ecn == ECN_CE && inner != ECN_CE) &&
	    !(tunnel->ecn == ECN_ECT_1 && inner == ECN_ECT_0))
		return GO_ON;
	if (tunnel->inner_family == 4)
		set_ecn4((struct iphdr *)ip, tunnel->ecn);
	else
		set_ecn6(ctx, ip, tunnel->ecn);
	return GO_ON;
}

#endif
