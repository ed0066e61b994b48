/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tunnel's header and the way out. IPv4 in IPv4: RFC 2003; IPv6 in IPv6 and IPv4 in IPv6:
 * RFC 2473; IPv6 in IPv4: RFC 4213; ECN copied as RFC 6040 says ('normal mode').
 */
#ifndef POISE_ENCAP_BPF_H
#define POISE_ENCAP_BPF_H

#include "packet.bpf.h"

enum {
	IP4_WORDS = 5, /* of a header without options */
	OUTER_TTL = 64,
	OUTER_DF = 0x4000,
	FLOW_LABEL_BITS = 0x000fffff,
};

/* The current copy of a backend's entry. */
static __always_inline struct poise_backend *backend_get(__u32 index)
{
	struct poise_backend *backend = bpf_map_lookup_elem(&backends, &index);

	if (unlikely(backend && !READ_ONCE(backend->current)))
		backend = bpf_map_lookup_elem(&backends_next, &index);
	return backend;
}

static __always_inline __u8 inner_protocol(const struct packet *packet)
{
	return packet->family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
}

/* Checksum of an IPv4 header without options whose own field is 0 (RFC 1071). */
static __always_inline __u16 ip4_checksum(const __be32 *words)
{
	__u64 sum = (__u64)words[0] + words[1] + words[2] + words[3] + words[4];

	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/*
 * DF is always set, so that no router makes fragments of it, and the id is 0: an atomic datagram
 * (RFC 6864) needs none. The header is put together in registers: a word that is read back right
 * after its bytes were written makes the CPU wait.
 */
static __always_inline void write_ip4(struct iphdr *ip, const struct packet *packet,
				      const struct poise_backend *backend)
{
	const __be32 *source = (const __be32 *)backend->source;
	__be32 words[IP4_WORDS] = {
		bpf_htonl(0x45 << 24 | packet->tos << 16 | (packet->length + sizeof(*ip))),
		bpf_htonl(OUTER_DF),
		bpf_htonl(OUTER_TTL << 24 | inner_protocol(packet) << 16),
		source[0] | ((__u32)packet->hash & backend->source_mask),
		*(const __be32 *)backend->address,
	};

	__builtin_memcpy(ip, words, sizeof(words));
	ip->check = ip4_checksum(words);
}

/* The flow label carries the flow's hash as well (RFC 6438). */
static __always_inline void write_ip6(struct ipv6hdr *ip, const struct packet *packet,
				      const struct poise_backend *backend)
{
	const __u32 *source = (const __u32 *)backend->source;
	__u32 *words = (__u32 *)ip;

	words[0] = bpf_htonl(6U << 28 | (__u32)packet->tos << 20 |
			     ((__u32)packet->hash & FLOW_LABEL_BITS));
	ip->payload_len = bpf_htons(packet->length);
	ip->nexthdr = inner_protocol(packet);
	ip->hop_limit = OUTER_TTL;
	words[2] = source[0];
	words[3] = source[1];
	words[4] = source[2];
	words[5] = source[3] | ((__u32)packet->hash & backend->source_mask);
	__builtin_memcpy(&words[6], backend->address, 16);
}

static __always_inline void write_ethernet(struct ethhdr *ethernet,
					   const struct poise_backend *backend, __u16 type)
{
	/* struct ethhdr is packed: it would be copied byte by byte */
	const __u32 *from = (const __u32 *)backend->destination_mac;
	__u32 *to = (__u32 *)ethernet;

	to[0] = from[0];
	to[1] = from[1];
	to[2] = from[2];
	*(__be16 *)&to[3] = bpf_htons(type);
}

/* Whether the short way knows how to send to the backend. */
static __always_inline bool backend_plain(const struct poise_backend *backend)
{
	return backend->encapsulation == POISE_ENCAP_IPIP && !backend->vlan[0] && backend->ifindex;
}

/* Back out of the interface that it came in by, or through the devmap; may be called before the
 * packet is changed. */
static __always_inline enum poise_reason way_out(const struct xdp_md *ctx, struct packet *packet,
						 const struct poise_backend *backend)
{
	packet->verdict = XDP_TX;
	if (likely(backend->ifindex == ctx->ingress_ifindex))
		return POISE_REASON_SENT;
	packet->verdict = bpf_redirect_map(&egress, backend->ifindex, XDP_DROP);
	return packet->verdict == XDP_REDIRECT ? POISE_REASON_SENT : POISE_REASON_NO_EGRESS;
}

/* Puts the tunnel's header in front; false: nothing was changed, the packet does not fit. */
static __always_inline bool encap_plain(struct xdp_md *ctx, const struct packet *packet,
					const struct poise_backend *backend)
{
	__u32 outer = backend->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	struct ethhdr *ethernet;
	void *end;

	if (unlikely(packet->length + outer > backend->mtu))
		return false;
	if (backend->family == 4) {
		if (bpf_xdp_adjust_head(ctx, -(int)sizeof(struct iphdr)))
			return false;
		ethernet = packet_data(ctx);
		end = packet_end(ctx);
		if ((void *)ethernet + ETH_HLEN + sizeof(struct iphdr) > end)
			return false; /* cannot be */
		write_ethernet(ethernet, backend, ETH_P_IP);
		write_ip4((void *)(ethernet + 1), packet, backend);
		return true;
	}
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(struct ipv6hdr)))
		return false;
	ethernet = packet_data(ctx);
	end = packet_end(ctx);
	if ((void *)ethernet + ETH_HLEN + sizeof(struct ipv6hdr) > end)
		return false; /* cannot be */
	write_ethernet(ethernet, backend, ETH_P_IPV6);
	write_ip6((void *)(ethernet + 1), packet, backend);
	return true;
}

/* The short way out: true when the packet was sent; else it is unchanged. */
static __always_inline bool send_plain(struct xdp_md *ctx, struct packet *packet, __u32 index)
{
	struct poise_backend *backend = backend_get(index);

	return backend && backend_plain(backend) &&
	       way_out(ctx, packet, backend) == POISE_REASON_SENT &&
	       encap_plain(ctx, packet, backend);
}

/*
 * Every other way out. Returns POISE_REASON_SENT with packet->verdict, or why the packet is not
 * sent. For TOO_BIG *mtu is the largest IP packet that would have fitted.
 */
__noinline int send_special(struct xdp_md *ctx, struct packet *packet, __u32 index, __u32 *mtu)
{
	struct poise_backend *backend;
	enum poise_reason reason;

	if (!packet || !mtu)
		return POISE_REASON_INTERNAL;
	if (unlikely(index == 0))
		return POISE_REASON_NO_BACKEND;
	backend = backend_get(index);
	if (!backend)
		return POISE_REASON_INTERNAL;
	if (unlikely(backend->ifindex == 0))
		return POISE_REASON_NO_NEXT_HOP;
	reason = way_out(ctx, packet, backend);
	if (reason != POISE_REASON_SENT)
		return reason;
	if (packet->length + (backend->family == 4 ? 20 : 40) > backend->mtu)
		return POISE_REASON_TOO_BIG;
	return encap_plain(ctx, packet, backend) ? POISE_REASON_SENT : POISE_REASON_NO_HEADROOM;
}

#endif
