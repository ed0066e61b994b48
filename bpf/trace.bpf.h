/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The data plane, made to tell: bpf/traced.bpf.c builds the same sources with POISE_TRACED. Then
 * what it decides of a packet is written to 'trace', and it is loaded in one of two roles: dry, for
 * test runs alone, where it writes nothing that lasts; or capturing (capture.bpf.h), in the place
 * of the program that forwards. In that one, the switches are constants and nothing of this is
 * left: as read-only data, reading them would stay in its code.
 */
#ifndef POISE_TRACE_BPF_H
#define POISE_TRACE_BPF_H

#include "packet.bpf.h"

#ifdef POISE_TRACED
enum { POISE_TELLS = true };
const volatile bool poise_dry;
const volatile bool poise_capturing;

/* Each CPU's packet; a test run uses one of them. */
ARRAY_OF(trace, BPF_MAP_TYPE_PERCPU_ARRAY, 1, struct poise_trace, 0);
#else
enum { POISE_TELLS = false, poise_dry = false, poise_capturing = false };
#endif

/* NULL where nothing is to be told. */
static __always_inline struct poise_trace *trace_get(void)
{
#ifdef POISE_TRACED
	__u32 zero = 0;

	return bpf_map_lookup_elem(&trace, &zero);
#else
	return NULL;
#endif
}

static __always_inline void trace_event(__u32 event)
{
	struct poise_trace *to = trace_get();

	if (to)
		to->events |= 1U << event;
}

/* The destination has services. */
static __always_inline void trace_address(void)
{
	struct poise_trace *to = trace_get();

	if (to)
		to->flags |= POISE_TRACE_ADDRESS;
}

/* slot: in the ring. */
static __always_inline void trace_slot(__u32 slot, __u16 word)
{
	struct poise_trace *to = trace_get();

	if (!to)
		return;
	to->flags |= POISE_TRACE_SLOT;
	to->slot = slot;
	to->slot_word = word;
}

/* A record was looked for, in the table that the flag stands for; 0: there is none. */
static __always_inline void trace_record(__u32 flag, __u64 word, __u16 now)
{
	struct poise_trace *to = trace_get();

	if (!to)
		return;
	to->flags |= flag;
	to->record = word;
	to->now = now;
}

/* The slot is moving. */
static __always_inline void trace_move(const struct poise_move *move, __u16 now)
{
	struct poise_trace *to = trace_get();

	if (!to)
		return;
	to->flags |= POISE_TRACE_MOVE;
	to->now = now;
	to->move = *move;
}

/* The backend that is to have the packet; 0: none. */
static __always_inline void trace_backend(__u32 backend)
{
	struct poise_trace *to = trace_get();

	if (to)
		to->backend = backend;
}

/* What became of the packet. */
static __always_inline void trace_packet(const struct packet *packet, __u32 reason)
{
	struct poise_trace *to = trace_get();

	if (!to)
		return;
	__builtin_memcpy(to->source, packet->source, sizeof(to->source));
	__builtin_memcpy(to->destination, packet->destination, sizeof(to->destination));
	to->hash = packet->hash;
	to->ports = packet->ports;
	to->service = packet->service;
	to->length = packet->length;
	to->family = packet->family;
	to->protocol = packet->protocol;
	to->tcp_flags = packet->tcp_flags;
	to->hops[0] = packet->hops[0];
	to->hops[1] = packet->hops[1];
	to->reason = reason;
	to->flags |= POISE_TRACE_DONE | (packet->flags & PACKET_QUOTED ? POISE_TRACE_QUOTED : 0);
}

/*
 * Where the first fragment of a packet went. A program's look-up marks the entry as used, which
 * keeps it from being given up: in a dry run poised has looked it up.
 */
static __always_inline struct poise_fragment *trace_fragment(const struct poise_fragment_key *key)
{
	struct poise_trace *to = trace_get();

	if (!to)
		return NULL;
	to->flags |= POISE_TRACE_FRAGMENT;
	to->fragment_key = *key;
	return to->fragment.time_ns ? &to->fragment : NULL;
}

#endif
