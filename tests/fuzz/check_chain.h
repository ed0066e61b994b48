/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What must hold of a packet that poise-agent sends on to the next hop of a chain. Reads GUE
 * without the program's help.
 */
#ifndef POISE_FUZZ_CHECK_CHAIN_H
#define POISE_FUZZ_CHECK_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

/* A tunnel packet of GUE, as far as a reader needs it. */
struct chain_view {
	uint8_t family;		  /* of the tunnel: 4 or 6; 0: it is none */
	uint8_t inner_family;	  /* as GUE says */
	const uint8_t *addresses; /* of the chain */
	uint8_t count, families;  /* 0: there is no chain */
	uint32_t inner;		  /* offset of the inner packet */
	const uint8_t *frame;
	uint32_t bytes;
};

struct chain_view chain_view_read(const uint8_t *frame, uint32_t bytes);

/* Aborts unless 'out' is what 'in' becomes: for the first address, which is one of 10.0.1.0/24 and
 * 2001:db8:2::/48, with the other ones, around the same inner packet. */
void check_sent_on(const uint8_t *in, uint32_t in_bytes, const uint8_t *out, uint32_t out_bytes);

#endif
