/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maximum segment size that a SYN-ACK offers the client, made smaller, so that what the client
 * sends fits the tunnel. Whatever is not understood to the end stays as it is.
 */
#ifndef POISE_AGENT_MSS_BPF_H
#define POISE_AGENT_MSS_BPF_H

#include <linux/tcp.h>
#include <stddef.h>

#include "agent_maps.bpf.h"
#include "agent_parse.bpf.h"

enum {
	TCP_OPTIONS_BYTES = 40, /* at most */
	TCP_OPTION_END = 0,
	TCP_OPTION_NONE = 1,
	TCP_OPTION_MSS = 2,
	TCP_OPTION_MIN_BYTES = 2,
	TCP_OPTION_MSS_BYTES = 4,
};

struct vlan_tag {
	__be16 tag;
	__be16 type; /* of what follows */
};

/* A SYN-ACK; offsets are bytes from the frame's beginning. */
struct syn_ack {
	__u32 tcp;
	__u32 options_bytes;
	struct poise_agent_prefix source;
};

/* Whether the headers are plain to see, and are not those of a SYN-ACK: so are nearly all. */
static __always_inline bool is_other(struct __sk_buff *ctx)
{
	struct ethhdr *eth = frame_at(ctx, 0, sizeof(*eth) + sizeof(struct iphdr));
	struct ipv6hdr *ip6 = (void *)(eth + 1);
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp;

	if (!eth)
		return false;
	if (eth->h_proto == bpf_htons(ETH_P_IP) && ip->protocol == IPPROTO_TCP)
		tcp = frame_at(ctx, ETH_HLEN + ip->ihl * 4, sizeof(*tcp));
	else if (eth->h_proto == bpf_htons(ETH_P_IPV6) && ip6->nexthdr == IPPROTO_TCP)
		tcp = frame_at(ctx, ETH_HLEN + sizeof(*ip6), sizeof(*tcp));
	else
		return false;
	return tcp && !(tcp->syn && tcp->ack);
}

/* Where the IP header is, behind at most one VLAN tag; *type becomes its EtherType. */
static __always_inline __u32 find_ip(struct __sk_buff *ctx, __be16 *type)
{
	struct vlan_tag vlan;

	if (bpf_skb_load_bytes(ctx, offsetof(struct ethhdr, h_proto), type, sizeof(*type)))
		*type = 0;
	if (*type != bpf_htons(ETH_P_8021Q) && *type != bpf_htons(ETH_P_8021AD))
		return ETH_HLEN;
	*type = bpf_skb_load_bytes(ctx, ETH_HLEN, &vlan, sizeof(vlan)) ? 0 : vlan.type;
	return ETH_HLEN + sizeof(vlan);
}

static __always_inline bool read_ip4(struct __sk_buff *ctx, __u32 at, struct syn_ack *out)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(ctx, at, &ip, sizeof(ip)) || ip.version != 4 ||
	    ip.ihl < IP4_MIN_WORDS || ip.protocol != IPPROTO_TCP ||
	    ip.frag_off & bpf_htons(IP4_MORE | IP4_OFFSET_MASK))
		return false;
	out->tcp = at + ip.ihl * 4;
	out->source.length = POISE_AGENT_FAMILY_BITS + 32;
	out->source.family = 4;
	__builtin_memcpy(out->source.bytes, &ip.saddr, sizeof(ip.saddr));
	return true;
}

static __always_inline bool read_ip6(struct __sk_buff *ctx, __u32 at, struct syn_ack *out)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(ctx, at, &ip, sizeof(ip)) || ip.version != 6 ||
	    ip.nexthdr != IPPROTO_TCP)
		return false;
	out->tcp = at + sizeof(ip);
	out->source.length = POISE_AGENT_FAMILY_BITS + 128;
	out->source.family = 6;
	__builtin_memcpy(out->source.bytes, &ip.saddr, sizeof(ip.saddr));
	return true;
}

static __always_inline bool find_syn_ack(struct __sk_buff *ctx, struct syn_ack *out)
{
	struct tcphdr tcp;
	__be16 type;
	__u32 ip = find_ip(ctx, &type);

	if (!(type == bpf_htons(ETH_P_IP) && read_ip4(ctx, ip, out)) &&
	    !(type == bpf_htons(ETH_P_IPV6) && read_ip6(ctx, ip, out)))
		return false;
	if (bpf_skb_load_bytes(ctx, out->tcp, &tcp, sizeof(tcp)) || !tcp.syn || !tcp.ack ||
	    tcp.doff * 4 <= sizeof(tcp))
		return false;
	out->options_bytes = tcp.doff * 4 - sizeof(tcp);
	return true;
}

/* The offset of the MSS option among the options; negative: there is none, or they lie. */
static __always_inline int find_mss(struct __sk_buff *ctx, const struct syn_ack *syn_ack,
				    __u8 options[TCP_OPTIONS_BYTES])
{
	__u32 bytes = syn_ack->options_bytes, at = 0;

	if (bytes < TCP_OPTION_MSS_BYTES || bytes > TCP_OPTIONS_BYTES ||
	    bpf_skb_load_bytes(ctx, syn_ack->tcp + sizeof(struct tcphdr), options, bytes))
		return -1;
	for (int i = 0; i < TCP_OPTIONS_BYTES && at + TCP_OPTION_MSS_BYTES <= bytes; i++) {
		__u8 kind, length;

		barrier_var(at);
		if (at > TCP_OPTIONS_BYTES - TCP_OPTION_MSS_BYTES)
			return -1;
		kind = options[at];
		length = options[at + 1];
		if (kind == TCP_OPTION_MSS)
			return length == TCP_OPTION_MSS_BYTES ? (int)at : -1;
		if (kind == TCP_OPTION_END ||
		    (kind != TCP_OPTION_NONE && length < TCP_OPTION_MIN_BYTES))
			return -1;
		at += kind == TCP_OPTION_NONE ? 1 : length;
	}
	return -1;
}

/*
 * Writes the option's value. The TCP checksum adds words that begin at even offsets: for an odd one
 * the value's bytes change places in it. A checksum that the card is to finish stays as it is.
 */
static __always_inline bool write_mss(struct __sk_buff *ctx, const struct syn_ack *syn_ack,
				      __u32 option, __be16 before, __be16 now)
{
	__u32 at = syn_ack->tcp + sizeof(struct tcphdr) + option + TCP_OPTION_MIN_BYTES;
	bool odd = option & 1;

	return !bpf_l4_csum_replace(ctx, syn_ack->tcp + offsetof(struct tcphdr, check),
				    odd ? __builtin_bswap16(before) : before,
				    odd ? __builtin_bswap16(now) : now, sizeof(now)) &&
	       !bpf_skb_store_bytes(ctx, at, &now, sizeof(now), 0);
}

static __always_inline void clamp_mss(struct __sk_buff *ctx)
{
	__u8 options[TCP_OPTIONS_BYTES] = {};
	struct poise_agent_settings *set;
	struct syn_ack syn_ack = {};
	__be16 offered;
	__u32 zero = 0;
	__u16 limit;
	int option;

	if (is_other(ctx))
		return;
	set = bpf_map_lookup_elem(&settings, &zero);
	if (!set || !find_syn_ack(ctx, &syn_ack) || !find_vip(&syn_ack.source))
		return;
	limit = syn_ack.source.family == 4 ? set->mss4 : set->mss6;
	option = find_mss(ctx, &syn_ack, options);
	if (!limit || option < 0)
		return;
	__builtin_memcpy(&offered, &options[option + TCP_OPTION_MIN_BYTES], sizeof(offered));
	if (bpf_ntohs(offered) > limit &&
	    write_mss(ctx, &syn_ack, option, offered, bpf_htons(limit)))
		count_decision(POISE_AGENT_DECISION_CLAMPED);
}

#endif
