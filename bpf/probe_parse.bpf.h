/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a probe is, in frames of this host's own: TCP, UDP or an echo request, whole, directly
 * behind an IPv4 header without options or an IPv6 header.
 */
#ifndef POISE_PROBE_PARSE_BPF_H
#define POISE_PROBE_PARSE_BPF_H

#include "packet.bpf.h"
#include "parse.bpf.h"

enum { PROBE_HEADER_BYTES = ETH_HLEN + sizeof(struct ipv6hdr) + sizeof(struct tcphdr) };

static __always_inline void *probe_data(const struct __sk_buff *ctx)
{
	return (void *)(long)ctx->data;
}

static __always_inline void *probe_end(const struct __sk_buff *ctx)
{
	return (void *)(long)ctx->data_end;
}

/* An echo request has no ports: its flow is that of its addresses. */
static __always_inline bool probe_transport(struct packet *packet, void *header, void *end,
					    __u32 ip_bytes)
{
	packet->l4 = ETH_HLEN + ip_bytes;
	if (header + sizeof(struct udphdr) > end)
		return false;
	if (packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP)
		packet->ports = *(__u32 *)header;
	else if (packet->protocol != (packet->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return false;
	return packet->length >= ip_bytes + sizeof(struct udphdr);
}

static __always_inline bool probe_parse4(struct packet *packet, struct iphdr *ip, void *end)
{
	if (*(__u8 *)ip != IP4_PLAIN || ip->frag_off & bpf_htons(IP4_FRAGMENT_BITS))
		return false;
	read_ip4(packet, ip);
	return probe_transport(packet, ip + 1, end, sizeof(*ip));
}

static __always_inline bool probe_parse6(struct packet *packet, struct ipv6hdr *ip, void *end)
{
	if ((void *)(ip + 1) > end || ip->version != 6)
		return false;
	read_ip6(packet, ip);
	return probe_transport(packet, ip + 1, end, sizeof(*ip));
}

/* False: no probe. packet must be zero before. */
static __always_inline bool probe_parse(struct __sk_buff *ctx, struct packet *packet)
{
	void *data = probe_data(ctx), *end = probe_end(ctx);
	struct ethhdr *ethernet = data;

	packet->l3 = ETH_HLEN;
	if (data + ETH_HLEN + sizeof(struct iphdr) > end)
		return false;
	if (ethernet->h_proto == bpf_htons(ETH_P_IP))
		return probe_parse4(packet, data + ETH_HLEN, end);
	if (ethernet->h_proto == bpf_htons(ETH_P_IPV6))
		return probe_parse6(packet, data + ETH_HLEN, end);
	return false;
}

#endif
