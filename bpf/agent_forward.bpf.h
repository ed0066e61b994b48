/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tunnel to the chain's next hop: the headers before the inner packet, which stays as it is,
 * and the way there. Changes no byte.
 */
#ifndef POISE_AGENT_FORWARD_BPF_H
#define POISE_AGENT_FORWARD_BPF_H

#include "agent_chain.bpf.h"
#include "agent_connection.bpf.h"
#include "agent_maps.bpf.h"

enum {
	IP4_WORDS = 5,
	IP6_WORDS = 10,
	SHIM_WORDS = 3, /* UDP and GUE */
	HEADER_WORDS = IP6_WORDS + SHIM_WORDS + REST_WORDS,

	SOURCE4 = 3, /* where addresses stand in a header, in words */
	DESTINATION4 = 4,
	SOURCE6 = 2,
	SOURCE6_LAST = SOURCE6 + ADDRESS6_WORDS - 1,
	DESTINATION6 = SOURCE6 + ADDRESS6_WORDS,

	FORWARD_TTL = 64,
	FORWARD_DF = 0x4000,
	FLOW_LABEL_BITS = 0x000fffff,
	TOS_SHIFT4 = 16,
	TOS_SHIFT6 = 20,
	MAX_BYTES = 0xffff, /* of an IP packet */

	FAMILY_IP4 = 2,	 /* AF_INET */
	FAMILY_IP6 = 10, /* AF_INET6 */
	LOOPBACK_IFINDEX = 1,
};

struct forward {
	__u32 family;	 /* 4 or 6 */
	__u32 bytes;	 /* of header */
	__u32 ifindex;	 /* the way out; 0: the kernel does not say */
	__u32 neighbour; /* 1: macs are known */
	struct {
		__u8 destination[ETH_ALEN], source[ETH_ALEN];
	} macs;
	__be32 header[HEADER_WORDS]; /* IP, UDP, GUE and what is left of the chain; then zeros */
};

/* What the old outer header says and the new one as well, beside the source. */
struct outer {
	__u32 tos;
	__u32 label; /* of the flow; from IPv4: the source, whose last bits are the flow's hash */
	__be32 ports;
};

/* The source stays; one of another family takes over the flow's hash in the last bits. */
static __always_inline bool carry_from4(struct frame *ctx, const struct poise_agent_settings *set,
					struct forward *forward, struct outer *outer)
{
	const __be32 *old = frame_at(ctx, ETH_HLEN, sizeof(struct iphdr));
	__be32 *words = forward->header;

	if (!old)
		return false;
	outer->tos = bpf_ntohl(old[0]) >> TOS_SHIFT4 & 0xff;
	outer->label = bpf_ntohl(old[SOURCE4]) & FLOW_LABEL_BITS;
	if (forward->family == 4) {
		words[SOURCE4] = old[SOURCE4];
	} else {
		__builtin_memcpy(&words[SOURCE6], set->source6, ADDRESS6_BYTES);
		words[SOURCE6_LAST] |= old[SOURCE4] & set->source6_mask;
	}
	return true;
}

static __always_inline bool carry_from6(struct frame *ctx, const struct poise_agent_settings *set,
					struct forward *forward, struct outer *outer)
{
	const __be32 *old = frame_at(ctx, ETH_HLEN, sizeof(struct ipv6hdr));
	__be32 *words = forward->header;

	if (!old)
		return false;
	outer->tos = bpf_ntohl(old[0]) >> TOS_SHIFT6 & 0xff;
	outer->label = bpf_ntohl(old[0]) & FLOW_LABEL_BITS;
	if (forward->family == 6)
		__builtin_memcpy(&words[SOURCE6], &old[SOURCE6], ADDRESS6_BYTES);
	else
		words[SOURCE4] = set->source4 | (old[SOURCE6_LAST] & set->source4_mask);
	return true;
}

/* DF and no id (RFC 6864). total: bytes of the whole packet. */
static __always_inline void fill_ip4(__be32 *words, const struct outer *outer, __u32 total)
{
	words[0] = bpf_htonl(0x45U << 24 | outer->tos << TOS_SHIFT4 | total);
	words[1] = bpf_htonl(FORWARD_DF);
	words[2] = bpf_htonl(FORWARD_TTL << 24 | IPPROTO_UDP << 16);
	words[2] |= bpf_htonl(bpf_ntohs(checksum_ip4(words)));
}

static __always_inline void fill_ip6(__be32 *words, const struct outer *outer, __u32 total)
{
	__u32 bytes = total - sizeof(struct ipv6hdr);

	words[0] = bpf_htonl(6U << 28 | outer->tos << TOS_SHIFT6 | outer->label);
	words[1] = bpf_htonl(bytes << 16 | IPPROTO_UDP << 8 | FORWARD_TTL);
}

/* UDP without a checksum, and GUE. */
static __always_inline void fill_shim(__be32 *words, const struct tunnel *tunnel, __be32 ports,
				      __u32 bytes, __u32 rest_words)
{
	__u32 protocol = tunnel->inner_family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;

	words[0] = ports;
	words[1] = bpf_htonl(bytes << 16);
	words[2] = bpf_htonl(rest_words << 24 | protocol << 16);
}

/*
 * The UDP checksum over IPv6 (RFC 8200, section 8.1), of a header that has none yet, and an inner
 * packet with this sum. 0 would mean 'none'. Behind the header there are zeros.
 */
static __always_inline __be16 checksum_udp6(const __be32 *words, __u64 inner)
{
	__u64 sum = inner + bpf_htonl(bpf_ntohl(words[1]) >> 16) + bpf_htonl(IPPROTO_UDP);
	__be16 check;

	for (int i = SOURCE6; i < HEADER_WORDS; i++)
		sum += words[i];
	check = ~checksum_fold(sum);
	return check ? check : 0xffff;
}

/* All but the addresses and the rest of the chain, for an inner packet of length bytes. */
static __always_inline void fill_header(struct forward *forward, const struct tunnel *tunnel,
					const struct outer *outer, __u32 rest_words, __u32 length,
					__u64 sum)
{
	__u32 total = forward->bytes + length;
	__be32 *words = forward->header;

	if (forward->family == 4) {
		fill_ip4(words, outer, total);
		fill_shim(&words[IP4_WORDS], tunnel, outer->ports, total - IP4_WORDS * 4,
			  rest_words);
		return;
	}
	fill_ip6(words, outer, total);
	fill_shim(&words[IP6_WORDS], tunnel, outer->ports, total - IP6_WORDS * 4, rest_words);
	words[IP6_WORDS + 1] |= bpf_htonl(bpf_ntohs(checksum_udp6(words, sum)));
}

static __always_inline bool hop_allowed(const struct forward *forward)
{
	struct poise_agent_prefix key = { .family = forward->family };

	if (forward->family == 4) {
		key.length = POISE_AGENT_FAMILY_BITS + 32;
		__builtin_memcpy(key.bytes, &forward->header[DESTINATION4], ADDRESS4_BYTES);
	} else {
		key.length = POISE_AGENT_FAMILY_BITS + 128;
		__builtin_memcpy(key.bytes, &forward->header[DESTINATION6], ADDRESS6_BYTES);
	}
	return bpf_map_lookup_elem(&hops, &key);
}

/*
 * The way that a packet takes which the host itself sends: as if it came by the loopback device,
 * which, unlike a way out, leaves the choice to the routes. The kernel answers only if that device
 * forwards; without an answer, ifindex stays 0. False: there is no route, or its MTU is too small.
 */
static __always_inline bool find_route(struct frame *ctx, __u32 total, struct forward *forward)
{
	struct bpf_fib_lookup fib = {
		.family = forward->family == 4 ? FAMILY_IP4 : FAMILY_IP6,
		.l4_protocol = IPPROTO_UDP,
		.tot_len = total,
		.ifindex = LOOPBACK_IFINDEX,
	};
	int result;

	if (forward->family == 4) {
		fib.ipv4_src = forward->header[SOURCE4];
		fib.ipv4_dst = forward->header[DESTINATION4];
	} else {
		__builtin_memcpy(fib.ipv6_src, &forward->header[SOURCE6], ADDRESS6_BYTES);
		__builtin_memcpy(fib.ipv6_dst, &forward->header[DESTINATION6], ADDRESS6_BYTES);
	}
	result = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
	if (result == BPF_FIB_LKUP_RET_FWD_DISABLED)
		return true;
	if (result != BPF_FIB_LKUP_RET_SUCCESS && result != BPF_FIB_LKUP_RET_NO_NEIGH)
		return false;
	forward->ifindex = fib.ifindex;
	forward->neighbour = result == BPF_FIB_LKUP_RET_SUCCESS;
	__builtin_memcpy(forward->macs.destination, fib.dmac, ETH_ALEN);
	__builtin_memcpy(forward->macs.source, fib.smac, ETH_ALEN);
	return true;
}

/* The chain's part of the header, and what the rest of it takes from the frame. */
static __always_inline bool read_forward(struct frame *ctx, const struct poise_agent_settings *set,
					 const struct tunnel *tunnel, struct forward *forward,
					 struct outer *outer, __u32 *rest_words)
{
	__u32 begin = tunnel->inner - tunnel->chain;
	struct poise_chain *chain = frame_at(ctx, begin, sizeof(*chain));
	struct udphdr *udp = frame_at(ctx, begin - SHIM_WORDS * 4, sizeof(*udp));
	__be32 *words = forward->header;

	if (!chain || !udp)
		return false;
	outer->ports = *(__be32 *)udp;
	forward->family = chain_family(chain);
	if (forward->family == 4) {
		if (!chain_next(ctx, tunnel, chain, &words[DESTINATION4]) ||
		    !chain_rest(ctx, tunnel, chain, &words[IP4_WORDS + SHIM_WORDS], rest_words))
			return false;
		forward->bytes = (IP4_WORDS + SHIM_WORDS + *rest_words) * 4;
	} else {
		if (!chain_next(ctx, tunnel, chain, &words[DESTINATION6]) ||
		    !chain_rest(ctx, tunnel, chain, &words[IP6_WORDS + SHIM_WORDS], rest_words))
			return false;
		forward->bytes = (IP6_WORDS + SHIM_WORDS + *rest_words) * 4;
	}
	return tunnel->outer_family == 4 ? carry_from4(ctx, set, forward, outer)
					 : carry_from6(ctx, set, forward, outer);
}

/*
 * For an inner packet of length bytes, with this sum; into one that is all zeros. A decision;
 * POISE_AGENT_DECISION_COUNT when what cannot fail did.
 */
static __always_inline int make_forward(struct frame *ctx, const struct poise_agent_settings *set,
					const struct tunnel *tunnel, __u32 length, __u64 sum,
					struct forward *forward)
{
	struct outer outer = {};
	__u32 rest_words = 0;

	if (!read_forward(ctx, set, tunnel, forward, &outer, &rest_words))
		return POISE_AGENT_DECISION_COUNT;
	if (!hop_allowed(forward))
		return POISE_AGENT_DECISION_HOP_REFUSED;
	if (forward->bytes + length > MAX_BYTES ||
	    !find_route(ctx, forward->bytes + length, forward))
		return POISE_AGENT_DECISION_NO_ROUTE;
	fill_header(forward, tunnel, &outer, rest_words, length, sum);
	return POISE_AGENT_DECISION_SENT_ON;
}

#endif
