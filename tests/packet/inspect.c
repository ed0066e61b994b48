// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a packet says of itself: a parser apart from the one under test. */
#include "inspect.h"

#include <string.h>

enum { /* offsets of fields */
       ETH_TYPE = 12,
       IP4_TOS = 1,
       IP4_LENGTH = 2,
       IP4_PROTOCOL = 9,
       IP6_LENGTH = 4,
       IP6_NEXT = 6,
       TCP_FLAGS = 13,
};

struct transport {
	uint8_t protocol;
	size_t at;
};

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint16_t type_before(const struct packet *packet, size_t l3)
{
	return get16(packet->bytes + l3 - 2);
}

size_t packet_l3(const struct packet *packet)
{
	size_t l3 = ETH_BYTES;

	while (type_before(packet, l3) == ETH_P_8021Q || type_before(packet, l3) == ETH_P_8021AD)
		l3 += VLAN_BYTES;
	return l3;
}

int packet_family(const struct packet *packet)
{
	switch (type_before(packet, packet_l3(packet))) {
	case ETH_P_IP:
		return 4;
	case ETH_P_IPV6:
		return 6;
	default:
		return 0;
	}
}

uint8_t packet_tos(const struct packet *packet)
{
	const uint8_t *ip = packet->bytes + packet_l3(packet);

	return packet_family(packet) == 4 ? ip[IP4_TOS] : (uint8_t)(get16(ip) >> 4);
}

size_t packet_ip_length(const struct packet *packet)
{
	const uint8_t *ip = packet->bytes + packet_l3(packet);

	return packet_family(packet) == 4 ? get16(ip + IP4_LENGTH)
					  : IP6_BYTES + (size_t)get16(ip + IP6_LENGTH);
}

static bool is_extension(uint8_t protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_FRAGMENT;
}

static struct transport find_transport(const struct packet *packet)
{
	size_t l3 = packet_l3(packet);
	const uint8_t *ip = packet->bytes + l3;
	struct transport found = { ip[IP4_PROTOCOL], l3 + (ip[0] & 0xf) * 4U };

	if (packet_family(packet) == 4)
		return found;
	found = (struct transport){ ip[IP6_NEXT], l3 + IP6_BYTES };
	while (is_extension(found.protocol)) {
		const uint8_t *extension = packet->bytes + found.at;
		size_t units = found.protocol == IPPROTO_FRAGMENT ? 0 : extension[1];

		found = (struct transport){ extension[0], found.at + (units + 1) * 8 };
	}
	return found;
}

uint8_t packet_protocol(const struct packet *packet)
{
	return find_transport(packet).protocol;
}

size_t packet_l4(const struct packet *packet)
{
	return find_transport(packet).at;
}

uint32_t packet_ports(const struct packet *packet)
{
	uint32_t ports;

	memcpy(&ports, packet->bytes + packet_l4(packet), sizeof(ports));
	return ports;
}

unsigned int packet_tcp_flags(const struct packet *packet)
{
	struct transport transport = find_transport(packet);

	return transport.protocol == IPPROTO_TCP ? packet->bytes[transport.at + TCP_FLAGS] : 0;
}
