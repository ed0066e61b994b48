/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What holds back the packets that the data plane itself makes: whom it never answers, and how
 * often it answers at all, a token bucket for each kind and CPU.
 */
#ifndef POISE_LIMIT_BPF_H
#define POISE_LIMIT_BPF_H

#include "packet.bpf.h"
#include "trace.bpf.h"

enum {
	IP4_THIS_NETWORK = 0, /* first bytes of addresses */
	IP4_LOOPBACK = 127,
	IP4_MULTICAST = 0xe, /* its upper half */
	IP6_MULTICAST = 0xff,
	MAC_GROUP = 1, /* bit of a MAC address's first byte: multicast or broadcast */
};

/* A dry run takes from a copy. */
static __always_inline struct poise_limit *limit_get(__u32 kind, struct poise_limit *copy)
{
	struct poise_limit *limit = bpf_map_lookup_elem(&limits, &kind);

	if (!poise_dry || !limit)
		return limit;
	*copy = *limit;
	return copy;
}

/* Whether one more packet of a kind (enum poise_limit_kind) may be sent; rate: packets a second. */
static __always_inline bool limit_allows(__u32 kind, __u32 rate)
{
	struct poise_limit copy, *limit = limit_get(kind, &copy);
	__u64 now = bpf_ktime_get_coarse_ns(), passed, most;

	if (!limit || !rate)
		return false;
	passed = now - limit->time_ns;
	if (passed > POISE_LIMIT_PACKET) /* a second: enough to fill it, and no overflow below */
		passed = POISE_LIMIT_PACKET;
	most = (__u64)rate * (POISE_LIMIT_PACKET / POISE_LIMIT_BURSTS);
	if (most < POISE_LIMIT_PACKET)
		most = POISE_LIMIT_PACKET;
	limit->time_ns = now;
	limit->credit += passed * rate;
	if (limit->credit > most)
		limit->credit = most;
	if (limit->credit < POISE_LIMIT_PACKET)
		return false;
	limit->credit -= POISE_LIMIT_PACKET;
	return true;
}

static __always_inline bool source4_answerable(const struct packet *packet)
{
	__u32 source = bpf_ntohl(packet->source[0]);
	__u8 first = source >> 24;

	return first != IP4_THIS_NETWORK && first != IP4_LOOPBACK && first >> 4 != IP4_MULTICAST &&
	       source != 0xffffffff;
}

static __always_inline bool source6_answerable(const struct packet *packet)
{
	if (*(const __u8 *)packet->source == IP6_MULTICAST)
		return false;
	/* :: and ::1 */
	return packet->source[0] || bpf_be64_to_cpu(packet->source[1]) > 1;
}

/*
 * Whether a packet may be answered: it came in a frame from one host to one host, from an address
 * that can be one host's and is not the one that it went to (RFC 1122, 3.2.2; RFC 4443, 2.4 e).
 */
static __always_inline bool answerable(struct xdp_md *ctx, const struct packet *packet)
{
	__u8 macs[2 * ETH_ALEN];

	if (!packet_load(ctx, 0, macs, sizeof(macs)) || (macs[0] | macs[ETH_ALEN]) & MAC_GROUP)
		return false;
	if (packet->source[0] == packet->destination[0] &&
	    packet->source[1] == packet->destination[1])
		return false;
	return packet->family == 4 ? source4_answerable(packet) : source6_answerable(packet);
}

#endif
