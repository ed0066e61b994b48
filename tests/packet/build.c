// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets built from named layers. Knows nothing of Poise. */
#include "build.h"

#include <arpa/inet.h>
#include <netinet/ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

enum { /* offsets of fields */
       ETH_TYPE = 12,
       VLAN_TYPE = 2,
       IP4_TOS = 1,
       IP4_LENGTH = 2,
       IP4_ID = 4,
       IP4_FRAGMENT = 6,
       IP4_TTL = 8,
       IP4_PROTOCOL = 9,
       IP4_CHECKSUM = 10,
       IP4_SOURCE = 12,
       IP4_DESTINATION = 16,
       IP6_LENGTH = 4,
       IP6_NEXT = 6,
       IP6_HOPS = 7,
       IP6_SOURCE = 8,
       IP6_DESTINATION = 24,
       TCP_OFFSET = 12,
       TCP_FLAGS = 13,
       TCP_WINDOW = 14,
       TCP_CHECKSUM = 16,
       UDP_LENGTH = 4,
       UDP_CHECKSUM = 6,
       ICMP_CHECKSUM = 2,
       ICMP_REST = 4,
};

enum {
	EXTENSION_BYTES = 8,
	DEFAULT_ID = 0x1d0c,
	ARP_BYTES = 28,
	IP4_NO_OPERATION = 1,
	ICMP_ECHO = 8,
	ICMP6_ECHO = 128,
};

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value & 0xff;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static _Noreturn void fail(const char *what, const char *text)
{
	fprintf(stderr, "%s: '%s'\n", what, text);
	abort();
}

static void put_address(int family, const char *text, uint8_t *at)
{
	if (inet_pton(family, text, at) != 1)
		fail("not an address", text);
}

static void put_mac(const char *text, uint8_t *at)
{
	struct ether_addr mac;

	if (!ether_aton_r(text, &mac))
		fail("not a MAC address", text);
	memcpy(at, mac.ether_addr_octet, ETH_ALEN);
}

uint16_t ones_complement(const uint8_t *bytes, size_t length, uint32_t sum)
{
	for (size_t i = 0; i < length; i++) {
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/*
 * Layers.
 */

struct layer eth(const char *source, const char *destination)
{
	struct layer layer = { .type = LAYER_ETH, .length = ETH_BYTES };

	put_mac(destination, layer.bytes);
	put_mac(source, layer.bytes + ETH_ALEN);
	return layer;
}

struct layer vlan(uint16_t id)
{
	struct layer layer = { .type = LAYER_VLAN, .length = VLAN_BYTES };

	put16(layer.bytes, id);
	return layer;
}

struct layer service_vlan(uint16_t id)
{
	struct layer layer = vlan(id);

	layer.type = LAYER_SERVICE_VLAN;
	return layer;
}

struct layer ip4(const char *source, const char *destination)
{
	struct layer layer = { .type = LAYER_IP4, .length = IP4_BYTES };

	layer.bytes[0] = 4 << 4 | IP4_BYTES / 4;
	put16(layer.bytes + IP4_ID, DEFAULT_ID);
	layer.bytes[IP4_TTL] = 57;
	put_address(AF_INET, source, layer.bytes + IP4_SOURCE);
	put_address(AF_INET, destination, layer.bytes + IP4_DESTINATION);
	return layer;
}

struct layer ip6(const char *source, const char *destination)
{
	struct layer layer = { .type = LAYER_IP6, .length = IP6_BYTES };

	layer.bytes[0] = 6 << 4;
	layer.bytes[IP6_HOPS] = 57;
	put_address(AF_INET6, source, layer.bytes + IP6_SOURCE);
	put_address(AF_INET6, destination, layer.bytes + IP6_DESTINATION);
	return ip6_label(layer, 0xabcde);
}

struct layer ip6_extension_of(uint8_t protocol, size_t bytes)
{
	return (struct layer){ .type = LAYER_IP6_EXTENSION,
			       .length = bytes,
			       .own_protocol = protocol,
			       .bytes = { 0, (uint8_t)(bytes / EXTENSION_BYTES - 1) } };
}

struct layer ip6_extension(uint8_t protocol)
{
	return ip6_extension_of(protocol, EXTENSION_BYTES);
}

struct layer ip6_fragment(uint16_t offset_and_flag)
{
	struct layer layer = ip6_extension(IPPROTO_FRAGMENT);

	put16(layer.bytes + 2, offset_and_flag);
	put32(layer.bytes + 4, DEFAULT_ID);
	return layer;
}

struct layer tcp(uint16_t source, uint16_t destination, unsigned int flags)
{
	struct layer layer = { .type = LAYER_TCP, .length = TCP_BYTES };

	put16(layer.bytes, source);
	put16(layer.bytes + 2, destination);
	put32(layer.bytes + 4, 0x01020304); /* sequence number */
	layer.bytes[TCP_OFFSET] = TCP_BYTES / 4 << 4;
	layer.bytes[TCP_FLAGS] = flags & 0xff;
	put16(layer.bytes + TCP_WINDOW, 64240);
	return layer;
}

struct layer udp(uint16_t source, uint16_t destination)
{
	struct layer layer = { .type = LAYER_UDP, .length = UDP_BYTES };

	put16(layer.bytes, source);
	put16(layer.bytes + 2, destination);
	return layer;
}

struct layer icmp(uint8_t type, uint8_t code, uint32_t rest)
{
	struct layer layer = { .type = LAYER_ICMP, .length = ICMP_BYTES, .bytes = { type, code } };

	put32(layer.bytes + ICMP_REST, rest);
	return layer;
}

struct layer icmp6(uint8_t type, uint8_t code, uint32_t rest)
{
	struct layer layer = icmp(type, code, rest);

	layer.type = LAYER_ICMP6;
	return layer;
}

struct layer echo(void)
{
	return icmp(ICMP_ECHO, 0, 0);
}

struct layer echo6(void)
{
	return icmp6(ICMP6_ECHO, 0, 0);
}

struct layer arp(const char *sender, const char *target)
{
	static const uint8_t begin[] = { 0, 1, ETH_P_IP >> 8, 0, ETH_ALEN, 4, 0, 1 };
	struct layer layer = { .type = LAYER_PAYLOAD, .length = ARP_BYTES };

	memcpy(layer.bytes, begin, sizeof(begin));
	put_address(AF_INET, sender, layer.bytes + 14);
	put_address(AF_INET, target, layer.bytes + 24);
	return layer;
}

struct layer raw(const void *bytes, size_t length)
{
	return (struct layer){ .type = LAYER_PAYLOAD, .length = length, .raw = bytes };
}

struct layer quote(const struct packet *packet, size_t bytes)
{
	return raw(packet->bytes + packet_l3(packet), bytes);
}

struct layer payload(size_t bytes)
{
	static uint8_t pattern[PACKET_BYTES];

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7 + 1);
	return raw(pattern, bytes);
}

struct layer trailer(const void *bytes, size_t length)
{
	return (struct layer){ .type = LAYER_TRAILER, .length = length, .raw = bytes };
}

struct layer padding(size_t bytes)
{
	static const uint8_t zeros[PACKET_BYTES];

	return trailer(zeros, bytes);
}

/*
 * Changed copies.
 */

struct layer tos(struct layer ip, uint8_t value)
{
	if (ip.type == LAYER_IP4) {
		ip.bytes[IP4_TOS] = value;
	} else {
		ip.bytes[0] = (uint8_t)((ip.bytes[0] & 0xf0) | value >> 4);
		ip.bytes[1] = (uint8_t)((ip.bytes[1] & 0x0f) | value << 4);
	}
	return ip;
}

struct layer ttl(struct layer ip, uint8_t value)
{
	ip.bytes[ip.type == LAYER_IP4 ? IP4_TTL : IP6_HOPS] = value;
	return ip;
}

struct layer next(struct layer header, uint8_t protocol)
{
	header.bytes[header.type == LAYER_IP4	? IP4_PROTOCOL
		     : header.type == LAYER_IP6 ? IP6_NEXT
						: 0] = protocol;
	header.keep_next = true;
	return header;
}

struct layer checksum(struct layer transport, uint16_t value)
{
	put16(transport.bytes + (transport.type == LAYER_TCP   ? TCP_CHECKSUM
				 : transport.type == LAYER_UDP ? UDP_CHECKSUM
							       : ICMP_CHECKSUM),
	      value);
	transport.keep_checksum = true;
	return transport;
}

struct layer tcp_words(struct layer header, uint8_t value)
{
	header.bytes[TCP_OFFSET] = (uint8_t)(value << 4);
	return header;
}

struct layer version(struct layer ip, uint8_t value)
{
	ip.bytes[0] = (uint8_t)((ip.bytes[0] & 0x0f) | value << 4);
	return ip;
}

struct layer claim(struct layer header, uint16_t value)
{
	put16(header.bytes + (header.type == LAYER_IP4	 ? IP4_LENGTH
			      : header.type == LAYER_IP6 ? IP6_LENGTH
							 : UDP_LENGTH),
	      value);
	header.keep_length = true;
	return header;
}

struct layer ip4_id(struct layer ip, uint16_t value)
{
	put16(ip.bytes + IP4_ID, value);
	return ip;
}

struct layer ip4_fragment(struct layer ip, uint16_t flags_and_offset)
{
	put16(ip.bytes + IP4_FRAGMENT, flags_and_offset);
	return ip;
}

struct layer ip4_options(struct layer ip, size_t bytes)
{
	memset(ip.bytes + IP4_BYTES, IP4_NO_OPERATION, bytes);
	ip.length = IP4_BYTES + bytes;
	return ip4_words(ip, (uint8_t)(ip.length / 4));
}

struct layer ip4_words(struct layer ip, uint8_t value)
{
	ip.bytes[0] = (uint8_t)((ip.bytes[0] & 0xf0) | value);
	return ip;
}

struct layer ip6_label(struct layer ip, uint32_t value)
{
	ip.bytes[1] = (uint8_t)((ip.bytes[1] & 0xf0) | value >> 16);
	put16(ip.bytes + 2, value & 0xffff);
	return ip;
}

/*
 * Whole packets.
 */

static uint8_t protocol_of(const struct layer *layer)
{
	switch (layer->type) {
	case LAYER_IP4:
		return IPPROTO_IPIP;
	case LAYER_IP6:
		return IPPROTO_IPV6;
	case LAYER_IP6_EXTENSION:
		return layer->own_protocol;
	case LAYER_TCP:
		return IPPROTO_TCP;
	case LAYER_UDP:
		return IPPROTO_UDP;
	case LAYER_ICMP:
		return IPPROTO_ICMP;
	case LAYER_ICMP6:
		return IPPROTO_ICMPV6;
	default:
		return IPPROTO_RAW;
	}
}

static uint16_t ether_type_of(const struct layer *layer)
{
	switch (layer->type) {
	case LAYER_IP4:
		return ETH_P_IP;
	case LAYER_IP6:
		return ETH_P_IPV6;
	case LAYER_VLAN:
		return ETH_P_8021Q;
	case LAYER_SERVICE_VLAN:
		return ETH_P_8021AD;
	default:
		return ETH_P_ARP;
	}
}

/* The sum of the pseudo header (RFC 9293, section 3.1; RFC 8200, section 8.1). */
static uint32_t pseudo_sum(const uint8_t *ip, uint8_t protocol, size_t length)
{
	uint32_t sum = (uint32_t)(protocol + length);

	if (ip[0] >> 4 == 4)
		return ones_complement(ip + IP4_SOURCE, 8, sum);
	return ones_complement(ip + IP6_SOURCE, 32, sum);
}

/* at: the layer's header in the packet; ip: that of the IP header before it; end: after the IP
 * packet's last byte. */
static void finish_transport(const struct layer *layer, uint8_t *at, const uint8_t *ip,
			     const uint8_t *end)
{
	size_t length = (size_t)(end - at);
	uint32_t pseudo = ip ? pseudo_sum(ip, protocol_of(layer), length) : 0;

	if (layer->type == LAYER_UDP && !layer->keep_length)
		put16(at + UDP_LENGTH, (uint16_t)length);
	if (layer->keep_checksum)
		return;
	switch (layer->type) {
	case LAYER_TCP:
		put16(at + TCP_CHECKSUM, (uint16_t)~ones_complement(at, length, pseudo));
		break;
	case LAYER_UDP:
		put16(at + UDP_CHECKSUM, (uint16_t)~ones_complement(at, length, pseudo));
		break;
	case LAYER_ICMP:
		put16(at + ICMP_CHECKSUM, (uint16_t)~ones_complement(at, length, 0));
		break;
	case LAYER_ICMP6:
		put16(at + ICMP_CHECKSUM, (uint16_t)~ones_complement(at, length, pseudo));
		break;
	default:
		break;
	}
}

/* What the layer says of those that follow it. */
static void finish_header(const struct layer *layer, const struct layer *inner, uint8_t *at,
			  const uint8_t *end)
{
	switch (layer->type) {
	case LAYER_ETH:
		put16(at + ETH_TYPE, ether_type_of(inner));
		break;
	case LAYER_VLAN:
	case LAYER_SERVICE_VLAN:
		put16(at + VLAN_TYPE, ether_type_of(inner));
		break;
	case LAYER_IP4:
		if (!layer->keep_next)
			at[IP4_PROTOCOL] = protocol_of(inner);
		if (!layer->keep_length)
			put16(at + IP4_LENGTH, (uint16_t)(end - at));
		put16(at + IP4_CHECKSUM, (uint16_t)~ones_complement(at, layer->length, 0));
		break;
	case LAYER_IP6:
		if (!layer->keep_next)
			at[IP6_NEXT] = protocol_of(inner);
		if (!layer->keep_length)
			put16(at + IP6_LENGTH, (uint16_t)(end - at - IP6_BYTES));
		break;
	case LAYER_IP6_EXTENSION:
		if (!layer->keep_next)
			at[0] = protocol_of(inner);
		break;
	default:
		break;
	}
}

/* Copies the layers; returns where the IP packet ends: before the trailers. */
static const uint8_t *lay_out(struct packet *packet, const struct layer *layers, size_t count)
{
	size_t ip_end = 0;

	for (size_t i = 0; i < count; i++) {
		const struct layer *layer = &layers[i];

		if (packet->length + layer->length > sizeof(packet->bytes))
			fail("packet", "too long");
		memcpy(packet->bytes + packet->length, layer->raw ? layer->raw : layer->bytes,
		       layer->length);
		packet->length += layer->length;
		if (layer->type != LAYER_TRAILER)
			ip_end = packet->length;
	}
	return packet->bytes + ip_end;
}

/* The IP header before the layer at 'at'; NULL: there is none. */
static const uint8_t *ip_before(const struct layer *layers, size_t i, const uint8_t *at)
{
	while (i-- > 0) {
		at -= layers[i].length;
		if (layers[i].type == LAYER_IP4 || layers[i].type == LAYER_IP6)
			return at;
	}
	return NULL;
}

/* From the inside out, as checksums cover what is inside. */
struct packet packet_make(const struct layer *layers, size_t count)
{
	static const struct layer nothing = { .type = LAYER_PAYLOAD };
	struct packet packet = { 0 };
	const uint8_t *end = lay_out(&packet, layers, count);
	uint8_t *at = packet.bytes + packet.length;

	for (size_t i = count; i-- > 0;) {
		at -= layers[i].length;
		finish_header(&layers[i], i + 1 < count ? &layers[i + 1] : &nothing, at, end);
		finish_transport(&layers[i], at, ip_before(layers, i, at), end);
	}
	return packet;
}

struct packet packet_cut(const struct packet *packet, size_t length)
{
	struct packet cut = *packet;

	memset(cut.bytes + length, 0, sizeof(cut.bytes) - length);
	cut.length = length;
	return cut;
}

/* What the fragment's header says: offset in bytes. */
static void fragment_finish(struct packet *packet, size_t l3, size_t header, size_t offset,
			    bool more)
{
	uint8_t *ip = packet->bytes + l3;

	if (ip[0] >> 4 == 4) {
		put16(ip + IP4_LENGTH, (uint16_t)(packet->length - l3));
		put16(ip + IP4_FRAGMENT, (uint16_t)(offset / 8 | (more ? IP4_MORE_FRAGMENTS : 0)));
		put16(ip + IP4_CHECKSUM, 0);
		put16(ip + IP4_CHECKSUM, (uint16_t)~ones_complement(ip, header, 0));
		return;
	}
	put16(ip + IP6_LENGTH, (uint16_t)(packet->length - l3 - IP6_BYTES));
	ip[IP6_BYTES] = ip[IP6_NEXT];
	ip[IP6_NEXT] = IPPROTO_FRAGMENT;
	put16(ip + IP6_BYTES + 2, (uint16_t)(offset | (more ? IP6_MORE_FRAGMENTS : 0)));
	put32(ip + IP6_BYTES + 4, DEFAULT_ID);
}

struct packet packet_fragment(const struct packet *whole, size_t offset, size_t bytes, bool more)
{
	size_t l3 = packet_l3(whole);
	bool is4 = packet_family(whole) == 4;
	size_t header = is4 ? (whole->bytes[l3] & 0xf) * 4U : IP6_BYTES;
	struct packet fragment = packet_cut(whole, l3 + header);

	if (!is4)
		fragment.length += EXTENSION_BYTES;
	memcpy(fragment.bytes + fragment.length, whole->bytes + l3 + header + offset, bytes);
	fragment.length += bytes;
	fragment_finish(&fragment, l3, header, offset, more);
	return fragment;
}
