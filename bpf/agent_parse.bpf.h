/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The agent's reading of packets: where the inner packet begins and ends. Changes no byte. */
#ifndef POISE_AGENT_PARSE_BPF_H
#define POISE_AGENT_PARSE_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "poise_agent_abi.h"

enum {
	GO_ON = -1, /* a stage returns this, or the reason that ends the packet's path */

	IP4_FRAGMENT_MASK = 0x3fff, /* 'more fragments' and the offset */
	IP4_MIN_WORDS = 5,	    /* of a header, in 32-bit words */
	IP6_FRAGMENT_BYTES = 8,

	MAX_OFFSET = 127, /* the inner header begins at 14 + 60 at most; all bits set */
};

/* A tunnel packet; offsets are bytes from the frame's beginning. */
struct tunnel {
	__u32 inner; /* offset of the inner header */
	__u32 end;   /* offset after the outer packet, by its own length */
	__u32 outer_family;
	__u32 inner_family;
	__u32 ecn; /* of the outer header */
};

static __always_inline void *frame_begin(struct xdp_md *ctx)
{
	return (void *)(long)ctx->data;
}

static __always_inline void *frame_end(struct xdp_md *ctx)
{
	return (void *)(long)ctx->data_end;
}

/*
 * What begins offset bytes (0 to MAX_OFFSET) into the frame, and of which bytes must be in it; NULL
 * if they are not. The mask is for the verifier, which may have lost the offset's bounds; the
 * compiler, which knows them, must not see it.
 */
static __always_inline void *frame_at(struct xdp_md *ctx, __u64 offset, __u32 bytes)
{
	void *at;

	asm volatile("%0 &= %1" : "+r"(offset) : "i"(MAX_OFFSET));
	at = frame_begin(ctx) + offset;
	return at + bytes > frame_end(ctx) ? NULL : at;
}

/* The family of the packet that an outer header's next protocol announces; 0: not a tunnel. */
static __always_inline __u32 tunnel_family(__u8 protocol)
{
	if (protocol == IPPROTO_IPIP)
		return 4;
	return protocol == IPPROTO_IPV6 ? 6 : 0;
}

static __always_inline int parse_outer4(struct xdp_md *ctx, struct tunnel *tunnel)
{
	struct iphdr *ip = frame_begin(ctx) + ETH_HLEN;

	if ((void *)(ip + 1) > frame_end(ctx) || ip->version != 4 || ip->ihl < IP4_MIN_WORDS)
		return POISE_AGENT_REASON_NOT_TUNNEL;
	tunnel->inner_family = tunnel_family(ip->protocol);
	if (!tunnel->inner_family)
		return POISE_AGENT_REASON_NOT_TUNNEL;
	if (ip->frag_off & bpf_htons(IP4_FRAGMENT_MASK))
		return POISE_AGENT_REASON_FRAGMENT;
	tunnel->outer_family = 4;
	tunnel->inner = ETH_HLEN + ip->ihl * 4;
	tunnel->end = ETH_HLEN + bpf_ntohs(ip->tot_len);
	tunnel->ecn = ip->tos & 3;
	return GO_ON;
}

/* Whether the fragment header that follows ip belongs to a tunnel packet. */
static __always_inline int parse_fragment6(struct xdp_md *ctx, struct ipv6hdr *ip)
{
	__u8 *fragment = (void *)(ip + 1);

	if (fragment + IP6_FRAGMENT_BYTES <= (__u8 *)frame_end(ctx) && tunnel_family(fragment[0]))
		return POISE_AGENT_REASON_FRAGMENT;
	return POISE_AGENT_REASON_NOT_TUNNEL;
}

static __always_inline int parse_outer6(struct xdp_md *ctx, struct tunnel *tunnel)
{
	struct ipv6hdr *ip = frame_begin(ctx) + ETH_HLEN;

	if ((void *)(ip + 1) > frame_end(ctx) || ip->version != 6)
		return POISE_AGENT_REASON_NOT_TUNNEL;
	if (ip->nexthdr == IPPROTO_FRAGMENT)
		return parse_fragment6(ctx, ip);
	tunnel->inner_family = tunnel_family(ip->nexthdr);
	if (!tunnel->inner_family)
		return POISE_AGENT_REASON_NOT_TUNNEL;
	tunnel->outer_family = 6;
	tunnel->inner = ETH_HLEN + sizeof(*ip);
	tunnel->end = ETH_HLEN + sizeof(*ip) + bpf_ntohs(ip->payload_len);
	tunnel->ecn = ip->flow_lbl[0] >> 4 & 3;
	return GO_ON;
}

static __always_inline int parse_outer(struct xdp_md *ctx, struct tunnel *tunnel)
{
	struct ethhdr *eth = frame_begin(ctx);

	if ((void *)(eth + 1) > frame_end(ctx))
		return POISE_AGENT_REASON_NOT_TUNNEL;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return parse_outer4(ctx, tunnel);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return parse_outer6(ctx, tunnel);
	return POISE_AGENT_REASON_NOT_TUNNEL;
}

/* The outer source address, as key of 'sources' with the full length. */
static __always_inline int read_source(struct xdp_md *ctx, const struct tunnel *tunnel,
				       struct poise_agent_source *source)
{
	void *ip = frame_begin(ctx) + ETH_HLEN;

	source->family = tunnel->outer_family;
	if (tunnel->outer_family == 4) {
		if (ip + sizeof(struct iphdr) > frame_end(ctx))
			return POISE_AGENT_REASON_INTERNAL;
		source->length = POISE_AGENT_FAMILY_BITS + 32;
		__builtin_memcpy(source->bytes, &((struct iphdr *)ip)->saddr, 4);
		return GO_ON;
	}
	if (ip + sizeof(struct ipv6hdr) > frame_end(ctx))
		return POISE_AGENT_REASON_INTERNAL;
	source->length = POISE_AGENT_FAMILY_BITS + 128;
	__builtin_memcpy(source->bytes, &((struct ipv6hdr *)ip)->saddr, 16);
	return GO_ON;
}

/* The inner destination address, as key of 'vips'. */
static __always_inline int read_destination(struct xdp_md *ctx, const struct tunnel *tunnel,
					    struct poise_agent_address *destination)
{
	void *ip;

	destination->family = tunnel->inner_family;
	if (tunnel->inner_family == 4) {
		ip = frame_at(ctx, tunnel->inner, sizeof(struct iphdr));
		if (!ip || tunnel->inner + sizeof(struct iphdr) > tunnel->end)
			return POISE_AGENT_REASON_TRUNCATED;
		__builtin_memcpy(destination->bytes, &((struct iphdr *)ip)->daddr, 4);
		return GO_ON;
	}
	ip = frame_at(ctx, tunnel->inner, sizeof(struct ipv6hdr));
	if (!ip || tunnel->inner + sizeof(struct ipv6hdr) > tunnel->end)
		return POISE_AGENT_REASON_TRUNCATED;
	__builtin_memcpy(destination->bytes, &((struct ipv6hdr *)ip)->daddr, 16);
	return GO_ON;
}

/*
 * The inner packet's length by its own header. Its end must lie within the outer packet, and the
 * outer packet's within the frame; what follows (Ethernet padding) is the stack's to cut.
 */
static __always_inline int check_inner(struct xdp_md *ctx, const struct tunnel *tunnel,
				       __u32 *length)
{
	__u8 *ip = frame_at(ctx, tunnel->inner, sizeof(struct iphdr));
	__u32 header = sizeof(struct ipv6hdr);

	if (!ip || ip[0] >> 4 != tunnel->inner_family)
		return POISE_AGENT_REASON_MALFORMED;
	if (tunnel->inner_family == 4) {
		header = (ip[0] & 0xf) * 4;
		if (header < sizeof(struct iphdr))
			return POISE_AGENT_REASON_MALFORMED;
		*length = bpf_ntohs(((struct iphdr *)ip)->tot_len);
	} else {
		*length = header + bpf_ntohs(((struct ipv6hdr *)ip)->payload_len);
	}
	if (*length < header || tunnel->inner + *length > tunnel->end ||
	    tunnel->end > (__u64)(ctx->data_end - ctx->data))
		return POISE_AGENT_REASON_MALFORMED;
	return GO_ON;
}

#endif
