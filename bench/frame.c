// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "frame.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <string.h>

static void build_ip4(struct iphdr *ip)
{
	ip->version = 4;
	ip->ihl = FRAME_IP4_BYTES / 4;
	ip->tot_len = htons(FRAME4_BYTES - FRAME_ETHERNET_BYTES);
	ip->ttl = 64;
	ip->protocol = IPPROTO_TCP;
	inet_pton(AF_INET, FRAME_VIP4, &ip->daddr);
}

static void build_ip6(struct ip6_hdr *ip)
{
	ip->ip6_flow = htonl(6U << 28);
	ip->ip6_plen = htons(FRAME6_BYTES - FRAME_ETHERNET_BYTES - FRAME_IP6_BYTES);
	ip->ip6_nxt = IPPROTO_TCP;
	ip->ip6_hlim = 64;
	inet_pton(AF_INET6, "2001:db8:1::", &ip->ip6_src);
	inet_pton(AF_INET6, FRAME_VIP6, &ip->ip6_dst);
}

uint32_t frame_build(uint8_t family, uint8_t tcp_flags, uint8_t frame[FRAME_MAX_BYTES])
{
	uint16_t type = htons(family == 4 ? ETH_P_IP : ETH_P_IPV6);
	struct iphdr ip4 = {};
	struct ip6_hdr ip6 = {};
	struct tcphdr tcp = {};
	uint8_t *at = frame + FRAME_ETHERNET_BYTES;

	memset(frame, 0, FRAME_MAX_BYTES);
	memcpy(at - sizeof(type), &type, sizeof(type));
	if (family == 4) {
		build_ip4(&ip4);
		memcpy(at, &ip4, sizeof(ip4));
		at += sizeof(ip4);
	} else {
		build_ip6(&ip6);
		memcpy(at, &ip6, sizeof(ip6));
		at += sizeof(ip6);
	}
	tcp.th_dport = htons(FRAME_PORT);
	tcp.th_off = sizeof(tcp) / 4;
	tcp.th_flags = tcp_flags;
	memcpy(at, &tcp, sizeof(tcp));
	return frame_bytes(family);
}

uint32_t frame_bytes(uint8_t family)
{
	return family == 4 ? FRAME4_BYTES : FRAME6_BYTES;
}

uint32_t frame_tunnel_bytes(uint8_t family)
{
	return frame_bytes(family) + (family == 4 ? FRAME_IP4_BYTES : FRAME_IP6_BYTES);
}
