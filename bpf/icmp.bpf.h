/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP and ICMPv6 that come in for a service's address: echo requests are answered, errors about
 * flows are made ready to follow these (quote.bpf.h), everything else is the host's.
 */
#ifndef POISE_ICMP_BPF_H
#define POISE_ICMP_BPF_H

#include "checksum.bpf.h"
#include "limit.bpf.h"
#include "link.bpf.h"
#include "quote.bpf.h"

enum {
	ECHO_TTL = 64,

	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACHABLE = 3, /* 'fragmentation needed' is one of its codes */
	ICMP4_ECHO_REQUEST = 8,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAMETER_PROBLEM = 12,

	ICMP6_UNREACHABLE = 1, /* and 'packet too big', 'time exceeded' */
	ICMP6_PARAMETER_PROBLEM = 4,
	ICMP6_ECHO_REQUEST = 128,
	ICMP6_ECHO_REPLY = 129,
};

/* Checksums do not see that two addresses changed places. */
static __always_inline bool echo_turn4(struct xdp_md *ctx, const struct packet *packet)
{
	struct iphdr ip;
	__be16 before, after;

	if (!packet_load(ctx, packet->l3, &ip, sizeof(ip)))
		return false;
	before = bpf_htons(ip.ttl << 8 | ip.protocol);
	after = bpf_htons(ECHO_TTL << 8 | ip.protocol);
	ip.check = checksum_replace(ip.check, before, after);
	ip.ttl = ECHO_TTL;
	ip.saddr = packet->destination[0];
	ip.daddr = packet->source[0];
	return packet_store(ctx, packet->l3, &ip, sizeof(ip));
}

static __always_inline bool echo_turn6(struct xdp_md *ctx, const struct packet *packet)
{
	struct ipv6hdr ip;

	if (!packet_load(ctx, packet->l3, &ip, sizeof(ip)))
		return false;
	ip.hop_limit = ECHO_TTL;
	__builtin_memcpy(&ip.saddr, packet->destination, sizeof(ip.saddr));
	__builtin_memcpy(&ip.daddr, packet->source, sizeof(ip.daddr));
	return packet_store(ctx, packet->l3, &ip, sizeof(ip));
}

static __always_inline bool echo_turn_icmp(struct xdp_md *ctx, const struct packet *packet,
					   struct icmp_header *icmp)
{
	__be16 before = bpf_htons(icmp->type << 8);

	icmp->type = packet->family == 4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY;
	icmp->checksum = checksum_replace(icmp->checksum, before, bpf_htons(icmp->type << 8));
	/* 0 and 0xffff are the same sum, except for a message of zeros alone: 0xffff is its own */
	if (!icmp->checksum)
		icmp->checksum = 0xffff;
	return packet_store(ctx, packet->l4, icmp, sizeof(*icmp));
}

/*
 * Turns an echo request into its reply: what is not named here stays, the frame's tags and the TOS
 * among it. Requests behind IP options, which a reply must not simply repeat, are the host's.
 */
static __always_inline int echo_answer(struct xdp_md *ctx, const struct packet *packet,
				       struct icmp_header *icmp)
{
	__u32 ip_bytes = packet->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	__u32 zero = 0, rate;
	struct poise_settings *setting = bpf_map_lookup_elem(&settings, &zero);

	if (!setting)
		return POISE_REASON_INTERNAL;
	rate = READ_ONCE(setting->echo_rate);
	if (!rate || packet->l4 - packet->l3 != ip_bytes)
		return POISE_REASON_ICMP_PASSED;
	if (!answerable(ctx, packet) || !limit_allows(POISE_LIMIT_ECHO, rate))
		return POISE_REASON_ECHO_LIMITED;
	if (packet->family == 4 ? !echo_turn4(ctx, packet) : !echo_turn6(ctx, packet))
		return POISE_REASON_INTERNAL;
	if (!echo_turn_icmp(ctx, packet, icmp) || !link_turn(ctx))
		return POISE_REASON_INTERNAL;
	return POISE_REASON_ECHO_ANSWERED;
}

static __always_inline bool icmp_is_request(const struct packet *packet,
					    const struct icmp_header *icmp)
{
	return icmp->code == 0 &&
	       icmp->type == (packet->family == 4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST);
}

/* Not redirects, which are from hosts on the link to hosts on the link. */
static __always_inline bool icmp_is_error(const struct packet *packet,
					  const struct icmp_header *icmp)
{
	if (packet->family == 4)
		return icmp->type == ICMP4_UNREACHABLE || icmp->type == ICMP4_TIME_EXCEEDED ||
		       icmp->type == ICMP4_PARAMETER_PROBLEM;
	return icmp->type >= ICMP6_UNREACHABLE && icmp->type <= ICMP6_PARAMETER_PROBLEM;
}

/*
 * packet: as parse_deep() left it, for an address that has services. Returns POISE_REASON_SENT ('go
 * on') for an error that quotes a flow of the packet's destination: source, destination, ports and
 * protocol are then those of the flow, and PACKET_QUOTED is set. Else what became of the packet.
 */
__noinline int icmp_input(struct xdp_md *ctx, struct packet *packet)
{
	struct icmp_header icmp;

	if (!packet)
		return POISE_REASON_INTERNAL;
	if (!packet_load(ctx, packet->l4, &icmp, sizeof(icmp)))
		return POISE_REASON_INTERNAL;
	if (icmp_is_request(packet, &icmp))
		return echo_answer(ctx, packet, &icmp);
	if (icmp_is_error(packet, &icmp))
		return quote_follow(ctx, packet);
	return POISE_REASON_ICMP_PASSED;
}

#endif
