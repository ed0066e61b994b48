// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The backends that health checks are measured with, at the ingress (TC) of their end of a veth
 * pair: whatever address and port a TCP segment is for, it is answered from there, by what the
 * segment itself says alone. To a request come the answer and, in a segment of its own, the FIN, as
 * servers that close send them.
 *
 * The segments are those of the checks turned round. What a local socket sent bears no finished
 * checksum, and needs none (CHECKSUM_PARTIAL) as long as it stays on this host.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10 };

enum {
	FIRST_SEQUENCE = 0x01000000, /* the SYN's; what follows it is counted from there */
	WINDOW = 65535,
	WORD_BYTES = 4,
};

struct headers {
	struct ethhdr ethernet;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

/* What a segment says, and what is to be sent for it. */
struct segment {
	__u32 sequence, acknowledged;
	__u32 bytes; /* of its data */
	__u32 flags;
};

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
			     "Connection: close\r\n\r\nok\n";

static __always_inline struct headers *headers_of(struct __sk_buff *ctx)
{
	struct headers *headers = (void *)(long)ctx->data;

	return (void *)(headers + 1) > (void *)(long)ctx->data_end ? NULL : headers;
}

static __always_inline bool read_segment(struct __sk_buff *ctx, struct segment *segment)
{
	const struct headers *headers;
	const __u8 *bytes;

	if (bpf_skb_pull_data(ctx, sizeof(*headers)))
		return false;
	headers = headers_of(ctx);
	if (!headers || headers->ethernet.h_proto != bpf_htons(ETH_P_IP) || headers->ip.ihl != 5 ||
	    headers->ip.protocol != IPPROTO_TCP)
		return false;
	bytes = (const __u8 *)&headers->tcp;
	segment->sequence = bpf_ntohl(headers->tcp.seq);
	segment->acknowledged = bpf_ntohl(headers->tcp.ack_seq);
	segment->flags = bytes[13];
	segment->bytes = bpf_ntohs(headers->ip.tot_len) - sizeof(headers->ip) -
			 headers->tcp.doff * WORD_BYTES;
	return true;
}

static __always_inline __u16 ip_sum(const struct headers *headers)
{
	const __u16 *words = (const void *)&headers->ip;
	__u32 sum = 0;

	for (int i = 0; i < (int)(sizeof(headers->ip) / sizeof(*words)); i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline void turn_round(struct headers *headers)
{
	struct ethhdr ethernet = headers->ethernet;
	__be32 source = headers->ip.saddr;
	__be16 port = headers->tcp.source;

	__builtin_memcpy(headers->ethernet.h_dest, ethernet.h_source, ETH_ALEN);
	__builtin_memcpy(headers->ethernet.h_source, ethernet.h_dest, ETH_ALEN);
	headers->ip.saddr = headers->ip.daddr;
	headers->ip.daddr = source;
	headers->tcp.source = headers->tcp.dest;
	headers->tcp.dest = port;
}

static __always_inline bool write_segment(struct __sk_buff *ctx, const struct segment *segment)
{
	struct headers *headers;
	__u8 *bytes;

	if (bpf_skb_change_tail(ctx, sizeof(*headers) + segment->bytes, 0))
		return false;
	headers = headers_of(ctx);
	if (!headers)
		return false;
	headers->ip.tot_len =
		bpf_htons(sizeof(headers->ip) + sizeof(headers->tcp) + segment->bytes);
	headers->ip.check = 0;
	headers->ip.check = ip_sum(headers);
	headers->tcp.seq = bpf_htonl(segment->sequence);
	headers->tcp.ack_seq = bpf_htonl(segment->acknowledged);
	bytes = (__u8 *)&headers->tcp;
	bytes[12] = sizeof(headers->tcp) / WORD_BYTES << 4;
	bytes[13] = (__u8)segment->flags;
	headers->tcp.window = bpf_htons(WINDOW);
	return true;
}

/* The answer, and what is left to send after it. */
static __always_inline bool send_answer(struct __sk_buff *ctx, struct segment *segment)
{
	segment->bytes = sizeof(answer) - 1;
	segment->flags = ACK | PSH;
	if (!write_segment(ctx, segment) ||
	    bpf_skb_store_bytes(ctx, sizeof(struct headers), answer, sizeof(answer) - 1, 0) ||
	    bpf_clone_redirect(ctx, ctx->ifindex, 0))
		return false;
	segment->sequence += segment->bytes;
	segment->bytes = 0;
	segment->flags = ACK | FIN;
	return true;
}

static __always_inline bool decide(struct __sk_buff *ctx, const struct segment *in,
				   struct segment *out)
{
	struct headers *headers = headers_of(ctx);

	if (!headers || in->flags & RST || (!(in->flags & (SYN | FIN)) && in->bytes == 0))
		return false;
	turn_round(headers);
	out->sequence = in->flags & SYN ? FIRST_SEQUENCE : in->acknowledged;
	out->acknowledged = in->sequence + in->bytes + !!(in->flags & (SYN | FIN));
	out->bytes = 0;
	out->flags = ACK;
	if (in->bytes)
		return send_answer(ctx, out);
	if (in->flags & SYN)
		out->flags |= SYN;
	else if (in->acknowledged == FIRST_SEQUENCE + 1) /* nothing was asked */
		out->flags |= FIN;
	return true;
}

SEC("tc")
int respond(struct __sk_buff *ctx)
{
	struct segment in, out;

	if (!read_segment(ctx, &in) || !decide(ctx, &in, &out) || !write_segment(ctx, &out))
		return TC_ACT_SHOT;
	return bpf_redirect(ctx->ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
