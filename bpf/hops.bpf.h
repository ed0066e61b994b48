/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a moving slot names besides its owner, and which of these backends a packet's chain names:
 * those that may know the connection, and can serve it. encap_chain.bpf.h owns the chain's bytes.
 */
#ifndef POISE_HOPS_BPF_H
#define POISE_HOPS_BPF_H

#include "backend.bpf.h"
#include "poise_wire.h"

_Static_assert(sizeof(((struct packet *)0)->hops) / sizeof(__u16) == POISE_CHAIN_HOPS, "hops");

static __always_inline __u8 backend_flags(__u32 index)
{
	struct poise_backend *backend = bpf_map_lookup_elem(&backends, &index);

	return backend ? READ_ONCE(backend->flags) : 0;
}

/* What a moving slot needs besides its word. slot: the ring's segment << 32 | the slot in it. */
static __always_inline struct poise_move *move_of(__u64 slot)
{
	__u32 segment = slot >> 32, zero = 0;
	struct poise_move_segment *part;
	void *map = bpf_map_lookup_elem(&moves, &segment);

	if (!map)
		return NULL;
	part = bpf_map_lookup_elem(map, &zero);
	return part ? &part->move[slot & (POISE_SEGMENT_SLOTS - 1)] : NULL;
}

/* All of it at one time, as a word; 0 where there is none: nobody is named. */
static __always_inline __u64 move_word(__u64 slot)
{
	struct poise_move *move = move_of(slot);

	return move ? READ_ONCE(*(__u64 *)move) : 0;
}

static __always_inline struct poise_move move_parse(__u64 word)
{
	struct poise_move move;

	__builtin_memcpy(&move, &word, sizeof(move));
	return move;
}

/* The owner of the time of the names; word_owner: what the slot's word said before. */
static __always_inline __u32 move_owner(const struct poise_move *move, __u32 word_owner)
{
	__u32 owner = move->owner & POISE_MOVE_OWNER;

	return owner ? owner : word_owner;
}

/* The flag that a backend needs to be given the packet. */
static __always_inline __u8 wanted_flag(const struct packet *packet)
{
	return packet_is_syn(packet) ? POISE_BACKEND_ELIGIBLE : POISE_BACKEND_LIVE;
}

/*
 * The backend of a slot that keeps no exceptions: its owner. A slot without one, for nobody takes
 * new connections, still has backends that serve those of before.
 */
static __always_inline __u32 named_choose(const struct packet *packet,
					  const struct poise_move *move, __u32 owner)
{
	__u32 earlier = move->earlier & POISE_MOVE_EARLIER;
	__u8 wanted = wanted_flag(packet);

	if (likely(owner))
		return owner;
	if (move->previous && backend_flags(move->previous) & wanted)
		return move->previous;
	return earlier && backend_flags(earlier) & wanted ? earlier : 0;
}

static __always_inline bool speaks_gue(__u32 index)
{
	struct poise_backend *backend = backend_get(index);

	return backend && (backend->encapsulation & POISE_ENCAP_KIND) == POISE_ENCAP_GUE;
}

/* Two hops' indexes: the first one in the lower 16 bits. */
static __always_inline __u32 hops_pack(__u32 first, __u32 second)
{
	return first | second << 16;
}

/* Adds a candidate unless it is nobody, named already, or of no use. */
static __always_inline __u32 hops_add(__u32 hops, __u32 index, __u32 backend, __u32 wanted)
{
	__u32 first = hops & 0xffff, second = hops >> 16;

	if (!index || index == backend || index == first || second)
		return hops;
	if (!(backend_flags(index) & wanted) || !speaks_gue(index))
		return hops;
	return first ? hops_pack(first, index) : index;
}

/* Kept out of line, for the verifier would follow each way through it together with each way
 * through what comes after. candidates: hops_pack() of previous and earlier. Returns hops_pack().
 */
__noinline int hops_find(__u32 owner, __u32 candidates, __u32 backend, __u32 wanted)
{
	__u32 hops = 0;

	if (!speaks_gue(backend))
		return 0;
	hops = hops_add(hops, owner, backend, wanted);
	hops = hops_add(hops, candidates & 0xffff, backend, wanted);
	return hops_add(hops, candidates >> 16, backend, wanted);
}

/*
 * For a packet that goes to backend: sets packet->hops. A fragment names nobody: who gets it cannot
 * tell whose it is.
 */
static __always_inline void hops_choose(struct packet *packet, const struct poise_move *move,
					__u32 owner, __u32 backend)
{
	__u32 hops;

	if (packet->flags & PACKET_FIRST_FRAGMENT)
		return;
	hops = hops_find(owner, hops_pack(move->previous, move->earlier & POISE_MOVE_EARLIER),
			 backend, wanted_flag(packet));
	packet->hops[0] = hops;
	packet->hops[1] = hops >> 16;
}

#endif
