// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fragments: the first one of a packet chooses, the others follow it. What makes a packet a
 * fragment, and which are too small, is test_fragment_parse.c's; how long and how many are
 * remembered test_fragment_table.c's. */
#include <linux/bpf.h>
#include <string.h>

#include "fragments.h"
#include "hex.h"

enum {
	RING_SIZE = 251,
	OTHER_PORT = 81,
	ID_OFFSET4 = 4, /* in the IP header */
	ID_OFFSET6 = IP6_BYTES + 4,
	SOURCE_OFFSET4 = 12,
	SOURCE_OFFSET6 = 8,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;

/*
 * In order, and not.
 */

/* The ring's owner changes after the first fragment: the others do not ask it. */
static void test_order(const struct fragment_kind *kind, uint16_t backend)
{
	struct packet whole = fragment_whole(kind), first = fragment_part(&whole, 0);
	bool holds;

	fragments_begin(&fixture, backend);
	holds = fragment_first_goes(&fixture, &first, backend);
	fixture_own(&fixture, B4);
	for (size_t i = 1; i < PARTS; i++) {
		struct packet later = fragment_part(&whole, i);

		holds &= fragment_follows(&fixture, &later, &whole, backend);
	}
	for (size_t i = PARTS - 1; i > 0; i--) {
		struct packet later = fragment_part(&whole, i);

		holds &= fragment_follows(&fixture, &later, &whole, backend);
	}
	holds &= fragments_count(&fixture) == 1;
	tap_ok(holds, "%s: later fragments follow the first one, to backend %u", kind->name,
	       backend);
}

static void test_again(const struct fragment_kind *kind)
{
	struct packet whole = fragment_whole(kind), first = fragment_part(&whole, 0);
	struct packet later = fragment_part(&whole, 1);
	bool holds;

	fragments_begin(&fixture, A4);
	holds = fragment_first_goes(&fixture, &first, A4);
	fixture_own(&fixture, B4);
	holds &= fragment_first_goes(&fixture, &first, B4) &&
		 fragment_follows(&fixture, &later, &whole, B4);
	tap_ok(holds && fragments_count(&fixture) == 1,
	       "%s: a first fragment seen again counts, not the one before", kind->name);
}

static void test_early(const struct fragment_kind *kind)
{
	struct packet whole = fragment_whole(kind), first = fragment_part(&whole, 0);
	struct packet later = fragment_part(&whole, 1);
	struct fate fate =
		fate_of("early fragment", later, A4, XDP_PASS, POISE_REASON_FRAGMENT_PASSED);

	fragments_begin(&fixture, A4);
	tap_ok(fragment_is_early(&fixture, &later),
	       "%s: a fragment before the first one is dropped", kind->name);
	fixture_settings(&fixture)->flags = POISE_SETTING_PASS_FRAGMENTS;
	tap_ok(fate_holds(&fixture, &fate), "%s: or passed as configured", kind->name);
	tap_ok(fragment_first_goes(&fixture, &first, A4) &&
		       fragment_follows(&fixture, &later, &whole, A4),
	       "%s: after the first one it is sent", kind->name);
}

/* Whole packets leave no trace, nor do fragments that are all of their packet. */
static void test_whole(void)
{
	struct packet udp4 = fragment_whole(&fragment_kinds[UDP4]), out;
	struct packet atomic = PKT(eth(ROUTER_MAC, EDGE_MAC), ip6(CLIENT6, VIP6), ip6_fragment(0),
				   udp(CLIENT_PORT, SERVICE_PORT), payload(16));
	struct packet later = fragment_part(&udp4, 1);

	fragments_begin(&fixture, A4);
	fixture_run(&fixture, &udp4, &out);
	fixture_run(&fixture, &atomic, &out);
	fixture_run(&fixture, &later, &out);
	tap_ok(fragments_count(&fixture) == 0, "only first fragments are remembered");
}

static void test_extension(void)
{
	struct layer frame = eth(ROUTER_MAC, EDGE_MAC), ip = ip6(CLIENT6, VIP6);
	struct packet whole = fragment_whole(&fragment_kinds[UDP6]);
	struct packet first =
		PKT(frame, ip, ip6_extension(IPPROTO_HOPOPTS), ip6_fragment(IP6_MORE_FRAGMENTS),
		    ip6_extension(IPPROTO_DSTOPTS), udp(CLIENT_PORT, SERVICE_PORT), payload(48));
	struct packet later = PKT(frame, ip, ip6_extension(IPPROTO_HOPOPTS),
				  next(ip6_fragment(64), IPPROTO_DSTOPTS), payload(64));
	struct packet other = PKT(frame, ip, next(ip6_fragment(128), IPPROTO_UDP), payload(64));

	fragments_begin(&fixture, A4);
	tap_ok(fragment_first_goes(&fixture, &first, A4) &&
		       fragment_follows(&fixture, &later, &whole, A4),
	       "IPv6: fragments behind and before extension headers");
	tap_ok(fragment_follows(&fixture, &other, &whole, A4),
	       "IPv6: a fragment that names another protocol is of the packet all the same");
}

static void test_tags(void)
{
	struct packet whole = fragment_whole(&fragment_kinds[UDP4]),
		      first = fragment_part(&whole, 0);
	struct packet later = fragment_part(&whole, 1);
	struct packet tagged = PKT(eth(ROUTER_MAC, EDGE_MAC), vlan(100),
				   ip4_fragment(next(ip4(CLIENT4, VIP4), IPPROTO_UDP),
						IP4_MORE_FRAGMENTS | PART_BYTES / 8),
				   raw(later.bytes + packet_l4(&later), PART_BYTES));

	fragments_begin(&fixture, A4);
	tap_ok(fragment_first_goes(&fixture, &first, A4) &&
		       fragment_follows(&fixture, &tagged, &whole, A4),
	       "a tag makes no other packet of a fragment");
}

/*
 * Whose fragments they are.
 */

struct stranger {
	const char *name;
	int family;
	size_t at; /* of a byte in the IP header that differs */
};

static void test_strangers(void)
{
	static const struct stranger rows[] = {
		{ "IPv4: another id, first byte", 4, ID_OFFSET4 },
		{ "IPv4: another id, last byte", 4, ID_OFFSET4 + 1 },
		{ "IPv4: another source", 4, SOURCE_OFFSET4 + 3 },
		{ "IPv6: another id, first byte", 6, ID_OFFSET6 },
		{ "IPv6: another id, last byte", 6, ID_OFFSET6 + 3 },
		{ "IPv6: another source, first half", 6, SOURCE_OFFSET6 + 7 },
		{ "IPv6: another source, last half", 6, SOURCE_OFFSET6 + 15 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct packet whole =
			fragment_whole(&fragment_kinds[rows[i].family == 4 ? UDP4 : UDP6]);
		struct packet first = fragment_part(&whole, 0), later = fragment_part(&whole, 1);

		fragments_begin(&fixture, A4);
		later.bytes[ETH_BYTES + rows[i].at] ^= 0x10;
		tap_ok(fragment_first_goes(&fixture, &first, A4) &&
			       fragment_is_early(&fixture, &later),
		       "%s", rows[i].name);
	}
}

static void test_other_protocol(void)
{
	struct packet udp4 = fragment_whole(&fragment_kinds[UDP4]), first = fragment_part(&udp4, 0);
	struct packet tcp4 = fragment_whole(&fragment_kinds[TCP4]), later = fragment_part(&tcp4, 1);

	fragments_begin(&fixture, A4);
	tap_ok(fragment_first_goes(&fixture, &first, A4) && fragment_is_early(&fixture, &later),
	       "IPv4: another protocol");
}

static void test_other_destination(void)
{
	static const struct poise_service address = { .flags = POISE_SERVICE_ADDRESS };
	struct packet udp4 = fragment_whole(&fragment_kinds[UDP4]), first = fragment_part(&udp4, 0);
	struct packet other = PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(CLIENT4, OTHER4),
				  udp(CLIENT_PORT, SERVICE_PORT), payload(200));
	struct packet later = fragment_part(&other, 1);
	struct fate passed =
		fate_of("not for a service", later, A4, XDP_PASS, POISE_REASON_NOT_SERVICE);

	fragments_begin(&fixture, A4);
	tap_ok(fate_holds(&fixture, &passed), "a fragment for another address is the host's");
	fixture_publish(&fixture, FREE_SERVICE, OTHER4, &address);
	tap_ok(fragment_first_goes(&fixture, &first, A4) && fragment_is_early(&fixture, &later),
	       "IPv4: another service's address");
	fixture_withdraw(&fixture, FREE_SERVICE);
}

static void test_two_packets(void)
{
	struct packet one = fragment_whole(&fragment_kinds[UDP4]),
		      two = fragment_whole(&fragment_kinds[UDP4]);
	struct packet first1, first2, later1, later2;
	bool holds;

	two.bytes[ETH_BYTES + ID_OFFSET4] ^= 1;
	first1 = fragment_part(&one, 0), later1 = fragment_part(&one, 1);
	first2 = fragment_part(&two, 0), later2 = fragment_part(&two, 1);
	fragments_begin(&fixture, A4);
	holds = fragment_first_goes(&fixture, &first1, A4);
	fixture_own(&fixture, B4);
	holds &= fragment_first_goes(&fixture, &first2, B4);
	holds &= fragment_follows(&fixture, &later1, &one, A4) &&
		 fragment_follows(&fixture, &later2, &two, B4);
	tap_ok(holds, "two packets of one flow in fragments: each follows its own first one");
}

/*
 * What is the host's.
 */

/* Every fragment ends with this reason at the host, and nothing is counted but it. */
static bool all_passed(const struct packet *whole, enum poise_reason reason)
{
	bool holds = true;

	for (size_t i = 0; i < PARTS; i++) {
		struct packet part = fragment_part(whole, i);
		struct fate fate = fate_of("the host's", part, A4, XDP_PASS, reason);

		holds &= fate_holds(&fixture, &fate);
	}
	return holds;
}

static void test_other_port(void)
{
	struct packet v4 =
		PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(CLIENT4, VIP4), udp(CLIENT_PORT, OTHER_PORT),
		    payload(PARTS * PART_BYTES - UDP_BYTES));
	struct packet v6 =
		PKT(eth(ROUTER_MAC, EDGE_MAC), ip6(CLIENT6, VIP6), udp(CLIENT_PORT, OTHER_PORT),
		    payload(PARTS * PART_BYTES - UDP_BYTES));

	fragments_begin(&fixture, A4);
	tap_ok(all_passed(&v4, POISE_REASON_NOT_SERVICE),
	       "IPv4 to a port without a service: all fragments are the host's");
	tap_ok(all_passed(&v6, POISE_REASON_NOT_SERVICE),
	       "IPv6 to a port without a service: all fragments are the host's");
}

/* The last fragment alone would fit. */
static void test_oversize(void)
{
	struct packet whole = fragment_whole(&fragment_kinds[UDP4]);
	struct packet first = packet_fragment(&whole, 0, 2 * PART_BYTES, true);
	struct packet last = fragment_part(&whole, 2);
	struct poise_backend narrow =
		fixture_entry(&fixture, C4, IP4_BYTES + IP4_BYTES + PART_BYTES);
	struct fate fates[] = {
		fate_of("the first", first, C4, XDP_PASS, POISE_REASON_TOO_BIG_PASSED),
		fate_of("the last", last, C4, XDP_PASS, POISE_REASON_TOO_BIG_PASSED),
	};

	fixture_backend_init(&fixture, C4, &narrow);
	fragments_begin(&fixture, C4);
	fixture_settings(&fixture)->flags = POISE_SETTING_PASS_OVERSIZE;
	tap_ok(fate_holds(&fixture, &fates[0]) && fate_holds(&fixture, &fates[1]),
	       "a first fragment too big for the tunnel, passed: the others are the host's, too");
	fixture_settings(&fixture)->flags = 0;
	fates[0] = fate_of("the first", first, C4, XDP_DROP, POISE_REASON_TOO_BIG);
	tap_ok(fate_holds(&fixture, &fates[0]) && fragment_follows(&fixture, &last, &whole, C4),
	       "dropped: each of the others as it fits");
	narrow.mtu = DEFAULT_MTU;
	fixture_backend_init(&fixture, C4, &narrow);
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	for (size_t i = 0; i < FRAGMENT_KINDS; i++) {
		test_order(&fragment_kinds[i], A4);
		test_order(&fragment_kinds[i], A6);
		test_order(&fragment_kinds[i], AWAY4);
		test_again(&fragment_kinds[i]);
		test_early(&fragment_kinds[i]);
	}
	test_whole();
	test_extension();
	test_tags();
	test_strangers();
	test_other_protocol();
	test_other_destination();
	test_two_packets();
	test_other_port();
	test_oversize();
	fixture_close(&fixture);
	return tap_done();
}
