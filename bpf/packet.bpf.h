/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the stages hand on about a packet, and how they reach its bytes. */
#ifndef POISE_PACKET_BPF_H
#define POISE_PACKET_BPF_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

#include "maps.bpf.h"

enum {
	TAG_BYTES = 4,		 /* of a VLAN tag */
	PACKET_HEADERS = 0x7fff, /* a transport header begins before this byte of the frame */

	TCP_FLAGS_OFFSET = 13,
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

/* ICMP's and ICMPv6's; linux/icmp.h does not build for BPF. */
struct icmp_header {
	__u8 type, code;
	__sum16 checksum;
	__be32 rest;
};

enum packet_flags {
	PACKET_FIRST_FRAGMENT = 1 << 0, /* with the ports; others follow */
	PACKET_LATER_FRAGMENT = 1 << 1, /* without ports */
	PACKET_QUOTED = 1 << 2, /* an ICMP error: the flow is the one that it quotes, which it
				 * neither opens nor ends */
	PACKET_DONT_FRAGMENT = 1 << 3, /* IPv4 with DF, or IPv6 */
};

struct packet {
	__u64 source[2]; /* the client's address, as in the packet: IPv4 in the first four bytes */
	__u64 destination[2]; /* the service's */
	__u64 hash;	      /* of the flow */
	__u32 ports;	      /* source | destination << 16, as in the packet */
	__u32 service;	      /* index of the service */
	__u32 length;	      /* of the IP packet, bytes */
	__u32 verdict;	      /* when it is sent: XDP_TX or XDP_REDIRECT */
	__u32 fragment_id;    /* as in the packet */
	__u16 l3;	      /* where the IP header begins in the frame: behind VLAN tags */
	__u16 l4;	      /* where the transport header begins */
	__u16 hops[2];	      /* indexes of the backends that the chain names; 0: none */
	__u8 family;	      /* 4 or 6; 0: neither */
	__u8 protocol;	      /* of the transport header */
	__u8 tos;	      /* TOS or traffic class */
	__u8 tcp_flags;	      /* low byte: FIN to CWR; 0 for other protocols */
	__u8 flags;	      /* enum packet_flags */
	__u8 ttl;	      /* or hop limit */
	__u8 reserved[6];
};

/* Only this opens a connection: a SYN with a FIN or RST is nothing that a client sends. */
static __always_inline bool packet_is_syn(const struct packet *packet)
{
	return (packet->tcp_flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST)) == TCP_SYN;
}

/* What headers before it say of an IP packet: the protocol of an IP header, an Ethernet type. */
static __always_inline __u8 packet_as_protocol(const struct packet *packet)
{
	return packet->family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
}

static __always_inline __u16 packet_as_ethernet(const struct packet *packet)
{
	return packet->family == 4 ? ETH_P_IP : ETH_P_IPV6;
}

static __always_inline void *packet_data(const struct xdp_md *ctx)
{
	return (void *)(long)ctx->data;
}

static __always_inline void *packet_end(const struct xdp_md *ctx)
{
	return (void *)(long)ctx->data_end;
}

/* Bytes of the frame. */
static __always_inline __u32 packet_bytes(const struct xdp_md *ctx)
{
	__u64 bytes = packet_end(ctx) - packet_data(ctx);

	barrier_var(bytes); /* the verifier takes no other arithmetic with pointers */
	return bytes;
}

/*
 * The bytes that begin at offset, NULL when the frame has not that many; for headers, which end
 * within PACKET_HEADERS. Much cheaper than packet_load(). The mask is for the verifier, and the
 * compiler, which may know that it changes nothing, must not drop it.
 */
static __always_inline void *packet_at(const struct xdp_md *ctx, __u32 offset, __u32 bytes)
{
	void *at = packet_data(ctx);

	barrier_var(offset);
	at += offset & PACKET_HEADERS;
	return at + bytes > packet_end(ctx) ? NULL : at;
}

static __always_inline bool packet_load(struct xdp_md *ctx, __u32 offset, void *to, __u32 bytes)
{
	return bpf_xdp_load_bytes(ctx, offset, to, bytes) == 0;
}

static __always_inline bool packet_store(struct xdp_md *ctx, __u32 offset, void *from, __u32 bytes)
{
	return bpf_xdp_store_bytes(ctx, offset, from, bytes) == 0;
}

#endif
