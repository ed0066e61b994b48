/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* QUIC connection ids that name their backend: draft-ietf-quic-load-balancers-21, plaintext
 * algorithm. */
#ifndef POISE_QUIC_BPF_H
#define POISE_QUIC_BPF_H

#include "packet.bpf.h"

/* The backend that the packet's destination connection id names, if packets may go to it; else 0.
 */
__noinline int quic_backend(struct xdp_md *ctx, const struct packet *packet,
			    const struct poise_service *service)
{
	barrier_var(ctx);
	return packet && service ? 0 : 1;
}

#endif
