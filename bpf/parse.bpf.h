/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The short way's parsing: TCP or UDP directly behind an IPv4 header without options or an IPv6
 * header, in an untagged frame, whole, with honest lengths. Everything else is deep.bpf.h's.
 */
#ifndef POISE_PARSE_BPF_H
#define POISE_PARSE_BPF_H

#include "packet.bpf.h"

enum {
	IP4_PLAIN = 0x45,	    /* version 4, five words */
	IP4_FRAGMENT_BITS = 0x3fff, /* 'more fragments' and the offset */
	IP4_DONT_FRAGMENT = 0x4000,
};

/* What both ways take from an IPv4 header. */
static __always_inline void read_ip4(struct packet *packet, const struct iphdr *ip)
{
	packet->family = 4;
	packet->protocol = ip->protocol;
	packet->tos = ip->tos;
	packet->ttl = ip->ttl;
	packet->length = bpf_ntohs(ip->tot_len);
	packet->source[0] = ip->saddr;
	packet->destination[0] = ip->daddr;
}

/* The same from an IPv6 header. */
static __always_inline void read_ip6(struct packet *packet, const struct ipv6hdr *ip)
{
	const __u64 *source = (const __u64 *)&ip->saddr;
	const __u64 *destination = (const __u64 *)&ip->daddr;

	packet->family = 6;
	packet->protocol = ip->nexthdr;
	packet->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	packet->ttl = ip->hop_limit;
	packet->length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	packet->source[0] = source[0];
	packet->source[1] = source[1];
	packet->destination[0] = destination[0];
	packet->destination[1] = destination[1];
}

/* Reads the transport header behind an IP header of ip_bytes; false: not a plain packet. */
static __always_inline bool parse_transport(const struct xdp_md *ctx, struct packet *packet,
					    __u32 ip_bytes)
{
	void *data = packet_data(ctx), *end = packet_end(ctx);
	__u32 offset = ETH_HLEN + ip_bytes;
	__u32 bytes =
		packet->protocol == IPPROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	void *header = data + offset;

	if (header + sizeof(struct udphdr) > end)
		return false;
	packet->ports = *(__u32 *)header;
	if (likely(packet->protocol == IPPROTO_TCP)) {
		if (header + sizeof(struct tcphdr) > end)
			return false;
		packet->tcp_flags = ((__u8 *)header)[TCP_FLAGS_OFFSET];
	} else if (packet->protocol != IPPROTO_UDP) {
		return false;
	}
	packet->l4 = offset;
	return packet->length >= ip_bytes + bytes && ETH_HLEN + packet->length <= end - data;
}

static __always_inline bool parse_plain4(const struct xdp_md *ctx, struct packet *packet,
					 const struct iphdr *ip)
{
	if (unlikely(*(const __u8 *)ip != IP4_PLAIN || ip->frag_off & bpf_htons(IP4_FRAGMENT_BITS)))
		return false;
	read_ip4(packet, ip);
	return parse_transport(ctx, packet, sizeof(*ip));
}

static __always_inline bool parse_plain6(const struct xdp_md *ctx, struct packet *packet,
					 const struct ipv6hdr *ip)
{
	if (unlikely(ip->version != 6))
		return false;
	read_ip6(packet, ip);
	return parse_transport(ctx, packet, sizeof(*ip));
}

/* Returns whether the packet is plain; packet must be zero before. */
static __always_inline bool parse_plain(const struct xdp_md *ctx, struct packet *packet)
{
	void *data = packet_data(ctx), *end = packet_end(ctx);
	struct ethhdr *ethernet = data;

	packet->l3 = ETH_HLEN;
	if (data + ETH_HLEN + sizeof(struct iphdr) > end)
		return false;
	if (ethernet->h_proto == bpf_htons(ETH_P_IP))
		return parse_plain4(ctx, packet, data + ETH_HLEN);
	if (ethernet->h_proto != bpf_htons(ETH_P_IPV6) ||
	    data + ETH_HLEN + sizeof(struct ipv6hdr) > end)
		return false;
	return parse_plain6(ctx, packet, data + ETH_HLEN);
}

#endif
