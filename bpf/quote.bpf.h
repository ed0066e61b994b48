/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow that an ICMP error quotes. The quoted packet is one that a backend sent to its client:
 * read backwards it names the flow. Of its transport header only the ports are used, which are
 * among the eight bytes that RFC 792 promises. Its lengths and checksums are not looked at: it is
 * cut off as a rule, and some hosts are known to change fields of what they quote.
 */
#ifndef POISE_QUOTE_BPF_H
#define POISE_QUOTE_BPF_H

#include "deep.bpf.h"

/* Where the reading of a quote stands. */
struct quote {
	__u32 at, end; /* in the frame: of the next header, and where the ICMP packet ends */
	__u8 protocol; /* of the next header */
	__u8 reserved[3];
};

static __always_inline bool quote_load(struct xdp_md *ctx, const struct quote *quote, void *to,
				       __u32 bytes)
{
	return quote->at + bytes <= quote->end && packet_load(ctx, quote->at, to, bytes);
}

static __always_inline int quote_ip4(struct xdp_md *ctx, struct packet *packet, struct quote *quote)
{
	struct iphdr ip;

	if (!quote_load(ctx, quote, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5)
		return POISE_REASON_MALFORMED;
	if (ip.saddr != (__u32)packet->destination[0] ||
	    ip.frag_off & bpf_htons(IP4_FRAGMENT_OFFSET))
		return POISE_REASON_ICMP_PASSED;
	packet->source[0] = ip.daddr;
	quote->at += ip.ihl * 4;
	quote->protocol = ip.protocol;
	return POISE_REASON_SENT;
}

/* Steps over one extension header, of the types that deep.bpf.h knows. */
static __always_inline int quote_extension(struct xdp_md *ctx, struct quote *quote)
{
	struct extension extension;
	__u8 type = quote->protocol;

	if (!quote_load(ctx, quote, &extension, sizeof(extension)))
		return POISE_REASON_MALFORMED;
	if (type == IPPROTO_FRAGMENT && extension.fragment & bpf_htons(IP6_FRAGMENT_OFFSET))
		return POISE_REASON_ICMP_PASSED;
	quote->protocol = extension.next;
	quote->at += EXTENSION_UNIT;
	if (type != IPPROTO_FRAGMENT)
		quote->at += extension.length * EXTENSION_UNIT;
	return POISE_REASON_SENT;
}

static __always_inline int quote_extensions(struct xdp_md *ctx, struct quote *quote)
{
	int reason;

#pragma clang loop unroll(disable)
	for (int i = 0; i < MAX_EXTENSIONS && is_extension_type(quote->protocol); i++) {
		reason = quote_extension(ctx, quote);
		if (reason != POISE_REASON_SENT)
			return reason;
	}
	return is_extension_type(quote->protocol) ? POISE_REASON_EXTENSIONS : POISE_REASON_SENT;
}

static __always_inline int quote_ip6(struct xdp_md *ctx, struct packet *packet, struct quote *quote)
{
	struct ipv6hdr ip;
	const __u64 *source = (const __u64 *)&ip.saddr;

	if (!quote_load(ctx, quote, &ip, sizeof(ip)) || ip.version != 6)
		return POISE_REASON_MALFORMED;
	if (source[0] != packet->destination[0] || source[1] != packet->destination[1])
		return POISE_REASON_ICMP_PASSED;
	__builtin_memcpy(packet->source, &ip.daddr, sizeof(packet->source));
	quote->at += sizeof(ip);
	quote->protocol = ip.nexthdr;
	return quote_extensions(ctx, quote);
}

/*
 * packet: an ICMP error. Returns POISE_REASON_SENT when it quotes a TCP or UDP packet with ports
 * from its destination, whose flow is then the packet's; ICMP_PASSED when it quotes something else;
 * MALFORMED when the quote ends before the ports, or has not the version of its own packet;
 * EXTENSIONS.
 */
static __always_inline int quote_follow(struct xdp_md *ctx, struct packet *packet)
{
	struct quote quote = { .at = packet->l4 + sizeof(struct icmp_header),
			       .end = packet->l3 + packet->length };
	int reason = packet->family == 4 ? quote_ip4(ctx, packet, &quote)
					 : quote_ip6(ctx, packet, &quote);
	__u32 ports;

	if (reason != POISE_REASON_SENT)
		return reason;
	if (quote.protocol != IPPROTO_TCP && quote.protocol != IPPROTO_UDP)
		return POISE_REASON_ICMP_PASSED;
	if (!quote_load(ctx, &quote, &ports, sizeof(ports)))
		return POISE_REASON_MALFORMED;
	packet->ports = ports >> 16 | ports << 16;
	packet->protocol = quote.protocol;
	packet->tcp_flags = quote.protocol == IPPROTO_TCP ? TCP_ACK : 0;
	packet->flags |= PACKET_QUOTED;
	return POISE_REASON_SENT;
}

#endif
