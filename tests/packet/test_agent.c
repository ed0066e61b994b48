// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poise_agent, packet by packet: what is opened, what is left as it was, what is dropped. */
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent_packet.h"
#include "agent_run.h"
#include "hex.h"

static const int FAMILIES[] = { 4, 6 };

#define FOR_EACH_MIX(outer, inner)                                                                 \
	for (int outer = 4; outer <= 6; outer += 2)                                                \
		for (int inner = 4; inner <= 6; inner += 2)

static void test_mixes(void)
{
	FOR_EACH_MIX(outer, inner)
	{
		struct packet out = agent_packet_inner(inner, &AGENT_TO_VIP, (struct header){ 0 });
		struct packet in =
			agent_packet_wrap(&out, outer, &AGENT_TUNNEL, (struct header){ 0 });

		tap_ok(agent_run_opened("mix", &in, outer, inner, &out, 0),
		       "%d in %d: the inner packet, to the byte", inner, outer);
	}
}

/* The inner header's options, TOS and whatever the outer one says stay out of each other's way. */
static void test_options(void)
{
	for (unsigned int options = 4; options <= 40; options += 4) {
		bool passed = true;

		for (int i = 0; i < 2; i++) {
			int inner = FAMILIES[i];
			struct packet out =
				agent_packet_inner(inner, &AGENT_TO_VIP, (struct header){ 0 });
			struct packet in = agent_packet_wrap(&out, 4, &AGENT_TUNNEL,
							     (struct header){ .options = options });

			passed &= agent_run_opened("outer options", &in, 4, inner, &out, 0);
		}
		tap_ok(passed, "%u bytes of options in the outer IPv4 header: opened", options);
	}
	FOR_EACH_MIX(outer, inner)
	{
		struct header header = { .options = inner == 4 ? 40 : 0, .tos = 0xb8 };
		struct packet out = agent_packet_inner(inner, &AGENT_TO_VIP, header);
		struct packet in = agent_packet_wrap(&out, outer, &AGENT_TUNNEL,
						     (struct header){ .tos = 0x28 });

		tap_ok(agent_run_opened("inner header", &in, outer, inner, &out, 0),
		       "%d in %d: inner options and DSCP stay as they were", inner, outer);
	}
}

static void test_nested(void)
{
	struct packet nested = agent_packet_inner(4, &AGENT_TO_VIP, (struct header){ 0 });
	struct packet out = agent_packet_wrap(&nested, 4, &AGENT_TO_VIP, (struct header){ 0 });
	struct packet in = agent_packet_wrap(&out, 4, &AGENT_TUNNEL, (struct header){ 0 });

	tap_ok(agent_run_opened("nested", &in, 4, 4, &out, 0),
	       "a tunnel in a tunnel: one is opened");
}

static void test_inner_fragment(void)
{
	struct packet out =
		agent_packet_inner(4, &AGENT_TO_VIP, (struct header){ .flags = 0x2010 });
	struct packet in = agent_packet_wrap(&out, 4, &AGENT_TUNNEL, (struct header){ 0 });

	tap_ok(agent_run_opened("inner fragment", &in, 4, 4, &out, 0), "an inner fragment: opened");
}

static void test_padding(void)
{
	FOR_EACH_MIX(outer, inner)
	{
		struct packet out = agent_packet_inner(inner, &AGENT_TO_VIP, (struct header){ 0 });
		struct packet in =
			agent_packet_wrap(&out, outer, &AGENT_TUNNEL, (struct header){ 0 });

		memset(out.bytes + out.length, 0xee, 6);
		memset(in.bytes + in.length, 0xee, 6);
		out.length += 6;
		in.length += 6;
		tap_ok(agent_run_opened("padding", &in, outer, inner, &out, 6),
		       "%d in %d: padding after the outer packet does not count", inner, outer);
	}
}

static void test_not_vip(void)
{
	FOR_EACH_MIX(outer, inner)
	{
		struct packet plain =
			agent_packet_inner(inner, &AGENT_TO_OTHER, (struct header){ 0 });
		struct packet in =
			agent_packet_wrap(&plain, outer, &AGENT_TUNNEL, (struct header){ 0 });

		tap_ok(agent_run_refused("not a VIP", &in, POISE_AGENT_REASON_NOT_VIP),
		       "%d in %d for another address: untouched", inner, outer);
	}
}

static void test_other_traffic(void)
{
	struct packet arp = { .length = 28 }, vlan, packet;

	agent_packet_push_eth(&arp, ETH_P_ARP);
	tap_ok(agent_run_refused("ARP", &arp, POISE_AGENT_REASON_NOT_TUNNEL), "ARP: untouched");
	for (int i = 0; i < 2; i++) {
		int family = FAMILIES[i];
		unsigned int icmp = family == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMP6;

		packet = agent_packet_inner(family, &AGENT_TO_VIP, (struct header){ 0 });
		tap_ok(agent_run_refused("TCP", &packet, POISE_AGENT_REASON_NOT_TUNNEL),
		       "TCP to the VIP without a tunnel, IPv%d: untouched", family);
		packet = (struct packet){ .length = 64 };
		agent_packet_push_ip(&packet, family, &AGENT_TO_VIP, icmp, (struct header){ 0 });
		agent_packet_push_eth(&packet, agent_packet_type(family));
		tap_ok(agent_run_refused("ICMP", &packet, POISE_AGENT_REASON_NOT_TUNNEL),
		       "ICMP, IPv%d: untouched", family);
	}
	FOR_EACH_MIX(outer, inner)
	{
		packet = agent_packet_tunnel(outer, inner);
		vlan = (struct packet){ .length = packet.length - ETH_HLEN };
		memcpy(vlan.bytes, packet.bytes + ETH_HLEN, vlan.length);
		agent_packet_put16(agent_packet_push(&vlan, 4) + 2, agent_packet_type(outer));
		agent_packet_put16(vlan.bytes, 100);
		agent_packet_push_eth(&vlan, ETH_P_8021Q);
		tap_ok(agent_run_refused("VLAN", &vlan, POISE_AGENT_REASON_NOT_TUNNEL),
		       "%d in %d with a VLAN tag: untouched", inner, outer);
	}
	packet = agent_packet_tunnel(4, 4);
	packet.bytes[ETH_HLEN] = 0x44;
	tap_ok(agent_run_refused("short header", &packet, POISE_AGENT_REASON_NOT_TUNNEL),
	       "an outer IPv4 header of 16 bytes: untouched");
	packet.bytes[ETH_HLEN] = 0x65;
	tap_ok(agent_run_refused("version", &packet, POISE_AGENT_REASON_NOT_TUNNEL),
	       "IPv6 under the Ethernet type of IPv4: untouched");
	packet = agent_packet_tunnel(6, 6);
	packet.bytes[ETH_HLEN] = 0x45;
	tap_ok(agent_run_refused("version", &packet, POISE_AGENT_REASON_NOT_TUNNEL),
	       "IPv4 under the Ethernet type of IPv6: untouched");
}

static void test_outer_fragments(void)
{
	static const unsigned int flags[] = { IP4_MORE_FRAGMENTS, IP4_MORE_FRAGMENTS | 185, 185 };
	struct packet inner = agent_packet_inner(4, &AGENT_TO_VIP, (struct header){ 0 }), packet;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		packet = agent_packet_wrap(&inner, 4, &AGENT_TUNNEL,
					   (struct header){ .flags = flags[i] });
		tap_ok(agent_run_refused("fragment", &packet, POISE_AGENT_REASON_FRAGMENT),
		       "an outer IPv4 fragment, flags %#x: untouched", flags[i]);
	}
	for (int i = 0; i < 2; i++) {
		static const int protocols[] = { PROTOCOL_IPIP, PROTOCOL_TCP };

		packet = (struct packet){ .length = 100 };
		agent_packet_push(&packet, FRAGMENT_BYTES)[0] = protocols[i];
		packet.bytes[3] = 1; /* more fragments */
		agent_packet_push_ip(&packet, 6, &AGENT_TUNNEL, PROTOCOL_FRAGMENT,
				     (struct header){ 0 });
		agent_packet_push_eth(&packet, ETH_P_IPV6);
		tap_ok(agent_run_refused("fragment", &packet,
					 i ? POISE_AGENT_REASON_NOT_TUNNEL
					   : POISE_AGENT_REASON_FRAGMENT),
		       "an outer IPv6 fragment of %s: untouched", i ? "TCP" : "a tunnel packet");
	}
}

static void test_outer_extension(void)
{
	struct packet packet = agent_packet_inner(6, &AGENT_TO_VIP, (struct header){ 0 });

	memmove(packet.bytes, packet.bytes + ETH_HLEN, packet.length -= ETH_HLEN);
	agent_packet_push(&packet, 8)[0] =
		PROTOCOL_IP6; /* destination options: tunnel encapsulation limit */
	memcpy(packet.bytes + 2, "\x04\x01\x04\x01\x01\x00", 6);
	agent_packet_push_ip(&packet, 6, &AGENT_TUNNEL, PROTOCOL_OPTIONS, (struct header){ 0 });
	agent_packet_push_eth(&packet, ETH_P_IPV6);
	tap_ok(agent_run_refused("extension header", &packet, POISE_AGENT_REASON_NOT_TUNNEL),
	       "an outer IPv6 extension header: untouched");
}

static void test_sources(void)
{
	agent_run_check_sources(true);
	FOR_EACH_MIX(outer, inner)
	{
		struct packet out = agent_packet_inner(inner, &AGENT_TO_VIP, (struct header){ 0 });
		struct packet in =
			agent_packet_wrap(&out, outer, &AGENT_TUNNEL, (struct header){ 0 });

		tap_ok(agent_run_opened("good source", &in, outer, inner, &out, 0),
		       "%d in %d from a balancer: opened", inner, outer);
		in = agent_packet_wrap(&out, outer, &AGENT_STRANGER, (struct header){ 0 });
		tap_ok(agent_run_refused("bad source", &in, POISE_AGENT_REASON_BAD_SOURCE),
		       "%d in %d from a stranger: dropped", inner, outer);
		out = agent_packet_inner(inner, &AGENT_TO_OTHER, (struct header){ 0 });
		in = agent_packet_wrap(&out, outer, &AGENT_STRANGER, (struct header){ 0 });
		tap_ok(agent_run_refused("stranger's", &in, POISE_AGENT_REASON_NOT_VIP),
		       "%d in %d from a stranger for another address: untouched", inner, outer);
	}
	agent_run_check_sources(false);
}

/* The first byte of the frame that the inner destination needs, plus one. */
static size_t readable_from(int outer, int inner)
{
	return ETH_HLEN + agent_packet_header_bytes(outer, (struct header){ 0 }) +
	       agent_packet_header_bytes(inner, (struct header){ 0 });
}

static enum poise_agent_reason truncated_reason(int outer, int inner, size_t length)
{
	if (length < ETH_HLEN + agent_packet_header_bytes(outer, (struct header){ 0 }))
		return POISE_AGENT_REASON_NOT_TUNNEL;
	if (length < readable_from(outer, inner))
		return POISE_AGENT_REASON_TRUNCATED;
	return POISE_AGENT_REASON_MALFORMED;
}

static void test_truncated_frames(void)
{
	FOR_EACH_MIX(outer, inner)
	{
		struct packet packet = agent_packet_tunnel(outer, inner);
		size_t whole = packet.length;
		bool passed = true;

		for (packet.length = agent_run_shortest(outer); packet.length < whole;
		     packet.length++)
			passed &= agent_run_refused("truncated frame", &packet,
						    truncated_reason(outer, inner, packet.length));
		tap_ok(passed,
		       "%d in %d, frame cut at every byte: passed until the VIP is there, "
		       "then dropped",
		       inner, outer);
	}
}

/* The outer header says that the packet ends earlier: what it does not hold must not be read. */
static void test_short_outer_length(void)
{
	FOR_EACH_MIX(outer, inner)
	{
		struct packet whole = agent_packet_tunnel(outer, inner);
		bool passed = true;

		for (size_t end = ETH_HLEN + agent_packet_header_bytes(outer, (struct header){ 0 });
		     end < whole.length; end++) {
			struct packet packet = whole;
			uint8_t *ip = packet.bytes + ETH_HLEN;

			if (outer == 4)
				agent_packet_put16(ip + IP4_LENGTH, end - ETH_HLEN);
			else
				agent_packet_put16(ip + IP6_LENGTH, end - ETH_HLEN - IP6_BYTES);
			passed &= agent_run_refused("short outer length", &packet,
						    truncated_reason(outer, inner, end));
		}
		tap_ok(passed, "%d in %d, outer length short by every number of bytes", inner,
		       outer);
	}
}

static void test_lying_lengths(void)
{
	struct packet packet;
	uint8_t *outer, *inner;

	packet = agent_packet_tunnel(4, 4);
	outer = packet.bytes + ETH_HLEN;
	inner = outer + IP4_BYTES;
	agent_packet_put16(outer + IP4_LENGTH, agent_packet_get16(outer + IP4_LENGTH) + 1);
	tap_ok(agent_run_refused("outer length", &packet, POISE_AGENT_REASON_MALFORMED),
	       "outer IPv4 length one beyond the frame: dropped");
	agent_packet_put16(outer + IP4_LENGTH, IP4_BYTES - 1);
	tap_ok(agent_run_refused("outer length", &packet, POISE_AGENT_REASON_TRUNCATED),
	       "outer IPv4 length below its header: untouched");

	packet = agent_packet_tunnel(4, 4);
	agent_packet_put16(inner + IP4_LENGTH, agent_packet_get16(inner + IP4_LENGTH) + 1);
	tap_ok(agent_run_refused("inner length", &packet, POISE_AGENT_REASON_MALFORMED),
	       "inner IPv4 length one beyond the outer packet: dropped");
	agent_packet_put16(inner + IP4_LENGTH, IP4_BYTES - 1);
	tap_ok(agent_run_refused("inner length", &packet, POISE_AGENT_REASON_MALFORMED),
	       "inner IPv4 length below its header: dropped");

	packet = agent_packet_tunnel(4, 4);
	inner[0] = 0x44;
	tap_ok(agent_run_refused("inner header", &packet, POISE_AGENT_REASON_MALFORMED),
	       "inner IPv4 header of 16 bytes: dropped");
	inner[0] = 0x65;
	tap_ok(agent_run_refused("inner version", &packet, POISE_AGENT_REASON_MALFORMED),
	       "inner version 6 under protocol 4: dropped");

	packet = agent_packet_tunnel(6, 6);
	outer = packet.bytes + ETH_HLEN;
	inner = outer + IP6_BYTES;
	agent_packet_put16(inner + IP6_LENGTH, agent_packet_get16(inner + IP6_LENGTH) + 1);
	tap_ok(agent_run_refused("inner length", &packet, POISE_AGENT_REASON_MALFORMED),
	       "inner IPv6 length one beyond the outer packet: dropped");
	agent_packet_put16(outer + IP6_LENGTH, agent_packet_get16(outer + IP6_LENGTH) + 1);
	tap_ok(agent_run_refused("outer length", &packet, POISE_AGENT_REASON_MALFORMED),
	       "outer IPv6 length one beyond the frame: dropped");
	packet = agent_packet_tunnel(6, 6);
	inner[0] = 0x40;
	tap_ok(agent_run_refused("inner version", &packet, POISE_AGENT_REASON_MALFORMED),
	       "inner version 4 under protocol 41: dropped");
}

/* An inner packet that is nothing but its header is a whole one. */
static void test_header_alone(void)
{
	FOR_EACH_MIX(outer, inner)
	{
		struct packet out = { 0 }, in;

		agent_packet_push_ip(&out, inner, &AGENT_TO_VIP, PROTOCOL_TCP,
				     (struct header){ 0 });
		agent_packet_push_eth(&out, agent_packet_type(inner));
		in = agent_packet_wrap(&out, outer, &AGENT_TUNNEL, (struct header){ 0 });
		tap_ok(agent_run_opened("header alone", &in, outer, inner, &out, 0),
		       "%d in %d, the inner header alone: opened", inner, outer);
	}
}

/* RFC 6040, figure 4, by outer and inner field: Not-ECT, ECT(1), ECT(0), CE; -1: dropped. */
static const int ECN[4][4] = {
	{ 0, 1, 2, 3 },
	{ 0, 1, 1, 3 },
	{ 0, 1, 2, 3 },
	{ -1, 3, 3, 3 },
};

static bool run_ecn(int outer, int inner, unsigned int outer_ecn, unsigned int inner_ecn)
{
	static const unsigned int dscps[] = { 0, 0xb8, 0xfc };
	int expected = ECN[outer_ecn][inner_ecn];
	bool passed = true;

	for (size_t i = 0; i < sizeof(dscps) / sizeof(dscps[0]); i++) {
		struct header before = { .tos = dscps[i] | inner_ecn };
		struct header after = { .tos = dscps[i] | (expected & 3) };
		struct packet sent = agent_packet_inner(inner, &AGENT_TO_VIP, before);
		struct packet out = agent_packet_inner(inner, &AGENT_TO_VIP, after);
		struct packet in = agent_packet_wrap(&sent, outer, &AGENT_TUNNEL,
						     (struct header){ .tos = outer_ecn });

		passed &= expected < 0 ? agent_run_refused("ECN", &in, POISE_AGENT_REASON_ECN_DROP)
				       : agent_run_opened("ECN", &in, outer, inner, &out, 0);
	}
	return passed;
}

static void test_ecn(void)
{
	static const char *const names[] = { "Not-ECT", "ECT(1)", "ECT(0)", "CE" };

	FOR_EACH_MIX(outer, inner)
	{
		for (unsigned int i = 0; i < 16; i++) {
			int expected = ECN[i >> 2][i & 3];

			tap_ok(run_ecn(outer, inner, i >> 2, i & 3), "ECN, %d in %d, %s in %s: %s",
			       inner, outer, names[i & 3], names[i >> 2],
			       expected < 0 ? "dropped" : names[expected]);
		}
	}
}

/* A checksum that was wrong stays wrong by as much: the mark must not make it right. */
static void test_ecn_checksum(void)
{
	bool passed = true;

	for (unsigned int error = 1; error < 0xffff; error += 997) {
		struct packet sent =
			agent_packet_inner(4, &AGENT_TO_VIP, (struct header){ .tos = 2 });
		struct packet out = agent_packet_inner(4, &AGENT_TO_VIP,
						       (struct header){ .tos = 3 }),
			      in;
		uint8_t *before = sent.bytes + ETH_HLEN + IP4_CHECKSUM;
		uint8_t *after = out.bytes + ETH_HLEN + IP4_CHECKSUM;
		unsigned int sum = agent_packet_get16(after) + error;

		agent_packet_put16(after, (sum & 0xffff) + (sum >> 16));
		sum = agent_packet_get16(before) + error;
		agent_packet_put16(before, (sum & 0xffff) + (sum >> 16));
		in = agent_packet_wrap(&sent, 4, &AGENT_TUNNEL, (struct header){ .tos = 3 });
		passed &= agent_run_opened("wrong checksum", &in, 4, 4, &out, 0);
	}
	tap_ok(passed, "ECN: a wrong inner checksum stays wrong");
}

/* Whatever the bytes are: a verdict, and nothing changed unless it was opened. */
static void test_noise(void)
{
	unsigned int seed = 1, broken = 0;

	for (int round = 0; round < 20000; round++) {
		struct header header = { .encapsulation = round % POISE_AGENT_ENCAPSULATION_COUNT };
		struct packet inner =
			agent_packet_inner(round & 2 ? 4 : 6, &AGENT_TO_VIP, (struct header){ 0 });
		struct packet in =
			agent_packet_wrap(&inner, round & 1 ? 4 : 6, &AGENT_TUNNEL, header);
		struct packet out;
		int verdict;

		for (int i = rand_r(&seed) % 4; i >= 0; i--)
			in.bytes[12 + rand_r(&seed) % 84] = rand_r(&seed);
		verdict = agent_run_packet(&in, &out);
		if (verdict != XDP_PASS && verdict != XDP_DROP)
			broken++;
		else if (verdict == XDP_PASS && out.length == in.length &&
			 memcmp(in.bytes, out.bytes, in.length))
			broken++;
	}
	tap_ok(!broken, "random changes of headers: passed untouched, opened or dropped");
	tap_ok(!agent_run_counter(POISE_AGENT_REASON_INTERNAL), "no internal error");
}

/* The man page names each counter as status prints it. */
static void test_man_page(void)
{
	char line[256], wanted[64];
	bool found[POISE_AGENT_REASON_COUNT] = { false };
	FILE *page = fopen("docs/poise-agent.8", "r");

	if (!page) {
		tap_skip("the man page names each counter", "not run from the source tree");
		return;
	}
	while (fgets(line, sizeof(line), page)) {
		for (int i = 0; i < POISE_AGENT_REASON_COUNT; i++) {
			snprintf(wanted, sizeof(wanted), ".It Li %s\n", agent_run_reason_name(i));
			found[i] |= !strcasecmp(line, wanted);
		}
	}
	fclose(page);
	for (int i = 0; i < POISE_AGENT_REASON_COUNT; i++)
		tap_ok(found[i], "the man page names the counter %s", agent_run_reason_name(i));
}

static int test_hook(enum agent_run_hook hook)
{
	int err = agent_run_begin(hook);

	if (err) {
		tap_note("the program cannot be loaded: %s", strerror(-err));
		return err;
	}
	agent_run_add_source(4, "10.0.1.0", 24);
	agent_run_add_source(6, "2001:db8:2::", 48);

	test_mixes();
	test_options();
	test_nested();
	test_inner_fragment();
	test_padding();
	test_not_vip();
	test_other_traffic();
	test_outer_fragments();
	test_outer_extension();
	test_sources();
	test_truncated_frames();
	test_short_outer_length();
	test_lying_lengths();
	test_header_alone();
	test_ecn();
	test_ecn_checksum();
	test_noise();
	agent_run_end();
	return 0;
}

int main(void)
{
	for (int hook = 0; hook < AGENT_RUN_HOOKS; hook++)
		if (test_hook(hook))
			return 1;
	test_man_page();
	return tap_done();
}
