/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a frame to what the later stages need to know of a packet. Reads headers, decides nothing
 * about services: a parse function returns SENT ('go on') or why the packet ends here, where
 * 'malformed' and the like still depend on whether the address is a service's.
 */
#ifndef POISE_PARSE_BPF_H
#define POISE_PARSE_BPF_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>

#include "maps.bpf.h"

enum {
	IP4_FRAGMENT_BITS = 0x3fff, /* 'more fragments' and the offset */
	TCP_FLAGS_OFFSET = 13,
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

struct packet {
	struct xdp_md *ctx;
	__u64 hash;    /* of the flow */
	__u32 ports;   /* source | destination << 16, as in the packet */
	__u32 service; /* index of the service */
	__u32 length;  /* of the IP packet, bytes */
	__u32 verdict; /* when it is sent: XDP_TX or XDP_REDIRECT */
	__u8 family;   /* 4 or 6 */
	__u8 protocol;
	__u8 tos;	/* TOS or traffic class */
	__u8 tcp_flags; /* low byte: FIN to CWR */
	__u8 reserved[4];
};

/* Only this opens a connection: a SYN with a FIN or RST is nothing that a client sends. */
static __always_inline bool packet_is_syn(const struct packet *packet)
{
	return (packet->tcp_flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST)) == TCP_SYN;
}

/* Reads the TCP header at offset in the frame; the IP packet ends at ip_end. */
static __always_inline enum poise_reason parse_tcp(struct packet *packet, __u32 offset,
						   __u32 ip_end)
{
	void *data = (void *)(long)packet->ctx->data;
	void *data_end = (void *)(long)packet->ctx->data_end;
	struct tcphdr *tcp = data + offset;

	if ((void *)(tcp + 1) > data_end)
		return POISE_REASON_MALFORMED;
	if (unlikely(offset + sizeof(*tcp) > ip_end || ip_end > data_end - data))
		return POISE_REASON_MALFORMED;
	packet->ports = *(__u32 *)tcp;
	packet->tcp_flags = ((__u8 *)tcp)[TCP_FLAGS_OFFSET];
	return POISE_REASON_SENT;
}

static __always_inline enum poise_reason parse_ip4(struct packet *packet, const struct iphdr *ip)
{
	__u32 header = ip->ihl * 4;

	packet->family = 4;
	packet->protocol = ip->protocol;
	packet->tos = ip->tos;
	packet->length = bpf_ntohs(ip->tot_len);
	if (ip->protocol != IPPROTO_TCP || ip->version != 4)
		return POISE_REASON_NOT_SERVICE;
	if (unlikely(header < sizeof(*ip)))
		return POISE_REASON_MALFORMED;
	if (unlikely(ip->frag_off & bpf_htons(IP4_FRAGMENT_BITS)))
		return POISE_REASON_FRAGMENT;
	return parse_tcp(packet, ETH_HLEN + header, ETH_HLEN + packet->length);
}

static __always_inline bool ip6_is_extension(__u8 next_header)
{
	return next_header == IPPROTO_HOPOPTS || next_header == IPPROTO_ROUTING ||
	       next_header == IPPROTO_DSTOPTS || next_header == IPPROTO_MH;
}

/* A fragment header begins with the type of what was cut up; that of another protocol is no
 * business of ours. */
static __always_inline enum poise_reason parse_fragment_header(const struct packet *packet,
							       const __u8 *header)
{
	enum { FRAGMENT_HEADER = 8 };

	if ((void *)(header + FRAGMENT_HEADER) > (void *)(long)packet->ctx->data_end)
		return POISE_REASON_MALFORMED;
	return *header == IPPROTO_TCP || ip6_is_extension(*header) ? POISE_REASON_FRAGMENT
								   : POISE_REASON_NOT_SERVICE;
}

static __always_inline enum poise_reason parse_ip6(struct packet *packet, const struct ipv6hdr *ip)
{
	packet->family = 6;
	packet->protocol = ip->nexthdr;
	packet->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	packet->length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	if (ip->version != 6)
		return POISE_REASON_NOT_SERVICE;
	if (likely(ip->nexthdr == IPPROTO_TCP))
		return parse_tcp(packet, ETH_HLEN + sizeof(*ip), ETH_HLEN + packet->length);
	if (ip->nexthdr == IPPROTO_FRAGMENT)
		return parse_fragment_header(packet, (const __u8 *)(ip + 1));
	return ip6_is_extension(ip->nexthdr) ? POISE_REASON_IP6_EXTENSION
					     : POISE_REASON_NOT_SERVICE;
}

#endif
