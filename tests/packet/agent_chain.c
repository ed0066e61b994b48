// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tunnel packets with a chain: see agent_chain.h. */
#include "agent_chain.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum {
	BALANCER_PORT = 50000,
	CHAIN_BYTES = 4, /* before the addresses */
	LABEL_BITS = 0xfffff,
	OUTER_TTL = 64,
};

/* The last bits are the hash of a flow. */
static const char BALANCER4[] = "172.16.1.2", BALANCER6[] = "100::7:1";

int chain_family(const char *address)
{
	return strchr(address, ':') ? 6 : 4;
}

struct layer chain_eth_in(void)
{
	return eth(AGENT_NEAR_MAC, AGENT_IN_MAC);
}

struct layer chain_eth_out(void)
{
	return eth(AGENT_IN_MAC, AGENT_NEAR_MAC);
}

struct layer chain_outer(int family)
{
	return family == 4 ? ip4(BALANCER4, AGENT_SELF[0]) : ip6(BALANCER6, AGENT_SELF[1]);
}

struct layer chain_udp(int family)
{
	struct layer layer = udp(BALANCER_PORT, POISE_AGENT_GUE_PORT);

	return family == 4 ? checksum(layer, 0) : layer;
}

struct layer chain_gue(int inner, const char *const *hops)
{
	struct layer layer = { .type = LAYER_PAYLOAD, .length = GUE_BYTES };
	uint8_t *chain = layer.bytes + GUE_BYTES;
	size_t count = 0, bytes = CHAIN_BYTES;

	layer.bytes[GUE_PROTOCOL] = inner == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	if (!hops[0])
		return layer;
	for (; hops[count]; count++) {
		int family = chain_family(hops[count]);

		inet_pton(family == 4 ? AF_INET : AF_INET6, hops[count], chain + bytes);
		chain[3] |= (family == 6) << count;
		bytes += family == 4 ? 4 : 16;
	}
	chain[0] = 'P';
	chain[1] = 'O';
	chain[2] = (uint8_t)(1 << 4 | count);
	layer.bytes[0] = (uint8_t)(bytes / 4);
	layer.length += bytes;
	return layer;
}

/* The flow's hash, the last bits of the source, and on the way from IPv4 to IPv6 the label. */
static struct layer other_family(int came_by, const char *hop)
{
	char source[INET6_ADDRSTRLEN];
	struct in6_addr address;
	struct in_addr flow;

	if (came_by == 4) {
		inet_pton(AF_INET, BALANCER4, &flow);
		inet_pton(AF_INET6, CHAIN_SOURCE6, &address);
		address.s6_addr32[3] |= flow.s_addr & htonl(CHAIN_SOURCE_MASK);
		inet_ntop(AF_INET6, &address, source, sizeof(source));
		return ip6_label(ip6(source, hop), ntohl(flow.s_addr) & LABEL_BITS);
	}
	inet_pton(AF_INET6, BALANCER6, &address);
	inet_pton(AF_INET, CHAIN_SOURCE4, &flow);
	flow.s_addr |= address.s6_addr32[3] & htonl(CHAIN_SOURCE_MASK);
	inet_ntop(AF_INET, &flow, source, sizeof(source));
	return ip4(source, hop);
}

struct layer chain_forward(int came_by, const char *hop)
{
	int family = chain_family(hop);
	struct layer layer = family != came_by ? other_family(came_by, hop)
			     : family == 4     ? ip4(BALANCER4, hop)
					       : ip6(BALANCER6, hop);

	layer = ttl(layer, OUTER_TTL);
	return family == 4 ? ip4_fragment(ip4_id(layer, 0), IP4_DONT_FRAGMENT) : layer;
}

struct layer chain_inner(int family)
{
	return family == 4 ? ip4(AGENT_CLIENT[0], AGENT_VIP[0])
			   : ip6(AGENT_CLIENT[1], AGENT_VIP[1]);
}
