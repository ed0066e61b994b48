/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The headers of the tunnel, the same for the short and the long way out. IPv4 in IPv4: RFC 2003;
 * IPv6 in IPv6 and IPv4 in IPv6: RFC 2473; IPv6 in IPv4: RFC 4213; GRE: RFC 2784; ECN copied as
 * RFC 6040 says ('normal mode'). Functions that take a kind (enum poise_encapsulation) are meant to
 * be inlined with a constant one where speed matters.
 */
#ifndef POISE_ENCAP_BPF_H
#define POISE_ENCAP_BPF_H

#include "checksum.bpf.h"
#include "encap_gue.bpf.h"
#include "packet.bpf.h"

enum {
	IP4_WORDS = 5, /* of a header without options */
	OUTER_TTL = 64,
	OUTER_DF = 0x4000,
	FLOW_LABEL_BITS = 0x000fffff,
	GRE_BYTES = 4,
	SHIM_MAX_BYTES = GUE_BYTES,
};

/* Bytes between the outer IP header and the client's packet. */
static __always_inline __u32 shim_bytes(__u32 kind)
{
	if (kind == POISE_ENCAP_GUE)
		return GUE_BYTES;
	return kind == POISE_ENCAP_GRE ? GRE_BYTES : 0;
}

/* Bytes before the client's packet that count against the MTU. */
static __always_inline __u32 encap_bytes(const struct poise_backend *backend, __u32 kind)
{
	if (kind == POISE_ENCAP_L2)
		return 0;
	return (backend->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) +
	       shim_bytes(kind);
}

/* What the outer IP header says of what follows it. */
static __always_inline __u8 outer_protocol(const struct packet *packet, __u32 kind)
{
	if (kind == POISE_ENCAP_GUE)
		return IPPROTO_UDP;
	return kind == POISE_ENCAP_GRE ? IPPROTO_GRE : packet_as_protocol(packet);
}

/*
 * DF is always set, so that no router makes fragments of it, and the id is 0: an atomic datagram
 * (RFC 6864) needs none. The header is put together in registers: a word that is read back right
 * after its bytes were written makes the CPU wait.
 */
static __always_inline void write_ip4(struct iphdr *ip, const struct packet *packet,
				      const struct poise_backend *backend, __u32 kind,
				      const struct chain *chain)
{
	const __be32 *source = (const __be32 *)backend->source;
	__u32 bytes = packet->length + sizeof(*ip) + shim_bytes(kind) + chain->bytes;
	__be32 words[IP4_WORDS] = {
		bpf_htonl(0x45 << 24 | packet->tos << 16 | bytes),
		bpf_htonl(OUTER_DF),
		bpf_htonl(OUTER_TTL << 24 | outer_protocol(packet, kind) << 16),
		source[0] | ((__u32)packet->hash & backend->source_mask),
		*(const __be32 *)backend->address,
	};

	__builtin_memcpy(ip, words, sizeof(words));
	ip->check = checksum_ip4(words);
}

/* The flow label carries the flow's hash as well (RFC 6438). */
static __always_inline void write_ip6(struct ipv6hdr *ip, const struct packet *packet,
				      const struct poise_backend *backend, __u32 kind,
				      const struct chain *chain)
{
	const __u32 *source = (const __u32 *)backend->source;
	__u32 *words = (__u32 *)ip;

	words[0] = bpf_htonl(6U << 28 | (__u32)packet->tos << 20 |
			     ((__u32)packet->hash & FLOW_LABEL_BITS));
	ip->payload_len = bpf_htons(packet->length + shim_bytes(kind) + chain->bytes);
	ip->nexthdr = outer_protocol(packet, kind);
	ip->hop_limit = OUTER_TTL;
	words[2] = source[0];
	words[3] = source[1];
	words[4] = source[2];
	words[5] = source[3] | ((__u32)packet->hash & backend->source_mask);
	__builtin_memcpy(&words[6], backend->address, 16);
}

/* No checksum, no key, no sequence number, version 0: nothing but the protocol's Ethernet type. */
static __always_inline void write_gre(void *at, const struct packet *packet)
{
	*(__be32 *)at = bpf_htonl(packet_as_ethernet(packet));
}

/*
 * The outer IP header and what follows it, at outer; end is the frame's. inner_sum: of the client's
 * packet, for GUE over IPv6 alone; chain: of GUE, which is to be written behind. The room for the
 * longest form is asked for, which there always is: the client's packet has an IP header of its
 * own.
 */
static __always_inline bool write_tunnel(void *outer, const void *end, const struct packet *packet,
					 const struct poise_backend *backend, __u32 kind,
					 __u64 inner_sum, const struct chain *chain)
{
	__be16 check = 0; /* over IPv4 UDP does without */
	void *shim;

	if (backend->family == 4) {
		shim = outer + sizeof(struct iphdr);
		if (shim + SHIM_MAX_BYTES > end)
			return false;
		write_ip4(outer, packet, backend, kind, chain);
	} else {
		shim = outer + sizeof(struct ipv6hdr);
		if (shim + SHIM_MAX_BYTES > end)
			return false;
		write_ip6(outer, packet, backend, kind, chain);
		if (kind == POISE_ENCAP_GUE)
			check = gue_checksum(packet, backend, chain, inner_sum);
	}
	if (kind == POISE_ENCAP_GUE)
		write_gue(shim, packet, backend, check, chain);
	if (kind == POISE_ENCAP_GRE)
		write_gre(shim, packet);
	return true;
}

#endif
