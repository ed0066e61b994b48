/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counters, one of each a CPU, so that plain additions do. A dry run counts nothing. */
#ifndef POISE_COUNT_BPF_H
#define POISE_COUNT_BPF_H

#include "maps.bpf.h"
#include "packet.bpf.h"
#include "trace.bpf.h"

static __always_inline void count_event(__u32 event)
{
	__u64 *count = bpf_map_lookup_elem(&event_count, &event);

	trace_event(event);
	if (count && !poise_dry)
		*count += 1;
}

static __always_inline void count_reason(__u32 reason)
{
	__u64 *count = bpf_map_lookup_elem(&reason_count, &reason);

	if (count && !poise_dry)
		*count += 1;
}

/* A packet that is sent. */
static __always_inline void count_sent(const struct packet *packet, __u32 backend)
{
	__u32 service = packet->service; /* packet stays in registers when nothing points into it */
	struct poise_service_count *of_service;
	struct poise_backend_count *of_backend;

	if (poise_dry)
		return;
	of_service = bpf_map_lookup_elem(&service_count, &service);
	if (of_service) {
		of_service->packets += 1;
		of_service->bytes += packet->length;
	}
	of_backend = bpf_map_lookup_elem(&backend_count, &backend);
	if (of_backend) {
		of_backend->packets += 1;
		of_backend->bytes += packet->length;
		of_backend->connections += packet_is_syn(packet);
	}
}

#endif
