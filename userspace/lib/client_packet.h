/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The frame of a client's TCP or UDP packet, made of what is known of its flow. */
#ifndef POISE_CLIENT_PACKET_H
#define POISE_CLIENT_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "address.h"

enum client_packet_flags {
	CLIENT_PACKET_FIN = 0x01,
	CLIENT_PACKET_SYN = 0x02,
	CLIENT_PACKET_RST = 0x04,
	CLIENT_PACKET_ACK = 0x10,
};

enum { CLIENT_PACKET_LINK_BYTES = 14 }; /* of the Ethernet header */

struct client_packet {
	struct address source, destination; /* of the same family */
	uint16_t source_port, destination_port;
	uint8_t protocol;   /* IPPROTO_TCP or IPPROTO_UDP */
	uint8_t tcp_flags;  /* enum client_packet_flags */
	bool dont_fragment; /* IPv4's DF */
	size_t length; /* of the IP packet, bytes: zeros fill it up; 0: as long as it must be */
	const uint8_t *payload;
	size_t payload_length;
};

/* The bytes of its headers and payload, without the Ethernet header. */
size_t client_packet_least(const struct client_packet *packet);

/*
 * Writes the frame, with right checksums, into out, which has room for size bytes. Returns its
 * length; -EINVAL: length is less than client_packet_least(); -E2BIG: no room.
 */
ssize_t client_packet_write(const struct client_packet *packet, uint8_t *out, size_t size);

#endif
