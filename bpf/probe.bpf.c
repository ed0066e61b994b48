/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way of health checks with 'via: tunnel', at the egress (TC) of the interface by which this
 * host would send a packet to the service's address. What comes from a socket with a mark of ours
 * is given the headers that the balancer's program puts before a client's packet, and leaves as
 * that would; a packet without one is none of our business.
 *
 * The mark is poise_probe_mark | the backend's index. It is cleared, so that no packet comes here
 * twice.
 *
 * A packet of a local TCP socket has no finished checksum: whoever sends the frame completes it at
 * the place that the kernel keeps of it, which bpf_skb_adjust_room() leaves alone. GUE's own
 * checksum over IPv6 follows from the pseudo headers, so that needs no finished one either.
 */
#include "maps.bpf.h"
#include "backend.bpf.h"
#include "encap.bpf.h"
#include "hash.bpf.h"
#include "link.bpf.h"
#include "probe_parse.bpf.h"

#include <linux/pkt_cls.h>

enum { VLAN_TAGS = 2 };

/* The bits above POISE_PROBE_INDEX of the marks; poised may change it at any time. */
__u32 poise_probe_mark;

/* Takes one from the TTL or hop limit. */
static __always_inline bool take_one(struct __sk_buff *ctx, struct packet *packet)
{
	struct iphdr *ip = probe_data(ctx) + ETH_HLEN;
	__be16 *word = (__be16 *)&ip->ttl, before; /* and the protocol */

	if (packet->ttl <= 1 || (void *)(ip + 1) > probe_end(ctx))
		return false;
	packet->ttl--;
	if (packet->family == 6) {
		((struct ipv6hdr *)ip)->hop_limit = packet->ttl;
		return true;
	}
	before = *word;
	ip->ttl = packet->ttl;
	ip->check = checksum_replace(ip->check, before, *word);
	return true;
}

/* The sum of the inner packet: an ICMP message, as an IPv4 header, makes none. */
static __always_inline bool inner_sum_of(struct __sk_buff *ctx, const struct packet *packet,
					 __u64 *sum)
{
	__u32 *first = probe_data(ctx) + ETH_HLEN;

	if ((void *)(first + 1) > probe_end(ctx))
		return false;
	*sum = packet->protocol == IPPROTO_ICMP
		       ? 0
		       : gue_sum_covered(packet, *first, packet->length + ETH_HLEN - packet->l4);
	return true;
}

/* What the kernel must know to finish checksums, and to cut a large packet into segments. */
static __always_inline __u64 room_flags(const struct poise_backend *backend, __u32 kind)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO;

	flags |= backend->family == 4 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV6;
	if (kind == POISE_ENCAP_GUE)
		flags |= BPF_F_ADJ_ROOM_ENCAP_L4_UDP;
	if (kind == POISE_ENCAP_GRE)
		flags |= BPF_F_ADJ_ROOM_ENCAP_L4_GRE;
	return flags;
}

/* Too large for the way. Of a packet that the kernel cuts into segments later their size counts,
 * which is the socket's (TCP_MAXSEG). */
static __always_inline bool too_big(const struct __sk_buff *ctx, const struct packet *packet,
				    const struct poise_backend *backend, __u32 kind)
{
	if (ctx->gso_size) /* each segment would need a checksum of its own */
		return kind == POISE_ENCAP_GUE && backend->family == 6;
	return packet->length + encap_bytes(backend, kind) > backend->mtu;
}

/* The tunnel's headers, behind an Ethernet header whose addresses are not written so far. */
static __always_inline bool encapsulate(struct __sk_buff *ctx, const struct packet *packet,
					const struct poise_backend *backend, __u32 kind)
{
	const struct chain no_chain = {};
	__u64 inner_sum = 0;
	void *data, *end;

	if (kind == POISE_ENCAP_L2)
		return true;
	if (!inner_sum_of(ctx, packet, &inner_sum))
		return false;
	if (bpf_skb_adjust_room(ctx, (__s32)encap_bytes(backend, kind), BPF_ADJ_ROOM_MAC,
				room_flags(backend, kind)))
		return false;
	data = probe_data(ctx);
	end = probe_end(ctx);
	return write_tunnel(data + ETH_HLEN, end, packet, backend, kind, inner_sum, &no_chain);
}

/* The inner tag first. */
static __always_inline bool push_tags(struct __sk_buff *ctx, const struct poise_backend *backend)
{
	for (int i = VLAN_TAGS - 1; i >= 0; i--) {
		__u16 tag = backend->vlan[i];
		__u16 type = tag & POISE_VLAN_SERVICE ? ETH_P_8021AD : ETH_P_8021Q;

		if (tag && bpf_skb_vlan_push(ctx, bpf_htons(type), tag & POISE_VLAN_ID))
			return false;
	}
	return true;
}

static __always_inline bool send(struct __sk_buff *ctx, struct packet *packet,
				 const struct poise_backend *backend)
{
	__u32 kind = backend->encapsulation & POISE_ENCAP_KIND;
	void *data;

	if (!backend->ifindex || too_big(ctx, packet, backend, kind))
		return false;
	if (backend->encapsulation & POISE_ENCAP_TTL && !take_one(ctx, packet))
		return false;
	if (!encapsulate(ctx, packet, backend, kind))
		return false;
	data = probe_data(ctx);
	if (data + ETH_HLEN > probe_end(ctx))
		return false;
	write_ethernet(data, backend, ethernet_type(packet, backend, kind));
	return push_tags(ctx, backend);
}

SEC("tc")
int poise_probe(struct __sk_buff *ctx)
{
	__u32 mark = ctx->mark, base = READ_ONCE(poise_probe_mark);
	struct poise_backend *backend;
	struct packet packet = {};

	if (!base || (mark & ~POISE_PROBE_INDEX) != base)
		return TC_ACT_UNSPEC;
	ctx->mark = 0;
	backend = backend_get(mark & POISE_PROBE_INDEX);
	if (!backend ||
	    bpf_skb_pull_data(ctx, ctx->len < PROBE_HEADER_BYTES ? ctx->len : PROBE_HEADER_BYTES))
		return TC_ACT_SHOT;
	if (!probe_parse(ctx, &packet))
		return TC_ACT_SHOT;
	packet.hash = flow_hash(&packet);
	if (!send(ctx, &packet, backend))
		return TC_ACT_SHOT;
	return bpf_redirect(backend->ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
