/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which backend? In a settled slot the ring alone decides. In a moving one that keeps exceptions,
 * new connections go to the owner and are recorded, recorded ones go where they are recorded, all
 * others to the previous backend; in one that keeps none (POISE_MOVE_NAMED), all go to the owner.
 * Of services with POISE_SERVICE_CHAIN the others of a moving slot are named in the packet, in case
 * that this is wrong (hops.bpf.h). This file owns the reading side of these rules;
 * userspace/lib/ring.c the writing side.
 */
#ifndef POISE_RING_BPF_H
#define POISE_RING_BPF_H

#include "exceptions.bpf.h"
#include "hops.bpf.h"

/* Records a connection that begins at its slot's owner. */
static __always_inline void moving_record(struct poise_exception_bucket *first,
					  struct poise_exception_bucket *second, __u64 hash,
					  __u32 owner, __u16 now, __u16 settle)
{
	struct poise_exception_bucket *bucket = exception_choose(first, second, hash, now, settle);

	exception_record(bucket, hash, owner, now, settle, POISE_EVENT_EXCEPTION_RECORDED);
	if (bucket == second)
		exception_mark_spilled(first);
}

/* A SYN: a record of a connection that did not end is followed while its backend takes new ones
 * (the SYN is a duplicate); otherwise a connection begins at the owner. */
static __always_inline __u32 moving_open(const struct exception *found, __u64 hash, __u16 now)
{
	__u32 state = poise_exception_state(found->word);
	__u32 backend = poise_exception_backend(found->word);

	if (!found->place || state == POISE_EXCEPTION_CLOSING ||
	    !(backend_flags(backend) & POISE_BACKEND_ELIGIBLE))
		return 0;
	exception_renew(found, hash, state, now);
	return backend;
}

static __always_inline __u32 moving_continue(const struct exception *found, __u64 hash, __u32 owner,
					     __u32 previous, __u8 tcp_flags, __u16 now)
{
	__u32 backend = found->place ? poise_exception_backend(found->word) : previous;

	if (!(backend_flags(backend) & POISE_BACKEND_LIVE))
		return owner;
	if (found->place) {
		__u32 state = poise_exception_state(found->word);

		if (state == POISE_EXCEPTION_HALF_OPEN)
			state = POISE_EXCEPTION_ESTABLISHED;
		if (tcp_flags & (TCP_FIN | TCP_RST))
			state = POISE_EXCEPTION_CLOSING;
		exception_renew(found, hash, state, now);
	}
	return backend;
}

/* Whatever may have to be written. Kept out of line, and told of the packet by values; word: of the
 * move. Returns the backend's index. */
__noinline int ring_choose_moving(__u64 flow_hash, __u64 slot, __u64 word, __u32 owner,
				  __u32 tcp_flags)
{
	struct poise_exception_bucket *first, *second;
	struct poise_settings *setting;
	struct poise_move *place = move_of(slot), move = move_parse(word);
	__u32 zero = 0, backend;
	struct packet packet = { .tcp_flags = tcp_flags };
	struct exception found;
	__u64 hash;
	__u16 now, settle;

	setting = bpf_map_lookup_elem(&settings, &zero);
	if (!place || !setting)
		return owner;
	now = clock_ticks();
	trace_move(&move, now);
	if (move.owner & POISE_MOVE_NAMED)
		return named_choose(&packet, &move, owner);
	hash = poise_exception_hash(flow_hash, setting->exception_key);
	settle = setting->settle_ticks;
	first = exception_first(hash);
	second = exception_second(hash);
	if (!first || !second)
		return owner;
	found = exception_find(first, hash, now, settle);
	if (!found.place && exception_spilled(first))
		found = exception_find(second, hash, now, settle);
	trace_record(POISE_TRACE_EXCEPTION, found.place ? found.word : 0, now);
	if (packet_is_syn(&packet)) {
		backend = moving_open(&found, hash, now);
		if (!backend && owner)
			moving_record(first, second, hash, owner, now, settle);
		if (!backend)
			backend = owner;
	} else {
		backend = moving_continue(&found, hash, owner, move.previous, tcp_flags, now);
	}
	if (backend != owner && READ_ONCE(place->stamp) != now && !poise_dry)
		WRITE_ONCE(place->stamp, now);
	return backend;
}

/*
 * What nearly every packet of a moving slot needs, for it changes nothing: its connection is
 * recorded as established and was renewed in this tick, or is not recorded. Returns the backend's
 * index, or 0: ring_choose_moving() knows. So it does for a dry run, which is to tell why.
 */
static __always_inline __u32 ring_choose_unchanged(const struct packet *packet, __u64 slot,
						   __u32 owner)
{
	struct poise_exception_bucket *first, *second;
	struct poise_settings *setting;
	struct poise_move *move;
	__u32 zero = 0, backend;
	__u16 now = clock_ticks();
	__u64 hash, match, expected;

	setting = bpf_map_lookup_elem(&settings, &zero);
	if (poise_dry || !setting || packet->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST))
		return 0;
	hash = poise_exception_hash(packet->hash, setting->exception_key);
	first = exception_first(hash);
	second = exception_second(hash);
	if (!first || !second)
		return 0;
	expected = poise_exception_make(hash, 0, POISE_EXCEPTION_ESTABLISHED, now);
	match = exception_match(first, expected);
	if (!match && exception_spilled(first))
		match = exception_match(second, expected);
	backend = match;
	if (match != owner) {
		move = move_of(slot);
		if (match >> POISE_EXCEPTION_BACKEND_BITS || !move ||
		    READ_ONCE(move->owner) & POISE_MOVE_NAMED || READ_ONCE(move->stamp) != now)
			return 0;
		if (!match)
			backend = READ_ONCE(move->previous);
	}
	return backend_flags(backend) & POISE_BACKEND_LIVE ? backend : 0;
}

/* The slot's word, 0 when there is none; *slot: the segment << 32 | the slot in it. */
static __always_inline __u16 ring_word(const struct poise_service *service, __u64 slot_hash,
				       __u64 *slot)
{
	__u32 segment = service->segment, zero = 0;
	__u32 number = service->base + poise_slot(slot_hash, service->size);
	struct poise_ring_segment *part;
	__u16 word;
	void *map = bpf_map_lookup_elem(&rings, &segment);

	if (!map)
		return 0;
	part = bpf_map_lookup_elem(map, &zero);
	if (!part)
		return 0;
	*slot = (__u64)segment << 32 | number;
	word = READ_ONCE(part->slot[number & (POISE_SEGMENT_SLOTS - 1)]);
	trace_slot(number - service->base, word);
	return word;
}

/* A moving slot, for the short way. Returns the backend's index, 0 for none. */
static __always_inline __u32 ring_choose_plain(const struct packet *packet, __u64 slot, __u32 owner)
{
	__u32 backend = ring_choose_unchanged(packet, slot, owner);

	if (likely(backend))
		return backend;
	return ring_choose_moving(packet->hash, slot, move_word(slot), owner, packet->tcp_flags);
}

/* The same on the long way for a service with POISE_SERVICE_CHAIN; sets packet->hops. */
static __always_inline __u32 ring_choose_chained(struct packet *packet, __u64 slot, __u32 owner)
{
	__u64 word = move_word(slot);
	struct poise_move move = move_parse(word);
	__u32 backend;

	owner = move_owner(&move, owner);
	backend = ring_choose_moving(packet->hash, slot, word, owner, packet->tcp_flags);
	hops_choose(packet, &move, owner, backend);
	return backend;
}

/* Does the slot's word say more than its owner? UDP knows no beginning of a flow: its packets go to
 * the owner. */
static __always_inline bool ring_moves(const struct packet *packet, __u16 word)
{
	return word & POISE_SLOT_MOVING && packet->protocol == IPPROTO_TCP;
}

/* Of a packet on the long way. Returns the backend's index, 0 for none, and sets packet->hops.
 * slot_hash chooses the slot, packet->hash knows the flow. */
static __always_inline __u32 ring_choose(struct packet *packet, const struct poise_service *service,
					 __u64 slot_hash)
{
	__u64 slot = 0;
	__u16 word = ring_word(service, slot_hash, &slot), owner = word & POISE_SLOT_OWNER;

	if (likely(!ring_moves(packet, word)))
		return owner;
	if (service->flags & POISE_SERVICE_CHAIN)
		return ring_choose_chained(packet, slot, owner);
	return ring_choose_moving(packet->hash, slot, move_word(slot), owner, packet->tcp_flags);
}

/* The slot's owner, whether it is moving or not: for services that record every flow. */
static __always_inline __u32 ring_owner(const struct poise_service *service, __u64 slot_hash)
{
	__u64 slot = 0;

	return ring_word(service, slot_hash, &slot) & POISE_SLOT_OWNER;
}

#endif
