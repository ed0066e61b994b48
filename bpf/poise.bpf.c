/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The balancer's data plane, a table of contents: parse -> service -> choose -> encapsulate ->
 * send.
 *
 * There are two ways through it. The short one, forward_plain(), takes what nearly every packet is:
 * TCP or UDP without anything unusual, for a service of one address and port that wants no more
 * than its ring, whether the flow or its client's address chooses the slot. It either sends the
 * packet or leaves it untouched to the long one, special(), which knows everything. A stage returns
 * POISE_REASON_SENT ('go on') or what became of the packet; poise() alone turns reasons into
 * counters and verdicts.
 */
#include "maps.bpf.h"
#include "packet.bpf.h"
#include "parse.bpf.h"
#include "deep.bpf.h"
#include "service.bpf.h"
#include "loop.bpf.h"
#include "count.bpf.h"
#include "exceptions.bpf.h"
#include "ring.bpf.h"
#include "choose.bpf.h"
#include "fragment.bpf.h"
#include "hash.bpf.h"
#include "icmp.bpf.h"
#include "send.bpf.h"
#include "send_chain.bpf.h"
#include "toobig.bpf.h"
#include "capture.bpf.h"
#include "trace.bpf.h"

#include <xdp/xdp_helpers.h>

struct {
	__uint(priority, 50);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(poise);

/*
 * A plain packet of a moving slot of a service with POISE_SERVICE_CHAIN. Out of line, so that the
 * packets of all others pay nothing for it. brief: brief_make(). Returns the verdict; XDP_ABORTED:
 * nothing was done to the packet.
 */
__noinline int poise_chained(struct xdp_md *ctx, __u64 hash, __u64 slot, __u32 service_and_owner,
			     __u64 brief)
{
	struct packet packet = brief_read(brief);
	struct choice choice;

	packet.hash = hash;
	packet.service = service_and_owner & 0xffff;
	if (!choose_chained(&packet, slot, service_and_owner >> 16, &choice) ||
	    !send_chained(ctx, &packet, &choice))
		return XDP_ABORTED;
	return packet.verdict;
}

/* The data plane that tells what it does leaves this to the long way. */
static __always_inline bool forward_chained(struct xdp_md *ctx, struct packet *packet, __u64 slot,
					    __u32 owner)
{
	if (POISE_TELLS)
		return false;
	packet->verdict = poise_chained(ctx, packet->hash, slot, packet->service | owner << 16,
					brief_make(packet));
	return packet->verdict != XDP_ABORTED;
}

/* True when the packet was sent; else nothing was done to it. */
static __always_inline bool forward_plain(struct xdp_md *ctx, struct packet *packet)
{
	const __u32 simple = POISE_SERVICE_AFFINITY | POISE_SERVICE_CHAIN;
	struct poise_service *service;
	__u64 slot = 0;
	__u32 backend;
	__u16 word;

	if (!parse_plain(ctx, packet))
		return false;
	service = service_of_plain(packet);
	if (!service || unlikely((service->flags & ~simple) != POISE_SERVICE_LISTED))
		return false;
	packet->hash = flow_hash(packet);
	word = ring_word(service, slot_hash(packet, service), &slot);
	backend = word & POISE_SLOT_OWNER;
	if (unlikely(ring_moves(packet, word))) {
		if (service->flags & POISE_SERVICE_CHAIN)
			return forward_chained(ctx, packet, slot, backend);
		backend = ring_choose_plain(packet, slot, backend);
	}
	if (!send_plain(ctx, packet, backend))
		return false;
	count_sent(packet, backend);
	trace_address();
	trace_backend(backend);
	trace_packet(packet, POISE_REASON_SENT);
	return true;
}

static __always_inline void count_special(const struct packet *packet, __u32 backend)
{
	count_sent(packet, backend);
	if (packet->flags & PACKET_LATER_FRAGMENT)
		count_event(POISE_EVENT_FRAGMENT_FOLLOWED);
	if (packet->flags & PACKET_QUOTED)
		count_event(POISE_EVENT_ICMP_FORWARDED);
	if (packet->hops[0])
		count_event(POISE_EVENT_CHAINED);
}

/* Sends the packet, or answers that it is too big. */
static __always_inline int forward(struct xdp_md *ctx, struct packet *packet, __u32 backend)
{
	__u32 mtu = 0;
	int reason = send_special(ctx, packet, backend, &mtu);

	trace_backend(backend);
	if (reason == POISE_REASON_SENT)
		count_special(packet, backend);
	if (reason == POISE_REASON_TOO_BIG)
		return toobig_answer(ctx, packet, mtu);
	return reason;
}

static __always_inline int forward_later_fragment(struct xdp_md *ctx, struct packet *packet)
{
	__u32 backend = 0;
	int reason = fragment_follow(packet, &backend);

	return reason == POISE_REASON_SENT ? forward(ctx, packet, backend) : reason;
}

/* A packet with ports. */
static __always_inline int forward_flow(struct xdp_md *ctx, struct packet *packet,
					const struct poise_service *address, __u32 *backend)
{
	struct poise_service *service = service_of(packet, address);

	if (!service)
		return packet->flags & PACKET_QUOTED ? POISE_REASON_ICMP_PASSED
						     : POISE_REASON_NOT_SERVICE;
	packet->hash = flow_hash(packet);
	*backend = choose(ctx, packet, service);
	return forward(ctx, packet, *backend);
}

/* A packet for an address that has services. */
static __always_inline int special(struct xdp_md *ctx, struct packet *packet,
				   const struct poise_service *address)
{
	__u32 backend = 0;
	int reason;

	if (packet->flags & PACKET_LATER_FRAGMENT)
		return forward_later_fragment(ctx, packet);
	if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6) {
		reason = icmp_input(ctx, packet);
		if (reason != POISE_REASON_SENT)
			return reason;
	}
	reason = forward_flow(ctx, packet, address, &backend);
	if (packet->flags & PACKET_FIRST_FRAGMENT)
		fragment_remember(packet, backend, reason);
	return reason;
}

static __always_inline int handle(struct xdp_md *ctx, struct packet *packet)
{
	int reason = parse_deep(ctx, packet);
	struct poise_service *address;

	if (!packet->family)
		return reason;
	address = service_address(packet);
	if (!address)
		return POISE_REASON_NOT_SERVICE;
	trace_address();
	if (looped(packet))
		return POISE_REASON_LOOP;
	return reason == POISE_REASON_SENT ? special(ctx, packet, address) : reason;
}

static __always_inline int verdict_of(__u32 reason)
{
	switch (reason) {
#define VERDICT(name, verdict, text)                                                               \
	case POISE_REASON_##name:                                                                  \
		return verdict;
		POISE_REASONS(VERDICT)
#undef VERDICT
	default:
		return XDP_ABORTED;
	}
}

/* Returns the verdict. A program of its own to the verifier, as all functions that are not static.
 */
__noinline int poise_special(struct xdp_md *ctx)
{
	struct packet packet = {};
	int reason = handle(ctx, &packet);

	trace_packet(&packet, reason);
	if (reason == POISE_REASON_SENT)
		return packet.verdict;
	count_reason(reason);
	return verdict_of(reason);
}

static __always_inline int balance(struct xdp_md *ctx)
{
	struct packet packet = {};

	if (likely(forward_plain(ctx, &packet)))
		return packet.verdict;
	return poise_special(ctx);
}

SEC("xdp")
int poise(struct xdp_md *ctx)
{
	bool sampled = capture_begin(ctx);
	int verdict = balance(ctx);

	capture_end(ctx, sampled, verdict);
	return verdict;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
