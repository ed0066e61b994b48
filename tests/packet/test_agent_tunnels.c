// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * poise_agent, packet by packet: GUE and GRE, which encapsulations are opened, and VIPs that are
 * prefixes. What all encapsulations have in common is in test_agent.c.
 */
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include "agent_packet.h"
#include "agent_run.h"
#include "hex.h"

static const char *const NAMES[] = { "IPIP", "GUE", "GRE" };

#define FOR_EACH_SHIM(shim) for (int shim = POISE_AGENT_GUE; shim <= POISE_AGENT_GRE; shim++)

#define FOR_EACH_MIX(outer, inner)                                                                 \
	for (int outer = 4; outer <= 6; outer += 2)                                                \
		for (int inner = 4; inner <= 6; inner += 2)

static struct packet make(int shim, int outer, int inner)
{
	struct packet packet = agent_packet_inner(inner, &AGENT_TO_VIP, (struct header){ 0 });

	return agent_packet_wrap(&packet, outer, &AGENT_TUNNEL,
				 (struct header){ .encapsulation = shim });
}

/* Where the shim begins. */
static uint8_t *shim_of(struct packet *packet, int outer)
{
	return packet->bytes + ETH_HLEN + agent_packet_header_bytes(outer, (struct header){ 0 });
}

static void test_mixes(int shim)
{
	FOR_EACH_MIX(outer, inner)
	{
		struct packet out = agent_packet_inner(inner, &AGENT_TO_VIP, (struct header){ 0 });
		struct packet in = make(shim, outer, inner);

		tap_ok(agent_run_opened("mix", &in, outer, inner, &out, 0),
		       "%s, %d in %d: the inner packet, to the byte", NAMES[shim], inner, outer);
		out = agent_packet_inner(inner, &AGENT_TO_OTHER, (struct header){ 0 });
		in = agent_packet_wrap(&out, outer, &AGENT_TUNNEL,
				       (struct header){ .encapsulation = shim });
		tap_ok(agent_run_refused("not a VIP", &in, POISE_AGENT_REASON_NOT_VIP),
		       "%s, %d in %d for another address: untouched", NAMES[shim], inner, outer);
	}
}

/* TCP is in every other test. */
static void test_inner_protocols(int shim)
{
	static const struct {
		const char *name;
		int family;
		unsigned int protocol, flags;
	} packets[] = {
		{ "UDP", 4, PROTOCOL_UDP, 0 },
		{ "an ICMP error", 4, PROTOCOL_ICMP, 0 },
		{ "a later fragment", 4, PROTOCOL_UDP, 185 },
		{ "UDP", 6, PROTOCOL_UDP, 0 },
		{ "an ICMP error", 6, PROTOCOL_ICMP6, 0 },
		{ "a fragment", 6, PROTOCOL_FRAGMENT, 0 },
	};

	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		struct packet out = { .length = 48 }, in;

		memset(out.bytes, 0x5a, out.length);
		agent_packet_push_ip(&out, packets[i].family, &AGENT_TO_VIP, packets[i].protocol,
				     (struct header){ .flags = packets[i].flags });
		agent_packet_push_eth(&out, agent_packet_type(packets[i].family));
		in = agent_packet_wrap(&out, 4, &AGENT_TUNNEL,
				       (struct header){ .encapsulation = shim });
		tap_ok(agent_run_opened("inner protocol", &in, 4, packets[i].family, &out, 0),
		       "%s around %s, IPv%d: opened", NAMES[shim], packets[i].name,
		       packets[i].family);
	}
}

static void test_options_and_padding(int shim)
{
	bool passed = true;

	for (unsigned int options = 4; options <= 40; options += 4) {
		struct packet out = agent_packet_inner(4, &AGENT_TO_VIP, (struct header){ 0 });
		struct packet in = agent_packet_wrap(
			&out, 4, &AGENT_TUNNEL,
			(struct header){ .options = options, .encapsulation = shim });

		passed &= agent_run_opened("outer options", &in, 4, 4, &out, 0);
	}
	tap_ok(passed, "%s behind 4 to 40 bytes of IPv4 options: opened", NAMES[shim]);
	FOR_EACH_MIX(outer, inner)
	{
		struct packet out = agent_packet_inner(inner, &AGENT_TO_VIP, (struct header){ 0 });
		struct packet in = make(shim, outer, inner);

		memset(out.bytes + out.length, 0xee, 6);
		memset(in.bytes + in.length, 0xee, 6);
		out.length += 6;
		in.length += 6;
		tap_ok(agent_run_opened("padding", &in, outer, inner, &out, 6),
		       "%s, %d in %d: padding does not count", NAMES[shim], inner, outer);
	}
}

static void test_sources(int shim)
{
	agent_run_check_sources(true);
	FOR_EACH_MIX(outer, inner)
	{
		struct packet out = agent_packet_inner(inner, &AGENT_TO_VIP, (struct header){ 0 });
		struct packet in = make(shim, outer, inner);

		tap_ok(agent_run_opened("good source", &in, outer, inner, &out, 0),
		       "%s, %d in %d from a balancer: opened", NAMES[shim], inner, outer);
		in = agent_packet_wrap(&out, outer, &AGENT_STRANGER,
				       (struct header){ .encapsulation = shim });
		tap_ok(agent_run_refused("bad source", &in, POISE_AGENT_REASON_BAD_SOURCE),
		       "%s, %d in %d from a stranger: dropped", NAMES[shim], inner, outer);
	}
	agent_run_check_sources(false);
}

/* What a packet is that ends after so many bytes, by its frame or by its own length. */
static enum poise_agent_reason cut_reason(int shim, int outer, int inner, size_t length)
{
	size_t begin = ETH_HLEN + agent_packet_header_bytes(outer, (struct header){ 0 });

	if (length < begin + (shim == POISE_AGENT_GUE ? UDP_BYTES : 0))
		return POISE_AGENT_REASON_NOT_TUNNEL;
	if (length < begin + agent_packet_shim_bytes(shim) +
			     agent_packet_header_bytes(inner, (struct header){ 0 }))
		return POISE_AGENT_REASON_TRUNCATED;
	return POISE_AGENT_REASON_MALFORMED;
}

static void set_outer_end(struct packet *packet, int outer, size_t end)
{
	uint8_t *ip = packet->bytes + ETH_HLEN;

	if (outer == 4)
		agent_packet_put16(ip + IP4_LENGTH, end - ETH_HLEN);
	else
		agent_packet_put16(ip + IP6_LENGTH, end - ETH_HLEN - IP6_BYTES);
}

static void test_cuts(int shim)
{
	FOR_EACH_MIX(outer, inner)
	{
		struct packet whole = make(shim, outer, inner);
		size_t begin = shim_of(&whole, outer) - whole.bytes;
		bool frames = true, lengths = true;

		for (size_t end = agent_run_shortest(outer); end < whole.length; end++) {
			enum poise_agent_reason reason = cut_reason(shim, outer, inner, end);
			struct packet packet = whole;

			packet.length = end;
			frames &= agent_run_refused("cut frame", &packet, reason);
			packet = whole;
			set_outer_end(&packet, outer, end);
			if (end >= begin) /* below it the length is none of an IP packet */
				lengths &= agent_run_refused("short length", &packet, reason);
		}
		tap_ok(frames, "%s, %d in %d, frame cut at every byte", NAMES[shim], inner, outer);
		tap_ok(lengths, "%s, %d in %d, outer length short by every number of bytes",
		       NAMES[shim], inner, outer);
	}
}

/* UDP's own length, against the outer packet's. */
static void test_udp_lengths(void)
{
	FOR_EACH_MIX(outer, inner)
	{
		struct packet packet = make(POISE_AGENT_GUE, outer, inner);
		size_t udp = shim_of(&packet, outer) - packet.bytes, bytes = packet.length - udp;
		size_t least = agent_packet_shim_bytes(POISE_AGENT_GUE) +
			       agent_packet_header_bytes(inner, (struct header){ 0 });
		bool passed = true;

		for (size_t length = 0; length < bytes; length++) {
			agent_packet_put16(packet.bytes + udp + UDP_LENGTH, length);
			passed &= agent_run_refused("short UDP length", &packet,
						    length < least ? POISE_AGENT_REASON_TRUNCATED
								   : POISE_AGENT_REASON_MALFORMED);
		}
		tap_ok(passed, "GUE, %d in %d, UDP length short by every number of bytes", inner,
		       outer);
		agent_packet_put16(packet.bytes + udp + UDP_LENGTH, bytes + 1);
		tap_ok(agent_run_refused("long UDP length", &packet, POISE_AGENT_REASON_MALFORMED),
		       "GUE, %d in %d, UDP length one beyond the outer packet: dropped", inner,
		       outer);
	}
}

static void test_gue_header(void)
{
	static const struct {
		const char *name;
		int offset; /* of the byte in the GUE header */
		uint8_t value;
	} changes[] = {
		{ "variant 1, a bare IPv4 header", 0, 0x45 },
		{ "variant 2", 0, 0x80 },
		{ "a control message", 0, 0x20 },
		{ "private data or extension fields", 0, 0x01 },
		{ "31 words of them", 0, 0x1f },
		{ "a flag", GUE_FLAGS, 0x80 },
		{ "another flag", GUE_FLAGS + 1, 0x01 },
		{ "TCP", GUE_PROTOCOL, PROTOCOL_TCP },
		{ "no next header", GUE_PROTOCOL, 59 },
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		for (int outer = 4; outer <= 6; outer += 2) {
			struct packet packet = make(POISE_AGENT_GUE, outer, 4);

			shim_of(&packet, outer)[UDP_BYTES + changes[i].offset] = changes[i].value;
			tap_ok(agent_run_refused("GUE header", &packet,
						 POISE_AGENT_REASON_GUE_UNKNOWN),
			       "GUE over IPv%d with %s: untouched", outer, changes[i].name);
		}
}

static void test_gue_other(void)
{
	struct packet out = agent_packet_inner(4, &AGENT_TO_VIP, (struct header){ 0 });
	struct packet packet = make(POISE_AGENT_GUE, 4, 4);

	agent_packet_put16(shim_of(&packet, 4) + UDP_DESTINATION, POISE_AGENT_GUE_PORT + 1);
	tap_ok(agent_run_refused("port", &packet, POISE_AGENT_REASON_NOT_TUNNEL),
	       "UDP to another port: untouched");
	packet = make(POISE_AGENT_GUE, 6, 4);
	agent_packet_put16(shim_of(&packet, 6) + UDP_CHECKSUM, 0x1234);
	tap_ok(agent_run_opened("UDP checksum", &packet, 6, 4, &out, 0),
	       "the outer UDP checksum is not looked at");
	packet = make(POISE_AGENT_GUE, 4, 4);
	shim_of(&packet, 4)[UDP_BYTES + GUE_PROTOCOL] = PROTOCOL_IP6;
	tap_ok(agent_run_refused("family", &packet, POISE_AGENT_REASON_NOT_VIP),
	       "IPv4 under GUE's protocol 41: what stands at its destination is no VIP");
}

static void test_gre_header(void)
{
	static const struct {
		const char *name;
		unsigned int flags, type;
	} changes[] = {
		{ "a checksum", 0x8000, ETH_P_IP },
		{ "routing", 0x4000, ETH_P_IP },
		{ "a key", 0x2000, ETH_P_IP },
		{ "a sequence number", 0x1000, ETH_P_IP },
		{ "a reserved bit", 0x0008, ETH_P_IP },
		{ "version 1", 0x0001, ETH_P_IP },
		{ "Ethernet inside", 0, ETH_P_TEB },
		{ "ARP inside", 0, ETH_P_ARP },
		{ "type 0", 0, 0 },
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		for (int outer = 4; outer <= 6; outer += 2) {
			struct packet packet = make(POISE_AGENT_GRE, outer, 4);

			agent_packet_put16(shim_of(&packet, outer), changes[i].flags);
			agent_packet_put16(shim_of(&packet, outer) + GRE_TYPE, changes[i].type);
			tap_ok(agent_run_refused("GRE header", &packet,
						 POISE_AGENT_REASON_GRE_UNKNOWN),
			       "GRE over IPv%d with %s: untouched", outer, changes[i].name);
		}
}

/* Of GUE a later fragment cannot be told from any other UDP. */
static enum poise_agent_reason fragment_reason(int shim, bool later)
{
	return later && shim == POISE_AGENT_GUE ? POISE_AGENT_REASON_NOT_TUNNEL
						: POISE_AGENT_REASON_FRAGMENT;
}

static void test_fragments4(int shim)
{
	static const unsigned int flags[] = { IP4_MORE_FRAGMENTS, IP4_MORE_FRAGMENTS | 185, 185 };
	struct packet inner = agent_packet_inner(4, &AGENT_TO_VIP, (struct header){ 0 });

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct packet packet = agent_packet_wrap(
			&inner, 4, &AGENT_TUNNEL,
			(struct header){ .flags = flags[i], .encapsulation = shim });

		tap_ok(agent_run_refused("fragment", &packet, fragment_reason(shim, i > 0)),
		       "%s over IPv4, a fragment, flags %#x: untouched", NAMES[shim], flags[i]);
	}
}

static void test_fragments6(int shim)
{
	for (unsigned int offset = 0; offset <= 8; offset += 8) {
		struct packet packet = make(shim, 6, 4);
		uint8_t next = packet.bytes[ETH_HLEN + IP6_NEXT];

		packet.length -= ETH_HLEN + IP6_BYTES;
		memmove(packet.bytes, packet.bytes + ETH_HLEN + IP6_BYTES, packet.length);
		agent_packet_push(&packet, FRAGMENT_BYTES)[0] = next;
		agent_packet_put16(packet.bytes + 2, offset | 1); /* more fragments */
		agent_packet_push_ip(&packet, 6, &AGENT_TUNNEL, PROTOCOL_FRAGMENT,
				     (struct header){ 0 });
		agent_packet_push_eth(&packet, ETH_P_IPV6);
		tap_ok(agent_run_refused("fragment", &packet, fragment_reason(shim, offset)),
		       "%s over IPv6, a fragment at %u: untouched", NAMES[shim], offset);
	}
}

/* RFC 6040, figure 4: each pair of fields is in test_agent.c. */
static void test_ecn(int shim)
{
	struct header marked = { .tos = 3, .encapsulation = shim };

	FOR_EACH_MIX(outer, inner)
	{
		struct packet sent =
			agent_packet_inner(inner, &AGENT_TO_VIP, (struct header){ .tos = 2 });
		struct packet out =
			agent_packet_inner(inner, &AGENT_TO_VIP, (struct header){ .tos = 3 });
		struct packet in = agent_packet_wrap(&sent, outer, &AGENT_TUNNEL, marked);

		tap_ok(agent_run_opened("ECN", &in, outer, inner, &out, 0),
		       "%s, %d in %d: a mark of congestion is carried over", NAMES[shim], inner,
		       outer);
		sent = agent_packet_inner(inner, &AGENT_TO_VIP, (struct header){ 0 });
		in = agent_packet_wrap(&sent, outer, &AGENT_TUNNEL, marked);
		tap_ok(agent_run_refused("ECN", &in, POISE_AGENT_REASON_ECN_DROP),
		       "%s, %d in %d: ... or the packet dropped", NAMES[shim], inner, outer);
	}
}

static void test_which_are_opened(void)
{
	unsigned int all = (1u << POISE_AGENT_ENCAPSULATION_COUNT) - 1;
	struct packet out = agent_packet_inner(4, &AGENT_TO_VIP, (struct header){ 0 }), packet;

	for (int only = 0; only < POISE_AGENT_ENCAPSULATION_COUNT; only++) {
		agent_run_open(1u << only, POISE_AGENT_GUE_PORT);
		for (int shim = 0; shim < POISE_AGENT_ENCAPSULATION_COUNT; shim++) {
			packet = make(shim, 4, 4);
			tap_ok(shim == only ? agent_run_opened("only", &packet, 4, 4, &out, 0)
					    : agent_run_refused("only", &packet,
								POISE_AGENT_REASON_NOT_TUNNEL),
			       "%s alone is opened: %s", NAMES[only], NAMES[shim]);
		}
	}
	agent_run_open(all, 443);
	packet = make(POISE_AGENT_GUE, 4, 4);
	tap_ok(agent_run_refused("port", &packet, POISE_AGENT_REASON_NOT_TUNNEL),
	       "GUE is on another port: the usual one is untouched");
	agent_packet_put16(shim_of(&packet, 4) + UDP_DESTINATION, 443);
	tap_ok(agent_run_opened("port", &packet, 4, 4, &out, 0), "... and that one is opened");
	agent_run_open(all, POISE_AGENT_GUE_PORT);
}

/* A packet to the address is counted for this prefix of VIPs; NULL: it is not opened. */
static void test_prefix(int family, const char *address, const char *prefix, unsigned int bits)
{
	uint64_t before = prefix ? agent_run_vip_packets(family, prefix, bits) : 0;
	struct vectors to = AGENT_TO_VIP;
	struct packet out, in;
	bool passed;

	to.destination[family == 6] = address;
	out = agent_packet_inner(family, &to, (struct header){ 0 });
	in = agent_packet_wrap(&out, 4, &AGENT_TUNNEL, (struct header){ 0 });
	if (prefix)
		passed = agent_run_counted(address, &in,
					   family == 4 ? POISE_AGENT_REASON_DECAPSULATED_4IN4
						       : POISE_AGENT_REASON_DECAPSULATED_6IN4,
					   &out, 0, 0) &&
			 agent_run_vip_packets(family, prefix, bits) == before + 1;
	else
		passed = agent_run_refused(address, &in, POISE_AGENT_REASON_NOT_VIP);
	tap_ok(passed, "%s: %s%s", address, prefix ? "opened, and counted for " : "untouched",
	       prefix ? prefix : "");
}

static void test_prefixes(void)
{
	struct packet out = agent_packet_inner(6, &AGENT_TO_VIP, (struct header){ 0 });
	struct packet in = agent_packet_wrap(&out, 4, &AGENT_TUNNEL, (struct header){ 0 });

	agent_run_add_vip(6, "2001:db8:f::", 64);
	agent_run_add_vip(6, "2001:db8:f:0:8000::", 65);
	agent_run_add_vip(4, "192.0.2.64", 26);
	test_prefix(6, "2001:db8:f::", "2001:db8:f::", 64);
	test_prefix(6, "2001:db8:f:0:7fff:ffff:ffff:ffff", "2001:db8:f::", 64);
	test_prefix(6, "2001:db8:f:0:8000::", "2001:db8:f:0:8000::", 65);
	test_prefix(6, "2001:db8:f:0:ffff:ffff:ffff:ffff", "2001:db8:f:0:8000::", 65);
	test_prefix(6, "2001:db8:f:1::", NULL, 0);
	test_prefix(6, "2001:db8:e:ffff::1", NULL, 0);
	test_prefix(4, "192.0.2.64", "192.0.2.64", 26);
	test_prefix(4, "192.0.2.127", "192.0.2.64", 26);
	test_prefix(4, "192.0.2.128", NULL, 0);
	test_prefix(4, "192.0.2.63", NULL, 0);
	agent_run_add_vip(6, "2001:db8::", 32);
	test_prefix(4, "32.1.13.184", NULL, 0); /* the bits of 2001:db8::/32 */
	tap_ok(agent_run_opened("address", &in, 4, 6, &out, 0),
	       "an address that is a VIP itself counts for itself, not for its prefix");
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
	FOR_EACH_SHIM(shim)
	{
		test_mixes(shim);
		test_inner_protocols(shim);
		test_options_and_padding(shim);
		test_sources(shim);
		test_cuts(shim);
		test_fragments4(shim);
		test_fragments6(shim);
		test_ecn(shim);
	}
	test_udp_lengths();
	test_gue_header();
	test_gue_other();
	test_gre_header();
	test_which_are_opened();
	test_prefixes();
	tap_ok(!agent_run_counter(POISE_AGENT_REASON_INTERNAL), "no internal error");
	agent_run_end();
	return 0;
}

int main(void)
{
	for (int hook = 0; hook < AGENT_RUN_HOOKS; hook++)
		if (test_hook(hook))
			return 1;
	return tap_done();
}
