/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets that do not fit the way to the backend: the ICMP error that goes back to the client, out
 * of the interface that the packet came in by, with its VLAN tags. IPv4: RFC 792 with the next
 * hop's MTU (RFC 1191), in at most 576 bytes and with the precedence that RFC 1812, section 4.3.2
 * asks for; IPv6: RFC 4443, section 3.2, in at most 1280 bytes.
 */
#ifndef POISE_TOOBIG_BPF_H
#define POISE_TOOBIG_BPF_H

#include "checksum.bpf.h"
#include "encap.bpf.h"
#include "icmp.bpf.h"
#include "limit.bpf.h"
#include "link.bpf.h"
#include "packet.bpf.h"

enum {
	ERROR4_MAX_BYTES = 576,
	ERROR6_MAX_BYTES = 1280,
	/* The least MTU that a client can make use of (RFC 791; RFC 8200, section 5). */
	IP4_MIN_MTU = 68,
	IP6_MIN_MTU = 1280,

	ERROR_TOS = 0xc0, /* 'internetwork control' */
	ICMP4_FRAGMENTATION_NEEDED = 4,
	ICMP6_PACKET_TOO_BIG = 2,
};

struct error4 {
	__be32 ip[IP4_WORDS];
	struct icmp_header icmp;
};

struct error6 {
	struct ipv6hdr ip;
	struct icmp_header icmp;
};

/* How much of the packet is quoted. */
static __always_inline __u32 error_quotes(const struct packet *packet, __u32 headers, __u32 most)
{
	return packet->length < most - headers ? packet->length : most - headers;
}

/* Makes room for the error's headers, cuts off what is not quoted, and turns the Ethernet header,
 * which goes to the front with its tags. */
static __always_inline int error_turn(struct xdp_md *ctx, const struct packet *packet,
				      __u32 headers, __u32 quoted)
{
	__u32 link = packet->l3;
	__u32 header[LINK_MAX_WORDS];

	barrier_var(link); /* the verifier wants to see the bounds */
	if (link < ETH_HLEN || link > LINK_MAX_BYTES)
		return POISE_REASON_INTERNAL;
	if (bpf_xdp_adjust_head(ctx, -(int)headers))
		return POISE_REASON_NO_HEADROOM;
	if (!packet_load(ctx, headers, header, link))
		return POISE_REASON_INTERNAL;
	turn_macs(header);
	if (!packet_store(ctx, 0, header, link))
		return POISE_REASON_INTERNAL;
	if (bpf_xdp_adjust_tail(ctx, (int)(link + headers + quoted) - (int)packet_bytes(ctx)))
		return POISE_REASON_INTERNAL;
	return POISE_REASON_SENT;
}

/* The sum of an ICMP header whose own checksum is 0, and of the quote behind it. */
static __always_inline __u64 error_sum(struct xdp_md *ctx, const struct packet *packet,
				       const struct icmp_header *icmp, __u32 headers, __u32 quoted)
{
	const __u32 *words = (const __u32 *)icmp;

	return (__u64)words[0] + words[1] +
	       (__u32)checksum_bytes(ctx, packet->l3 + headers, quoted);
}

static __always_inline int error_send4(struct xdp_md *ctx, const struct packet *packet, __u32 mtu)
{
	__u32 quoted = error_quotes(packet, sizeof(struct error4), ERROR4_MAX_BYTES);
	int reason = error_turn(ctx, packet, sizeof(struct error4), quoted);
	struct error4 error = {
		.ip = { bpf_htonl(0x45 << 24 | ERROR_TOS << 16 | (sizeof(error) + quoted)),
			bpf_htonl(OUTER_DF), bpf_htonl(OUTER_TTL << 24 | IPPROTO_ICMP << 16),
			packet->destination[0], packet->source[0] },
		.icmp = { .type = ICMP4_UNREACHABLE,
			  .code = ICMP4_FRAGMENTATION_NEEDED,
			  .rest = bpf_htonl(mtu > IP4_MIN_MTU ? mtu : IP4_MIN_MTU) },
	};

	if (reason != POISE_REASON_SENT)
		return reason;
	error.ip[2] |= (__u32)checksum_ip4(error.ip) << 16;
	error.icmp.checksum =
		~checksum_fold(error_sum(ctx, packet, &error.icmp, sizeof(error), quoted));
	return packet_store(ctx, packet->l3, &error, sizeof(error)) ? POISE_REASON_TOO_BIG_TOLD
								    : POISE_REASON_INTERNAL;
}

/* The sum of IPv6's pseudo header (RFC 8200, section 8.1). */
static __always_inline __u64 error_pseudo_sum(const struct packet *packet, __u32 bytes)
{
	const __u32 *from = (const __u32 *)packet->destination;
	const __u32 *to = (const __u32 *)packet->source;

	return (__u64)from[0] + from[1] + from[2] + from[3] + to[0] + to[1] + to[2] + to[3] +
	       bpf_htonl(bytes) + bpf_htonl(IPPROTO_ICMPV6);
}

/*
 * A way out that takes less than IPv6's least MTU is of no use to the client: told of less than
 * 1280 it would not send less (RFC 8200, section 5; the fragments of one piece that RFC 2460 asked
 * for instead are gone since RFC 8021). So it is told 1280, and packets that still do not fit are
 * lost.
 */
static __always_inline int error_send6(struct xdp_md *ctx, const struct packet *packet, __u32 mtu)
{
	__u32 quoted = error_quotes(packet, sizeof(struct error6), ERROR6_MAX_BYTES);
	__u32 bytes = sizeof(struct icmp_header) + quoted;
	int reason = error_turn(ctx, packet, sizeof(struct error6), quoted);
	struct error6 error = {
		.ip = { .version = 6,
			.payload_len = bpf_htons(bytes),
			.nexthdr = IPPROTO_ICMPV6,
			.hop_limit = OUTER_TTL },
		.icmp = { .type = ICMP6_PACKET_TOO_BIG,
			  .rest = bpf_htonl(mtu > IP6_MIN_MTU ? mtu : IP6_MIN_MTU) },
	};

	if (reason != POISE_REASON_SENT)
		return reason;
	__builtin_memcpy(&error.ip.saddr, packet->destination, sizeof(error.ip.saddr));
	__builtin_memcpy(&error.ip.daddr, packet->source, sizeof(error.ip.daddr));
	error.icmp.checksum =
		~checksum_fold(error_sum(ctx, packet, &error.icmp, sizeof(error), quoted) +
			       error_pseudo_sum(packet, bytes));
	return packet_store(ctx, packet->l3, &error, sizeof(error)) ? POISE_REASON_TOO_BIG_TOLD
								    : POISE_REASON_INTERNAL;
}

/* No error tells of an error, nor of a fragment but the first (RFC 1122, 3.2.2; RFC 4443, 2.4 e).
 */
static __always_inline bool toobig_may_answer(struct xdp_md *ctx, const struct packet *packet,
					      const struct poise_settings *setting)
{
	return !(packet->flags & (PACKET_LATER_FRAGMENT | PACKET_QUOTED)) &&
	       answerable(ctx, packet) &&
	       limit_allows(POISE_LIMIT_ERROR, READ_ONCE(setting->error_rate));
}

/* mtu: the largest IP packet that would have fitted. Returns what became of the packet. */
__noinline int toobig_answer(struct xdp_md *ctx, const struct packet *packet, __u32 mtu)
{
	struct poise_settings *setting;
	__u32 zero = 0;

	if (!packet)
		return POISE_REASON_INTERNAL;
	setting = bpf_map_lookup_elem(&settings, &zero);
	if (!setting)
		return POISE_REASON_INTERNAL;
	if (!(packet->flags & PACKET_DONT_FRAGMENT))
		return setting->flags & POISE_SETTING_PASS_OVERSIZE ? POISE_REASON_TOO_BIG_PASSED
								    : POISE_REASON_TOO_BIG;
	if (!toobig_may_answer(ctx, packet, setting))
		return POISE_REASON_TOO_BIG_LIMITED;
	return packet->family == 4 ? error_send4(ctx, packet, mtu) : error_send6(ctx, packet, mtu);
}

#endif
