/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A backend's entry, and what of it every way out needs: of packets and of probes. */
#ifndef POISE_BACKEND_BPF_H
#define POISE_BACKEND_BPF_H

#include "packet.bpf.h"

/* The current copy of a backend's entry. */
static __always_inline struct poise_backend *backend_get(__u32 index)
{
	struct poise_backend *backend = bpf_map_lookup_elem(&backends, &index);

	if (unlikely(backend && !READ_ONCE(backend->current)))
		backend = bpf_map_lookup_elem(&backends_next, &index);
	return backend;
}

/* What the Ethernet header says of what follows it. */
static __always_inline __u16 ethernet_type(const struct packet *packet,
					   const struct poise_backend *backend, __u32 kind)
{
	if (kind == POISE_ENCAP_L2)
		return packet_as_ethernet(packet);
	return backend->family == 4 ? ETH_P_IP : ETH_P_IPV6;
}

#endif
