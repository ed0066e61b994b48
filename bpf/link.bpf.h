/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ethernet headers on the way out, with the VLAN tags that it needs (IEEE 802.1Q, 802.1ad). */
#ifndef POISE_LINK_BPF_H
#define POISE_LINK_BPF_H

#include "packet.bpf.h"

enum {
	TYPE_OFFSET = ETH_HLEN - 2,
	LINK_MAX_BYTES = ETH_HLEN + 2 * TAG_BYTES,
	LINK_MAX_WORDS = (LINK_MAX_BYTES + 3) / 4,
};

static __always_inline void write_macs(void *ethernet, const struct poise_backend *backend)
{
	/* struct ethhdr is packed: it would be copied byte by byte */
	const __u32 *from = (const __u32 *)backend->destination_mac;
	__u32 *to = ethernet;

	to[0] = from[0];
	to[1] = from[1];
	to[2] = from[2];
}

/* Without tags; type in host byte order. */
static __always_inline void write_ethernet(void *ethernet, const struct poise_backend *backend,
					   __u16 type)
{
	write_macs(ethernet, backend);
	*(__be16 *)(ethernet + TYPE_OFFSET) = bpf_htons(type);
}

/* Bytes of the header with its tags. */
static __always_inline __u32 link_bytes(const struct poise_backend *backend)
{
	return ETH_HLEN + (backend->vlan[0] ? TAG_BYTES : 0) + (backend->vlan[1] ? TAG_BYTES : 0);
}

/* Priority 0. Returns what comes after the tag. */
static __always_inline __be16 *put_tag(__be16 *at, __u16 tag)
{
	if (!tag)
		return at;
	at[0] = bpf_htons(tag & POISE_VLAN_SERVICE ? ETH_P_8021AD : ETH_P_8021Q);
	at[1] = bpf_htons(tag & POISE_VLAN_ID);
	return at + 2;
}

/* With the backend's tags, at the beginning of the frame; false: cannot be, as an IP header
 * follows.
 */
static __always_inline bool write_link(struct xdp_md *ctx, const struct poise_backend *backend,
				       __u16 type)
{
	void *data = packet_at(ctx, 0, LINK_MAX_BYTES);
	__be16 *at = data + TYPE_OFFSET;

	if (!data)
		return false;
	write_macs(data, backend);
	at = put_tag(at, backend->vlan[0]);
	at = put_tag(at, backend->vlan[1]);
	*at = bpf_htons(type);
	return true;
}

/* Back to where the frame came from: its MAC addresses change places. */
static __always_inline void turn_macs(__u32 *header)
{
	__u32 first = header[0], middle = header[1], last = header[2];

	header[0] = middle >> 16 | last << 16;
	header[1] = last >> 16 | first << 16;
	header[2] = first >> 16 | middle << 16;
}

static __always_inline bool link_turn(struct xdp_md *ctx)
{
	__u32 header[2 * ETH_ALEN / sizeof(__u32)];

	if (!packet_load(ctx, 0, header, sizeof(header)))
		return false;
	turn_macs(header);
	return packet_store(ctx, 0, header, sizeof(header));
}

/* Whether the frame came from the backend itself, or from this host: sent there once more, it would
 * only come back. */
static __always_inline bool link_loops(const struct xdp_md *ctx,
				       const struct poise_backend *backend)
{
	void *data = packet_data(ctx), *end = packet_end(ctx);
	const __u16 *from = data + ETH_ALEN;
	const __u16 *next = (const __u16 *)backend->destination_mac;
	const __u16 *own = (const __u16 *)backend->source_mac;

	if (data + ETH_HLEN > end)
		return true; /* cannot be */
	return (from[0] == next[0] && from[1] == next[1] && from[2] == next[2]) ||
	       (from[0] == own[0] && from[1] == own[1] && from[2] == own[2]);
}

#endif
