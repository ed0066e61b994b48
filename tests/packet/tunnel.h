/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What must come out of the balancer for a packet that goes to a backend: headers, tags, checksums,
 * all computed anew. */
#ifndef POISE_TEST_TUNNEL_H
#define POISE_TEST_TUNNEL_H

#include "build.h"
#include "poise_abi.h"
#include "poise_wire.h"

enum {
	GUE_HEADER_BYTES = 4,
	GRE_BYTES = 4,
};

/* Bytes that the entry's tunnel puts before an IP packet. */
size_t tunnel_bytes(const struct poise_backend *entry);

/* in: of a flow with this hash. Its VLAN tags are not carried over; what follows its IP packet is.
 */
struct packet tunnel_packet(const struct packet *in, const struct poise_backend *entry,
			    uint64_t hash);

/* The backends that a chain names, in order; NULL: none, and none follows. */
struct tunnel_hops {
	const struct poise_backend *hop[POISE_CHAIN_HOPS];
};

/* The same with a chain, of GUE; hops: NULL, or none: without. */
struct packet tunnel_packet_chained(const struct packet *in, const struct poise_backend *entry,
				    uint64_t hash, const struct tunnel_hops *hops);

#endif
