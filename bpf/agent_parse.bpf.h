/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The agent's reading of packets: where the inner packet begins and ends. Changes no byte. */
#ifndef POISE_AGENT_PARSE_BPF_H
#define POISE_AGENT_PARSE_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "agent_frame.bpf.h"
#include "poise_agent_abi.h"
#include "poise_wire.h"

enum {
	GO_ON = -1,   /* a stage returns this, or the reason that ends the packet's path */
	HAND_UP = -2, /* or this: the packet goes to the stack, where TC decides and counts */

	IP4_MORE = 0x2000, /* more fragments follow */
	IP4_OFFSET_MASK = 0x1fff,
	IP4_MIN_WORDS = 5, /* of a header, in 32-bit words */
	IP6_OFFSET_MASK = 0xfff8,
};

/* How much of its packet an outer header says that there is. */
enum fragment { FRAGMENT_NONE, FRAGMENT_FIRST, FRAGMENT_LATER };

struct gre {
	__be16 flags_version;
	__be16 type;
};

struct fragment6 {
	__u8 next;
	__u8 reserved;
	__be16 offset;
	__be32 id;
};

/* A tunnel packet; offsets are bytes from the frame's beginning. */
struct tunnel {
	__u32 inner; /* offset of the inner header */
	__u32 end;   /* offset after the outer packet, by its own length */
	__u32 outer_family;
	__u32 inner_family;
	__u32 encapsulation; /* enum poise_agent_encapsulation */
	__u32 ecn;	     /* of the outer header */
	__u32 lies;	     /* UDP says that it reaches beyond the outer packet */
	__u32 chain; /* bytes of the chain, which ends where inner begins; 0: there is none */
};

/* The family of the packet that a next protocol announces; 0: none. */
static __always_inline __u32 tunnel_family(__u8 protocol)
{
	if (protocol == IPPROTO_IPIP)
		return 4;
	return protocol == IPPROTO_IPV6 ? 6 : 0;
}

static __always_inline bool opens(const struct poise_agent_settings *set, __u32 encapsulation)
{
	return set->encapsulations >> encapsulation & 1;
}

/*
 * RFC 2784 without its checksum, RFC 2890 without key and sequence number: all flags are 0. Others
 * are for someone else.
 */
static __always_inline int parse_gre(struct frame *ctx, struct tunnel *tunnel)
{
	struct gre *gre = frame_at(ctx, tunnel->inner, sizeof(*gre));

	if (!gre || tunnel->inner + sizeof(*gre) > tunnel->end)
		return POISE_AGENT_REASON_TRUNCATED;
	if (gre->flags_version)
		return POISE_AGENT_REASON_GRE_UNKNOWN;
	if (gre->type == bpf_htons(ETH_P_IP))
		tunnel->inner_family = 4;
	else if (gre->type == bpf_htons(ETH_P_IPV6))
		tunnel->inner_family = 6;
	else
		return POISE_AGENT_REASON_GRE_UNKNOWN;
	tunnel->encapsulation = POISE_AGENT_GRE;
	tunnel->inner += sizeof(*gre);
	return GO_ON;
}

/*
 * The private data of a GUE header, behind which tunnel->inner is: a chain, of whatever version, or
 * another's. Of what it does not expect a receiver must not open the packet
 * (draft-ietf-intarea-gue-09, 3.4 and 5.3.1).
 */
static __always_inline int parse_private(struct frame *ctx, struct tunnel *tunnel, __u32 bytes)
{
	struct poise_chain *chain = frame_at(ctx, tunnel->inner, sizeof(*chain));

	if (!chain || tunnel->inner + sizeof(*chain) > tunnel->end)
		return POISE_AGENT_REASON_TRUNCATED;
	if (chain->magic != bpf_htons(POISE_CHAIN_MAGIC))
		return POISE_AGENT_REASON_GUE_UNKNOWN;
	tunnel->chain = bytes;
	tunnel->inner += bytes;
	return GO_ON;
}

/* Variant 0, no control message, no extension fields, and no private data but a chain. */
static __always_inline int parse_gue_header(struct frame *ctx, struct tunnel *tunnel)
{
	struct poise_gue *gue = frame_at(ctx, tunnel->inner, sizeof(*gue));

	if (!gue || tunnel->inner + sizeof(*gue) > tunnel->end)
		return POISE_AGENT_REASON_TRUNCATED;
	tunnel->inner_family = tunnel_family(gue->protocol);
	if (gue->variant_length > POISE_GUE_WORDS_MASK || gue->flags || !tunnel->inner_family)
		return POISE_AGENT_REASON_GUE_UNKNOWN;
	tunnel->encapsulation = POISE_AGENT_GUE;
	tunnel->inner += sizeof(*gue);
	if (gue->variant_length)
		return parse_private(ctx, tunnel, gue->variant_length * sizeof(__be32));
	return GO_ON;
}

/*
 * The UDP checksum is not verified: it would take a walk over the whole packet, while the inner
 * packet has its own, which the stack verifies with the addresses that count (RFC 6936, 3.1).
 */
static __always_inline int parse_udp(struct frame *ctx, const struct poise_agent_settings *set,
				     struct tunnel *tunnel, enum fragment fragment)
{
	struct udphdr *udp = frame_at(ctx, tunnel->inner, sizeof(*udp));
	__u32 end;

	if (fragment == FRAGMENT_LATER || !udp || tunnel->inner + sizeof(*udp) > tunnel->end ||
	    udp->dest != set->gue_port || !opens(set, POISE_AGENT_GUE))
		return POISE_AGENT_REASON_NOT_TUNNEL;
	if (fragment != FRAGMENT_NONE)
		return POISE_AGENT_REASON_FRAGMENT;
	end = tunnel->inner + bpf_ntohs(udp->len);
	tunnel->lies = end > tunnel->end;
	if (!tunnel->lies)
		tunnel->end = end;
	tunnel->inner += sizeof(*udp);
	return parse_gue_header(ctx, tunnel);
}

/* What the outer IP header holds; tunnel->inner is where it begins. */
static __always_inline int parse_payload(struct frame *ctx, const struct poise_agent_settings *set,
					 struct tunnel *tunnel, __u8 protocol,
					 enum fragment fragment)
{
	if (protocol == IPPROTO_UDP)
		return parse_udp(ctx, set, tunnel, fragment);
	tunnel->inner_family = tunnel_family(protocol);
	if (!(tunnel->inner_family && opens(set, POISE_AGENT_IPIP)) &&
	    !(protocol == IPPROTO_GRE && opens(set, POISE_AGENT_GRE)))
		return POISE_AGENT_REASON_NOT_TUNNEL;
	if (fragment != FRAGMENT_NONE)
		return POISE_AGENT_REASON_FRAGMENT;
	return protocol == IPPROTO_GRE ? parse_gre(ctx, tunnel) : GO_ON;
}

static __always_inline enum fragment fragment_of(__be16 field, __u16 offset_mask, __u16 more)
{
	if (field & bpf_htons(offset_mask))
		return FRAGMENT_LATER;
	return field & bpf_htons(more) ? FRAGMENT_FIRST : FRAGMENT_NONE;
}

static __always_inline int parse_outer4(struct frame *ctx, const struct poise_agent_settings *set,
					struct tunnel *tunnel)
{
	struct iphdr *ip = frame_begin(ctx) + ETH_HLEN;

	if ((void *)(ip + 1) > frame_end(ctx) || ip->version != 4 || ip->ihl < IP4_MIN_WORDS)
		return POISE_AGENT_REASON_NOT_TUNNEL;
	tunnel->outer_family = 4;
	tunnel->inner = ETH_HLEN + ip->ihl * 4;
	tunnel->end = ETH_HLEN + bpf_ntohs(ip->tot_len);
	tunnel->ecn = ip->tos & 3;
	return parse_payload(ctx, set, tunnel, ip->protocol,
			     fragment_of(ip->frag_off, IP4_OFFSET_MASK, IP4_MORE));
}

static __always_inline int parse_outer6(struct frame *ctx, const struct poise_agent_settings *set,
					struct tunnel *tunnel)
{
	struct ipv6hdr *ip = frame_begin(ctx) + ETH_HLEN;
	struct fragment6 *fragment = (void *)(ip + 1);

	if ((void *)(ip + 1) > frame_end(ctx) || ip->version != 6)
		return POISE_AGENT_REASON_NOT_TUNNEL;
	tunnel->outer_family = 6;
	tunnel->inner = ETH_HLEN + sizeof(*ip);
	tunnel->end = ETH_HLEN + sizeof(*ip) + bpf_ntohs(ip->payload_len);
	tunnel->ecn = ip->flow_lbl[0] >> 4 & 3;
	if (ip->nexthdr != IPPROTO_FRAGMENT)
		return parse_payload(ctx, set, tunnel, ip->nexthdr, FRAGMENT_NONE);
	if ((void *)(fragment + 1) > frame_end(ctx))
		return POISE_AGENT_REASON_NOT_TUNNEL;
	tunnel->inner += sizeof(*fragment);
	return parse_payload(ctx, set, tunnel, fragment->next,
			     fragment->offset & bpf_htons(IP6_OFFSET_MASK) ? FRAGMENT_LATER
									   : FRAGMENT_FIRST);
}

static __always_inline int parse_outer(struct frame *ctx, const struct poise_agent_settings *set,
				       struct tunnel *tunnel)
{
	struct ethhdr *eth = frame_begin(ctx);

	if ((void *)(eth + 1) > frame_end(ctx))
		return POISE_AGENT_REASON_NOT_TUNNEL;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return parse_outer4(ctx, set, tunnel);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return parse_outer6(ctx, set, tunnel);
	return POISE_AGENT_REASON_NOT_TUNNEL;
}

/* The outer source address, as key of 'sources' with the full length. */
static __always_inline int read_source(struct frame *ctx, const struct tunnel *tunnel,
				       struct poise_agent_prefix *source)
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

/* The inner destination address, as key of 'vips' and 'vip_prefixes' with the full length. */
static __always_inline int read_destination(struct frame *ctx, const struct tunnel *tunnel,
					    struct poise_agent_prefix *destination)
{
	void *ip;

	destination->family = tunnel->inner_family;
	if (tunnel->inner_family == 4) {
		ip = frame_at(ctx, tunnel->inner, sizeof(struct iphdr));
		if (!ip || tunnel->inner + sizeof(struct iphdr) > tunnel->end)
			return POISE_AGENT_REASON_TRUNCATED;
		destination->length = POISE_AGENT_FAMILY_BITS + 32;
		__builtin_memcpy(destination->bytes, &((struct iphdr *)ip)->daddr, 4);
		return GO_ON;
	}
	ip = frame_at(ctx, tunnel->inner, sizeof(struct ipv6hdr));
	if (!ip || tunnel->inner + sizeof(struct ipv6hdr) > tunnel->end)
		return POISE_AGENT_REASON_TRUNCATED;
	destination->length = POISE_AGENT_FAMILY_BITS + 128;
	__builtin_memcpy(destination->bytes, &((struct ipv6hdr *)ip)->daddr, 16);
	return GO_ON;
}

/*
 * The inner packet's length by its own header. Its end must lie within the outer packet, and the
 * outer packet's within the frame; what follows (Ethernet padding) is the stack's to cut.
 */
static __always_inline int check_inner(struct frame *ctx, const struct tunnel *tunnel,
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
	if (tunnel->lies || *length < header || tunnel->inner + *length > tunnel->end ||
	    tunnel->end > frame_bytes(ctx))
		return POISE_AGENT_REASON_MALFORMED;
	/* Segments of one inner packet make a longer one; UDP datagrams stay one after the other.
	 */
	if (frame_is_merged(ctx) && tunnel->inner + *length != tunnel->end)
		return POISE_AGENT_REASON_MERGED;
	return GO_ON;
}

#endif
