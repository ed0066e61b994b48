// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The tunnel's header to the byte, the way out, the MTU, and what is counted of packets sent. */
#include <errno.h>
#include <linux/bpf.h>

#include "fate.h"
#include "hex.h"

enum {
	RING_SIZE = 251,
	CHECKSUM_GOOD = 0xffff,
	METADATA_MAX = 252, /* the most that any kernel takes */
	METADATA_STEP = 4,
};

#define SENT(name, verdict, backend, ...)   FATE(name, backend, verdict, SENT, __VA_ARGS__)
#define DROPPED(name, reason, backend, ...) FATE(name, backend, XDP_DROP, reason, __VA_ARGS__)
#define TO_VIP4				    ip4(CLIENT4, VIP4)
#define TO_VIP6				    ip6(CLIENT6, VIP6)
#define TCP(flags)			    tcp(CLIENT_PORT, SERVICE_PORT, flags)
#define COUNT(array)			    (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;

static void test_forms(void)
{
	const struct fate fates[] = {
		SENT("4in4", XDP_TX, A4, TO_VIP4, TCP(SYN), payload(24)),
		SENT("6in6", XDP_TX, A6, TO_VIP6, TCP(SYN), payload(24)),
		SENT("4in6", XDP_TX, A6, TO_VIP4, TCP(ACK), payload(24)),
		SENT("6in4", XDP_TX, A4, TO_VIP6, TCP(ACK), payload(24)),
		SENT("4in4, no payload", XDP_TX, A4, TO_VIP4, TCP(SYN)),
		SENT("6in6, no payload", XDP_TX, A6, TO_VIP6, TCP(SYN)),
		SENT("4in4, odd payload", XDP_TX, A4, TO_VIP4, TCP(ACK), payload(1)),
		SENT("6in6, odd payload", XDP_TX, A6, TO_VIP6, TCP(ACK), payload(1)),
		SENT("4in4, fixed source", XDP_TX, FIXED4, TO_VIP4, TCP(ACK), payload(9)),
		SENT("6in6, fixed source", XDP_TX, FIXED6, TO_VIP6, TCP(ACK), payload(9)),
		SENT("4in6, fixed source", XDP_TX, FIXED6, TO_VIP4, TCP(ACK), payload(9)),
		SENT("6in4, fixed source", XDP_TX, FIXED4, TO_VIP6, TCP(ACK), payload(9)),
		SENT("4in4, nine bits of entropy", XDP_TX, BITS4, TO_VIP4, TCP(ACK), payload(9)),
		SENT("4in4, inner DF", XDP_TX, A4, ip4_fragment(TO_VIP4, IP4_DONT_FRAGMENT),
		     TCP(ACK), payload(9)),
		SENT("4in4, inner TTL 1", XDP_TX, A4, ttl(TO_VIP4, 1), TCP(ACK), payload(9)),
		SENT("6in6, inner hop limit 255", XDP_TX, A6, ttl(TO_VIP6, 255), TCP(ACK)),
		SENT("4in4 through the devmap", XDP_REDIRECT, AWAY4, TO_VIP4, TCP(SYN), payload(7)),
		SENT("6in6 through the devmap", XDP_REDIRECT, AWAY6, TO_VIP6, TCP(SYN), payload(7)),
		SENT("4in6 through the devmap", XDP_REDIRECT, AWAY6, TO_VIP4, TCP(SYN), payload(7)),
		SENT("6in4 through the devmap", XDP_REDIRECT, AWAY4, TO_VIP6, TCP(SYN), payload(7)),
		DROPPED("no owner, IPv4", NO_BACKEND, NOBODY, TO_VIP4, TCP(SYN)),
		DROPPED("no owner, IPv6", NO_BACKEND, NOBODY, TO_VIP6, TCP(ACK)),
		DROPPED("no next hop, 4in4", NO_NEXT_HOP, NO_HOP4, TO_VIP4, TCP(SYN)),
		DROPPED("no next hop, 6in6", NO_NEXT_HOP, NO_HOP6, TO_VIP6, TCP(SYN)),
		DROPPED("way out not in the devmap, 4in4", NO_EGRESS, LOST4, TO_VIP4, TCP(SYN)),
		DROPPED("way out not in the devmap, 6in6", NO_EGRESS, LOST6, TO_VIP6, TCP(SYN)),
	};

	for (size_t i = 0; i < COUNT(fates); i++)
		fate_test(&fixture, &fates[i]);
}

/* Headers written out by hand: without entropy in the source nothing of them is computed. */
static void test_literal(void)
{
	static const uint8_t out4[] = {
		2,    0,    0,	  0,	2,    FIXED4, 2,    0,	  0,	0,    3,    FIXED4,
		8,    0,    0x45, 0xb9, 0x00, 0x3e,   0x00, 0x00, 0x40, 0x00, 0x40, 0x04,
		0x23, 0xed, 10,	  0,	1,    2,      10,   0,	  1,	21,
	};
	static const uint8_t out6[] = {
		2,    0,    0,	  0,	2,    FIXED6, 2, 0, 0, 0, 3, FIXED6, 0x86, 0xdd, 0x6b, 0x9f,
		0xff, 0xff, 0x00, 0x2a, 0x04, 64, /* the label is compared apart */
		0x20, 0x01, 0x0d, 0xb8, 0,    2,      0, 0, 0, 0, 0, 0,	     0,	   0,	 0,    2,
		0x20, 0x01, 0x0d, 0xb8, 0,    2,      0, 0, 0, 0, 0, 0,	     0,	   0,	 0,    0x21,
	};
	struct packet in = PKT(eth(ROUTER_MAC, EDGE_MAC), tos(TO_VIP4, 0xb9), TCP(ACK), payload(2));
	struct packet out;

	fixture_own(&fixture, FIXED4);
	fixture_run(&fixture, &in, &out);
	tap_ok(packet_equal("4in4", out4, sizeof(out4), out.bytes, sizeof(out4)),
	       "4in4: the outer headers as written by hand");
	fixture_own(&fixture, FIXED6);
	fixture_run(&fixture, &in, &out);
	out.bytes[ETH_BYTES + 1] |= 0x0f;
	out.bytes[ETH_BYTES + 2] = 0xff;
	out.bytes[ETH_BYTES + 3] = 0xff;
	tap_ok(packet_equal("4in6", out6, sizeof(out6), out.bytes, sizeof(out6)),
	       "4in6: the outer headers as written by hand");
}

/* Every TOS or traffic class, ECN bits included, in each form. */
static void test_tos(void)
{
	static const struct {
		const char *name;
		uint16_t backend;
		int family;
	} forms[] = { { "4in4", A4, 4 }, { "6in6", A6, 6 }, { "4in6", A6, 4 }, { "6in4", A4, 6 } };

	for (size_t form = 0; form < COUNT(forms); form++) {
		bool passed = true;

		fixture_own(&fixture, forms[form].backend);
		for (unsigned int value = 0; value < 256; value++) {
			struct layer ip = forms[form].family == 4 ? TO_VIP4 : TO_VIP6;
			struct fate fate = SENT(forms[form].name, XDP_TX, forms[form].backend,
						tos(ip, (uint8_t)value), TCP(ACK), payload(3));

			passed &= fate_holds(&fixture, &fate);
		}
		tap_ok(passed, "%s: every TOS is copied", forms[form].name);
	}
}

/* Flows' hashes take many values: the checksum must be right for all, the prefix stay. */
static void test_entropy(void)
{
	bool sums = true, prefixes = true, seen[256] = { false };
	unsigned int distinct = 0;

	fixture_own(&fixture, A4);
	for (uint16_t port = 1; port <= 5000; port++) {
		struct packet in =
			PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP4, tcp(port, SERVICE_PORT, ACK));
		const uint8_t *outer;
		struct packet out;

		fixture_run(&fixture, &in, &out);
		outer = out.bytes + ETH_BYTES;
		sums &= ones_complement(outer, IP4_BYTES, 0) == CHECKSUM_GOOD;
		prefixes &= outer[12] == 172 && outer[13] == 16;
		distinct += !seen[outer[15]];
		seen[outer[15]] = true;
	}
	tap_ok(sums, "4in4: the checksums of 5000 flows are right");
	tap_ok(prefixes, "4in4: the source stays within its prefix");
	tap_ok(distinct == 256, "4in4: the source's last byte takes every value");
}

static bool fits(const char *name, uint16_t backend, const struct packet *in, size_t mtu,
		 enum poise_reason reason)
{
	struct poise_backend entry = fixture_entry(&fixture, backend, (uint16_t)mtu);
	struct fate fate = fate_of(name, *in, backend, XDP_TX, reason);
	bool passed;

	if (reason != POISE_REASON_SENT)
		fate.verdict = XDP_DROP;
	fixture_backend_init(&fixture, backend, &entry);
	fixture_own(&fixture, backend);
	passed = fate_holds(&fixture, &fate);
	entry.mtu = DEFAULT_MTU;
	fixture_backend_init(&fixture, backend, &entry);
	return passed;
}

static void test_mtu(void)
{
	const struct {
		const char *name;
		uint16_t backend;
		struct packet in;
	} rows[] = {
		{ "4in4", A4, PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP4, TCP(ACK), payload(1440)) },
		{ "6in4", A4, PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP6, TCP(ACK), payload(1420)) },
		{ "4in6", A6, PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP4, TCP(ACK), payload(1420)) },
		{ "6in6", A6, PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP6, TCP(ACK), payload(1400)) },
		{ "4in4, padded", A4,
		  PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP4, TCP(ACK), padding(100)) },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t outer =
			packet_ip_length(&rows[i].in) +
			(fixture.entries[rows[i].backend].family == 4 ? IP4_BYTES : IP6_BYTES);

		/* the fixture allows no errors: test_toobig.c has them */
		enum poise_reason refused = packet_family(&rows[i].in) == 4
						    ? POISE_REASON_TOO_BIG
						    : POISE_REASON_TOO_BIG_LIMITED;

		tap_ok(fits(rows[i].name, rows[i].backend, &rows[i].in, outer, POISE_REASON_SENT),
		       "%s: fills the MTU, sent", rows[i].name);
		tap_ok(fits(rows[i].name, rows[i].backend, &rows[i].in, outer - 1, refused),
		       "%s: one byte above the MTU, dropped", rows[i].name);
		tap_ok(fits(rows[i].name, rows[i].backend, &rows[i].in, 0, refused),
		       "%s: no MTU at all, dropped", rows[i].name);
	}
}

/* Metadata that a program in front of Poise left takes the room of the tunnel's header. */
static void test_headroom(void)
{
	static const uint16_t backends[] = { A4, A6 };

	for (size_t i = 0; i < COUNT(backends); i++) {
		const char *name = backends[i] == A4 ? "no room for an outer IPv4 header"
						     : "no room for an outer IPv6 header";
		struct packet in = PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP4, TCP(ACK)), out;
		struct counts expected = counts_read(&fixture);
		uint32_t metadata = METADATA_MAX;
		int verdict = -EINVAL;

		fixture_own(&fixture, backends[i]);
		for (; metadata && verdict < 0; metadata -= METADATA_STEP)
			verdict = fixture_run_metadata(&fixture, &in, metadata, &out);
		if (verdict == XDP_TX) {
			tap_skip(name, "this kernel's test runs always leave room");
			continue;
		}
		expected.reasons[POISE_REASON_NO_HEADROOM]++;
		tap_ok(verdict == XDP_DROP && counts_equal(&fixture, name, &expected),
		       "%s: dropped", name);
	}
}

/* The same packets many times: the counters add up, and SYNs alone are connections. */
static void test_counters(void)
{
	static const struct {
		unsigned int flags;
		bool opens;
	} rows[] = {
		{ SYN, true },	      { SYN | ECE | CWR, true }, { SYN | PSH | URG, true },
		{ SYN | ACK, false }, { SYN | FIN, false },	 { SYN | RST, false },
		{ ACK, false },	      { FIN | ACK, false },	 { RST, false },
		{ 0, false },	      { 0xff, false },
	};
	struct counts before, after;
	uint64_t bytes = 0, opened = 0;

	fixture_own(&fixture, B4);
	before = counts_read(&fixture);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct packet in =
			PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP4, TCP(rows[i].flags), payload(i));
		struct packet out;

		fixture_run(&fixture, &in, &out);
		bytes += IP4_BYTES + TCP_BYTES + i;
		opened += rows[i].opens;
	}
	after = before;
	after.services[SERVICE4].packets += COUNT(rows);
	after.services[SERVICE4].bytes += bytes;
	after.backends[B4].packets += COUNT(rows);
	after.backends[B4].bytes += bytes;
	after.backends[B4].connections += opened;
	tap_ok(counts_equal(&fixture, "counters", &after),
	       "packets and inner bytes are counted, and opening SYNs as connections");
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	test_forms();
	test_literal();
	test_tos();
	test_entropy();
	test_mtu();
	test_headroom();
	test_counters();
	fixture_close(&fixture);
	return tap_done();
}
