/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Generic UDP Encapsulation, draft-ietf-intarea-gue-09, variant 0: UDP and four bytes that say
 * which IP version follows, and behind them, if there is one, a chain. The flow's hash is in the
 * UDP source port, within 49152-65535 as the draft's section 5.11 asks. The UDP checksum is 0 over
 * IPv4; over IPv6 it is a right one.
 *
 * That checksum spans the client's whole packet, but a TCP segment or UDP datagram with its own
 * checksum in it sums up to what its pseudo header lacks, and an IPv4 header to nothing: the sum
 * follows from a few words. A client's checksum that is wrong makes this one wrong, too: the
 * backend drops such a packet at the tunnel instead of behind it.
 */
#ifndef POISE_ENCAP_GUE_BPF_H
#define POISE_ENCAP_GUE_BPF_H

#include "checksum.bpf.h"
#include "encap_chain.bpf.h"
#include "packet.bpf.h"

enum {
	GUE_HEADER_BYTES = 4,
	GUE_BYTES = sizeof(struct udphdr) + GUE_HEADER_BYTES,
	GUE_PORTS = 0xc000, /* 49152: the first of the source ports */
	GUE_PORT_BITS = 0x3fff,
};

/* The UDP header's first word. */
static __always_inline __u32 gue_ports(const struct packet *packet,
				       const struct poise_backend *backend)
{
	__be16 source = bpf_htons(GUE_PORTS | ((__u16)packet->hash & GUE_PORT_BITS));

	return (__u32)backend->gue_port << 16 | source;
}

/* Version 0, no control message, no optional fields but private data; its length in words. */
static __always_inline __be32 gue_header(const struct packet *packet, const struct chain *chain)
{
	return bpf_htonl(chain->bytes / sizeof(__be32) << 24 | packet_as_protocol(packet) << 16);
}

/* All but the chain. */
static __always_inline void write_gue(void *at, const struct packet *packet,
				      const struct poise_backend *backend, __be16 check,
				      const struct chain *chain)
{
	__u32 bytes = packet->length + GUE_BYTES + chain->bytes;
	__u32 *words = at;

	words[0] = gue_ports(packet, backend);
	words[1] = (__u32)check << 16 | bpf_htons(bytes);
	words[2] = gue_header(packet, chain);
}

/* The outer UDP checksum over IPv6 (RFC 8200, section 8.1); 0 would mean 'none'. */
static __always_inline __be16 gue_checksum(const struct packet *packet,
					   const struct poise_backend *backend,
					   const struct chain *chain, __u64 inner_sum)
{
	const __u32 *source = (const __u32 *)backend->source;
	const __u32 *address = (const __u32 *)backend->address;
	__u32 bytes = packet->length + GUE_BYTES + chain->bytes;
	__u64 sum = inner_sum + chain->sum;
	__be16 check;

	sum += (__u64)source[0] + source[1] + source[2];
	sum += source[3] | ((__u32)packet->hash & backend->source_mask);
	sum += (__u64)address[0] + address[1] + address[2] + address[3];
	sum += bpf_htonl(bytes) + (__u64)bpf_htonl(IPPROTO_UDP);
	sum += (__u64)gue_ports(packet, backend) + bpf_htons(bytes) + gue_header(packet, chain);
	check = ~checksum_fold(sum);
	return check ? check : 0xffff;
}

/* Whether the transport header's checksum spans all that follows the IP header; udp is read for UDP
 * alone. */
static __always_inline bool gue_covered(const struct packet *packet, const struct udphdr *udp,
					__u32 bytes)
{
	if (packet->protocol == IPPROTO_TCP)
		return true;
	return packet->protocol == IPPROTO_UDP && udp->check && bpf_ntohs(udp->len) == bytes;
}

/*
 * The sum of a client's packet whose transport header, bytes before the packet's end, is covered
 * and stands right behind the IP header. first: the IP header's first word; of IPv6, addresses and
 * length cancel out.
 */
static __always_inline __u64 gue_sum_covered(const struct packet *packet, __u32 first, __u32 bytes)
{
	if (packet->family == 4)
		return (__u64)checksum_minus(packet->source[0]) +
		       checksum_minus(packet->destination[0]) +
		       checksum_minus(bpf_htonl((__u32)packet->protocol << 16 | bytes));
	return (__u64)first + bpf_htonl((__u32)packet->protocol << 8 | packet->ttl) +
	       checksum_minus(bpf_htonl(packet->protocol));
}

/* For the short way: false when the sum does not follow from the headers. */
static __always_inline bool gue_sum_plain(const struct xdp_md *ctx, const struct packet *packet,
					  __u64 *sum)
{
	void *data = packet_data(ctx), *end = packet_end(ctx);
	__u32 ip_bytes = packet->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	__u32 bytes = packet->length - ip_bytes;
	struct udphdr *udp = data + ETH_HLEN + ip_bytes;

	if ((void *)(udp + 1) > end || !gue_covered(packet, udp, bytes))
		return false;
	*sum = gue_sum_covered(packet, *(__u32 *)(data + ETH_HLEN), bytes);
	return true;
}

/* For the long way: of any packet, byte by byte where it must be. */
static __always_inline __u64 gue_sum_any(struct xdp_md *ctx, const struct packet *packet)
{
	const __u8 not_whole = PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT | PACKET_QUOTED;
	__u32 ip_bytes = packet->l4 - packet->l3;
	__u32 bytes = packet->length - ip_bytes;
	struct udphdr *udp = packet_at(ctx, packet->l4, sizeof(*udp));
	__u32 *first = packet_at(ctx, packet->l3, sizeof(*first));

	if (!(packet->flags & not_whole) &&
	    (packet->family == 4 || ip_bytes == sizeof(struct ipv6hdr)) && first && udp &&
	    gue_covered(packet, udp, bytes))
		return gue_sum_covered(packet, *first, bytes);
	return (__u32)checksum_bytes(ctx, packet->l3, packet->length);
}

#endif
