// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* IPv6 extension headers: order, number, length, and which of them have ports behind them. */
#include <linux/bpf.h>

#include "fate.h"
#include "hex.h"

enum {
	RING_SIZE = 251,
	MAX_DEPTH = 8, /* extension headers that are stepped over */
	EXTENSION_BYTES = 8,
	SEGMENTS_LEFT = 3, /* offset in a routing header */
	LENGTH = 1,	   /* offset in any but the fragment header */
};

#define SENT(name, ...)		   FATE(name, A4, XDP_TX, SENT, __VA_ARGS__)
#define PASSED(name, reason, ...)  FATE(name, A4, XDP_PASS, reason, __VA_ARGS__)
#define DROPPED(name, reason, ...) FATE(name, A4, XDP_DROP, reason, __VA_ARGS__)

#define TO_VIP6	     ip6(CLIENT6, VIP6)
#define TO_OTHER6    ip6(CLIENT6, OTHER6)
#define WEB	     tcp(CLIENT_PORT, SERVICE_PORT, ACK)
#define DATA	     payload(16)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;

/* Those that are stepped over; a fragment header of zeros is that of a whole packet. */
static const uint8_t kinds[] = { IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING,
				 IPPROTO_FRAGMENT };

static void test_fates(const struct fate *fates, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fate_test(&fixture, &fates[i]);
}

/* A packet with depth extension headers, whose kinds are the digits of order. */
static struct packet chain(struct layer ip, size_t depth, size_t order, struct layer transport)
{
	struct layer layers[MAX_DEPTH + 5] = { eth(ROUTER_MAC, EDGE_MAC), ip };
	size_t count = 2;

	for (size_t i = 0; i < depth; i++, order /= COUNT(kinds))
		layers[count++] = ip6_extension(kinds[order % COUNT(kinds)]);
	layers[count++] = transport;
	layers[count++] = DATA;
	return packet_make(layers, count);
}

static bool chain_holds(size_t depth, size_t order)
{
	bool fits = depth <= MAX_DEPTH;
	struct layer transport = order % 2 ? WEB : udp(CLIENT_PORT, SERVICE_PORT);
	struct fate to_vip = fate_of("to the service", chain(TO_VIP6, depth, order, transport), A4,
				     fits ? XDP_TX : XDP_DROP,
				     fits ? POISE_REASON_SENT : POISE_REASON_EXTENSIONS);
	struct fate to_other = fate_of("another address", chain(TO_OTHER6, depth, order, transport),
				       A4, XDP_PASS, POISE_REASON_NOT_SERVICE);
	bool holds = fate_holds(&fixture, &to_vip) & fate_holds(&fixture, &to_other);

	if (!holds)
		tap_note("depth %zu, order %zu", depth, order);
	return holds;
}

/* Every order up to a depth of three; of greater depths as many. */
static void test_orders(void)
{
	enum { ORDERS = 64 };

	fixture_own(&fixture, A4);
	for (size_t depth = 1; depth <= MAX_DEPTH + 1; depth++) {
		bool holds = true;

		for (size_t i = 0; i < ORDERS; i++)
			holds &= chain_holds(depth, i * (depth > 3 ? 0x3f1d : 1));
		tap_ok(holds, "%zu extension headers in many orders: %s", depth,
		       depth <= MAX_DEPTH ? "sent" : "dropped");
	}
}

static void test_lengths(void)
{
	fixture_own(&fixture, A4);
	for (size_t bytes = EXTENSION_BYTES; bytes <= LAYER_BYTES; bytes += EXTENSION_BYTES) {
		struct layer one = ip6_extension_of(IPPROTO_DSTOPTS, bytes), lying = one;
		struct fate fates[] = {
			SENT("one", TO_VIP6, one, WEB),
			SENT("two", TO_VIP6, one, ip6_extension_of(IPPROTO_HOPOPTS, bytes), WEB),
			DROPPED("nothing behind", MALFORMED, TO_VIP6, next(one, IPPROTO_TCP)),
		};
		bool holds = true;

		for (size_t i = 0; i < COUNT(fates); i++)
			holds &= fate_holds(&fixture, &fates[i]);
		lying.bytes[LENGTH] = (uint8_t)(bytes / EXTENSION_BYTES + 5);
		fates[0] = DROPPED("too long", MALFORMED, TO_VIP6, lying, WEB);
		holds &= fate_holds(&fixture, &fates[0]);
		lying.bytes[LENGTH] = 0xff;
		fates[0] = DROPPED("far too long", MALFORMED, TO_VIP6, lying, WEB);
		holds &= fate_holds(&fixture, &fates[0]);
		tap_ok(holds, "extension headers of %zu bytes", bytes);
	}
}

/* A fragment header has no length: the second byte is reserved, and so are two bits of the fourth.
 */
static void test_reserved(void)
{
	struct layer header = ip6_fragment(6);

	header.bytes[LENGTH] = 0xff;
	fate_test(&fixture, &SENT("reserved bits of a fragment header", TO_VIP6, header, WEB));
}

/* Headers behind which no ports can be read, or which make the address a stop on the way. */
static void test_others(void)
{
	static const struct {
		const char *name;
		uint8_t protocol;
	} rows[] = {
		{ "an authentication header", IPPROTO_AH }, { "an encrypted payload", IPPROTO_ESP },
		{ "a mobility header", IPPROTO_MH },	    { "no next header", IPPROTO_NONE },
		{ "an experimental header", 253 },
	};
	struct layer routing = ip6_extension(IPPROTO_ROUTING);

	fixture_own(&fixture, A4);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct layer header = ip6_extension(rows[i].protocol);
		struct fate first = PASSED(rows[i].name, NOT_SERVICE, TO_VIP6, header, WEB);
		struct fate second = PASSED(rows[i].name, NOT_SERVICE, TO_VIP6,
					    ip6_extension(IPPROTO_DSTOPTS), header, WEB);

		tap_ok(fate_holds(&fixture, &first) & fate_holds(&fixture, &second), "%s: passed",
		       rows[i].name);
	}
	routing.bytes[SEGMENTS_LEFT] = 1;
	fate_test(&fixture, &PASSED("segments left in a routing header: passed", NOT_SERVICE,
				    TO_VIP6, routing, WEB));
	fate_test(&fixture, &PASSED("segments left behind destination options: passed", NOT_SERVICE,
				    TO_VIP6, ip6_extension(IPPROTO_DSTOPTS), routing, WEB));
	routing.bytes[SEGMENTS_LEFT] = 255;
	fate_test(&fixture,
		  &PASSED("255 segments left: passed", NOT_SERVICE, TO_VIP6, routing, WEB));
}

static void test_payloads(void)
{
	struct layer options = ip6_extension(IPPROTO_HOPOPTS);
	const struct fate fates[] = {
		SENT("TCP SYN", TO_VIP6, options, tcp(CLIENT_PORT, SERVICE_PORT, SYN)),
		PASSED("another port", NOT_SERVICE, TO_VIP6, options, tcp(CLIENT_PORT, 81, SYN)),
		PASSED("another UDP port", NOT_SERVICE, TO_VIP6, options, udp(CLIENT_PORT, 81)),
		PASSED("ICMPv6", ICMP_PASSED, TO_VIP6, options, echo6(), DATA),
		DROPPED("ICMPv6 without its header", MALFORMED, TO_VIP6,
			next(options, IPPROTO_ICMPV6), payload(7)),
		DROPPED("a jumbogram", MALFORMED, claim(TO_VIP6, 0), options, WEB),
		DROPPED("extension headers and nothing else", MALFORMED, TO_VIP6,
			next(options, IPPROTO_DSTOPTS)),
	};

	test_fates(fates, COUNT(fates));
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	test_orders();
	test_lengths();
	test_reserved();
	test_others();
	test_payloads();
	fixture_close(&fixture);
	return tap_done();
}
