/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The TCP connection that an inner packet belongs to: a whole segment says it, or an ICMP error by
 * what it quotes. Changes no byte.
 */
#ifndef POISE_AGENT_CONNECTION_BPF_H
#define POISE_AGENT_CONNECTION_BPF_H

#include <linux/tcp.h>

#include "agent_parse.bpf.h"
#include "sum.bpf.h"

enum {
	ICMP_HEADER_BYTES = 8,
	ICMP4_UNREACHABLE = 3,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAMETER = 12,
	ICMP6_UNREACHABLE = 1,
	ICMP6_PARAMETER = 4, /* the errors are 1 to 4 */
};

/* An IP header, the inner packet's or a quoted one. */
struct ip {
	__u32 offset;
	__u32 payload; /* offset of what follows */
	__u32 protocol;
	__u32 fragment; /* of IPv4: its bits for more fragments and the offset, as they stand there
			 */
};

struct connection {
	struct bpf_sock_tuple tuple; /* source: the client, destination: the VIP */
	__u32 payload;		     /* offset of the TCP segment or the ICMP message */
	__u32 protocol;		     /* of it */
	__u32 syn;		     /* it is a SYN */
};

/* The header at ip->offset; false: none of this family that ends before 'end'. */
static __always_inline bool read_ip(struct frame *ctx, __u32 family, __u32 end, struct ip *ip)
{
	struct iphdr *ip4 = frame_at(ctx, ip->offset, sizeof(*ip4));
	struct ipv6hdr *ip6 = frame_at(ctx, ip->offset, sizeof(*ip6));

	if (family == 4 && ip4 && ip4->version == 4 && ip4->ihl >= IP4_MIN_WORDS) {
		ip->payload = ip->offset + ip4->ihl * 4;
		ip->protocol = ip4->protocol;
		ip->fragment = ip4->frag_off & bpf_htons(IP4_MORE | IP4_OFFSET_MASK);
	} else if (family == 6 && ip6 && ip6->version == 6) {
		ip->payload = ip->offset + sizeof(*ip6);
		ip->protocol = ip6->nexthdr;
	} else {
		return false;
	}
	return ip->payload <= end;
}

/* From a packet to the VIP, or one from it. */
static __always_inline bool fill_tuple(struct frame *ctx, __u32 family, const struct ip *ip,
				       bool to_vip, struct connection *to)
{
	struct bpf_sock_tuple *tuple = &to->tuple;
	__be16 *ports = frame_at(ctx, ip->payload, 2 * sizeof(*ports));
	struct ipv6hdr *ip6 = frame_at(ctx, ip->offset, sizeof(*ip6));
	struct iphdr *ip4 = frame_at(ctx, ip->offset, sizeof(*ip4));

	if (!ports || !ip4)
		return false;
	if (family == 4) {
		tuple->ipv4.saddr = to_vip ? ip4->saddr : ip4->daddr;
		tuple->ipv4.daddr = to_vip ? ip4->daddr : ip4->saddr;
		tuple->ipv4.sport = to_vip ? ports[0] : ports[1];
		tuple->ipv4.dport = to_vip ? ports[1] : ports[0];
		return true;
	}
	if (!ip6)
		return false;
	__builtin_memcpy(tuple->ipv6.saddr, to_vip ? &ip6->saddr : &ip6->daddr, 16);
	__builtin_memcpy(tuple->ipv6.daddr, to_vip ? &ip6->daddr : &ip6->saddr, 16);
	tuple->ipv6.sport = to_vip ? ports[0] : ports[1];
	tuple->ipv6.dport = to_vip ? ports[1] : ports[0];
	return true;
}

static __always_inline bool read_segment(struct frame *ctx, __u32 family, const struct ip *ip,
					 __u32 end, struct connection *to)
{
	struct tcphdr *tcp = frame_at(ctx, ip->payload, sizeof(*tcp));

	if (!tcp || tcp->doff * 4 < sizeof(*tcp) || ip->payload + tcp->doff * 4 > end)
		return false;
	to->syn = tcp->syn && !tcp->ack && !tcp->rst;
	return fill_tuple(ctx, family, ip, true, to);
}

static __always_inline bool is_error(__u32 family, __u8 type)
{
	if (family == 6)
		return type >= ICMP6_UNREACHABLE && type <= ICMP6_PARAMETER;
	return type == ICMP4_UNREACHABLE || type == ICMP4_TIME_EXCEEDED || type == ICMP4_PARAMETER;
}

/* Whether the quoted packet is from the address that the error is for. */
static __always_inline bool quotes_receiver(struct frame *ctx, __u32 family, const struct ip *ip,
					    const struct connection *to)
{
	const struct ipv6hdr *ip6 = frame_at(ctx, ip->offset, sizeof(*ip6));
	const struct iphdr *ip4 = frame_at(ctx, ip->offset, sizeof(*ip4));
	__be32 differ = 0;

	if (family == 4)
		return ip4 && ip4->daddr == to->tuple.ipv4.daddr;
	if (!ip6)
		return false;
	for (int i = 0; i < 4; i++)
		differ |= ip6->daddr.in6_u.u6_addr32[i] ^ to->tuple.ipv6.daddr[i];
	return !differ;
}

/* The quoted packet is one from the VIP; RFC 792 promises the eight bytes behind its IP header. */
static __always_inline bool read_quote(struct frame *ctx, __u32 family, const struct ip *ip,
				       __u32 end, struct connection *to)
{
	struct ip quoted = { .offset = ip->payload + ICMP_HEADER_BYTES };
	__u8 *type = frame_at(ctx, ip->payload, ICMP_HEADER_BYTES);

	if (!type || !is_error(family, *type) || !read_ip(ctx, family, end, &quoted) ||
	    quoted.protocol != IPPROTO_TCP || quoted.payload + 2 * sizeof(__be16) > end ||
	    quoted.fragment & bpf_htons(IP4_OFFSET_MASK))
		return false;
	return fill_tuple(ctx, family, &quoted, false, to) && quotes_receiver(ctx, family, ip, to);
}

/*
 * The connection of an inner packet of so many bytes, into one that is all zeros; false: it is no
 * whole TCP segment, nor an ICMP error that quotes one. TCP behind IPv6 extension headers is none.
 */
static __always_inline bool read_connection(struct frame *ctx, const struct tunnel *tunnel,
					    __u32 length, struct connection *to)
{
	__u32 family = tunnel->inner_family, end = tunnel->inner + length;
	struct ip ip = { .offset = tunnel->inner };

	if (!read_ip(ctx, family, end, &ip) || ip.fragment)
		return false;
	to->payload = ip.payload;
	to->protocol = ip.protocol;
	if (ip.protocol == IPPROTO_TCP)
		return read_segment(ctx, family, &ip, end, to);
	if (ip.protocol == (family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return read_quote(ctx, family, &ip, end, to);
	return false;
}

/*
 * The sum over the whole inner packet. Its own checksums make it follow from a few words, when they
 * are right: an IPv4 header and an ICMP message sum up to nothing, and a segment or ICMPv6 message
 * to what its pseudo header lacks. Where they are wrong, so will the outer one be.
 */
static __always_inline __u64 inner_sum(struct frame *ctx, const struct tunnel *tunnel,
				       const struct connection *of, __u32 length)
{
	__be32 *words = frame_at(ctx, tunnel->inner, sizeof(struct iphdr));
	__u32 bytes = tunnel->inner + length - of->payload;

	if (!words || of->protocol == IPPROTO_ICMP)
		return 0;
	if (tunnel->inner_family == 4)
		return (__u64)checksum_minus(words[3]) + checksum_minus(words[4]) +
		       checksum_minus(bpf_htonl(of->protocol << 16 | bytes));
	return (__u64)words[0] + words[1] + checksum_minus(bpf_htonl(bytes)) +
	       checksum_minus(bpf_htonl(of->protocol));
}

#endif
