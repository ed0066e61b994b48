/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Makes a used frame the next flow's: the Ethernet header is written anew, for encapsulation
 * overwrites it, and source and service follow from the flow's number, so that a million flows
 * cost no memory. All the rest is as frame_build() made it.
 */
#ifndef POISE_BENCH_FRAME_BPF_H
#define POISE_BENCH_FRAME_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "frame.h"

enum {
	SCATTER = 0x9e3779b1, /* odd: different numbers stay different */
	SCATTER_SERVICES = 0x85ebca6b,
	SOURCE_NET = 10, /* 10.0.0.0/8 */
	SOURCE_PORT = 0x8000,
};

/* An Ethernet header in words: struct ethhdr is packed, and would be written byte by byte. */
struct ethernet_words {
	__u32 addresses[3];
	__u16 type;
	__u16 reserved;
};

/* 02:00:00:00:00:01 to 02:00:00:00:00:02 */
static __always_inline void frame_write_ethernet(void *data, __u16 type)
{
	struct ethernet_words *ethernet = data;

	ethernet->addresses[0] = bpf_htonl(0x02000000);
	ethernet->addresses[1] = bpf_htonl(0x00010200);
	ethernet->addresses[2] = bpf_htonl(0x00000002);
	ethernet->type = bpf_htons(type);
}

/* The number of the service that the flow is of: any bits of it that are not its source's. */
static __always_inline __u32 frame_service(__u32 flow, __u32 services)
{
	return (flow * SCATTER_SERVICES >> 16) & (services - 1);
}

/* l3: where the IP header begins; l4: where the ports are. services: a power of two. */
static __always_inline bool frame_write4(struct xdp_md *ctx, __u32 l3, __u32 l4, __u32 flow,
					 __u32 services)
{
	void *data = (void *)(long)ctx->data;
	struct iphdr *ip = data + l3;
	__u16 *port = data + l4;
	__u32 source = flow * SCATTER;

	if ((void *)port + sizeof(struct tcphdr) > (void *)(long)ctx->data_end)
		return false;
	ip->saddr = (source & ~0xff) | SOURCE_NET;
	if (services > 1) /* what was just written is slower to read */
		ip->daddr = (ip->daddr & bpf_htonl(~(FRAME_SERVICES - 1))) |
			    bpf_htonl(frame_service(flow, services));
	*port = bpf_htons(SOURCE_PORT | (source & 0xff));
	return true;
}

static __always_inline bool frame_write6(struct xdp_md *ctx, __u32 flow, __u32 services)
{
	void *data = (void *)(long)ctx->data;
	struct ipv6hdr *ip = data + ETH_HLEN;
	struct tcphdr *tcp = (void *)(ip + 1);
	__u32 source = flow * SCATTER;

	if ((void *)(tcp + 1) > (void *)(long)ctx->data_end)
		return false;
	ip->saddr.in6_u.u6_addr32[3] = source;
	if (services > 1)
		ip->daddr.in6_u.u6_addr32[3] = bpf_htonl(frame_service(flow, services));
	tcp->source = bpf_htons(SOURCE_PORT | (source & 0xff));
	return true;
}

#endif
