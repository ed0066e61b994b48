/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The frames that are measured with. */
#ifndef POISE_BENCH_FRAME_H
#define POISE_BENCH_FRAME_H

enum {
	FRAME_ETHERNET_BYTES = 14,
	FRAME_VLAN_BYTES = 4,
	FRAME_OPTIONS_BYTES = 4, /* of IPv4: four times 'no operation' */
	FRAME_IP4_BYTES = 20,
	FRAME_IP6_BYTES = 40,
	FRAME_SMALLEST4 = 60, /* of Ethernet, without its checksum: what is called 64 bytes */
	FRAME_SMALLEST6 = 80,
	FRAME_MAX_BYTES = 1514,

	FRAME_SERVICES = 4096,	/* addresses of services, one after the other */
	FRAME_OTHER_PORT = 443, /* of the same addresses, without a service */
	FRAME_PORT = 80,
	FRAME_VLAN_ID = 10,
};

#ifndef __bpf__
#include <stdint.h>

/* The first services' addresses. */
#define FRAME_VIP4 "198.18.16.0"
#define FRAME_VIP6 "2001:db8:f::"
/* An address that no service has. */
#define FRAME_OTHER_VIP4 "198.18.32.0"

enum { FRAME_SYN = 0x02, FRAME_ACK = 0x10 };

enum frame_shape {
	FRAME_PLAIN,
	FRAME_VLAN,    /* an 802.1Q tag */
	FRAME_OPTIONS, /* IPv4 options */
	FRAME_QUIC,    /* UDP with a short header that names the first backend */
	FRAME_OTHER,   /* for an address without services */
};

struct frame {
	uint8_t family;	   /* 4 or 6 */
	uint8_t protocol;  /* IPPROTO_TCP or IPPROTO_UDP */
	uint8_t tcp_flags; /* FRAME_SYN or FRAME_ACK */
	uint8_t shape;	   /* enum frame_shape; but for FRAME_PLAIN and FRAME_QUIC only of IPv4 */
	uint16_t bytes;	   /* 0: the smallest */
};

/* Writes a client's frame to the first service; returns its length. */
uint32_t frame_build(const struct frame *frame, uint8_t bytes[FRAME_MAX_BYTES]);
uint32_t frame_bytes(const struct frame *frame);

/* The server id of the backend with this index, as FRAME_QUIC carries it: four bytes. */
enum { FRAME_SERVER_ID_BYTES = 4, FRAME_QUIC_CONFIG = 1, FRAME_QUIC_BACKEND = 1 };
void frame_server_id(uint16_t backend, uint8_t id[FRAME_SERVER_ID_BYTES]);
#endif

#endif
