/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The frames that are measured with: TCP without options in the smallest Ethernet frame. */
#ifndef POISE_BENCH_FRAME_H
#define POISE_BENCH_FRAME_H

enum {
	FRAME_ETHERNET_BYTES = 14,
	FRAME_IP4_BYTES = 20,
	FRAME_IP6_BYTES = 40,
	FRAME_TCP_BYTES = 20,
	FRAME_PAYLOAD_BYTES = 6,

	FRAME4_BYTES =
		FRAME_ETHERNET_BYTES + FRAME_IP4_BYTES + FRAME_TCP_BYTES + FRAME_PAYLOAD_BYTES,
	FRAME6_BYTES =
		FRAME_ETHERNET_BYTES + FRAME_IP6_BYTES + FRAME_TCP_BYTES + FRAME_PAYLOAD_BYTES,
	FRAME_MAX_BYTES = FRAME6_BYTES,
};

#ifndef __bpf__
#include <stdint.h>

#define FRAME_VIP4 "203.0.113.10"
#define FRAME_VIP6 "2001:db8:f::10"

enum { FRAME_PORT = 80, FRAME_SYN = 0x02, FRAME_ACK = 0x10 };

/* Writes a client's frame to the service (family 4 or 6); returns its length. */
uint32_t frame_build(uint8_t family, uint8_t tcp_flags, uint8_t frame[FRAME_MAX_BYTES]);
uint32_t frame_bytes(uint8_t family);
/* The length of the same frame once it is in a tunnel of its own family. */
uint32_t frame_tunnel_bytes(uint8_t family);
#endif

#endif
