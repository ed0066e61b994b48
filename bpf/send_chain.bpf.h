/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The short way of TCP packets of moving slots whose service has second chance: by GUE, where the
 * backend that gets the packet and all that its chain names have tunnels of one family. What is
 * written stands at a constant distance from the frame's beginning, and nothing is called but what
 * makes room. It chooses and writes as hops.bpf.h and send.bpf.h do, which do all the rest.
 */
#ifndef POISE_SEND_CHAIN_BPF_H
#define POISE_SEND_CHAIN_BPF_H

#include "count.bpf.h"
#include "ring.bpf.h"
#include "send.bpf.h"

/* What there is to say of a plain packet besides its flow, in a word: a function out of line takes
 * no more than five. */
enum packet_brief {
	BRIEF_TOS_SHIFT = 24,
	BRIEF_FLAGS_SHIFT = 32,
	BRIEF_FAMILY_SHIFT = 40,
	BRIEF_LENGTH = (1 << BRIEF_TOS_SHIFT) - 1,
};

static __always_inline __u64 brief_make(const struct packet *packet)
{
	return packet->length | (__u64)packet->tos << BRIEF_TOS_SHIFT |
	       (__u64)packet->tcp_flags << BRIEF_FLAGS_SHIFT |
	       (__u64)packet->family << BRIEF_FAMILY_SHIFT;
}

static __always_inline struct packet brief_read(__u64 brief)
{
	return (struct packet){
		.length = brief & BRIEF_LENGTH,
		.tos = brief >> BRIEF_TOS_SHIFT,
		.tcp_flags = brief >> BRIEF_FLAGS_SHIFT,
		.family = brief >> BRIEF_FAMILY_SHIFT,
		.protocol = IPPROTO_TCP,
	};
}

/* Who gets a packet, and who may be named in it: indexes, 0: nobody. */
struct choice {
	__u32 backend, first, second;
};

/* The entries of whom the chain names; NULL: nobody. second is NULL where first is. */
struct hops {
	const struct poise_backend *first, *second;
};

/* The names of a slot that keeps exceptions: owner, previous and earlier but the backend. Returns
 * false when all three are to be looked at. */
static __always_inline bool choice_of_recorded(struct choice *choice, const struct poise_move *move,
					       __u32 owner)
{
	__u32 earlier = move->earlier & POISE_MOVE_EARLIER;

	choice->first = owner;
	choice->second = earlier;
	if (choice->backend == owner)
		choice->first = move->previous;
	else if (choice->backend != move->previous) {
		choice->second = move->previous;
		return !earlier || choice->backend == earlier;
	}
	return true;
}

/* Of a slot that keeps exceptions; out of line, so that the others need not make room for it. */
__noinline int choose_recorded(__u64 hash, __u64 slot, __u32 owner, __u32 tcp_flags)
{
	struct packet packet = { .hash = hash, .tcp_flags = tcp_flags };

	return ring_choose_plain(&packet, slot, owner);
}

static __always_inline bool choose_chained(const struct packet *packet, __u64 slot,
					   __u32 word_owner, struct choice *choice)
{
	struct poise_move move = move_parse(move_word(slot));
	__u32 owner = move_owner(&move, word_owner);

	if (likely(move.owner & POISE_MOVE_NAMED)) {
		choice->backend = owner;
		choice->first = move.previous;
		choice->second = move.earlier & POISE_MOVE_EARLIER;
		return owner;
	}
	choice->backend = choose_recorded(packet->hash, slot, owner, packet->tcp_flags);
	return choice->backend && choice_of_recorded(choice, &move, owner);
}

/* The entry, while it is not being rewritten: for that moment the long way does. */
static __always_inline const struct poise_backend *entry_at_rest(__u32 index)
{
	const struct poise_backend *entry = bpf_map_lookup_elem(&backends, &index);

	return entry && likely(READ_ONCE(entry->current)) ? entry : NULL;
}

/* A candidate's entry; NULL when it is nobody, the backend itself, or of no use. Clears *plain when
 * the long way must tell, or its tunnel is not of the family. */
static __always_inline const struct poise_backend *find_hop(__u32 index, __u32 backend, __u8 wanted,
							    __u8 family, bool *plain)
{
	const struct poise_backend *entry;

	if (!index || index == backend)
		return NULL;
	entry = entry_at_rest(index);
	if (!entry || entry->family != family) {
		*plain = false;
		return NULL;
	}
	if (!(READ_ONCE(entry->flags) & wanted) ||
	    (entry->encapsulation & POISE_ENCAP_KIND) != POISE_ENCAP_GUE)
		return NULL;
	return entry;
}

/* Returns whether a chain of one family names them. */
static __always_inline bool find_hops(const struct packet *packet, const struct choice *choice,
				      __u8 family, struct hops *hops)
{
	const struct poise_backend *one, *two = NULL;
	__u8 wanted = wanted_flag(packet);
	bool plain = true;

	one = find_hop(choice->first, choice->backend, wanted, family, &plain);
	if (choice->second != choice->first)
		two = find_hop(choice->second, choice->backend, wanted, family, &plain);
	hops->first = one ? one : two;
	hops->second = one ? two : NULL;
	return plain;
}

/* The chain's first word. */
static __always_inline __be32 hops_head(const struct hops *hops, __u8 family)
{
	__u32 count = hops->second ? 2 : 1;

	return chain_word(count, family == 6 ? (1U << count) - 1 : 0);
}

/* each: bytes of an address. */
static __always_inline __u32 hops_bytes(const struct hops *hops, __u32 each)
{
	if (!hops->first)
		return 0;
	return sizeof(struct poise_chain) + (hops->second ? 2 * each : each);
}

/* Of a chain of IPv6 addresses, to be added to the client's packet's. */
static __always_inline __u64 hops_sum6(const struct hops *hops)
{
	__u64 sum = 0;

	if (hops->first)
		sum = hops_head(hops, 6) + hop_sum(hops->first);
	if (hops->second)
		sum += hop_sum(hops->second);
	return sum;
}

/* The sum of the client's packet, for which it is enough that it is one of TCP. */
static __always_inline bool inner_sum(const struct xdp_md *ctx, struct packet *packet, __u64 *sum)
{
	const __u32 *ip = packet_data(ctx) + ETH_HLEN;
	__u32 ip_bytes = packet->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);

	if ((void *)ip + sizeof(struct iphdr) > packet_end(ctx))
		return false; /* cannot be */
	packet->source[0] = ip[3];
	packet->destination[0] = ip[4];
	packet->ttl = ((const struct ipv6hdr *)ip)->hop_limit; /* asked for of IPv6 alone */
	*sum = gue_sum_covered(packet, ip[0], packet->length - ip_bytes);
	return true;
}

static __always_inline void write_hop(__u32 *at, const struct poise_backend *hop, __u8 family)
{
	const __u32 *address = (const __u32 *)hop->address;

	at[0] = address[0];
	if (family == 4)
		return;
	at[1] = address[1];
	at[2] = address[2];
	at[3] = address[3];
}

static __always_inline void write_hops(void *at, const struct hops *hops, __u8 family)
{
	if (!hops->first)
		return;
	*(__be32 *)at = hops_head(hops, family);
	at += sizeof(struct poise_chain);
	write_hop(at, hops->first, family);
	if (hops->second)
		write_hop(at + (family == 4 ? HOP4_BYTES : HOP6_BYTES), hops->second, family);
}

/* The tunnel's headers, of which the last is GUE's, and the chain in front of the packet; family:
 * constant, that of the tunnel and of all hops. false: nothing was changed. */
static __always_inline bool encap_chained(struct xdp_md *ctx, struct packet *packet,
					  const struct poise_backend *backend,
					  const struct hops *hops, __u8 family)
{
	const __u32 ip_bytes = family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	const __u32 bytes = ip_bytes + GUE_BYTES;
	struct chain chain = {
		.bytes = hops_bytes(hops, family == 4 ? HOP4_BYTES : HOP6_BYTES),
	};
	__be16 check = 0; /* over IPv4 UDP does without */
	__u64 sum = 0;
	void *outer;

	if (packet->length + bytes > backend->mtu)
		return false;
	if (family == 6 && !inner_sum(ctx, packet, &sum))
		return false;
	if (family == 6)
		sum += hops_sum6(hops);
	if (bpf_xdp_adjust_head(ctx, -(int)(bytes + chain.bytes)))
		return false;
	outer = packet_data(ctx) + ETH_HLEN;
	/* the longest chain's room is asked for: the client's packet, which is longer, follows */
	if (outer + bytes + POISE_CHAIN_MAX_BYTES > packet_end(ctx))
		return false; /* cannot be */
	write_ethernet(packet_data(ctx), backend, family == 4 ? ETH_P_IP : ETH_P_IPV6);
	if (family == 4) {
		write_ip4(outer, packet, backend, POISE_ENCAP_GUE, &chain);
	} else {
		write_ip6(outer, packet, backend, POISE_ENCAP_GUE, &chain);
		check = gue_checksum(packet, backend, &chain, sum);
	}
	write_gue(outer + ip_bytes, packet, backend, check, &chain);
	write_hops(outer + bytes, hops, family);
	return true;
}

/* family: the backend's, constant. */
static __always_inline bool send_hops(struct xdp_md *ctx, struct packet *packet,
				      const struct poise_backend *backend,
				      const struct choice *choice, __u8 family)
{
	struct hops hops;

	if (!find_hops(packet, choice, family, &hops) ||
	    !encap_chained(ctx, packet, backend, &hops, family))
		return false;
	count_sent(packet, choice->backend);
	if (likely(hops.first))
		count_event(POISE_EVENT_CHAINED);
	return true;
}

/* True when the packet was sent; else nothing was done to it. */
static __always_inline bool send_chained(struct xdp_md *ctx, struct packet *packet,
					 const struct choice *choice)
{
	const struct poise_backend *backend = entry_at_rest(choice->backend);

	if (!backend || !backend->ifindex || unlikely(backend->vlan[0]) ||
	    backend->encapsulation != POISE_ENCAP_GUE ||
	    way_out(ctx, packet, backend) != POISE_REASON_SENT)
		return false;
	return backend->family == 4 ? send_hops(ctx, packet, backend, choice, 4)
				    : send_hops(ctx, packet, backend, choice, 6);
}

#endif
