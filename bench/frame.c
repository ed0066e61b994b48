// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "frame.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <string.h>

enum {
	QUIC_SHORT_HEADER = 0x40, /* the fixed bit (RFC 9000, 17.3) */
	QUIC_CONFIG_SHIFT = 5,	  /* of a connection id's first byte */
	IP_NO_OPERATION = 1,
};

static uint8_t *put(uint8_t *at, const void *bytes, size_t count)
{
	memcpy(at, bytes, count);
	return at + count;
}

static uint8_t *put_ethernet(uint8_t *at, const struct frame *frame)
{
	uint16_t vlan[2] = { htons(ETH_P_8021Q), htons(FRAME_VLAN_ID) };
	uint16_t type = htons(frame->family == 4 ? ETH_P_IP : ETH_P_IPV6);

	at += FRAME_ETHERNET_BYTES - sizeof(type);
	if (frame->shape == FRAME_VLAN)
		at = put(at, vlan, sizeof(vlan));
	return put(at, &type, sizeof(type));
}

static uint8_t *put_ip4(uint8_t *at, const struct frame *frame, uint32_t length)
{
	bool options = frame->shape == FRAME_OPTIONS;
	struct iphdr ip = { .version = 4,
			    .ihl = (FRAME_IP4_BYTES + (options ? FRAME_OPTIONS_BYTES : 0)) / 4,
			    .tot_len = htons(length),
			    .ttl = 64,
			    .protocol = frame->protocol };

	inet_pton(AF_INET, frame->shape == FRAME_OTHER ? FRAME_OTHER_VIP4 : FRAME_VIP4, &ip.daddr);
	at = put(at, &ip, sizeof(ip));
	if (!options)
		return at;
	memset(at, IP_NO_OPERATION, FRAME_OPTIONS_BYTES);
	return at + FRAME_OPTIONS_BYTES;
}

static uint8_t *put_ip6(uint8_t *at, const struct frame *frame, uint32_t length)
{
	struct ip6_hdr ip = { .ip6_flow = htonl(6U << 28),
			      .ip6_plen = htons(length - FRAME_IP6_BYTES),
			      .ip6_nxt = frame->protocol,
			      .ip6_hlim = 64 };

	inet_pton(AF_INET6, "2001:db8:1::", &ip.ip6_src);
	inet_pton(AF_INET6, FRAME_VIP6, &ip.ip6_dst);
	return put(at, &ip, sizeof(ip));
}

static uint8_t *put_tcp(uint8_t *at, const struct frame *frame)
{
	struct tcphdr tcp = { .th_dport = htons(FRAME_PORT), .th_off = sizeof(tcp) / 4 };

	tcp.th_flags = frame->tcp_flags;
	return put(at, &tcp, sizeof(tcp));
}

static void put_udp(uint8_t *at, const struct frame *frame, uint32_t length)
{
	struct udphdr udp = { .uh_dport = htons(FRAME_PORT), .uh_ulen = htons(length) };

	at = put(at, &udp, sizeof(udp));
	if (frame->shape != FRAME_QUIC)
		return;
	*at++ = QUIC_SHORT_HEADER;
	*at++ = FRAME_QUIC_CONFIG << QUIC_CONFIG_SHIFT;
	frame_server_id(FRAME_QUIC_BACKEND, at);
}

void frame_server_id(uint16_t backend, uint8_t id[FRAME_SERVER_ID_BYTES])
{
	uint32_t word = htonl(backend);

	memcpy(id, &word, FRAME_SERVER_ID_BYTES);
}

uint32_t frame_build(const struct frame *frame, uint8_t bytes[FRAME_MAX_BYTES])
{
	uint32_t length = frame_bytes(frame);
	uint8_t *ip, *at;

	memset(bytes, 0, FRAME_MAX_BYTES);
	ip = put_ethernet(bytes, frame);
	if (frame->family == 4)
		at = put_ip4(ip, frame, length - (ip - bytes));
	else
		at = put_ip6(ip, frame, length - (ip - bytes));
	if (frame->protocol == IPPROTO_TCP)
		put_tcp(at, frame);
	else
		put_udp(at, frame, length - (at - bytes));
	return length;
}

uint32_t frame_bytes(const struct frame *frame)
{
	if (frame->bytes)
		return frame->bytes;
	if (frame->shape == FRAME_VLAN)
		return FRAME_SMALLEST4 + FRAME_VLAN_BYTES;
	return frame->family == 4 ? FRAME_SMALLEST4 : FRAME_SMALLEST6;
}
