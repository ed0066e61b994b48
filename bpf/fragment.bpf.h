/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fragments: the first one of a packet chooses its backend, the others follow it. The table is an
 * LRU hash of a fixed size: a flood of first fragments costs no more memory, but pushes out others,
 * whose later fragments then count as too early.
 */
#ifndef POISE_FRAGMENT_BPF_H
#define POISE_FRAGMENT_BPF_H

#include "ring.bpf.h"

/* RFC 791 tells packets apart by protocol as well; in IPv6 fragments of one packet need not agree
 * in what they say of it (RFC 8200, 4.5). */
static __always_inline struct poise_fragment_key fragment_key(const struct packet *packet)
{
	struct poise_fragment_key key = { .id = packet->fragment_id, .family = packet->family };

	__builtin_memcpy(key.source, packet->source, sizeof(key.source));
	__builtin_memcpy(key.destination, packet->destination, sizeof(key.destination));
	if (packet->family == 4)
		key.protocol = packet->protocol;
	return key;
}

/* Notes where the first fragment of a packet goes, over what was noted of it before. */
__noinline int fragment_remember(const struct packet *packet, __u32 backend)
{
	struct poise_fragment_key key;
	struct poise_fragment fragment = { .time_ns = bpf_ktime_get_coarse_ns(),
					   .backend = backend };

	if (!packet)
		return 0;
	key = fragment_key(packet);
	fragment.hash = packet->hash;
	fragment.service = packet->service;
	return bpf_map_update_elem(&fragments, &key, &fragment, BPF_ANY);
}

/* Where a later fragment goes: the backend's index, with packet->hash and packet->service filled
 * in; 0: the first one was not seen in time, or its backend is down. */
__noinline int fragment_follow(struct packet *packet)
{
	struct poise_settings *setting;
	struct poise_fragment *first;
	struct poise_fragment_key key;
	__u32 zero = 0;

	if (!packet)
		return 0;
	key = fragment_key(packet);
	first = bpf_map_lookup_elem(&fragments, &key);
	setting = bpf_map_lookup_elem(&settings, &zero);
	if (!first || !setting)
		return 0;
	/* read after it was found: no other CPU's stamp is newer */
	if (bpf_ktime_get_coarse_ns() - first->time_ns >= READ_ONCE(setting->fragment_ns) ||
	    !(backend_flags(first->backend) & POISE_BACKEND_LIVE))
		return 0;
	packet->hash = first->hash;
	packet->service = first->service;
	return first->backend;
}

#endif
