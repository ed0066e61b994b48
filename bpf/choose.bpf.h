/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which backend, for services that want more than the slot of the connection. */
#ifndef POISE_CHOOSE_BPF_H
#define POISE_CHOOSE_BPF_H

#include "flows.bpf.h"
#include "quic.bpf.h"
#include "ring.bpf.h"

/* The hash that chooses the slot. */
static __always_inline __u64 slot_hash(const struct packet *packet,
				       const struct poise_service *service)
{
	if (service->flags & POISE_SERVICE_AFFINITY)
		return poise_affinity_hash(packet->source, service->affinity, poise_seed);
	return packet->hash;
}

/* Returns the backend's index, 0 for none, and may set packet->hops. */
static __always_inline __u32 choose(struct xdp_md *ctx, struct packet *packet,
				    const struct poise_service *service)
{
	__u32 backend = 0;

	if (service->flags & POISE_SERVICE_QUIC)
		backend = quic_backend(ctx, packet, service);
	if (backend)
		return backend;
	if (service->flags & POISE_SERVICE_RECORD)
		return flow_choose(packet, service,
				   ring_owner(service, slot_hash(packet, service)));
	return ring_choose(packet, service, slot_hash(packet, service));
}

#endif
