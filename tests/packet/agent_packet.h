/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets of test_agent.c: builds clients' packets and the tunnels around them. Knows no BPF. */
#ifndef POISE_TEST_AGENT_PACKET_H
#define POISE_TEST_AGENT_PACKET_H

#include <linux/if_ether.h>
#include <stddef.h>
#include <stdint.h>

#include "build.h"
#include "poise_agent_abi.h"

enum {
	FRAGMENT_BYTES = 8,
	TEXT_BYTES = 120, /* of the TCP segment that packets carry, header included */

	IP4_TOS = 1, /* offsets of fields */
	IP4_LENGTH = 2,
	IP4_FRAGMENT = 6,
	IP4_PROTOCOL = 9,
	IP4_CHECKSUM = 10,
	IP4_SOURCE = 12,
	IP6_LENGTH = 4,
	IP6_NEXT = 6,
	IP6_SOURCE = 8,

	PROTOCOL_ICMP = 1,
	PROTOCOL_IPIP = 4,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_IP6 = 41,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_GRE = 47,
	PROTOCOL_ICMP6 = 58,
	PROTOCOL_OPTIONS = 60,

	UDP_DESTINATION = 2,
	UDP_LENGTH = 4,
	UDP_CHECKSUM = 6,
	GUE_BYTES = 4,
	GUE_PROTOCOL = 1,
	GUE_FLAGS = 2,
	GRE_BYTES = 4,
	GRE_TYPE = 2,
};

/* What a header may have besides its addresses. */
struct header {
	unsigned int tos;     /* or the traffic class */
	unsigned int options; /* IPv4: bytes of options, a multiple of 4 */
	unsigned int flags;   /* IPv4: flags and fragment offset */
	/* Of a tunnel: what stands between the headers; its UDP port is POISE_AGENT_GUE_PORT. */
	enum poise_agent_encapsulation encapsulation;
};

struct vectors { /* the two families' addresses of one tunnel or one connection */
	const char *source[2], *destination[2];
};

extern const char AGENT_VIP4[], AGENT_VIP6[];

/* From a balancer or a stranger to the backend; from the client to the VIP or another address. */
extern const struct vectors AGENT_TUNNEL, AGENT_STRANGER, AGENT_TO_VIP, AGENT_TO_OTHER;

void agent_packet_put16(uint8_t *at, unsigned int value);
unsigned int agent_packet_get16(const uint8_t *at);

/* Each puts a layer in front of what is there; the first one zeros, and returns where they are. */
uint8_t *agent_packet_push(struct packet *packet, size_t bytes);
void agent_packet_push_ip(struct packet *packet, int family, const struct vectors *addresses,
			  unsigned int protocol, struct header header);
void agent_packet_push_eth(struct packet *packet, unsigned int type);

unsigned int agent_packet_type(int family);
size_t agent_packet_header_bytes(int family, struct header header);
size_t agent_packet_shim_bytes(enum poise_agent_encapsulation encapsulation);

/* The client's packet as it left the client, with an Ethernet header of its family. */
struct packet agent_packet_inner(int family, const struct vectors *addresses, struct header header);

/* The same, as the balancer sends it. */
struct packet agent_packet_wrap(const struct packet *inner, int outer, const struct vectors *tunnel,
				struct header header);

/* A packet for the VIP, without anything special. */
struct packet agent_packet_tunnel(int outer, int inner);

#endif
