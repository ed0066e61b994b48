/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The layers of tunnel packets with a chain (docs/WIRE.md): as a balancer sends them to the host of
 * agent_host.h, and as that one sends them on.
 */
#ifndef POISE_TEST_AGENT_CHAIN_H
#define POISE_TEST_AGENT_CHAIN_H

#include "agent_host.h"
#include "agent_packet.h"
#include "build.h"
#include "poise_wire.h"

enum {
	CHAIN_CLIENT_PORT = 40001, /* of connections that nobody has */
	CHAIN_SOURCE_MASK = 0xffff,
};

#define CHAIN_SOURCE4 "172.16.0.0"
#define CHAIN_SOURCE6 "100::"

/* The Ethernet header of what comes in, of what is opened, and of what is sent on. */
struct layer chain_eth_in(void);
struct layer chain_eth_out(void);

/* From a balancer to the host, and UDP and GUE behind it. hops: as text, NULL behind the last. */
struct layer chain_outer(int family);
struct layer chain_udp(int family);
struct layer chain_gue(int inner, const char *const *hops);

/* The IP header of what is sent on to a hop, that came by a tunnel of that family. */
struct layer chain_forward(int came_by, const char *hop);

/* The client's packet to the VIP. */
struct layer chain_inner(int family);

int chain_family(const char *address);

/* Around the layers of the client's packet; hops: all those that the balancer named. */
#define CHAIN_IN(outer, inner, hops, ...)                                                          \
	PKT(chain_eth_in(), chain_outer(outer), chain_udp(outer), chain_gue(inner, hops),          \
	    __VA_ARGS__)
#define CHAIN_OPENED(...) PKT(chain_eth_in(), __VA_ARGS__)
#define CHAIN_SENT(outer, inner, hops, ...)                                                        \
	PKT(chain_eth_out(), chain_forward(outer, (hops)[0]), chain_udp(chain_family((hops)[0])),  \
	    chain_gue(inner, (hops) + 1), __VA_ARGS__)

#endif
