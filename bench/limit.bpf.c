// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The least that a balancer of this kind can do: parse Ethernet, IP and TCP, make head room, write
 * an outer header that is always the same, send. No map, no decision.
 */
#include "frame.bpf.h"

#include <linux/in.h>

enum { OUTER_TTL = 64 };

static __always_inline bool is_type(const void *data, __u16 type)
{
	return ((const struct ethernet_words *)data)->type == bpf_htons(type);
}

static __always_inline void *make_room(struct xdp_md *ctx, int bytes)
{
	void *data;

	if (bpf_xdp_adjust_head(ctx, -bytes))
		return NULL;
	data = (void *)(long)ctx->data;
	return data + ETH_HLEN + bytes > (void *)(long)ctx->data_end ? NULL : data;
}

SEC("xdp")
int limit4(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	struct iphdr *ip = data + ETH_HLEN;
	struct tcphdr *tcp = (void *)(ip + 1);
	__u32 *outer;

	if ((void *)(tcp + 1) > (void *)(long)ctx->data_end || !is_type(data, ETH_P_IP) ||
	    ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_TCP)
		return XDP_PASS;
	data = make_room(ctx, sizeof(*ip));
	if (!data)
		return XDP_DROP;
	frame_write_ethernet(data, ETH_P_IP);
	outer = data + ETH_HLEN;
	outer[0] = bpf_htonl(0x45000000 | (FRAME_SMALLEST4 - ETH_HLEN + sizeof(*ip)));
	outer[1] = bpf_htonl(0x00004000);
	outer[2] = bpf_htonl(OUTER_TTL << 24 | IPPROTO_IPIP << 16);
	outer[3] = bpf_htonl(0xac100001); /* 172.16.0.1 */
	outer[4] = bpf_htonl(0x0a00010b); /* 10.0.1.11 */
	return XDP_TX;
}

SEC("xdp")
int limit6(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	struct ipv6hdr *ip = data + ETH_HLEN;
	struct tcphdr *tcp = (void *)(ip + 1);
	__u32 *outer;

	if ((void *)(tcp + 1) > (void *)(long)ctx->data_end || !is_type(data, ETH_P_IPV6) ||
	    ip->version != 6 || ip->nexthdr != IPPROTO_TCP)
		return XDP_PASS;
	data = make_room(ctx, sizeof(*ip));
	if (!data)
		return XDP_DROP;
	frame_write_ethernet(data, ETH_P_IPV6);
	outer = data + ETH_HLEN;
	outer[0] = bpf_htonl(0x60000000);
	outer[1] = bpf_htonl((FRAME_SMALLEST6 - ETH_HLEN) << 16 | IPPROTO_IPV6 << 8 | OUTER_TTL);
	outer[2] = bpf_htonl(0x01000000); /* 100::1 */
	outer[3] = 0;
	outer[4] = 0;
	outer[5] = bpf_htonl(1);
	outer[6] = bpf_htonl(0x20010db8); /* 2001:db8:2::11 */
	outer[7] = bpf_htonl(0x00020000);
	outer[8] = 0;
	outer[9] = bpf_htonl(0x11);
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
