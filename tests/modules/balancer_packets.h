/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Clients' packets, and which backend each was sent to. Comes after balancer_fixture.h.
 */
#ifndef POISE_BALANCER_PACKETS_H
#define POISE_BALANCER_PACKETS_H

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

/* Where a packet went that did not go to a backend of the pool. */
enum { DROPPED = -1, PASSED = -2, ELSEWHERE = -3 };

/* A connection's addresses and ports; host order. */
struct tuple {
	struct address vip;
	uint16_t vport, port;
	uint32_t client; /* the last four bytes of the client's address */
	bool udp;	 /* else TCP */
};

struct frame {
	struct ethhdr eth;
	union {
		struct {
			struct iphdr ip;
			struct tcphdr tcp;
		} __attribute__((packed)) v4;
		struct {
			struct ip6_hdr ip;
			struct tcphdr tcp;
		} __attribute__((packed)) v6;
	};
} __attribute__((packed));

static struct tcphdr tcp_of(const struct tuple *tuple, uint8_t flags)
{
	struct tcphdr tcp = { .th_sport = htons(tuple->port),
			      .th_dport = htons(tuple->vport),
			      .th_off = sizeof(tcp) / 4,
			      .th_win = htons(64240) };

	tcp.th_flags = flags;
	return tcp;
}

/* A UDP header in the place of the TCP header, the rest of which is its data. */
static void make_udp(const struct tuple *tuple, struct frame *frame)
{
	struct udphdr udp = { .source = htons(tuple->port),
			      .dest = htons(tuple->vport),
			      .len = htons(sizeof(struct tcphdr)) };

	if (tuple->vip.family == 4) {
		frame->v4.ip.protocol = IPPROTO_UDP;
		memcpy(&frame->v4.tcp, &udp, sizeof(udp));
	} else {
		frame->v6.ip.ip6_nxt = IPPROTO_UDP;
		memcpy(&frame->v6.tcp, &udp, sizeof(udp));
	}
}

static size_t make_tcp(const struct tuple *tuple, uint8_t flags, struct frame *out)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 0xc8 };

	memset(out, 0, sizeof(*out));
	memcpy(&out->eth, macs, sizeof(macs));
	if (tuple->vip.family == 4) {
		out->eth.h_proto = htons(ETH_P_IP);
		out->v4.ip = (struct iphdr){ .version = 4,
					     .ihl = 5,
					     .ttl = 60,
					     .protocol = IPPROTO_TCP,
					     .tot_len = htons(sizeof(out->v4)),
					     .saddr = htonl(tuple->client) };
		memcpy(&out->v4.ip.daddr, tuple->vip.bytes, 4);
		out->v4.tcp = tcp_of(tuple, flags);
		return sizeof(out->eth) + sizeof(out->v4);
	}
	out->eth.h_proto = htons(ETH_P_IPV6);
	out->v6.ip.ip6_vfc = 6 << 4;
	out->v6.ip.ip6_plen = htons(sizeof(out->v6.tcp));
	out->v6.ip.ip6_nxt = IPPROTO_TCP;
	out->v6.ip.ip6_hlim = 60;
	out->v6.ip.ip6_src.s6_addr32[0] = htonl(0x20010db8);
	out->v6.ip.ip6_src.s6_addr32[3] = htonl(tuple->client);
	memcpy(&out->v6.ip.ip6_dst, tuple->vip.bytes, 16);
	out->v6.tcp = tcp_of(tuple, flags);
	return sizeof(out->eth) + sizeof(out->v6);
}

static size_t frame_make(const struct tuple *tuple, uint8_t flags, struct frame *out)
{
	size_t length = make_tcp(tuple, flags, out);

	if (tuple->udp)
		make_udp(tuple, out);
	return length;
}

/* The backend that a tunnel's packet goes to, by its outer destination. */
static int pool_member(const uint8_t *frame)
{
	struct address address = { .family = frame[ETH_HLEN] >> 4 };

	if (address.family == 4)
		memcpy(address.bytes, frame + ETH_HLEN + 16, 4);
	else
		memcpy(address.bytes, frame + ETH_HLEN + 24, 16);
	for (int k = 0; k < POOL; k++) {
		struct address member = { .family = k < POOL4 ? 4 : 6 };

		if (k < POOL4)
			memcpy(member.bytes, (uint8_t[]){ 10, 9, 0, FIRST_HOST + k }, 4);
		else
			memcpy(member.bytes, (uint8_t[]){ 0xfd, 9, [15] = 0x11 + (k - POOL4) }, 16);
		if (address_equal(&member, &address))
			return k;
	}
	return ELSEWHERE;
}

/* Runs a frame through the program; returns the verdict, and what came out. */
static int run_frame(const void *in, size_t length, uint8_t *out, size_t room)
{
	struct xdp_md context = { .data_end = length, .ingress_ifindex = world.ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in, .data_size_in = length,
		    .data_out = out, .data_size_out = room, .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = 1);
	int err = bpf_prog_test_run_opts(world.program, &options);

	if (err)
		fail_msg("test run: %s", strerror(-err));
	return (int)options.retval;
}

/* Which member of the pool a packet goes to, or DROPPED, PASSED. flags: TH_SYN and so on. */
static int packet_sent(const struct tuple *tuple, uint8_t flags)
{
	uint8_t out[256] = { 0 };
	struct frame frame;
	size_t length = frame_make(tuple, flags, &frame);

	switch (run_frame(&frame, length, out, sizeof(out))) {
	case XDP_TX:
	case XDP_REDIRECT:
		return pool_member(out);
	case XDP_DROP:
		return DROPPED;
	default:
		return PASSED;
	}
}

#endif
