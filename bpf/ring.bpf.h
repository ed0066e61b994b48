/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which backend? In a settled slot the ring alone decides. In a moving one, new connections go to
 * the owner and are recorded, recorded ones go where they are recorded, all others to the previous
 * backend. This file owns the reading side of these rules; userspace/lib/ring.c the writing side.
 */
#ifndef POISE_RING_BPF_H
#define POISE_RING_BPF_H

#include "exceptions.bpf.h"

static __always_inline __u8 backend_flags(__u32 index)
{
	struct poise_backend *backend = bpf_map_lookup_elem(&backends, &index);

	return backend ? READ_ONCE(backend->flags) : 0;
}

/* A SYN: a record of a connection that did not end is followed while its backend takes new ones
 * (the SYN is a duplicate); otherwise a connection begins at the owner. */
static __always_inline __u32 moving_open(struct poise_exception_bucket *bucket, __u64 hash,
					 __u32 owner, __u16 now, __u16 settle)
{
	struct exception found = exception_find(bucket, hash, now, settle);

	if (found.place) {
		__u32 state = poise_exception_state(found.word);
		__u32 backend = poise_exception_backend(found.word);

		if (state != POISE_EXCEPTION_CLOSING &&
		    (backend_flags(backend) & POISE_BACKEND_ELIGIBLE)) {
			exception_renew(&found, hash, state, now);
			return backend;
		}
	}
	if (owner)
		exception_record(bucket, hash, owner, now, settle);
	return owner;
}

static __always_inline __u32 moving_continue(struct poise_exception_bucket *bucket, __u64 hash,
					     __u32 owner, __u32 previous, __u8 tcp_flags, __u16 now,
					     __u16 settle)
{
	struct exception found = exception_find(bucket, hash, now, settle);
	__u32 backend = previous;

	if (found.place)
		backend = poise_exception_backend(found.word);
	if (!(backend_flags(backend) & POISE_BACKEND_LIVE))
		return owner;
	if (found.place) {
		__u32 state = poise_exception_state(found.word);

		if (state == POISE_EXCEPTION_HALF_OPEN)
			state = POISE_EXCEPTION_ESTABLISHED;
		if (tcp_flags & (TCP_FIN | TCP_RST))
			state = POISE_EXCEPTION_CLOSING;
		exception_renew(&found, hash, state, now);
	}
	return backend;
}

/*
 * Kept out of line, and told of the packet by values: the path of settled slots stays short.
 * slot: the ring's segment << 32 | the slot in it. Returns the backend's index.
 */
__noinline int ring_choose_moving(__u64 flow_hash, __u64 slot, __u32 owner, __u32 tcp_flags)
{
	struct poise_exception_bucket *bucket;
	struct poise_move_segment *part;
	struct poise_settings *setting;
	struct poise_move *move;
	__u32 segment = slot >> 32, zero = 0, backend;
	struct packet packet = { .tcp_flags = tcp_flags };
	void *map;
	__u64 hash;
	__u16 now, settle;

	map = bpf_map_lookup_elem(&moves, &segment);
	if (!map)
		return owner;
	part = bpf_map_lookup_elem(map, &zero);
	setting = bpf_map_lookup_elem(&settings, &zero);
	if (!part || !setting)
		return owner;
	hash = poise_exception_hash(flow_hash, setting->exception_key);
	settle = setting->settle_ticks;
	bucket = exception_bucket(hash);
	if (!bucket)
		return owner;
	move = &part->move[slot & (POISE_SEGMENT_SLOTS - 1)];
	now = clock_ticks();
	if (packet_is_syn(&packet))
		backend = moving_open(bucket, hash, owner, now, settle);
	else
		backend = moving_continue(bucket, hash, owner, READ_ONCE(move->previous), tcp_flags,
					  now, settle);
	if (backend != owner && READ_ONCE(move->stamp) != now)
		WRITE_ONCE(move->stamp, now);
	return backend;
}

/* The slot's word, 0 when there is none; *slot: the segment << 32 | the slot in it. */
static __always_inline __u16 ring_word(const struct poise_service *service, __u64 slot_hash,
				       __u64 *slot)
{
	__u32 segment = service->segment, zero = 0;
	__u32 number = service->base + poise_slot(slot_hash, service->size);
	struct poise_ring_segment *part;
	void *map = bpf_map_lookup_elem(&rings, &segment);

	if (!map)
		return 0;
	part = bpf_map_lookup_elem(map, &zero);
	if (!part)
		return 0;
	*slot = (__u64)segment << 32 | number;
	return READ_ONCE(part->slot[number & (POISE_SEGMENT_SLOTS - 1)]);
}

/*
 * Returns the backend's index, 0 for none. slot_hash chooses the slot, packet->hash knows the flow.
 * UDP knows no beginning of a flow: its packets go to the owner.
 */
static __always_inline __u32 ring_choose(const struct packet *packet,
					 const struct poise_service *service, __u64 slot_hash)
{
	__u64 slot = 0;
	__u16 word = ring_word(service, slot_hash, &slot);

	if (likely(!(word & POISE_SLOT_MOVING)))
		return word;
	if (packet->protocol != IPPROTO_TCP)
		return word & POISE_SLOT_OWNER;
	return ring_choose_moving(packet->hash, slot, word & POISE_SLOT_OWNER, packet->tcp_flags);
}

/* The slot's owner, whether it is moving or not: for services that record every flow. */
static __always_inline __u32 ring_owner(const struct poise_service *service, __u64 slot_hash)
{
	__u64 slot = 0;

	return ring_word(service, slot_hash, &slot) & POISE_SLOT_OWNER;
}

#endif
