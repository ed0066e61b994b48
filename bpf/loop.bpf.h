/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets that this balancer, or another one of its fleet, has encapsulated already and that come
 * in for a service's address: a backend's address is routed here. Sent on, they would go round.
 */
#ifndef POISE_LOOP_BPF_H
#define POISE_LOOP_BPF_H

#include "packet.bpf.h"

static __always_inline bool is_tunnel(const struct packet *packet,
				      const struct poise_settings *setting)
{
	switch (packet->protocol) {
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
	case IPPROTO_GRE:
		return true;
	case IPPROTO_UDP:
		return packet->ports >> 16 == setting->gue_port;
	default:
		return false;
	}
}

/* Whether the source is one of the tunnels'; without a mask there is none. */
static __always_inline bool is_tunnel_source(const struct packet *packet,
					     const struct poise_settings *setting)
{
	const __u64 *source = packet->source, *mask = setting->source6_mask;

	if (packet->family == 4)
		return setting->source4_mask &&
		       ((__u32)source[0] & setting->source4_mask) == setting->source4;
	return (mask[0] | mask[1]) && (source[0] & mask[0]) == setting->source6[0] &&
	       (source[1] & mask[1]) == setting->source6[1];
}

static __always_inline bool looped(const struct packet *packet)
{
	__u32 zero = 0;
	struct poise_settings *setting = bpf_map_lookup_elem(&settings, &zero);

	return setting && is_tunnel(packet, setting) && is_tunnel_source(packet, setting);
}

#endif
