/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What must come out of the balancer for a packet that goes to a backend: headers, tags, checksums,
 * all computed anew. */
#ifndef POISE_TEST_TUNNEL_H
#define POISE_TEST_TUNNEL_H

#include "build.h"
#include "poise_abi.h"

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

#endif
