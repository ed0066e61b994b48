// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* GUE: headers by hand, ports with the flow's entropy, and UDP checksums over IPv6 of packets whose
 * own checksum does not span all of them. */
#include <linux/bpf.h>
#include <string.h>

#include "fate.h"
#include "hex.h"
#include "tunnel.h"

enum {
	RING_SIZE = 251,
	GUE_PORT = 6080,
	CHECKSUM_GOOD = 0xffff,
	FLOWS = 5000,
	FIRST_PORT = 49152,
	FRAGMENT_NS = 1000000000,
	ICMP_UNREACHABLE = 3,
	ICMP_PORT = 3,
	ICMP6_UNREACHABLE = 1,
	ICMP6_PORT = 4,
	ERROR_QUOTE_BYTES = 64,
	TCP_CHECKSUM = 16, /* offsets of fields */
	UDP_CHECKSUM = 6,
};

#define TO_VIP4		 ip4(CLIENT4, VIP4)
#define TO_VIP6		 ip6(CLIENT6, VIP6)
#define TCP		 tcp(CLIENT_PORT, SERVICE_PORT, ACK)
#define UDP		 udp(CLIENT_PORT, SERVICE_PORT)
#define SENT(name, ...)	 FATE(name, A6, XDP_TX, SENT, __VA_ARGS__)
#define FROM_ROUTER(...) PKT(eth(ROUTER_MAC, EDGE_MAC), __VA_ARGS__)
#define COUNT(array)	 (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;

static void use_gue(void)
{
	static const uint16_t backends[] = { A4, A6, FIXED4, FIXED6 };

	for (size_t i = 0; i < COUNT(backends); i++) {
		struct poise_backend entry = fixture_entry(&fixture, backends[i], DEFAULT_MTU);

		entry.encapsulation = POISE_ENCAP_GUE;
		entry.gue_port = htons(GUE_PORT);
		fixture_backend_init(&fixture, backends[i], &entry);
	}
}

/* Behind the Ethernet header, without entropy in the source. X: it depends on the flow's hash. */
static bool literal_equal(const char *name, const struct packet *got, const uint8_t *expected,
			  const char *pattern)
{
	struct packet masked = *got;

	for (size_t i = 0; pattern[i]; i++)
		if (pattern[i] == 'X')
			masked.bytes[ETH_BYTES + i] = expected[i];
	return packet_equal(name, expected, strlen(pattern), masked.bytes + ETH_BYTES,
			    strlen(pattern));
}

static void test_literal(void)
{
	static const uint8_t out4[] = {
		0x45, 0xb9, 0x00, 0x4a, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x23, 0xd4,
		10,   0,    1,	  2,	10,   0,    1,	  21,	0xc0, 0x00, 0x17, 0xc0,
		0x00, 0x36, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x45, 0xb9,
	};
	static const uint8_t out6[] = {
		0x6b, 0x90, 0x00, 0x00, 0x00, 0x36, 0x11, 64,	0x20, 0x01, 0x0d, 0xb8, 0,    2,
		0,    0,    0,	  0,	0,    0,    0,	  0,	0,    2,    0x20, 0x01, 0x0d, 0xb8,
		0,    2,    0,	  0,	0,    0,    0,	  0,	0,    0,    0,	  0x21, 0xc0, 0x00,
		0x17, 0xc0, 0x00, 0x36, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x45, 0xb9,
	};
	struct packet in = FROM_ROUTER(tos(TO_VIP4, 0xb9), TCP, payload(2)), out;

	fixture_own(&fixture, FIXED4);
	fixture_run(&fixture, &in, &out);
	tap_ok(literal_equal("4in4", &out, out4, "....................XX............"),
	       "4in4: the headers as written by hand");
	fixture_own(&fixture, FIXED6);
	fixture_run(&fixture, &in, &out);
	tap_ok(literal_equal("4in6", &out, out6,
			     ".XXX....................................XX....XX......"),
	       "4in6: the headers as written by hand");
}

/* Flows' hashes take many values: every checksum must be right, ports and source carry the hash. */
static void test_entropy(void)
{
	static bool seen[1 << 16];
	bool sums = true, range = true;
	unsigned int distinct = 0;

	fixture_own(&fixture, A6);
	for (uint16_t port = 1; port <= FLOWS; port++) {
		struct packet in = FROM_ROUTER(TO_VIP4, tcp(port, SERVICE_PORT, ACK)), out, wanted;
		uint16_t source;

		fixture_run(&fixture, &in, &out);
		wanted = fixture_encapsulated(&in, &fixture.entries[A6]);
		sums &= packet_equal("4in6", wanted.bytes, wanted.length, out.bytes, out.length);
		source = ntohs((uint16_t)packet_ports(&out));
		range &= source >= FIRST_PORT;
		distinct += !seen[source];
		seen[source] = true;
	}
	tap_ok(sums, "4in6: the headers of %d flows, checksums among them", FLOWS);
	tap_ok(range, "4in6: source ports are ephemeral ones (49152-65535)");
	tap_ok(distinct > FLOWS * 3 / 4, "4in6: flows have source ports of their own: %u of %d",
	       distinct, FLOWS);
}

/* Packets whose transport checksum says nothing of the whole. */
static void test_uncovered(void)
{
	/* datagrams of 20 bytes with right checksums, which more bytes follow within the packet */
	const struct packet short4 = FROM_ROUTER(TO_VIP4, UDP, payload(12));
	const struct packet short6 = FROM_ROUTER(TO_VIP6, UDP, payload(12));
	const struct layer udp4 = raw(short4.bytes + packet_l4(&short4), 20);
	const struct layer udp6 = raw(short6.bytes + packet_l4(&short6), 20);
	const struct fate fates[] = {
		SENT("UDP without checksum", TO_VIP4, checksum(UDP, 0), payload(24)),
		SENT("UDP without checksum, odd", TO_VIP4, checksum(UDP, 0), payload(1325)),
		SENT("UDP without checksum, nothing in it", TO_VIP4, checksum(UDP, 0)),
		SENT("UDP without checksum, IPv6", TO_VIP6, checksum(UDP, 0), payload(77)),
		SENT("UDP shorter than its packet", next(TO_VIP4, IPPROTO_UDP), udp4, payload(13)),
		SENT("UDP shorter than its packet, IPv6", next(TO_VIP6, IPPROTO_UDP), udp6,
		     payload(14)),
		SENT("UDP longer than its packet", TO_VIP4, claim(UDP, 100), payload(24)),
		SENT("UDP without checksum, padded", TO_VIP4, checksum(UDP, 0), payload(3),
		     padding(9)),
		SENT("IPv4 options", ip4_options(TO_VIP4, 12), TCP, payload(5)),
		SENT("IPv4 options, UDP", ip4_options(TO_VIP4, 40), UDP, payload(6)),
		SENT("IPv4 options, UDP without checksum", ip4_options(TO_VIP4, 4),
		     checksum(UDP, 0), payload(6)),
		SENT("IPv6 destination options", TO_VIP6, ip6_extension(IPPROTO_DSTOPTS), TCP,
		     payload(7)),
		SENT("IPv6 hop-by-hop options, UDP", TO_VIP6, ip6_extension(IPPROTO_HOPOPTS), UDP,
		     payload(8)),
		SENT("IPv6, a whole packet in one fragment", TO_VIP6, ip6_fragment(0), TCP,
		     payload(9)),
		SENT("behind a tag", vlan(7), TO_VIP6, TCP, payload(9)),
		SENT("behind a tag, UDP without checksum", vlan(7), TO_VIP4, checksum(UDP, 0),
		     payload(9)),
	};

	for (size_t i = 0; i < COUNT(fates); i++)
		fate_test(&fixture, &fates[i]);
}

/* The first one opens, the other follows; neither has a checksum that spans it. */
static void test_fragments(void)
{
	const struct {
		const char *name;
		struct packet whole;
	} rows[] = {
		{ "IPv4, TCP", FROM_ROUTER(TO_VIP4, TCP, payload(500)) },
		{ "IPv4, UDP", FROM_ROUTER(TO_VIP4, UDP, payload(501)) },
		{ "IPv6, TCP", FROM_ROUTER(TO_VIP6, TCP, payload(500)) },
		{ "IPv6, UDP", FROM_ROUTER(TO_VIP6, UDP, payload(501)) },
	};

	fixture_own(&fixture, A6);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fate first =
			fate_of(rows[i].name, packet_fragment(&rows[i].whole, 0, 64, true), A6,
				XDP_TX, POISE_REASON_SENT);
		struct fate later =
			fate_of(rows[i].name, packet_fragment(&rows[i].whole, 64, 333, false), A6,
				XDP_TX, POISE_REASON_SENT);

		later.flow = &first.in;
		later.events[POISE_EVENT_FRAGMENT_FOLLOWED] = 1;
		tap_ok(fate_holds(&fixture, &first), "%s: the first fragment", rows[i].name);
		tap_ok(fate_holds(&fixture, &later), "%s: a later fragment", rows[i].name);
	}
}

/* The packet's protocol and addresses are those of the flow, not of the ICMP packet. */
static void test_errors(void)
{
	struct packet flow4 = FROM_ROUTER(TO_VIP4, TCP), flow6 = FROM_ROUTER(TO_VIP6, TCP);
	struct packet answer4 =
		FROM_ROUTER(ip4(VIP4, CLIENT4), tcp(SERVICE_PORT, CLIENT_PORT, ACK), payload(30));
	struct packet answer6 =
		FROM_ROUTER(ip6(VIP6, CLIENT6), tcp(SERVICE_PORT, CLIENT_PORT, ACK), payload(30));
	struct fate fates[] = {
		SENT("an ICMP error", ip4("192.0.2.77", VIP4), icmp(ICMP_UNREACHABLE, ICMP_PORT, 0),
		     quote(&answer4, ERROR_QUOTE_BYTES)),
		SENT("an ICMPv6 error", ip6("2001:db8:77::1", VIP6),
		     icmp6(ICMP6_UNREACHABLE, ICMP6_PORT, 0), quote(&answer6, ERROR_QUOTE_BYTES)),
	};

	fates[0].flow = &flow4;
	fates[1].flow = &flow6;
	for (size_t i = 0; i < COUNT(fates); i++) {
		fates[i].events[POISE_EVENT_ICMP_FORWARDED] = 1;
		fate_test(&fixture, &fates[i]);
	}
}

static uint16_t outer_sum(const struct packet *out)
{
	const uint8_t *ip = out->bytes + ETH_BYTES;
	uint32_t length = (uint32_t)(out->length - ETH_BYTES - IP6_BYTES);

	return ones_complement(ip + 8, out->length - ETH_BYTES - 8, IPPROTO_UDP + length);
}

/* The backend drops what the client, or somebody on the way, made wrong: never is a packet that was
 * wrong a right one in the tunnel. */
static void test_wrong(void)
{
	static const size_t checksums[] = { TCP_CHECKSUM, UDP_CHECKSUM };
	struct packet in[] = { FROM_ROUTER(TO_VIP6, TCP, payload(9)),
			       FROM_ROUTER(TO_VIP6, UDP, payload(9)) };
	struct packet out;

	fixture_own(&fixture, A6);
	for (size_t i = 0; i < COUNT(in); i++) {
		fixture_run(&fixture, &in[i], &out);
		tap_ok(outer_sum(&out) == CHECKSUM_GOOD, "%s, right: the outer checksum is right",
		       i ? "UDP" : "TCP");
		in[i].bytes[ETH_BYTES + IP6_BYTES + checksums[i]] ^= 0x40;
		fixture_run(&fixture, &in[i], &out);
		tap_ok(outer_sum(&out) != CHECKSUM_GOOD, "%s, wrong: the outer checksum is wrong",
		       i ? "UDP" : "TCP");
	}
}

/* One of 65536 sums comes out as 0, which UDP would take for 'none': it is sent as 0xffff. */
static void test_zero(void)
{
	uint16_t found = 0;
	struct packet out;

	fixture_own(&fixture, A6);
	for (unsigned int id = 0; id <= 0xffff && !found; id++) {
		struct packet in = FROM_ROUTER(TO_VIP4, checksum(UDP, 0), payload(2));

		in.bytes[ETH_BYTES + IP4_BYTES + UDP_BYTES] = (uint8_t)(id >> 8);
		in.bytes[ETH_BYTES + IP4_BYTES + UDP_BYTES + 1] = (uint8_t)id;
		fixture_run(&fixture, &in, &out);
		memcpy(&found, out.bytes + ETH_BYTES + IP6_BYTES + UDP_CHECKSUM, sizeof(found));
		found = found == 0xffff || found == 0 ? 1 : 0;
	}
	tap_ok(found && out.bytes[ETH_BYTES + IP6_BYTES + UDP_CHECKSUM] == 0xff &&
		       outer_sum(&out) == CHECKSUM_GOOD,
	       "a checksum that comes out as 0 is sent as 0xffff");
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	fixture_settings(&fixture)->fragment_ns = FRAGMENT_NS;
	use_gue();
	test_literal();
	test_entropy();
	test_uncovered();
	test_fragments();
	test_errors();
	test_wrong();
	test_zero();
	fixture_close(&fixture);
	return tap_done();
}
