/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The chain in GUE's private data (docs/WIRE.md): its shape, its first address, and what is left of
 * it for that one. Changes no byte.
 */
#ifndef POISE_AGENT_CHAIN_BPF_H
#define POISE_AGENT_CHAIN_BPF_H

#include "agent_parse.bpf.h"

enum {
	ADDRESS4_BYTES = 4,
	ADDRESS6_BYTES = 16,
	ADDRESS6_WORDS = 4,
	REST_WORDS = 1 + ADDRESS6_WORDS, /* a chain of one address, at most */
};

static __always_inline __u32 chain_count(const struct poise_chain *header)
{
	return header->version_count & POISE_CHAIN_COUNT_MASK;
}

/* Of address n. */
static __always_inline __u32 chain_address_bytes(const struct poise_chain *header, __u32 n)
{
	return header->families >> n & 1 ? ADDRESS6_BYTES : ADDRESS4_BYTES;
}

/* Whether the chain is what its own fields and the GUE header say. GO_ON or a reason. */
static __always_inline int check_chain(struct frame *ctx, const struct tunnel *tunnel)
{
	struct poise_chain *header =
		frame_at(ctx, tunnel->inner - tunnel->chain, sizeof(struct poise_chain));
	__u32 count, bytes = sizeof(*header);

	if (!header)
		return POISE_AGENT_REASON_INTERNAL;
	if (header->version_count >> POISE_CHAIN_VERSION_SHIFT != POISE_CHAIN_VERSION)
		return POISE_AGENT_REASON_CHAIN_UNKNOWN;
	count = chain_count(header);
	if (count < 1 || count > POISE_CHAIN_HOPS || header->families >> count)
		return POISE_AGENT_REASON_CHAIN_MALFORMED;
	for (__u32 i = 0; i < POISE_CHAIN_HOPS; i++)
		if (i < count)
			bytes += chain_address_bytes(header, i);
	return bytes == tunnel->chain ? GO_ON : POISE_AGENT_REASON_CHAIN_MALFORMED;
}

static __always_inline bool copy_address(struct frame *ctx, __u32 offset, __u32 bytes, __be32 *to)
{
	__be32 *from = frame_at(ctx, offset, bytes);

	if (!from)
		return false;
	__builtin_memcpy(to, from, bytes);
	return true;
}

/* Copies so many bytes; false: they are not in the frame. */
static __always_inline bool read_address(struct frame *ctx, __u32 offset, __u32 bytes, __be32 *to)
{
	return bytes == ADDRESS6_BYTES ? copy_address(ctx, offset, ADDRESS6_BYTES, to)
				       : copy_address(ctx, offset, ADDRESS4_BYTES, to);
}

/* The family of the first address of a chain that check_chain() took. */
static __always_inline __u32 chain_family(const struct poise_chain *header)
{
	return chain_address_bytes(header, 0) == ADDRESS6_BYTES ? 6 : 4;
}

/* The first address, which has room for one of its family. */
static __always_inline bool chain_next(struct frame *ctx, const struct tunnel *tunnel,
				       const struct poise_chain *header, __be32 *to)
{
	return read_address(ctx, tunnel->inner - tunnel->chain + sizeof(*header),
			    chain_address_bytes(header, 0), to);
}

/* What the next hop gets: the chain without its first address, or none. words: of it. */
static __always_inline bool chain_rest(struct frame *ctx, const struct tunnel *tunnel,
				       const struct poise_chain *header, __be32 to[REST_WORDS],
				       __u32 *words)
{
	__u32 first = chain_address_bytes(header, 0), second = chain_address_bytes(header, 1);
	struct poise_chain rest = {
		.magic = header->magic,
		.version_count = POISE_CHAIN_VERSION << POISE_CHAIN_VERSION_SHIFT | 1,
		.families = header->families >> 1,
	};

	*words = 0;
	if (chain_count(header) == 1)
		return true;
	*words = (sizeof(rest) + second) / sizeof(*to);
	__builtin_memcpy(to, &rest, sizeof(rest));
	return read_address(ctx, tunnel->inner - tunnel->chain + sizeof(rest) + first, second,
			    to + 1);
}

#endif
