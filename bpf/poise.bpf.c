/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The balancer's data plane, a table of contents: parse -> service -> ring -> encapsulate -> send.
 * A stage returns POISE_REASON_SENT ('go on') or why the packet is not sent; poise() alone turns
 * reasons into counters and verdicts.
 */
#include "maps.bpf.h"
#include "parse.bpf.h"
#include "service.bpf.h"
#include "count.bpf.h"
#include "exceptions.bpf.h"
#include "ring.bpf.h"
#include "encap.bpf.h"

#include <xdp/xdp_helpers.h>

struct {
	__uint(priority, 50);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(poise);

static __always_inline enum poise_reason forward(struct packet *packet,
						 const struct poise_service *service)
{
	__u32 backend = ring_choose(packet, service);
	enum poise_reason reason = encap_and_send(packet, backend);

	if (likely(reason == POISE_REASON_SENT))
		count_sent(packet, backend);
	return reason;
}

/* The entry of a service's address is found for port 0, which no service has. */
static __always_inline bool takes_packets(const struct poise_service *service)
{
	return service && !(service->flags & POISE_SERVICE_ADDRESS);
}

/* What a packet that cannot be parsed is counted as: only a service's address is our business. */
static __always_inline enum poise_reason reject(enum poise_reason reason,
						const struct poise_service *address)
{
	return address ? reason : POISE_REASON_NOT_SERVICE;
}

static __always_inline enum poise_reason handle_ip4(struct packet *packet, const struct iphdr *ip)
{
	struct poise_service *service;
	enum poise_reason reason = parse_ip4(packet, ip);

	if (reason == POISE_REASON_NOT_SERVICE)
		return reason;
	if (unlikely(reason != POISE_REASON_SENT))
		return reject(reason, service_find4(ip->daddr, 0, IPPROTO_TCP, &packet->service));
	service = service_find4(ip->daddr, packet->ports >> 16, packet->protocol, &packet->service);
	if (!takes_packets(service))
		return POISE_REASON_NOT_SERVICE;
	packet->hash =
		poise_flow_hash4(ip->saddr, ip->daddr, packet->ports, packet->protocol, poise_seed);
	return forward(packet, service);
}

static __always_inline enum poise_reason handle_ip6(struct packet *packet, const struct ipv6hdr *ip)
{
	const __u64 *source = (const __u64 *)&ip->saddr;
	const __u64 *destination = (const __u64 *)&ip->daddr;
	struct poise_service *service;
	enum poise_reason reason = parse_ip6(packet, ip);

	if (reason == POISE_REASON_NOT_SERVICE)
		return reason;
	if (unlikely(reason != POISE_REASON_SENT))
		return reject(reason, service_find6(destination, 0, IPPROTO_TCP, &packet->service));
	service =
		service_find6(destination, packet->ports >> 16, packet->protocol, &packet->service);
	if (!takes_packets(service))
		return POISE_REASON_NOT_SERVICE;
	packet->hash =
		poise_flow_hash6(source, destination, packet->ports, packet->protocol, poise_seed);
	return forward(packet, service);
}

static __always_inline enum poise_reason handle(struct packet *packet)
{
	void *data = (void *)(long)packet->ctx->data;
	void *data_end = (void *)(long)packet->ctx->data_end;
	struct ethhdr *ethernet = data;
	struct iphdr *ip4 = data + ETH_HLEN;
	struct ipv6hdr *ip6 = data + ETH_HLEN;

	if ((void *)(ethernet + 1) > data_end)
		return POISE_REASON_NOT_IP;
	if (ethernet->h_proto == bpf_htons(ETH_P_IP))
		return (void *)(ip4 + 1) > data_end ? POISE_REASON_NOT_SERVICE
						    : handle_ip4(packet, ip4);
	if (ethernet->h_proto == bpf_htons(ETH_P_IPV6))
		return (void *)(ip6 + 1) > data_end ? POISE_REASON_NOT_SERVICE
						    : handle_ip6(packet, ip6);
	return POISE_REASON_NOT_IP;
}

static __always_inline int verdict_of(enum poise_reason reason)
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

SEC("xdp")
int poise(struct xdp_md *ctx)
{
	struct packet packet = { .ctx = ctx };
	enum poise_reason reason = handle(&packet);

	if (likely(reason == POISE_REASON_SENT))
		return packet.verdict;
	count_reason(reason);
	return verdict_of(reason);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
