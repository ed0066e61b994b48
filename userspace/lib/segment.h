/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How large a client's TCP segment may be so that it fits the tunnel. Arithmetic alone. */
#ifndef POISE_SEGMENT_H
#define POISE_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

struct segment_tunnel {
	uint32_t encapsulations; /* as in struct poise_agent_settings */
	bool outer6;		 /* the tunnel may be IPv6 */
	bool chain, chain6;	 /* GUE may carry a chain (docs/WIRE.md), of IPv6 addresses */
};

/* IP and TCP headers without options: family 4 or 6. */
uint32_t segment_headers(uint8_t family);

/* Bytes of the tunnel's headers at most. */
uint32_t segment_tunnel_bytes(const struct segment_tunnel *tunnel);

/* The largest TCP segment over IPv4 (family 4) or IPv6 that fits an MTU; 0: none does. */
uint16_t segment_size(const struct segment_tunnel *tunnel, uint32_t mtu, uint8_t family);

#endif
