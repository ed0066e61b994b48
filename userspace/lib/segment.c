// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The size of segments: see segment.h. */
#include "segment.h"

#include "poise_agent_abi.h"
#include "poise_wire.h"

enum {
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	TCP_BYTES = 20,
	GUE_BYTES = 8 + sizeof(struct poise_gue), /* with UDP */
	GRE_BYTES = 4,
	CHAIN4_BYTES = sizeof(struct poise_chain) + POISE_CHAIN_HOPS * 4,
};

uint32_t segment_headers(uint8_t family)
{
	return (family == 4 ? IP4_BYTES : IP6_BYTES) + TCP_BYTES;
}

/* A packet may be handed on over IPv6 where a hop is IPv6, and has a chain of its own there. */
uint32_t segment_tunnel_bytes(const struct segment_tunnel *tunnel)
{
	bool outer6 = tunnel->outer6 || (tunnel->chain && tunnel->chain6);
	uint32_t bytes = outer6 ? IP6_BYTES : IP4_BYTES;

	if (tunnel->encapsulations >> POISE_AGENT_GUE & 1) {
		bytes += GUE_BYTES;
		if (tunnel->chain)
			bytes += tunnel->chain6 ? POISE_CHAIN_MAX_BYTES : CHAIN4_BYTES;
		return bytes;
	}
	return tunnel->encapsulations >> POISE_AGENT_GRE & 1 ? bytes + GRE_BYTES : bytes;
}

uint16_t segment_size(const struct segment_tunnel *tunnel, uint32_t mtu, uint8_t family)
{
	uint32_t taken = segment_headers(family) + segment_tunnel_bytes(tunnel);
	uint32_t size = mtu > taken ? mtu - taken : 0;

	return size < UINT16_MAX ? (uint16_t)size : UINT16_MAX;
}
