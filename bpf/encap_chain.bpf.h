/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The chain in GUE's private data: docs/WIRE.md. That it fits the way is seen to before, by the
 * room for it that the backend's MTU leaves (struct poise_backend). What reads the hops' entries
 * is out of line: the verifier would follow each way through it together with each way through the
 * tunnel's headers.
 */
#ifndef POISE_ENCAP_CHAIN_BPF_H
#define POISE_ENCAP_CHAIN_BPF_H

#include "backend.bpf.h"
#include "checksum.bpf.h"
#include "poise_wire.h"

enum {
	HOP4_BYTES = 4,
	HOP6_BYTES = 16,
	CHAIN_BYTES_SHIFT = 16, /* of chain_measure()'s */
	CHAIN_BYTES_MASK = 0x3f,
};
_Static_assert((int)CHAIN_BYTES_MASK >= (int)POISE_CHAIN_MAX_BYTES, "CHAIN_BYTES_MASK");

/* What the headers before it need to know of a chain. */
struct chain {
	__u32 bytes; /* 0: there is none */
	__u32 sum;   /* checksum.bpf.h */
};

static __always_inline __u32 hop_bytes(const struct poise_backend *hop)
{
	return hop->family == 4 ? HOP4_BYTES : HOP6_BYTES;
}

/* The first word. families: as in struct poise_chain. */
static __always_inline __be32 chain_word(__u32 count, __u32 families)
{
	return bpf_htonl(POISE_CHAIN_MAGIC << 16 |
			 (POISE_CHAIN_VERSION << POISE_CHAIN_VERSION_SHIFT | count) << 8 |
			 families);
}

/* second: NULL when there is one hop alone. */
static __always_inline __be32 chain_head(const struct poise_backend *first,
					 const struct poise_backend *second)
{
	__u32 count = second ? 2 : 1, families = first->family == 6;

	if (second && second->family == 6)
		families |= 1 << 1;
	return chain_word(count, families);
}

/* Behind an IPv4 address stand zeros, which add nothing. */
static __always_inline __u64 hop_sum(const struct poise_backend *hop)
{
	const __u32 *address = (const __u32 *)hop->address;

	return (__u64)address[0] + address[1] + address[2] + address[3];
}

/* The folded sum of a chain, and its bytes << CHAIN_BYTES_SHIFT; 0: there is none. second: 0 for
 * one hop alone. */
__noinline int chain_measure(__u32 first, __u32 second)
{
	const struct poise_backend *one = backend_get(first), *two = NULL;
	__u32 bytes = sizeof(struct poise_chain);
	__u64 sum;

	if (!one)
		return 0;
	if (second)
		two = backend_get(second);
	bytes += hop_bytes(one) + (two ? hop_bytes(two) : 0);
	sum = chain_head(one, two) + hop_sum(one) + (two ? hop_sum(two) : 0);
	return bytes << CHAIN_BYTES_SHIFT | checksum_fold(sum);
}

/* Of the backends that packet->hops names; only GUE has room for them. */
static __always_inline struct chain chain_make(const struct packet *packet, __u32 kind)
{
	struct chain chain = {};
	__u32 measure;

	if (likely(!packet->hops[0] || kind != POISE_ENCAP_GUE))
		return chain;
	measure = chain_measure(packet->hops[0], packet->hops[1]);
	chain.bytes = measure >> CHAIN_BYTES_SHIFT & CHAIN_BYTES_MASK;
	chain.sum = measure & 0xffff;
	return chain;
}

/* Returns where the next one goes; NULL: cannot be. The longest form's room is asked for: the
 * client's packet, which is longer than that, follows. */
static __always_inline void *put_hop(__u32 *at, const void *end, const struct poise_backend *hop)
{
	const __u32 *address = (const __u32 *)hop->address;

	if ((void *)at + HOP6_BYTES > end)
		return NULL;
	at[0] = address[0];
	if (hop->family == 4)
		return (void *)at + HOP4_BYTES;
	at[1] = address[1];
	at[2] = address[2];
	at[3] = address[3];
	return (void *)at + HOP6_BYTES;
}

/* Returns whether there was room, without which it cannot be. */
__noinline int chain_put(struct xdp_md *ctx, __u32 offset, __u32 first, __u32 second)
{
	const struct poise_backend *one = backend_get(first), *two = NULL;
	void *at = packet_at(ctx, offset, sizeof(struct poise_chain));
	void *end = packet_end(ctx);

	if (!one || !at)
		return 0;
	if (second)
		two = backend_get(second);
	*(__be32 *)at = chain_head(one, two);
	at = put_hop(at + sizeof(struct poise_chain), end, one);
	if (at && two)
		at = put_hop(at, end, two);
	return at != NULL;
}

/* offset: behind the GUE header. */
static __always_inline bool write_chain(struct xdp_md *ctx, const struct packet *packet,
					const struct chain *chain, __u32 offset)
{
	return !chain->bytes || chain_put(ctx, offset, packet->hops[0], packet->hops[1]);
}

#endif
