/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The hash of a packet's flow. */
#ifndef POISE_HASH_BPF_H
#define POISE_HASH_BPF_H

#include "packet.bpf.h"
#include "poise_flow.h"

static __always_inline __u64 flow_hash(const struct packet *packet)
{
	if (packet->family == 4)
		return poise_flow_hash4(packet->source[0], packet->destination[0], packet->ports,
					packet->protocol, poise_seed);
	return poise_flow_hash6(packet->source, packet->destination, packet->ports,
				packet->protocol, poise_seed);
}

#endif
