/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What balancer and backends say to each other in the tunnel's header: docs/WIRE.md. Built by gcc
 * and by clang -target bpf.
 */
#ifndef POISE_WIRE_H
#define POISE_WIRE_H

#include <linux/types.h>

enum {
	POISE_CHAIN_MAGIC = 0x504f, /* host byte order; on the wire "PO" */
	POISE_CHAIN_VERSION = 1,
	POISE_CHAIN_HOPS = 2,	    /* at most, behind the first one, which the packet is sent to */
	POISE_CHAIN_MAX_BYTES = 36, /* with two IPv6 addresses */
	POISE_CHAIN_MAX_BYTES4 = 12, /* where there are none */
	/* What a packet takes in an IPv4 tunnel beside IPv6 ones: it grows by 4 bytes when the
	 * second of two IPv6 addresses is left and the tunnel's header became 20 bytes longer. */
	POISE_CHAIN_MIXED_BYTES = 40,

	POISE_CHAIN_VERSION_SHIFT = 4,
	POISE_CHAIN_COUNT_MASK = 0x0f,

	POISE_GUE_WORDS_MASK = 0x1f, /* of variant_length */
};

/*
 * The header of Generic UDP Encapsulation (draft-ietf-intarea-gue-09). variant_length: variant (2
 * bits), control message (1), and the length of what follows these four bytes, in words (5).
 */
struct poise_gue {
	__u8 variant_length;
	__u8 protocol;
	__be16 flags;
};
_Static_assert(sizeof(struct poise_gue) == 4, "poise_gue");

/*
 * GUE's private data: the backends that are asked next, in this order. Behind it stand their
 * addresses, four bytes for IPv4 and sixteen for IPv6, without gaps.
 */
struct poise_chain {
	__be16 magic;
	__u8 version_count; /* version << 4 | addresses that follow, 1 to POISE_CHAIN_HOPS */
	__u8 families;	    /* bit n: address n is IPv6; other bits 0 */
};
_Static_assert(sizeof(struct poise_chain) == 4, "poise_chain");

#endif
