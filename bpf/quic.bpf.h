/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * QUIC connection ids that name their backend: draft-ietf-quic-load-balancers-21, plaintext
 * algorithm. A server's connection id is: first octet (three config rotation bits; five of its
 * length, or random), server id, nonce. Of the packet nothing is read but the invariants of all
 * QUIC versions (RFC 8999). An id that names nobody is the client's own, or of another
 * configuration: the ring decides, as for the rotation bits 0b111, which say that it shall.
 */
#ifndef POISE_QUIC_BPF_H
#define POISE_QUIC_BPF_H

#include "count.bpf.h"
#include "packet.bpf.h"
#include "ring.bpf.h"

enum {
	QUIC_LONG_HEADER = 0x80, /* bit of the first byte */
	QUIC_ROTATION_SHIFT = 5,
	QUIC_UNROUTABLE = 7,
};

/* Part of a UDP datagram's payload. */
struct quic_span {
	__u32 offset, end; /* in the frame */
};

/* Loads bytes of the span and steps over them; false: it has not so many. */
static __always_inline bool quic_load(struct xdp_md *ctx, struct quic_span *span, void *to,
				      __u32 bytes)
{
	if (span->offset + bytes > span->end || !packet_load(ctx, span->offset, to, bytes))
		return false;
	span->offset += bytes;
	return true;
}

/* The payload, as both the IP and the UDP header bound it. */
static __always_inline bool quic_payload(struct xdp_md *ctx, const struct packet *packet,
					 struct quic_span *span)
{
	struct udphdr udp;

	span->offset = packet->l4;
	span->end = packet->l3 + packet->length;
	if (!quic_load(ctx, span, &udp, sizeof(udp)))
		return false;
	if (packet->l4 + bpf_ntohs(udp.len) < span->end)
		span->end = packet->l4 + bpf_ntohs(udp.len);
	return true;
}

/* Makes the span that of the destination connection id; of a short header, which does not say how
 * long its id is, all the rest. */
static __always_inline bool quic_connection_id(struct xdp_md *ctx, struct quic_span *span)
{
	struct {
		__u8 version[4];
		__u8 length;
	} rest;
	__u8 first;

	if (!quic_load(ctx, span, &first, sizeof(first)))
		return false;
	if (!(first & QUIC_LONG_HEADER))
		return true;
	if (!quic_load(ctx, span, &rest, sizeof(rest)) || span->offset + rest.length > span->end)
		return false;
	span->end = span->offset + rest.length;
	return true;
}

/* Reads the server id that the connection id carries. */
static __always_inline bool quic_server_id(struct xdp_md *ctx, struct quic_span *span,
					   const struct poise_service *service,
					   struct poise_quic_server *server)
{
	__u32 last = service->quic_length - 1; /* index of the id's last byte */
	__u32 bytes;
	__u8 first;

	if (!quic_load(ctx, span, &first, sizeof(first)))
		return false;
	first >>= QUIC_ROTATION_SHIFT;
	if (first == QUIC_UNROUTABLE || first != service->quic_config)
		return false;
	/* Linux 6.1's verifier learns nothing from a comparison with 0, and both bounds so. */
	barrier_var(last);
	if (last >= POISE_QUIC_ID_BYTES)
		return false;
	bytes = last + 1;
	server->length = bytes;
	return quic_load(ctx, span, server->id, bytes);
}

/* The backend that the packet's destination connection id names, if packets may go to it; else 0.
 */
__noinline int quic_backend(struct xdp_md *ctx, const struct packet *packet,
			    const struct poise_service *service)
{
	struct poise_quic_server server = {};
	struct quic_span span;
	__u32 *backend;

	if (!packet || !service || packet->protocol != IPPROTO_UDP ||
	    (packet->flags & PACKET_QUOTED)) /* the ids in there are the client's */
		return 0;
	if (!quic_payload(ctx, packet, &span) || !quic_connection_id(ctx, &span) ||
	    !quic_server_id(ctx, &span, service, &server))
		return 0;
	server.service = packet->service;
	backend = bpf_map_lookup_elem(&quic_servers, &server);
	if (!backend || !(backend_flags(*backend) & POISE_BACKEND_LIVE))
		return 0;
	count_event(POISE_EVENT_QUIC_ROUTED);
	return *backend;
}

#endif
