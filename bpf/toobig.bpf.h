/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets that do not fit the way to the backend: the ICMP error that goes back to the client. */
#ifndef POISE_TOOBIG_BPF_H
#define POISE_TOOBIG_BPF_H

#include "limit.bpf.h"
#include "packet.bpf.h"

/* mtu: the largest IP packet that would have fitted. Returns what became of the packet. */
__noinline int toobig_answer(struct xdp_md *ctx, const struct packet *packet, __u32 mtu)
{
	barrier_var(ctx);
	barrier_var(mtu);
	if (!packet)
		return POISE_REASON_INTERNAL;
	return POISE_REASON_TOO_BIG;
}

#endif
