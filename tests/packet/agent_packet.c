// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets of test_agent.c: see agent_packet.h. */
#include "agent_packet.h"

#include <arpa/inet.h>
#include <string.h>

static const char BALANCER4[] = "10.0.1.2", BACKEND4[] = "10.0.1.11", STRANGER4[] = "10.0.2.2";
static const char BALANCER6[] = "2001:db8:2::2", BACKEND6[] = "2001:db8:2::11";
static const char STRANGER6[] = "2001:db8:3::2";
static const char CLIENT4[] = "198.51.100.2", OTHER4[] = "203.0.113.11";
static const char CLIENT6[] = "2001:db8:1::2";
static const char OTHER6[] = "2001:db8:f::11";
const char AGENT_VIP4[] = "203.0.113.10", AGENT_VIP6[] = "2001:db8:f::10";

const struct vectors AGENT_TUNNEL = { { BALANCER4, BALANCER6 }, { BACKEND4, BACKEND6 } };
const struct vectors AGENT_STRANGER = { { STRANGER4, STRANGER6 }, { BACKEND4, BACKEND6 } };
const struct vectors AGENT_TO_VIP = { { CLIENT4, CLIENT6 }, { AGENT_VIP4, AGENT_VIP6 } };
const struct vectors AGENT_TO_OTHER = { { CLIENT4, CLIENT6 }, { OTHER4, OTHER6 } };

void agent_packet_put16(uint8_t *at, unsigned int value)
{
	at[0] = value >> 8;
	at[1] = value;
}

unsigned int agent_packet_get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

uint8_t *agent_packet_push(struct packet *packet, size_t bytes)
{
	memmove(packet->bytes + bytes, packet->bytes, packet->length);
	memset(packet->bytes, 0, bytes);
	packet->length += bytes;
	return packet->bytes;
}

static void put_checksum(uint8_t *ip)
{
	unsigned int header = (ip[0] & 0xf) * 4, sum = 0;

	agent_packet_put16(ip + IP4_CHECKSUM, 0);
	for (unsigned int i = 0; i < header; i += 2)
		sum += agent_packet_get16(ip + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	agent_packet_put16(ip + IP4_CHECKSUM, ~sum);
}

static void push_ip4(struct packet *packet, const char *source, const char *destination,
		     unsigned int protocol, struct header header)
{
	uint8_t *ip = agent_packet_push(packet, IP4_BYTES + header.options);

	ip[0] = 0x40 | (IP4_BYTES + header.options) / 4;
	ip[IP4_TOS] = header.tos;
	agent_packet_put16(ip + IP4_LENGTH, packet->length);
	agent_packet_put16(ip + IP4_FRAGMENT, header.flags ? header.flags : IP4_DONT_FRAGMENT);
	ip[8] = 64;
	ip[IP4_PROTOCOL] = protocol;
	inet_pton(AF_INET, source, ip + IP4_SOURCE);
	inet_pton(AF_INET, destination, ip + IP4_SOURCE + 4);
	memset(ip + IP4_BYTES, 1, header.options); /* no-operation */
	put_checksum(ip);
}

static void push_ip6(struct packet *packet, const char *source, const char *destination,
		     unsigned int next, struct header header)
{
	uint8_t *ip = agent_packet_push(packet, IP6_BYTES);

	ip[0] = 0x60 | header.tos >> 4;
	ip[1] = header.tos << 4 | 0xa; /* a flow label, which must survive */
	agent_packet_put16(ip + 2, 0xbcde);
	agent_packet_put16(ip + IP6_LENGTH, packet->length - IP6_BYTES);
	ip[IP6_NEXT] = next;
	ip[7] = 64;
	inet_pton(AF_INET6, source, ip + IP6_SOURCE);
	inet_pton(AF_INET6, destination, ip + IP6_SOURCE + 16);
}

void agent_packet_push_ip(struct packet *packet, int family, const struct vectors *addresses,
			  unsigned int protocol, struct header header)
{
	if (family == 4)
		push_ip4(packet, addresses->source[0], addresses->destination[0], protocol, header);
	else
		push_ip6(packet, addresses->source[1], addresses->destination[1], protocol, header);
}

void agent_packet_push_eth(struct packet *packet, unsigned int type)
{
	static const uint8_t macs[] = { 2, 0, 0, 0, 1, 11, 2, 0, 0, 0, 1, 2 };

	agent_packet_push(packet, ETH_HLEN);
	memcpy(packet->bytes, macs, sizeof(macs));
	agent_packet_put16(packet->bytes + sizeof(macs), type);
}

unsigned int agent_packet_type(int family)
{
	return family == 4 ? ETH_P_IP : ETH_P_IPV6;
}

size_t agent_packet_header_bytes(int family, struct header header)
{
	return family == 4 ? IP4_BYTES + header.options : IP6_BYTES;
}

struct packet agent_packet_inner(int family, const struct vectors *addresses, struct header header)
{
	struct packet packet = { .length = TEXT_BYTES };

	for (size_t i = 0; i < TEXT_BYTES; i++)
		packet.bytes[i] = i * 7;
	agent_packet_push_ip(&packet, family, addresses, PROTOCOL_TCP, header);
	agent_packet_push_eth(&packet, agent_packet_type(family));
	return packet;
}

size_t agent_packet_shim_bytes(enum poise_agent_encapsulation encapsulation)
{
	static const size_t bytes[] = { [POISE_AGENT_IPIP] = 0,
					[POISE_AGENT_GUE] = UDP_BYTES + GUE_BYTES,
					[POISE_AGENT_GRE] = GRE_BYTES };

	return bytes[encapsulation];
}

static void push_gue(struct packet *packet, int inner)
{
	agent_packet_push(packet, GUE_BYTES)[GUE_PROTOCOL] =
		inner == 4 ? PROTOCOL_IPIP : PROTOCOL_IP6;
	agent_packet_push(packet, UDP_BYTES);
	agent_packet_put16(packet->bytes, 50000);
	agent_packet_put16(packet->bytes + UDP_DESTINATION, POISE_AGENT_GUE_PORT);
	agent_packet_put16(packet->bytes + UDP_LENGTH, packet->length);
}

/* Returns the protocol for the header before it. */
static unsigned int push_shim(struct packet *packet, int inner,
			      enum poise_agent_encapsulation encapsulation)
{
	switch (encapsulation) {
	case POISE_AGENT_GUE:
		push_gue(packet, inner);
		return PROTOCOL_UDP;
	case POISE_AGENT_GRE:
		agent_packet_push(packet, GRE_BYTES);
		agent_packet_put16(packet->bytes + GRE_TYPE, agent_packet_type(inner));
		return PROTOCOL_GRE;
	default:
		return inner == 4 ? PROTOCOL_IPIP : PROTOCOL_IP6;
	}
}

struct packet agent_packet_wrap(const struct packet *inner, int outer, const struct vectors *tunnel,
				struct header header)
{
	int family = agent_packet_get16(inner->bytes + 2 * ETH_ALEN) == ETH_P_IP ? 4 : 6;
	struct packet packet = { .length = inner->length - ETH_HLEN };
	unsigned int protocol;

	memcpy(packet.bytes, inner->bytes + ETH_HLEN, packet.length);
	protocol = push_shim(&packet, family, header.encapsulation);
	agent_packet_push_ip(&packet, outer, tunnel, protocol, header);
	agent_packet_push_eth(&packet, agent_packet_type(outer));
	return packet;
}

struct packet agent_packet_tunnel(int outer, int inner)
{
	struct packet packet = agent_packet_inner(inner, &AGENT_TO_VIP, (struct header){ 0 });

	return agent_packet_wrap(&packet, outer, &AGENT_TUNNEL, (struct header){ 0 });
}
