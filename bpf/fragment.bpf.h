/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fragments: the first one of a packet chooses its backend, the others follow it. The table is an
 * LRU hash of a fixed size: a flood of first fragments costs no more memory, but pushes out others,
 * whose later fragments then count as too early.
 */
#ifndef POISE_FRAGMENT_BPF_H
#define POISE_FRAGMENT_BPF_H

#include "ring.bpf.h"
#include "trace.bpf.h"

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

/*
 * Notes what became of the first fragment of a packet, over what was noted of it before. reason:
 * for those that went to the host the others go there, too; all others follow the backend, each
 * with a fate of its own size.
 */
__noinline int fragment_remember(const struct packet *packet, __u32 backend, __u32 reason)
{
	struct poise_fragment_key key;
	struct poise_fragment fragment = { .time_ns = bpf_ktime_get_coarse_ns(),
					   .backend = backend };

	if (!packet)
		return 0;
	key = fragment_key(packet);
	fragment.hash = packet->hash;
	fragment.service = packet->service;
	if (reason == POISE_REASON_NOT_SERVICE || reason == POISE_REASON_TOO_BIG_PASSED)
		fragment.reason = reason;
	if (poise_dry)
		return 0;
	return bpf_map_update_elem(&fragments, &key, &fragment, BPF_ANY);
}

/* Read after it was found: no other CPU's stamp is newer than the clock. */
static __always_inline bool fragment_in_time(const struct poise_fragment *first,
					     const struct poise_settings *setting)
{
	return bpf_ktime_get_coarse_ns() - first->time_ns < READ_ONCE(setting->fragment_ns);
}

static __always_inline int fragment_early(const struct poise_settings *setting)
{
	return READ_ONCE(setting->flags) & POISE_SETTING_PASS_FRAGMENTS
		       ? POISE_REASON_FRAGMENT_PASSED
		       : POISE_REASON_FRAGMENT_EARLY;
}

/*
 * Where a later fragment goes. POISE_REASON_SENT: to *backend, with packet->hash and
 * packet->service filled in. Else what becomes of it: it goes to the host after the first one, or
 * that was not seen in time, or its backend is down.
 */
__noinline int fragment_follow(struct packet *packet, __u32 *backend)
{
	struct poise_settings *setting;
	struct poise_fragment *first;
	struct poise_fragment_key key;
	__u32 zero = 0;

	setting = bpf_map_lookup_elem(&settings, &zero);
	if (!packet || !backend || !setting)
		return POISE_REASON_INTERNAL;
	key = fragment_key(packet);
	first = poise_dry ? trace_fragment(&key) : bpf_map_lookup_elem(&fragments, &key);
	if (!first || !fragment_in_time(first, setting))
		return fragment_early(setting);
	if (first->reason != POISE_REASON_SENT)
		return first->reason;
	if (!(backend_flags(first->backend) & POISE_BACKEND_LIVE))
		return fragment_early(setting);
	packet->hash = first->hash;
	packet->service = first->service;
	*backend = first->backend;
	return POISE_REASON_SENT;
}

#endif
