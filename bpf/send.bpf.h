/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way out: from a backend's index to a frame that is sent. The short one knows untagged frames
 * with a tunnel of every kind, but no chain (send_chain.bpf.h); the long one also VLAN tags on
 * either side, the client's TTL, and packets whose GUE checksum takes reading all of them.
 */
#ifndef POISE_SEND_BPF_H
#define POISE_SEND_BPF_H

#include "backend.bpf.h"
#include "encap.bpf.h"
#include "link.bpf.h"
#include "packet.bpf.h"

/* Back out of the interface that it came in by, or through the devmap; may be called before the
 * packet is changed. */
static __always_inline enum poise_reason way_out(const struct xdp_md *ctx, struct packet *packet,
						 const struct poise_backend *backend)
{
	packet->verdict = XDP_TX;
	if (likely(backend->ifindex == ctx->ingress_ifindex))
		return POISE_REASON_SENT;
	packet->verdict = bpf_redirect_map(&egress, backend->ifindex, XDP_DROP);
	return packet->verdict == XDP_REDIRECT ? POISE_REASON_SENT : POISE_REASON_NO_EGRESS;
}

/* Only the MAC addresses change; false: nothing was changed. */
static __always_inline bool forward_plain_l2(struct xdp_md *ctx, const struct packet *packet,
					     const struct poise_backend *backend)
{
	void *data = packet_data(ctx), *end = packet_end(ctx);

	if (packet->length > backend->mtu || link_loops(ctx, backend) || data + ETH_HLEN > end)
		return false;
	write_macs(data, backend);
	return true;
}

/* Puts the tunnel's headers in front, without a chain; false: nothing was changed. */
static __always_inline bool encap_plain(struct xdp_md *ctx, const struct packet *packet,
					const struct poise_backend *backend, __u32 kind)
{
	const struct chain none = {};
	__u32 bytes = encap_bytes(backend, kind);
	__u64 inner_sum = 0;
	void *data, *end;

	if (unlikely(packet->length + bytes > backend->mtu))
		return false;
	if (kind == POISE_ENCAP_GUE && backend->family == 6 &&
	    !gue_sum_plain(ctx, packet, &inner_sum))
		return false;
	if (bpf_xdp_adjust_head(ctx, -(int)bytes))
		return false;
	data = packet_data(ctx);
	end = packet_end(ctx);
	if (data + ETH_HLEN > end)
		return false; /* cannot be */
	write_ethernet(data, backend, ethernet_type(packet, backend, kind));
	return write_tunnel(data + ETH_HLEN, end, packet, backend, kind, inner_sum, &none);
}

/* The short way out: true when the packet was sent; else it is unchanged. */
static __always_inline bool send_plain(struct xdp_md *ctx, struct packet *packet, __u32 index)
{
	struct poise_backend *backend = backend_get(index);

	if (!backend || !backend->ifindex || unlikely(backend->vlan[0]) ||
	    way_out(ctx, packet, backend) != POISE_REASON_SENT)
		return false;
	if (likely(backend->encapsulation == POISE_ENCAP_IPIP))
		return encap_plain(ctx, packet, backend, POISE_ENCAP_IPIP);
	if (backend->encapsulation == POISE_ENCAP_GUE)
		return encap_plain(ctx, packet, backend, POISE_ENCAP_GUE);
	if (backend->encapsulation == POISE_ENCAP_GRE)
		return encap_plain(ctx, packet, backend, POISE_ENCAP_GRE);
	return backend->encapsulation == POISE_ENCAP_L2 && forward_plain_l2(ctx, packet, backend);
}

/* Why the backend is not given the packet; nothing is done to it. For TOO_BIG *mtu is the largest
 * IP packet that would have fitted. */
static __always_inline enum poise_reason refusal(struct xdp_md *ctx, const struct packet *packet,
						 const struct poise_backend *backend, __u32 *mtu)
{
	__u32 kind = backend->encapsulation & POISE_ENCAP_KIND;
	__u32 bytes = encap_bytes(backend, kind);

	if (backend->ifindex == 0)
		return POISE_REASON_NO_NEXT_HOP;
	if (kind == POISE_ENCAP_L2 && link_loops(ctx, backend))
		return POISE_REASON_LOOP;
	if (backend->encapsulation & POISE_ENCAP_TTL && packet->ttl <= 1)
		return POISE_REASON_TTL_EXPIRED;
	*mtu = backend->mtu > bytes ? backend->mtu - bytes : 0;
	return packet->length > *mtu ? POISE_REASON_TOO_BIG : POISE_REASON_SENT;
}

/* Takes one from the client's TTL or hop limit. */
static __always_inline bool take_hop(struct xdp_md *ctx, struct packet *packet)
{
	struct iphdr *ip = packet_at(ctx, packet->l3, sizeof(*ip));
	__be16 *word = (__be16 *)&ip->ttl, before; /* and the protocol */

	if (!ip)
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

/* Puts all that the way out needs in the place of all that was before the client's packet. */
static __always_inline enum poise_reason encap_special(struct xdp_md *ctx, struct packet *packet,
						       const struct poise_backend *backend)
{
	__u32 kind = backend->encapsulation & POISE_ENCAP_KIND, link = link_bytes(backend);
	__u32 bytes = link + encap_bytes(backend, kind);
	struct chain chain = chain_make(packet, kind);
	__u64 inner_sum = 0;

	if (backend->encapsulation & POISE_ENCAP_TTL && !take_hop(ctx, packet))
		return POISE_REASON_INTERNAL;
	if (kind == POISE_ENCAP_GUE && backend->family == 6)
		inner_sum = gue_sum_any(ctx, packet);
	if (bpf_xdp_adjust_head(ctx, (int)packet->l3 - (int)(bytes + chain.bytes)))
		return POISE_REASON_NO_HEADROOM;
	if (!write_link(ctx, backend, ethernet_type(packet, backend, kind)))
		return POISE_REASON_INTERNAL;
	if (kind != POISE_ENCAP_L2 && !write_tunnel(packet_data(ctx) + link, packet_end(ctx),
						    packet, backend, kind, inner_sum, &chain))
		return POISE_REASON_INTERNAL;
	return write_chain(ctx, packet, &chain, bytes) ? POISE_REASON_SENT : POISE_REASON_INTERNAL;
}

/*
 * Every other way out. Returns POISE_REASON_SENT with packet->verdict, or why the packet is not
 * sent. For TOO_BIG *mtu is the largest IP packet that would have fitted.
 */
__noinline int send_special(struct xdp_md *ctx, struct packet *packet, __u32 index, __u32 *mtu)
{
	struct poise_backend *backend;
	enum poise_reason reason;

	if (!packet || !mtu)
		return POISE_REASON_INTERNAL;
	if (index == 0)
		return POISE_REASON_NO_BACKEND;
	backend = backend_get(index);
	if (!backend)
		return POISE_REASON_INTERNAL;
	reason = refusal(ctx, packet, backend, mtu);
	if (reason == POISE_REASON_SENT)
		reason = way_out(ctx, packet, backend);
	return reason == POISE_REASON_SENT ? encap_special(ctx, packet, backend) : reason;
}

#endif
