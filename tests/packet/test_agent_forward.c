// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * poise_agent and connections that no socket knows: what is sent on to the chain's next hop, to the
 * byte, checksums and MAC addresses included, and what is opened for want of a way there.
 */
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include "agent_chain.h"
#include "agent_host.h"
#include "agent_run.h"
#include "hex.h"

#define FOR_EACH_MIX(outer, inner)                                                                 \
	for (int outer = 4; outer <= 6; outer += 2)                                                \
		for (int inner = 4; inner <= 6; inner += 2)

enum { PORT = AGENT_UNUSED_PORT, LARGEST = 1368 };

static struct layer segment(void)
{
	return tcp(CHAIN_CLIENT_PORT, PORT, ACK | PSH);
}

static bool is_sent(const char *name, const struct packet *in, const struct packet *out)
{
	return agent_run_decided(name, in, POISE_AGENT_REASON_FORWARDED,
				 POISE_AGENT_DECISION_SENT_ON, out, 0, 0);
}

/* Both hops of each family, the packet's length even and odd. */
static void test_mixes(void)
{
	FOR_EACH_MIX(outer, inner)
	{
		for (int mix = 0; mix < 6; mix++) {
			const char *hops[] = { AGENT_NEAR[mix & 1],
					       mix < 4 ? AGENT_NEAR[mix >> 1] : NULL, NULL };
			bool passed = true;

			for (size_t bytes = 0; bytes <= LARGEST; bytes += bytes < 8 ? 1 : 277) {
				struct packet in = CHAIN_IN(outer, inner, hops, chain_inner(inner),
							    segment(), payload(bytes));
				struct packet out =
					CHAIN_SENT(outer, inner, hops, chain_inner(inner),
						   segment(), payload(bytes));

				passed &= is_sent("mix", &in, &out);
			}
			tap_ok(passed, "IPv%d in IPv%d, to %s, then %s: sent on to the byte", inner,
			       outer, hops[0], hops[1] ? hops[1] : "nobody");
		}
	}
}

/* To both families, with another hop behind. */
#define IS_SENT_TO_BOTH(outer, inner, ...)                                                         \
	({                                                                                         \
		bool both_ = true;                                                                 \
		for (int to_ = 0; to_ < 2; to_++) {                                                \
			const char *hops_[] = { AGENT_NEAR[to_], AGENT_NEAR[1], NULL };            \
			struct packet in_ = CHAIN_IN(outer, inner, hops_, __VA_ARGS__);            \
			struct packet out_ = CHAIN_SENT(outer, inner, hops_, __VA_ARGS__);         \
			both_ &= is_sent("both", &in_, &out_);                                     \
		}                                                                                  \
		both_;                                                                             \
	})

static void test_inner_packets(void)
{
	struct packet quoted4 = PKT(chain_eth_out(), ip4(AGENT_VIP[0], AGENT_CLIENT[0]),
				    tcp(PORT, CHAIN_CLIENT_PORT, ACK), payload(40));
	struct packet quoted6 = PKT(chain_eth_out(), ip6(AGENT_VIP[1], AGENT_CLIENT[1]),
				    tcp(PORT, CHAIN_CLIENT_PORT, ACK), payload(40));

	for (int outer = 4; outer <= 6; outer += 2) {
		bool passed = true;

		for (size_t bytes = 4; bytes <= 40; bytes += 4)
			passed &= IS_SENT_TO_BOTH(outer, 4, ip4_options(chain_inner(4), bytes),
						  segment(), payload(bytes + 1));
		tap_ok(passed, "IPv4 options in IPv%d: sent on", outer);
		passed = true;
		for (unsigned int value = 0; value < 256; value++) {
			passed &= IS_SENT_TO_BOTH(outer, 4, tos(chain_inner(4), (uint8_t)value),
						  segment());
			passed &= IS_SENT_TO_BOTH(outer, 6, tos(chain_inner(6), (uint8_t)value),
						  segment());
		}
		tap_ok(passed, "every DSCP and ECN in IPv%d: sent on as it was", outer);
		tap_ok(IS_SENT_TO_BOTH(outer, 4, chain_inner(4), icmp(3, 4, 1400),
				       quote(&quoted4, IP4_BYTES + 29)),
		       "an ICMP error in IPv%d: sent on", outer);
		tap_ok(IS_SENT_TO_BOTH(outer, 6, chain_inner(6), icmp6(2, 0, 1400),
				       quote(&quoted6, IP6_BYTES + 29)),
		       "an ICMPv6 error in IPv%d: sent on", outer);
	}
}

/* DSCP and ECN of the tunnel stay, whichever the family; IPv4 options do not. */
static void test_outer_headers(void)
{
	bool passed = true;

	for (unsigned int value = 0; value < 256; value++) {
		for (int mix = 0; mix < 4; mix++) {
			int outer = mix & 1 ? 6 : 4;
			const char *hops[] = { AGENT_NEAR[mix >> 1], NULL };
			struct layer before = tos(chain_outer(outer), (uint8_t)value);
			struct layer after = tos(chain_forward(outer, hops[0]), (uint8_t)value);
			struct packet in = PKT(chain_eth_in(), before, chain_udp(outer),
					       chain_gue(4, hops), chain_inner(4), segment());
			struct packet out =
				PKT(chain_eth_out(), after, chain_udp(chain_family(hops[0])),
				    chain_gue(4, hops + 1), chain_inner(4), segment());

			passed &= is_sent("outer TOS", &in, &out);
		}
	}
	tap_ok(passed, "every DSCP and ECN of the tunnel's header stays");
	passed = true;
	for (size_t bytes = 4; bytes <= 40; bytes += 4) {
		for (int to = 0; to < 2; to++) {
			const char *hops[] = { AGENT_NEAR[to], AGENT_NEAR[to], NULL };
			struct packet in =
				PKT(chain_eth_in(), ip4_options(chain_outer(4), bytes),
				    chain_udp(4), chain_gue(6, hops), chain_inner(6), segment());
			struct packet out = CHAIN_SENT(4, 6, hops, chain_inner(6), segment());

			passed &= is_sent("outer options", &in, &out);
		}
	}
	tap_ok(passed, "4 to 40 bytes of options in the tunnel's header: sent on without them");
}

/* What stands behind the inner packet, in the tunnel or in the frame, is not part of it. */
static void test_trailing(void)
{
	static const uint8_t rubbish[] = { 1, 2, 3, 4, 5, 6, 7 };

	FOR_EACH_MIX(outer, inner)
	{
		const char *hops[] = { AGENT_NEAR[inner == 6], NULL };
		struct layer ip = chain_inner(inner);
		struct packet in = CHAIN_IN(outer, inner, hops, ip, segment(),
					    trailer(rubbish, sizeof(rubbish)));
		struct packet out = CHAIN_SENT(outer, inner, hops, ip, segment(),
					       trailer(rubbish, sizeof(rubbish)));

		tap_ok(is_sent("trailer", &in, &out),
		       "IPv%d in IPv%d: bytes behind the outer packet stay behind it", inner,
		       outer);
		ip = inner == 4 ? claim(ip, IP4_BYTES + TCP_BYTES) : claim(ip, TCP_BYTES);
		in = CHAIN_IN(outer, inner, hops, next(ip, IPPROTO_TCP),
			      raw(out.bytes + out.length - sizeof(rubbish) - TCP_BYTES, TCP_BYTES),
			      raw(rubbish, sizeof(rubbish)));
		tap_ok(is_sent("rubbish", &in, &out),
		       "IPv%d in IPv%d: bytes behind the inner packet come to stand there, too",
		       inner, outer);
	}
}

static uint16_t udp_checksum(const struct packet *packet)
{
	const uint8_t *at = packet->bytes + ETH_BYTES + IP6_BYTES + UDP_CHECKSUM;

	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Over IPv6, 0 would say that there is none; the inner flow label makes it that. */
static void test_checksum_zero(void)
{
	const char *hops[] = { AGENT_NEAR[1], NULL };
	struct packet in = CHAIN_IN(4, 6, hops, ip6_label(chain_inner(6), 0), segment()), out;
	uint16_t check;

	agent_run_packet(&in, &out);
	check = udp_checksum(&out);
	in = CHAIN_IN(4, 6, hops, ip6_label(chain_inner(6), check), segment());
	agent_run_packet(&in, &out);
	tap_ok(udp_checksum(&out) == 0xffff, "a UDP checksum that adds up to 0 is sent as 0xffff");
}

/* A wrong checksum of the client's makes the tunnel's a wrong one. */
static void test_checksum_wrong(void)
{
	const char *hops[] = { AGENT_NEAR[1], NULL };
	struct layer wrong = checksum(segment(), 0x1234);
	struct packet in = CHAIN_IN(4, 4, hops, chain_inner(4), wrong), got;
	struct packet right = CHAIN_SENT(4, 4, hops, chain_inner(4), wrong);
	int verdict = agent_run_packet(&in, &got);

	tap_ok(verdict == XDP_TX && got.length == right.length &&
		       udp_checksum(&got) != udp_checksum(&right),
	       "a wrong checksum of the client's is not made a right one");
}

/*
 * Where it does not go on.
 */

enum { SMALL_MTU = 1280 };

static struct packet to_hop(const char *hop, int inner, size_t bytes)
{
	const char *hops[] = { hop, AGENT_NEAR[0], NULL };

	return CHAIN_IN(4, inner, hops, chain_inner(inner), segment(), payload(bytes));
}

static bool is_opened(const char *hop, size_t bytes, enum poise_agent_decision decision)
{
	struct packet in = to_hop(hop, 6, bytes);
	struct packet out = CHAIN_OPENED(chain_inner(6), segment(), payload(bytes));

	return agent_run_decided(hop, &in, POISE_AGENT_REASON_DECAPSULATED_GUE_6IN4, (int)decision,
				 &out, 6, out.length - ETH_BYTES);
}

static bool is_left_to_tc(const char *hop)
{
	struct packet in = to_hop(hop, 4, 20);

	return agent_run_decided(hop, &in, AGENT_RUN_LEFT_TO_TC, POISE_AGENT_DECISION_SLOW_PATH,
				 &in, 0, 0);
}

static void test_ways(void)
{
	for (int i = 0; i < 2; i++) {
		tap_ok(is_opened(AGENT_NOWHERE[i], 20, POISE_AGENT_DECISION_NO_ROUTE),
		       "no route to %s: opened", AGENT_NOWHERE[i]);
		tap_ok(is_opened(AGENT_SELF[i], 20, POISE_AGENT_DECISION_NO_ROUTE),
		       "%s is the host itself: opened", AGENT_SELF[i]);
		tap_ok(is_opened(i ? "2001:db9::1" : "192.0.2.1", 20,
				 POISE_AGENT_DECISION_HOP_REFUSED),
		       "IPv%d: no hop that is allowed: opened", i ? 6 : 4);
		tap_ok(is_left_to_tc(AGENT_SILENT[i]), "%s has no neighbour entry: left to TC",
		       AGENT_SILENT[i]);
		tap_ok(is_left_to_tc(AGENT_ASIDE[i]), "%s is behind another interface: left to TC",
		       AGENT_ASIDE[i]);
	}
	agent_host_lo_forwards(false);
	for (int i = 0; i < 2; i++)
		tap_ok(is_left_to_tc(AGENT_NEAR[i]),
		       "%s, and routes cannot be asked for: left to TC", AGENT_NEAR[i]);
	agent_host_lo_forwards(true);
}

static void test_too_big(void)
{
	for (int i = 0; i < 2; i++) {
		const char *hops[] = { AGENT_SMALL[i], AGENT_NEAR[0], NULL };
		struct packet none = CHAIN_SENT(4, 6, hops, chain_inner(6), segment());
		size_t room = SMALL_MTU + ETH_BYTES - none.length;
		struct packet in = to_hop(hops[0], 6, room);
		struct packet out =
			CHAIN_SENT(4, 6, hops, chain_inner(6), segment(), payload(room));

		tap_ok(is_sent("fits", &in, &out), "to %s: a packet as large as the MTU: sent on",
		       hops[0]);
		tap_ok(is_opened(hops[0], room + 1, POISE_AGENT_DECISION_NO_ROUTE),
		       "to %s: one byte more: opened", hops[0]);
	}
}

int main(void)
{
	unsigned int ifindex = agent_host_begin();
	int err = agent_run_begin(AGENT_RUN_XDP);

	if (err) {
		tap_note("the program cannot be loaded: %s", strerror(-err));
		return 1;
	}
	agent_run_interface(ifindex);
	agent_host_lo_forwards(true);
	agent_run_second_chance(true, NULL, 0);
	agent_run_tunnel_sources(CHAIN_SOURCE4, CHAIN_SOURCE_MASK, CHAIN_SOURCE6,
				 CHAIN_SOURCE_MASK);
	agent_run_add_hop(4, "10.0.0.0", 8);
	agent_run_add_hop(6, "2001:db8::", 32);

	test_mixes();
	test_inner_packets();
	test_outer_headers();
	test_trailing();
	test_checksum_zero();
	test_checksum_wrong();
	test_ways();
	test_too_big();
	agent_run_end();
	return tap_done();
}
