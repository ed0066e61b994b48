// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "client_packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

enum {
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	TCP_BYTES = 20,
	UDP_BYTES = 8,
	MAX_IP_BYTES = 65535,
	TTL = 64,
	DONT_FRAGMENT = 0x40, /* in IPv4's seventh byte */
	WINDOW = 64240,
};

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The ones' complement sum (RFC 1071) of bytes, added to sum; not folded. */
static uint32_t add_sum(uint32_t sum, const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static unsigned int finish_sum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static size_t ip_bytes(const struct client_packet *packet)
{
	return packet->source.family == 4 ? IP4_BYTES : IP6_BYTES;
}

static size_t transport_bytes(const struct client_packet *packet)
{
	return packet->protocol == IPPROTO_TCP ? TCP_BYTES : UDP_BYTES;
}

size_t client_packet_least(const struct client_packet *packet)
{
	return ip_bytes(packet) + transport_bytes(packet) + packet->payload_length;
}

/* Locally administered addresses: the frame was sent by nobody. */
static void write_link(const struct client_packet *packet, uint8_t *at)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };

	memcpy(at, macs, sizeof(macs));
	put16(at + sizeof(macs), packet->source.family == 4 ? 0x0800 : 0x86dd);
}

static void write_ip4(const struct client_packet *packet, uint8_t *at, size_t length)
{
	at[0] = 0x45;
	put16(at + 2, (unsigned int)length);
	at[6] = packet->dont_fragment ? DONT_FRAGMENT : 0;
	at[8] = TTL;
	at[9] = packet->protocol;
	memcpy(at + 12, packet->source.bytes, 4);
	memcpy(at + 16, packet->destination.bytes, 4);
	put16(at + 10, finish_sum(add_sum(0, at, IP4_BYTES)));
}

static void write_ip6(const struct client_packet *packet, uint8_t *at, size_t length)
{
	at[0] = 0x60;
	put16(at + 4, (unsigned int)(length - IP6_BYTES));
	at[6] = packet->protocol;
	at[7] = TTL;
	memcpy(at + 8, packet->source.bytes, 16);
	memcpy(at + 24, packet->destination.bytes, 16);
}

static unsigned int transport_sum(const struct client_packet *packet, const uint8_t *at,
				  size_t length)
{
	size_t address_bytes = packet->source.family == 4 ? 4 : 16;
	uint32_t sum = (uint32_t)length + packet->protocol;

	sum = add_sum(sum, packet->source.bytes, address_bytes);
	sum = add_sum(sum, packet->destination.bytes, address_bytes);
	return finish_sum(add_sum(sum, at, length));
}

static void write_transport(const struct client_packet *packet, uint8_t *at, size_t length)
{
	size_t sum_at = packet->protocol == IPPROTO_TCP ? 16 : 6;
	unsigned int sum;

	put16(at, packet->source_port);
	put16(at + 2, packet->destination_port);
	if (packet->protocol == IPPROTO_TCP) {
		at[12] = TCP_BYTES / 4 << 4;
		at[13] = packet->tcp_flags;
		put16(at + 14, WINDOW);
	} else {
		put16(at + 4, (unsigned int)length);
	}
	if (packet->payload_length)
		memcpy(at + transport_bytes(packet), packet->payload, packet->payload_length);
	sum = transport_sum(packet, at, length);
	put16(at + sum_at, !sum && packet->protocol == IPPROTO_UDP ? 0xffff : sum);
}

ssize_t client_packet_write(const struct client_packet *packet, uint8_t *out, size_t size)
{
	size_t least = client_packet_least(packet);
	size_t length = packet->length ? packet->length : least;
	uint8_t *ip = out + CLIENT_PACKET_LINK_BYTES;

	if (length < least)
		return -EINVAL;
	if (length > MAX_IP_BYTES || CLIENT_PACKET_LINK_BYTES + length > size)
		return -E2BIG;
	memset(out, 0, CLIENT_PACKET_LINK_BYTES + length);
	write_link(packet, out);
	if (packet->source.family == 4)
		write_ip4(packet, ip, length);
	else
		write_ip6(packet, ip, length);
	write_transport(packet, ip + ip_bytes(packet), length - ip_bytes(packet));
	return (ssize_t)(CLIENT_PACKET_LINK_BYTES + length);
}
