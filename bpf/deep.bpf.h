/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The long way's parsing: VLAN tags, IPv4 options, IPv6 extension headers, fragments, ICMP. Reads
 * headers, decides nothing about services: 'malformed' and the like still depend on whether the
 * address is a service's. What a whole packet's transport header says beyond its ports is the
 * backend's to judge, as on the short way.
 */
#ifndef POISE_DEEP_BPF_H
#define POISE_DEEP_BPF_H

#include "parse.bpf.h"

enum {
	MAX_TAGS = 2, /* 802.1Q in 802.1ad or in itself */

	IP4_MORE_FRAGMENTS = 0x2000,
	IP4_FRAGMENT_OFFSET = 0x1fff,
	IP6_MORE_FRAGMENTS = 1,
	IP6_FRAGMENT_OFFSET = 0xfff8,
	FRAGMENT_UNIT = 8,	 /* bytes, of IPv4's offset; IPv6's field holds it as bytes */
	MAX_REASSEMBLED = 65535, /* bytes */

	MAX_EXTENSIONS = 8, /* IPv6 extension headers of one packet */
	EXTENSION_UNIT = 8, /* bytes, of their length, which does not count the first */

	ICMP_BYTES = 8, /* of the shortest message */

	TCP_WORDS_OFFSET = 12, /* of the header's length, in its upper four bits */
};

static __always_inline bool is_tag(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/* Sets where the IP header begins. Returns the Ethernet type that announces it; 0: cut before. */
static __always_inline __be16 skip_tags(const struct xdp_md *ctx, struct packet *packet)
{
	__be16 *type = packet_at(ctx, ETH_HLEN - sizeof(*type), sizeof(*type));

	packet->l3 = ETH_HLEN;
	for (int i = 0; i < MAX_TAGS && type && is_tag(*type); i++) {
		packet->l3 += TAG_BYTES;
		type = packet_at(ctx, packet->l3 - sizeof(*type), sizeof(*type));
	}
	return type ? *type : 0;
}

/* Bytes of the IP packet from l4 on. */
static __always_inline __u32 bytes_left(const struct packet *packet)
{
	return packet->l3 + packet->length - packet->l4;
}

/* Why a packet that ends within its headers is dropped: of a fragment, they go on in the next. */
static __always_inline int cut_short(const struct packet *packet)
{
	return packet->flags & PACKET_FIRST_FRAGMENT ? POISE_REASON_FRAGMENT_TINY
						     : POISE_REASON_MALFORMED;
}

static __always_inline bool is_icmp(const struct packet *packet)
{
	return packet->protocol == (packet->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* Bytes of the least transport header; 0: a protocol that has no services. */
static __always_inline __u32 transport_bytes(const struct packet *packet)
{
	if (packet->protocol == IPPROTO_TCP)
		return sizeof(struct tcphdr);
	if (packet->protocol == IPPROTO_UDP)
		return sizeof(struct udphdr);
	return is_icmp(packet) ? ICMP_BYTES : 0;
}

/*
 * The extension headers that others may follow. Behind those of IPsec, mobility (RFC 6275) and the
 * like come no ports to be read: they count as protocols.
 */
static __always_inline bool is_extension_type(__u8 type)
{
	return type == IPPROTO_HOPOPTS || type == IPPROTO_ROUTING || type == IPPROTO_DSTOPTS ||
	       type == IPPROTO_FRAGMENT;
}

static __always_inline bool is_extension(const struct packet *packet)
{
	return packet->family == 6 && is_extension_type(packet->protocol);
}

/*
 * Notes which part of a whole packet this is: offset in bytes. Offset 0 and no others to follow is
 * a whole packet (RFC 6946). What would end beyond the largest packet is no part of any.
 */
static __always_inline int note_fragment(struct packet *packet, __u32 offset, bool more)
{
	if (offset)
		packet->flags |= PACKET_LATER_FRAGMENT;
	else if (more)
		packet->flags |= PACKET_FIRST_FRAGMENT;
	return offset + bytes_left(packet) > MAX_REASSEMBLED ? POISE_REASON_MALFORMED
							     : POISE_REASON_SENT;
}

/*
 * A later fragment that would overwrite the transport header hides the ports from us, or from what
 * filters behind us (RFC 1858, section 3; RFC 3128). Of IPv6 the protocol may stand behind
 * extension headers of the first fragment alone; then the offset says nothing.
 */
static __always_inline int later_fragment(const struct packet *packet, __u32 offset)
{
	if (is_icmp(packet))
		return POISE_REASON_ICMP_PASSED;
	if (offset < transport_bytes(packet))
		return POISE_REASON_FRAGMENT_TINY;
	return transport_bytes(packet) || is_extension(packet) ? POISE_REASON_SENT
							       : POISE_REASON_NOT_SERVICE;
}

/* Fragments of ICMP are the host's: whatever is to be done with ICMP takes a whole message. */
static __always_inline int read_icmp(const struct packet *packet)
{
	if (packet->flags & PACKET_FIRST_FRAGMENT)
		return POISE_REASON_ICMP_PASSED;
	return bytes_left(packet) < ICMP_BYTES ? POISE_REASON_MALFORMED : POISE_REASON_SENT;
}

static __always_inline int read_udp(struct xdp_md *ctx, struct packet *packet)
{
	__u32 *ports = packet_at(ctx, packet->l4, sizeof(struct udphdr));

	if (!ports || bytes_left(packet) < sizeof(struct udphdr))
		return cut_short(packet);
	packet->ports = *ports;
	return POISE_REASON_SENT;
}

/*
 * A first fragment must hold the whole TCP header, options included: RFC 7112 asks it of IPv6, and
 * no honest IPv4 sender makes less.
 */
static __always_inline int read_tcp(struct xdp_md *ctx, struct packet *packet)
{
	__u8 *header = packet_at(ctx, packet->l4, sizeof(struct tcphdr));

	if (!header || bytes_left(packet) < sizeof(struct tcphdr))
		return cut_short(packet);
	packet->ports = *(__u32 *)header;
	packet->tcp_flags = header[TCP_FLAGS_OFFSET];
	if (packet->flags & PACKET_FIRST_FRAGMENT &&
	    bytes_left(packet) < (header[TCP_WORDS_OFFSET] >> 4) * 4U)
		return POISE_REASON_FRAGMENT_TINY;
	return POISE_REASON_SENT;
}

static __always_inline int read_transport(struct xdp_md *ctx, struct packet *packet)
{
	if (packet->protocol == IPPROTO_TCP)
		return read_tcp(ctx, packet);
	if (packet->protocol == IPPROTO_UDP)
		return read_udp(ctx, packet);
	return is_icmp(packet) ? read_icmp(packet) : POISE_REASON_NOT_SERVICE;
}

/* Whether the frame is as long as the IP packet says; what follows it is padding. */
static __always_inline bool frame_holds(const struct xdp_md *ctx, const struct packet *packet)
{
	return packet->l3 + packet->length <= packet_bytes(ctx);
}

static __always_inline int parse_deep4(struct xdp_md *ctx, struct packet *packet)
{
	struct iphdr *ip = packet_at(ctx, packet->l3, sizeof(*ip));
	__u32 header, offset;
	__u16 place;
	int reason;

	if (!ip || ip->version != 4)
		return POISE_REASON_NOT_SERVICE;
	read_ip4(packet, ip);
	packet->fragment_id = ip->id;
	place = bpf_ntohs(ip->frag_off);
	packet->flags = place & IP4_DONT_FRAGMENT ? PACKET_DONT_FRAGMENT : 0;
	header = ip->ihl * 4;
	if (header < sizeof(*ip) || packet->length < header || !frame_holds(ctx, packet))
		return POISE_REASON_MALFORMED;
	packet->l4 = packet->l3 + header;
	offset = (place & IP4_FRAGMENT_OFFSET) * FRAGMENT_UNIT;
	reason = note_fragment(packet, offset, place & IP4_MORE_FRAGMENTS);
	if (reason != POISE_REASON_SENT)
		return reason;
	return offset ? later_fragment(packet, offset) : read_transport(ctx, packet);
}

/* An extension header's first eight bytes, which each of them has (RFC 8200, section 4). */
struct extension {
	__u8 next;
	__u8 length; /* in EXTENSION_UNITs, without the first */
	union {
		__be16 fragment; /* offset and flags */
		struct {
			__u8 routing_type, segments_left;
		};
	};
	__be32 fragment_id;
};
_Static_assert(sizeof(struct extension) == EXTENSION_UNIT, "extension");

/* A fragment of a fragment is nobody's honest packet. */
static __always_inline int read_fragment6(struct packet *packet, const struct extension *extension,
					  __u32 *offset)
{
	__u16 field = bpf_ntohs(extension->fragment);

	if (packet->flags & PACKET_FIRST_FRAGMENT)
		return POISE_REASON_EXTENSIONS;
	packet->fragment_id = extension->fragment_id;
	*offset = field & IP6_FRAGMENT_OFFSET;
	return note_fragment(packet, *offset, field & IP6_MORE_FRAGMENTS);
}

/*
 * Steps over one extension header. With segments left in a routing header the address is a stop on
 * the packet's way, not its end: the host's routing decides. offset: of a fragment, in bytes.
 */
static __always_inline int skip_extension(struct xdp_md *ctx, struct packet *packet, __u32 *offset)
{
	struct extension *extension = packet_at(ctx, packet->l4, sizeof(*extension));
	__u32 bytes = EXTENSION_UNIT;
	__u8 protocol = packet->protocol;

	if (!extension || bytes_left(packet) < bytes)
		return cut_short(packet);
	if (protocol == IPPROTO_ROUTING && extension->segments_left)
		return POISE_REASON_NOT_SERVICE;
	if (protocol != IPPROTO_FRAGMENT)
		bytes += extension->length * EXTENSION_UNIT;
	if (bytes_left(packet) < bytes)
		return cut_short(packet);
	packet->l4 += bytes;
	packet->protocol = extension->next;
	return protocol == IPPROTO_FRAGMENT ? read_fragment6(packet, extension, offset)
					    : POISE_REASON_SENT;
}

/* Order and number of each do not matter (RFC 8200, section 4.1), but for the depth. */
static __always_inline int skip_extensions(struct xdp_md *ctx, struct packet *packet)
{
	__u32 offset = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < MAX_EXTENSIONS && is_extension(packet); i++) {
		int reason = skip_extension(ctx, packet, &offset);

		if (reason != POISE_REASON_SENT)
			return reason;
		if (packet->flags & PACKET_LATER_FRAGMENT)
			return later_fragment(packet, offset);
	}
	return is_extension(packet) ? POISE_REASON_EXTENSIONS : read_transport(ctx, packet);
}

/* No Ethernet frame holds a jumbogram (RFC 2675): a payload length of 0 means just that. */
static __always_inline int parse_deep6(struct xdp_md *ctx, struct packet *packet)
{
	struct ipv6hdr *ip = packet_at(ctx, packet->l3, sizeof(*ip));

	if (!ip || ip->version != 6)
		return POISE_REASON_NOT_SERVICE;
	read_ip6(packet, ip);
	packet->flags = PACKET_DONT_FRAGMENT;
	if (!frame_holds(ctx, packet))
		return POISE_REASON_MALFORMED;
	packet->l4 = packet->l3 + sizeof(*ip);
	return skip_extensions(ctx, packet);
}

/*
 * Fills in what can be known of the packet, which must be zero before; family stays 0 when its
 * address is not known. Returns POISE_REASON_SENT ('go on') for TCP, UDP, ICMP and ICMPv6 and for
 * fragments of TCP and UDP (and those of IPv6 that do not say); NOT_IP; NOT_SERVICE for other
 * protocols, whose 'protocol' is known; ICMP_PASSED for fragments of ICMP; MALFORMED, EXTENSIONS or
 * FRAGMENT_TINY. There are at least as many bytes behind l4 as the least transport header has, but
 * in later fragments.
 */
__noinline int parse_deep(struct xdp_md *ctx, struct packet *packet)
{
	__be16 type;

	if (!packet)
		return POISE_REASON_INTERNAL;
	type = skip_tags(ctx, packet);
	if (type == bpf_htons(ETH_P_IP))
		return parse_deep4(ctx, packet);
	return type == bpf_htons(ETH_P_IPV6) ? parse_deep6(ctx, packet) : POISE_REASON_NOT_IP;
}

#endif
