// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * poise_agent, poise_agent_tc, and chains that lie: of another version, length or shape, cut short,
 * from strangers, for other addresses.
 */
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent_chain.h"
#include "agent_run.h"
#include "hex.h"

#define FOR_EACH_MIX(outer, inner)                                                                 \
	for (int outer = 4; outer <= 6; outer += 2)                                                \
		for (int inner = 4; inner <= 6; inner += 2)

enum {
	PORT = 81,
	CHAIN_VERSION_COUNT = GUE_BYTES + 2, /* offsets from GUE's header on */
	CHAIN_FAMILIES = GUE_BYTES + 3,
	MAX_WORDS = 31,
	PRIVATE_BYTES = MAX_WORDS * 4,
	MOST_GROWTH = 4, /* from IPv4 to IPv6, with another IPv6 address behind the next one */
};

static struct layer segment(void)
{
	return tcp(CHAIN_CLIENT_PORT, PORT, ACK);
}

/* A GUE header of so many words, 'bytes' of which begin the private data; the rest are zeros. */
static struct packet with_private(int outer, int inner, const uint8_t *bytes, size_t length,
				  unsigned int words)
{
	uint8_t header[GUE_BYTES + PRIVATE_BYTES] = { (uint8_t)words,
						      inner == 4 ? IPPROTO_IPIP : IPPROTO_IPV6 };

	memcpy(header + GUE_BYTES, bytes, length);
	return PKT(chain_eth_in(), chain_outer(outer), chain_udp(outer),
		   raw(header, GUE_BYTES + words * 4), chain_inner(inner), segment(), payload(9));
}

static bool is_refused(int outer, int inner, uint8_t version_count, uint8_t families,
		       unsigned int words, enum poise_agent_reason reason)
{
	const uint8_t chain[] = { 'P', 'O', version_count, families };
	struct packet in = with_private(outer, inner, chain, sizeof(chain), words);

	return agent_run_refused("chain", &in, reason);
}

/* The words that addresses of these families need; 0: not of this version's shape. */
static unsigned int words_of(unsigned int count, unsigned int families)
{
	unsigned int words = 1;

	if (count < 1 || count > POISE_CHAIN_HOPS || families >> count)
		return 0;
	for (unsigned int i = 0; i < count; i++)
		words += families >> i & 1 ? 4 : 1;
	return words;
}

static void test_versions(void)
{
	FOR_EACH_MIX(outer, inner)
	{
		bool passed = true;

		for (unsigned int version = 0; version < 16; version++)
			for (unsigned int words = 1; words <= MAX_WORDS; words++)
				if (version != POISE_CHAIN_VERSION)
					passed &= is_refused(outer, inner,
							     (uint8_t)(version << 4 | 1), 0, words,
							     POISE_AGENT_REASON_CHAIN_UNKNOWN);
		tap_ok(passed, "IPv%d in IPv%d: every other version, of every length: dropped",
		       inner, outer);
	}
}

static void test_shapes(void)
{
	static const uint8_t families[] = { 0, 1, 2, 3, 4, 5, 7, 8, 0x10, 0x80, 0xff };

	FOR_EACH_MIX(outer, inner)
	{
		bool passed = true;

		for (unsigned int count = 0; count < 16; count++)
			for (size_t i = 0; i < sizeof(families); i++)
				for (unsigned int words = 1; words <= 12; words++)
					if (words != words_of(count, families[i]))
						passed &= is_refused(
							outer, inner, (uint8_t)(1 << 4 | count),
							families[i], words,
							POISE_AGENT_REASON_CHAIN_MALFORMED);
		tap_ok(passed, "IPv%d in IPv%d: every count, families and length that lie: dropped",
		       inner, outer);
	}
}

static void test_others(void)
{
	static const uint8_t magics[][2] = { { 'P', 'P' }, { 'O', 'P' }, { 0, 0 }, { 'p', 'o' } };

	FOR_EACH_MIX(outer, inner)
	{
		bool passed = true;

		for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
			const uint8_t chain[] = { magics[i][0], magics[i][1], 0x11, 0 };
			struct packet in = with_private(outer, inner, chain, sizeof(chain), 2);

			passed &= agent_run_refused("magic", &in, POISE_AGENT_REASON_GUE_UNKNOWN);
		}
		tap_ok(passed, "IPv%d in IPv%d: private data of another's: untouched", inner,
		       outer);
	}
}

static struct packet whole(int outer, int inner)
{
	const char *hops[] = { AGENT_NEAR[inner == 4], AGENT_NEAR[inner == 6], NULL };

	return CHAIN_IN(outer, inner, hops, chain_inner(inner), segment(), payload(9));
}

static size_t gue_of(int outer)
{
	return ETH_BYTES + (outer == 4 ? IP4_BYTES : IP6_BYTES) + UDP_BYTES;
}

/* Variant, control bit and flags come before what the private data may be. */
static void test_gue(void)
{
	FOR_EACH_MIX(outer, inner)
	{
		struct packet packet = whole(outer, inner);
		bool passed = true;

		for (unsigned int bit = 5; bit < 8; bit++) {
			packet.bytes[gue_of(outer)] |= (uint8_t)(1 << bit);
			passed &= agent_run_refused("variant", &packet,
						    POISE_AGENT_REASON_GUE_UNKNOWN);
			packet.bytes[gue_of(outer)] &= (uint8_t) ~(1 << bit);
		}
		for (unsigned int bit = 0; bit < 16; bit++) {
			uint8_t *flags = packet.bytes + gue_of(outer) + GUE_FLAGS + bit / 8;

			*flags = (uint8_t)(1 << bit % 8);
			passed &=
				agent_run_refused("flags", &packet, POISE_AGENT_REASON_GUE_UNKNOWN);
			*flags = 0;
		}
		tap_ok(passed, "IPv%d in IPv%d: variant, control bit, flags: untouched", inner,
		       outer);
	}
}

/* What a packet with a chain is that ends after so many bytes. */
static enum poise_agent_reason cut_reason(int outer, int inner, size_t end)
{
	size_t gue = gue_of(outer), chain = POISE_CHAIN_MAX_BYTES - 12;

	if (end < gue)
		return POISE_AGENT_REASON_NOT_TUNNEL;
	if (end < gue + GUE_BYTES + chain + (inner == 4 ? IP4_BYTES : IP6_BYTES))
		return POISE_AGENT_REASON_TRUNCATED;
	return POISE_AGENT_REASON_MALFORMED;
}

static void test_cuts(void)
{
	FOR_EACH_MIX(outer, inner)
	{
		struct packet in = whole(outer, inner);
		size_t udp_at = gue_of(outer) - UDP_BYTES, end = in.length;
		bool frames = true, lengths = true;

		for (size_t i = udp_at + UDP_BYTES; i < end; i++) {
			struct packet lying = in, cut = packet_cut(&in, i);

			frames &= agent_run_refused("cut", &cut, cut_reason(outer, inner, i));
			agent_packet_put16(lying.bytes + udp_at + UDP_LENGTH,
					   (unsigned int)(i - udp_at));
			lengths &= agent_run_refused("short", &lying, cut_reason(outer, inner, i));
		}
		tap_ok(frames, "IPv%d in IPv%d: a chain, the frame cut at every byte", inner,
		       outer);
		tap_ok(lengths, "IPv%d in IPv%d: a chain, UDP's length short by every number",
		       inner, outer);
	}
}

static void test_others_first(void)
{
	static const char *const hops[] = { "10.0.1.12", NULL };
	static const uint8_t lies[] = { 'P', 'O', 0x1f, 0xff };

	FOR_EACH_MIX(outer, inner)
	{
		struct layer other = inner == 4 ? ip4(AGENT_CLIENT[0], "203.0.113.11")
						: ip6(AGENT_CLIENT[1], "2001:db8:f::11");
		struct layer stranger = outer == 4 ? ip4("10.0.2.2", AGENT_SELF[0])
						   : ip6("2001:db8:3::2", AGENT_SELF[1]);
		struct packet in = CHAIN_IN(outer, inner, hops, other, segment());

		tap_ok(agent_run_refused("other", &in, POISE_AGENT_REASON_NOT_VIP),
		       "IPv%d in IPv%d: a chain, for another address: untouched", inner, outer);
		agent_run_check_sources(true);
		in = PKT(chain_eth_in(), stranger, chain_udp(outer), chain_gue(inner, hops),
			 chain_inner(inner), segment());
		tap_ok(agent_run_refused("stranger", &in, POISE_AGENT_REASON_BAD_SOURCE),
		       "IPv%d in IPv%d: a chain, from a stranger: dropped", inner, outer);
		agent_run_check_sources(false);
		agent_run_second_chance(false, NULL, 0);
		in = with_private(outer, inner, lies, sizeof(lies), 2);
		tap_ok(agent_run_refused("off", &in, POISE_AGENT_REASON_CHAIN_MALFORMED),
		       "IPv%d in IPv%d: a chain that lies, second chance off: dropped", inner,
		       outer);
		agent_run_second_chance(true, NULL, 0);
	}
}

static void test_outer_fragments(void)
{
	static const unsigned int flags[] = { IP4_MORE_FRAGMENTS, 185 };
	static const char *const hops[] = { "10.0.1.12", NULL };

	for (int i = 0; i < 2; i++) {
		struct layer outer = ip4_fragment(chain_outer(4), (uint16_t)flags[i]);
		struct packet in = PKT(chain_eth_in(), outer, chain_udp(4), chain_gue(4, hops),
				       chain_inner(4), segment());

		tap_ok(agent_run_refused("fragment", &in,
					 i ? POISE_AGENT_REASON_NOT_TUNNEL
					   : POISE_AGENT_REASON_FRAGMENT),
		       "a chain in a%s fragment: untouched", i ? " later" : " first");
	}
}

/* Header and chain of no packet that is sent on may be other than allowed, whatever came in. */
static bool is_sane(const struct packet *in, const struct packet *out, int verdict)
{
	bool is4 = out->bytes[13] == 0 && out->bytes[12] == 8;
	const uint8_t *next = out->bytes + ETH_BYTES + (is4 ? 16 : 24);

	if (verdict == XDP_DROP)
		return true;
	if (verdict == XDP_PASS)
		return out->length != in->length || !memcmp(in->bytes, out->bytes, in->length);
	return verdict == XDP_TX && out->length <= in->length + MOST_GROWTH &&
	       !memcmp(next, is4 ? "\x0a\x00\x01" : "\x20\x01\x0d\xb8", is4 ? 3 : 4);
}

static void test_noise(void)
{
	unsigned int seed = 1, insane = 0, sent = 0;

	for (int round = 0; round < 20000; round++) {
		int outer = round & 1 ? 4 : 6;
		struct packet in = whole(outer, round & 2 ? 4 : 6), out;
		int verdict;

		for (int i = rand_r(&seed) % 3; i >= 0; i--)
			in.bytes[12 + (size_t)rand_r(&seed) % 120] = (uint8_t)rand_r(&seed);
		verdict = agent_run_packet(&in, &out);
		insane += !is_sane(&in, &out, verdict);
		sent += verdict == XDP_TX;
	}
	tap_ok(!insane && sent, "random changes of chains: %u of 20000 sent on, as is allowed",
	       sent);
	tap_ok(!agent_run_counter(POISE_AGENT_REASON_INTERNAL), "no internal error");
}

static int test_hook(enum agent_run_hook hook, unsigned int ifindex)
{
	int err = agent_run_begin(hook);

	if (err) {
		tap_note("the program cannot be loaded: %s", strerror(-err));
		return err;
	}
	agent_run_interface(ifindex);
	agent_run_second_chance(true, NULL, 0);
	agent_run_tunnel_sources(CHAIN_SOURCE4, CHAIN_SOURCE_MASK, CHAIN_SOURCE6,
				 CHAIN_SOURCE_MASK);
	agent_run_add_hop(4, "10.0.1.0", 24);
	agent_run_add_hop(6, "2001:db8:2::", 48);
	agent_run_add_source(4, "172.16.0.0", 16);
	agent_run_add_source(6, "100::", 64);

	test_versions();
	test_shapes();
	test_others();
	test_gue();
	test_cuts();
	test_others_first();
	test_outer_fragments();
	if (hook == AGENT_RUN_XDP)
		test_noise();
	agent_run_end();
	return 0;
}

int main(void)
{
	unsigned int ifindex = agent_host_begin();

	agent_host_lo_forwards(true);
	for (int hook = 0; hook < AGENT_RUN_HOOKS; hook++)
		if (test_hook(hook, ifindex))
			return 1;
	return tap_done();
}
