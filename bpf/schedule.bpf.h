/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The schedulers that choose anew for each connection, from a service's schedule: slots in the
 * rings' segments, walked in order, from a cursor that all CPUs share. */
#ifndef POISE_SCHEDULE_BPF_H
#define POISE_SCHEDULE_BPF_H

#include "poise_schedule.h"
#include "ring.bpf.h"

static __always_inline struct poise_ring_segment *schedule_segment(
	const struct poise_service *service)
{
	__u32 segment = service->schedule_segment, zero = 0;
	void *map = bpf_map_lookup_elem(&rings, &segment);

	return map ? bpf_map_lookup_elem(map, &zero) : NULL;
}

/* Takes turns. taken: how many the packet took before, for a dry run leaves them all. */
static __always_inline __u32 schedule_take(__u32 *cursor, __u32 turns, __u32 taken)
{
	return poise_dry ? READ_ONCE(*cursor) + taken : __sync_fetch_and_add(cursor, turns);
}

/* The backend in a slot of the schedule, 0 unless it takes new connections. */
static __always_inline __u32 schedule_backend(const struct poise_ring_segment *part,
					      const struct poise_service *service, __u32 slot)
{
	__u32 number = (service->schedule_base + slot) & (POISE_SEGMENT_SLOTS - 1);
	__u32 backend = READ_ONCE(part->slot[number]);

	return backend_flags(backend) & POISE_BACKEND_ELIGIBLE ? backend : 0;
}

/* Backends that take no connections lose their turn: the next connection is the next one's. */
static __always_inline __u32 schedule_roundrobin(const struct poise_ring_segment *part,
						 const struct poise_service *service, __u32 *cursor)
{
#pragma clang loop unroll(disable)
	for (int i = 0; i < POISE_ROUNDROBIN_TRIES; i++) {
		__u32 turn = schedule_take(cursor, 1, i);
		__u32 slot = poise_schedule_slot(turn, 0, service->schedule_size);
		__u32 backend = schedule_backend(part, service, slot);

		if (backend)
			return backend;
	}
	return 0;
}

static __always_inline __u32 schedule_leastconn(const struct poise_ring_segment *part,
						const struct poise_service *service, __u32 *cursor)
{
	__u32 turn = schedule_take(cursor, POISE_LEASTCONN_CANDIDATES, 0), best = 0;
	struct poise_backend_load least = {};

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < POISE_LEASTCONN_CANDIDATES; i++) {
		__u32 slot = poise_schedule_slot(turn, i, service->schedule_size);
		__u32 backend = schedule_backend(part, service, slot);
		struct poise_backend_load *load = bpf_map_lookup_elem(&backend_load, &backend);
		struct poise_backend_load own;

		if (!backend || !load)
			continue;
		own.active = READ_ONCE(load->active);
		own.weight = READ_ONCE(load->weight);
		if (best && !poise_lighter(&own, &least))
			continue;
		least = own;
		best = backend;
	}
	return best;
}

/*
 * The backend of a new connection of a service whose index is number; 0 when the scheduler is the
 * ring, or finds nobody that takes connections: then the ring's owner is to have it.
 */
__noinline int schedule_choose(const struct poise_service *service, __u32 number)
{
	struct poise_ring_segment *part;
	__u32 *cursor = bpf_map_lookup_elem(&cursors, &number);

	if (!service || !cursor || !service->schedule_size)
		return 0;
	part = schedule_segment(service);
	if (!part)
		return 0;
	if (service->scheduler == POISE_SCHEDULER_ROUNDROBIN)
		return schedule_roundrobin(part, service, cursor);
	if (service->scheduler == POISE_SCHEDULER_LEASTCONN)
		return schedule_leastconn(part, service, cursor);
	return 0;
}

#endif
