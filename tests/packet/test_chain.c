// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Second chance: where packets of moving slots go, in slots that keep exceptions and in those that
 * do not, and the chain of the slot's other backends in the tunnel's header. Each case by the short
 * way and, behind a VLAN tag, by the long one; the dry run must foretell both.
 */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include "exceptions.h"
#include "fate.h"
#include "hex.h"
#include "poise_wire.h"
#include "ring.h"
#include "tunnel.h"

enum {
	RING_SIZE = 251,
	GUE_PORT = 6080,
	IPIP4 = FIXED4, /* a backend that is not reached by GUE */
	LIVE = POISE_BACKEND_LIVE,
	ELIGIBLE = POISE_BACKEND_ELIGIBLE,
	ESTABLISHED = POISE_EXCEPTION_ESTABLISHED,
	HALF_OPEN = POISE_EXCEPTION_HALF_OPEN,
	OLD = 5, /* ticks since the slot changed */
	GUE_SHIM = UDP_BYTES + GUE_HEADER_BYTES,
	CHECKSUM_GOOD = 0xffff,
	ICMP_UNREACHABLE = 3,
	ICMP_PORT = 3,
	ICMP6_UNREACHABLE = 1,
	ICMP6_PORT = 4,
	QUOTE_BYTES = 64,
};

#define COUNT(array)	 (sizeof(array) / sizeof((array)[0]))
#define FROM_ROUTER(...) PKT(eth(ROUTER_MAC, EDGE_MAC), __VA_ARGS__)

static struct fixture fixture;

struct chain_case {
	const char *name;
	uint16_t owner, previous, earlier;
	bool named, older;
	unsigned int packet; /* TCP flags; 0: ACK */
	/* A backend's flags, when they are not LIVE | ELIGIBLE. */
	uint16_t unwell;
	uint8_t flags;
	struct record before; /* the flow's exception */
	uint16_t to;	      /* NOBODY: the owner */
	uint16_t hops[2];
	bool recorded;
};

#define NAMED(owner_, ...)		 .named = true, .owner = (owner_), __VA_ARGS__
#define RECORDED(owner_, previous_, ...) .owner = (owner_), .previous = (previous_), __VA_ARGS__
#define HOPS(...)			 .hops = { __VA_ARGS__ }

static const struct chain_case cases[] = {
	/* Every mix of families. */
	{ "named, one hop", NAMED(A4, .previous = B4, HOPS(B4)) },
	{ "named, one IPv6 hop", NAMED(A4, .previous = A6, HOPS(A6)) },
	{ "named, two hops", NAMED(A4, .previous = B4, .earlier = C4, HOPS(B4, C4)) },
	{ "named, IPv6, IPv4", NAMED(A4, .previous = A6, .earlier = B4, HOPS(A6, B4)) },
	{ "named, IPv4, IPv6", NAMED(A4, .previous = B4, .earlier = A6, HOPS(B4, A6)) },
	{ "named, two IPv6 hops", NAMED(A4, .previous = A6, .earlier = B6, HOPS(A6, B6)) },
	{ "named, IPv6 tunnel, one hop", NAMED(A6, .previous = B4, HOPS(B4)) },
	{ "named, IPv6 tunnel, one IPv6 hop", NAMED(A6, .previous = B6, HOPS(B6)) },
	{ "named, IPv6 tunnel, two hops", NAMED(A6, .previous = B4, .earlier = C4, HOPS(B4, C4)) },
	{ "named, IPv6 tunnel, IPv6, IPv4",
	  NAMED(A6, .previous = B6, .earlier = B4, HOPS(B6, B4)) },
	{ "named, IPv6 tunnel, IPv4, IPv6",
	  NAMED(A6, .previous = B4, .earlier = B6, HOPS(B4, B6)) },
	{ "named, IPv6 tunnel, two IPv6 hops",
	  NAMED(A6, .previous = B6, .earlier = FIXED6, HOPS(B6, FIXED6)) },

	/* Who is named. */
	{ "nobody is named", NAMED(A4) },
	{ "only the earlier one is named", NAMED(A4, .earlier = C4, HOPS(C4)) },
	{ "the owner is not named", NAMED(A4, .previous = A4, .earlier = C4, HOPS(C4)) },
	{ "the owner is not named, earlier", NAMED(A4, .previous = B4, .earlier = A4, HOPS(B4)) },
	{ "none is named twice", NAMED(A4, .previous = B4, .earlier = B4, HOPS(B4)) },
	{ "one that is down is not named",
	  NAMED(A4, .previous = B4, .earlier = C4, .unwell = B4, HOPS(C4)) },
	{ "one that drains is named",
	  NAMED(A4, .previous = B4, .earlier = C4, .unwell = B4, .flags = LIVE, HOPS(B4, C4)) },
	{ "SYN: all that take connections are named",
	  NAMED(A4, .previous = B4, .earlier = C4, HOPS(B4, C4)), .packet = SYN },
	{ "SYN: one that drains is not named",
	  NAMED(A4, .previous = B4, .earlier = C4, .unwell = B4, .flags = LIVE, HOPS(C4)),
	  .packet = SYN },
	{ "SYN|ACK is not one that opens",
	  NAMED(A4, .previous = B4, .unwell = B4, .flags = LIVE, HOPS(B4)), .packet = SYN | ACK },
	{ "FIN", NAMED(A4, .previous = B4, HOPS(B4)), .packet = FIN | ACK },
	{ "RST", NAMED(A4, .previous = B4, HOPS(B4)), .packet = RST },
	{ "one without GUE is not named", NAMED(A4, .previous = IPIP4, .earlier = C4, HOPS(C4)) },
	{ "to an owner without GUE: no chain", NAMED(IPIP4, .previous = B4, .earlier = C4) },
	{ "an owner that is down is believed in",
	  NAMED(A4, .previous = B4, .unwell = A4, HOPS(B4)) },

	/* No exception counts in a slot that keeps none. */
	{ "named: an exception is not followed", NAMED(A4, .previous = B4, HOPS(B4)),
	  .before = { C4, ESTABLISHED, 0 } },
	{ "named: a SYN is not recorded", NAMED(A4, .previous = B4, HOPS(B4)), .packet = SYN,
	  .before = { C4, HALF_OPEN, 1 } },

	/* Without an owner. */
	{ "named, no owner: the previous one",
	  NAMED(NOBODY, .previous = B4, .earlier = C4, HOPS(C4)), .to = B4 },
	{ "named, no owner, the previous one down: the earlier one",
	  NAMED(NOBODY, .previous = B4, .earlier = C4, .unwell = B4), .to = C4 },
	{ "guessed, no owner, the previous one down: the earlier one",
	  NAMED(NOBODY, .previous = B4, .earlier = POISE_MOVE_GUESSED | C4, .unwell = B4),
	  .to = C4 },
	{ "guessed, two hops",
	  NAMED(A4, .previous = B4, .earlier = POISE_MOVE_GUESSED | C4, HOPS(B4, C4)) },
	{ "named, no owner, SYN: one that takes connections",
	  NAMED(NOBODY, .previous = B4, .earlier = C4, .unwell = B4, .flags = LIVE), .to = C4,
	  .packet = SYN },
	{ "named, no owner, nobody else", NAMED(NOBODY, .previous = B4, .unwell = B4) },

	/* Slots that keep exceptions. */
	{ "unrecorded: the previous one, then the owner", RECORDED(A4, B4, HOPS(A4)), .to = B4 },
	{ "unrecorded: owner, then earlier", RECORDED(A4, B4, .earlier = C4, HOPS(A4, C4)),
	  .to = B4 },
	{ "unrecorded: likewise, whose the slot was before",
	  RECORDED(A4, B4, .earlier = C4, .older = true, HOPS(A4, C4)), .to = B4 },
	{ "recorded elsewhere, the owner down: previous and earlier",
	  RECORDED(A4, B4, .earlier = A6, .unwell = A4, HOPS(B4, A6)),
	  .before = { C4, ESTABLISHED, 0 }, .to = C4 },
	{ "recorded elsewhere, IPv4 alone, the owner down: previous and earlier",
	  RECORDED(A4, B4, .earlier = AWAY4, .unwell = A4, HOPS(B4, AWAY4)),
	  .before = { C4, ESTABLISHED, 0 }, .to = C4 },
	{ "recorded: then owner and previous", RECORDED(A4, B4, HOPS(A4, B4)),
	  .before = { C4, ESTABLISHED, 0 }, .to = C4 },
	{ "recorded: no more than two", RECORDED(A4, B4, .earlier = A6, HOPS(A4, B4)),
	  .before = { C4, ESTABLISHED, 0 }, .to = C4 },
	{ "recorded at the earlier one", RECORDED(A4, B4, .earlier = C4, HOPS(A4, B4)),
	  .before = { C4, ESTABLISHED, 1 }, .to = C4 },
	{ "recorded at the owner", RECORDED(A4, B4, .earlier = C4, HOPS(B4, C4)),
	  .before = { A4, ESTABLISHED, 0 }, .to = A4 },
	{ "unrecorded, the previous one down",
	  RECORDED(A4, B4, .earlier = C4, .unwell = B4, HOPS(C4)), .to = A4 },
	{ "SYN: to the owner, then the others", RECORDED(A4, B4, .earlier = C4, HOPS(B4, C4)),
	  .packet = SYN, .to = A4, .recorded = true },
	{ "SYN, the previous one drains",
	  RECORDED(A4, B4, .earlier = C4, .unwell = B4, .flags = LIVE, HOPS(C4)), .packet = SYN,
	  .to = A4, .recorded = true },
};

static void use_gue(void)
{
	for (uint16_t i = 1; i < BACKEND_COUNT; i++) {
		struct poise_backend entry = fixture_entry(&fixture, i, DEFAULT_MTU);

		if (i == IPIP4)
			continue;
		entry.encapsulation = POISE_ENCAP_GUE;
		entry.gue_port = htons(GUE_PORT);
		fixture_backend_init(&fixture, i, &entry);
	}
}

static void use_chains(bool chains)
{
	static const uint32_t services[] = { SERVICE4, SERVICE6, UDP_SERVICE4 };

	for (size_t i = 0; i < COUNT(services); i++) {
		struct poise_service *entry = fixture_service_entry(&fixture, services[i]);

		entry->flags &= ~(uint32_t)POISE_SERVICE_CHAIN;
		entry->flags |= chains ? POISE_SERVICE_CHAIN : 0;
	}
}

/* Every slot of a service, as the case says. */
static void set_slots(uint32_t service, const struct chain_case *row, uint16_t stamp)
{
	struct ring ring = fixture_ring(&fixture, service);

	for (uint32_t i = 0; i < ring.size; i++) {
		ring.moves[i] = (struct poise_move){
			.previous = row->previous,
			.earlier = row->earlier | (row->older ? POISE_MOVE_OLDER : 0),
			.stamp = stamp,
			.owner = row->owner | (row->named ? POISE_MOVE_NAMED : 0),
		};
		ring.slots[i] = row->owner | POISE_SLOT_MOVING;
	}
}

static void set_flags(uint16_t backend, uint8_t flags)
{
	if (backend)
		maps_backend_set_flags(fixture.maps, backend, flags);
}

static void put_record(const struct packet *packet, const struct record *record, uint16_t now)
{
	uint64_t hash = exceptions_hash(&fixture, packet);

	exceptions_clear(&fixture);
	exceptions_bucket(&fixture, hash)->word[0] = exceptions_word(hash, record, now);
}

static struct fate fate_of_case(const struct chain_case *row, struct packet in)
{
	uint16_t to = row->to ? row->to : row->owner;
	struct fate fate = fate_of(row->name, in, to, to ? XDP_TX : XDP_DROP,
				   to ? POISE_REASON_SENT : POISE_REASON_NO_BACKEND);

	memcpy(fate.hops, row->hops, sizeof(fate.hops));
	fate.events[POISE_EVENT_CHAINED] = row->hops[0] != NOBODY;
	fate.events[POISE_EVENT_EXCEPTION_RECORDED] = row->recorded;
	return fate;
}

/* Of a slot that keeps no exceptions nothing is written. */
static bool nothing_changed(const struct chain_case *row, const struct packet *in, uint16_t now)
{
	uint64_t hash = exceptions_hash(&fixture, in), only;
	struct ring ring = fixture_ring(&fixture, fixture_service(in));
	uint16_t stamp = ring.moves[fixture_slot(&fixture, in)].stamp;

	return stamp == (uint16_t)(now - OLD) &&
	       exceptions_count(&fixture, &only) == (row->before.backend != NOBODY) &&
	       only == exceptions_word(hash, &row->before, now);
}

static void run_case(const struct chain_case *row, const char *way, struct packet in)
{
	struct fate fate = fate_of_case(row, in);
	uint16_t now;
	bool holds;

	do {
		now = fixture_tick();
		set_slots(fixture_service(&in), row, (uint16_t)(now - OLD));
		put_record(&in, &row->before, now);
		set_flags(row->unwell, row->flags);
		holds = fate_holds(&fixture, &fate);
		if (row->named)
			holds &= nothing_changed(row, &in, now);
		set_flags(row->unwell, LIVE | ELIGIBLE);
	} while (!fixture_same_tick(now));
	tap_ok(holds, "%s, %s", row->name, way);
}

static void test_cases(void)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct layer header =
			tcp(CLIENT_PORT, SERVICE_PORT, cases[i].packet ? cases[i].packet : ACK);

		run_case(&cases[i], "IPv4, short way",
			 FROM_ROUTER(tos(ip4(CLIENT4, VIP4), 0xb9), header, payload(5)));
		run_case(&cases[i], "IPv6, short way",
			 FROM_ROUTER(tos(ip6(CLIENT6, VIP6), 0xb9), header, payload(0)));
		run_case(&cases[i], "IPv4, long way",
			 FROM_ROUTER(vlan(7), ip4(CLIENT4, VIP4), header, payload(0)));
		run_case(&cases[i], "IPv6, long way",
			 FROM_ROUTER(vlan(7), ip6(CLIENT6, VIP6), header, payload(5)));
	}
}

static const struct chain_case two_hops = { "two hops", NAMED(A4, .previous = B4, .earlier = A6,
							      HOPS(B4, A6)) };

/* All tunnels of one family, which takes the short way. */
static const struct chain_case two_hops4 = { "two IPv4 hops", NAMED(A4, .previous = B4,
								    .earlier = C4, HOPS(B4, C4)) };
static const struct chain_case two_hops6 = {
	"two IPv6 hops", NAMED(B6, .previous = A6, .earlier = FIXED6, HOPS(A6, FIXED6))
};

/* As the document says, written by hand: behind the UDP header. */
static void test_literal(void)
{
	static const uint8_t wanted[] = {
		0x06, 0x04, 0x00, 0x00, 0x50, 0x4f, 0x12, 0x02, 10, 0, 1, 12, 0x20, 0x01,
		0x0d, 0xb8, 0,	  2,	0,    0,    0,	  0,	0,  0, 0, 0,  0,    0x11,
	};
	struct packet in = FROM_ROUTER(ip4(CLIENT4, VIP4), tcp(CLIENT_PORT, SERVICE_PORT, ACK)),
		      out;

	set_slots(SERVICE4, &two_hops, 0);
	fixture_run(&fixture, &in, &out);
	tap_ok(packet_equal("GUE", wanted, sizeof(wanted),
			    out.bytes + ETH_BYTES + IP4_BYTES + UDP_BYTES, sizeof(wanted)),
	       "the header as written by hand");
}

/* The whole datagram with its pseudo header, summed up anew. */
static bool sum_is_good(const struct packet *in)
{
	struct packet out;
	const uint8_t *ip = out.bytes + ETH_BYTES;

	fixture_run(&fixture, in, &out);
	return ones_complement(ip + 8, out.length - ETH_BYTES - 8,
			       (uint32_t)(IPPROTO_UDP + out.length - ETH_BYTES - IP6_BYTES)) ==
	       CHECKSUM_GOOD;
}

static void test_sums(void)
{
	struct chain_case rows[] = { two_hops, two_hops6 };
	bool good = true;

	rows[0].owner = B6;
	for (size_t i = 0; i < COUNT(rows); i++) {
		set_slots(SERVICE4, &rows[i], 0);
		set_slots(SERVICE6, &rows[i], 0);
		for (uint16_t port = 1; port <= 500; port++) {
			struct layer header = tcp(port, SERVICE_PORT, ACK);
			struct packet in4 =
				FROM_ROUTER(ip4(CLIENT4, VIP4), header, payload(port % 33));
			struct packet in6 =
				FROM_ROUTER(ip6(CLIENT6, VIP6), header, payload(port % 33));

			good &= sum_is_good(&in4) && sum_is_good(&in6);
		}
		tap_ok(good, "%s, IPv6 tunnel: the UDP checksum is right, chain included",
		       rows[i].name);
	}
}

/* The names count only while the slot moves, for TCP, of services with second chance. */
static void test_without(void)
{
	struct packet in = FROM_ROUTER(ip4(CLIENT4, VIP4), tcp(CLIENT_PORT, SERVICE_PORT, ACK));
	struct packet datagram = FROM_ROUTER(ip4(CLIENT4, VIP4), udp(CLIENT_PORT, SERVICE_PORT));
	struct packet first;
	struct fate fate = fate_of("none", in, A4, XDP_TX, POISE_REASON_SENT);
	struct packet whole =
		FROM_ROUTER(ip4(CLIENT4, VIP4), tcp(CLIENT_PORT, SERVICE_PORT, ACK), payload(64));
	struct ring ring = fixture_ring(&fixture, SERVICE4);

	set_slots(SERVICE4, &two_hops, 0);
	first = packet_fragment(&whole, 0, 40, true);
	fate.in = first;
	tap_ok(fate_holds(&fixture, &fate), "a first fragment: no chain");
	fate.in = in;
	for (uint32_t i = 0; i < ring.size; i++)
		ring.slots[i] = A4;
	tap_ok(fate_holds(&fixture, &fate), "a settled slot: no chain");
	set_slots(UDP_SERVICE4, &two_hops, 0);
	fate.in = datagram;
	tap_ok(fate_holds(&fixture, &fate), "UDP: no chain");
	use_chains(false);
	set_slots(SERVICE4, &two_hops, fixture_tick());
	fate.in = in;
	tap_ok(fate_holds(&fixture, &fate), "a service without second chance: the owner, no chain");
	put_record(&in, &(struct record){ C4, ESTABLISHED, 0 }, fixture_tick());
	tap_ok(fate_holds(&fixture, &fate), "likewise, whatever the exceptions say");
	exceptions_clear(&fixture);
	use_chains(true);
}

/* A move that was written before the slot's word is: its owner is that of its names. */
static void test_newer_move(void)
{
	struct packet in = FROM_ROUTER(ip4(CLIENT4, VIP4), tcp(CLIENT_PORT, SERVICE_PORT, ACK));
	struct fate fate = fate_of_case(&two_hops4, in);
	struct ring ring = fixture_ring(&fixture, SERVICE4);

	set_slots(SERVICE4, &two_hops4, 0);
	for (uint32_t i = 0; i < ring.size; i++)
		ring.slots[i] = B4 | POISE_SLOT_MOVING;
	tap_ok(fate_holds(&fixture, &fate), "the move's owner counts, not the slot's");
	for (uint32_t i = 0; i < ring.size; i++) {
		ring.slots[i] = A4 | POISE_SLOT_MOVING;
		ring.moves[i].owner = POISE_MOVE_NAMED;
	}
	tap_ok(fate_holds(&fixture, &fate), "without one in the move, the slot's");
}

/* An error goes where the connection's packets go; a SYN's rules are not for it. */
static void test_errors(void)
{
	struct packet flow4 = FROM_ROUTER(ip4(CLIENT4, VIP4), tcp(CLIENT_PORT, SERVICE_PORT, ACK));
	struct packet flow6 = FROM_ROUTER(ip6(CLIENT6, VIP6), tcp(CLIENT_PORT, SERVICE_PORT, ACK));
	struct packet answer4 =
		FROM_ROUTER(ip4(VIP4, CLIENT4), tcp(SERVICE_PORT, CLIENT_PORT, SYN), payload(30));
	struct packet answer6 =
		FROM_ROUTER(ip6(VIP6, CLIENT6), tcp(SERVICE_PORT, CLIENT_PORT, ACK), payload(30));
	struct packet in4 =
		FROM_ROUTER(ip4("192.0.2.77", VIP4), icmp(ICMP_UNREACHABLE, ICMP_PORT, 0),
			    quote(&answer4, QUOTE_BYTES));
	struct packet in6 =
		FROM_ROUTER(ip6("2001:db8:77::1", VIP6), icmp6(ICMP6_UNREACHABLE, ICMP6_PORT, 0),
			    quote(&answer6, QUOTE_BYTES));
	static const uint16_t owners[] = { A4, B6 };

	for (size_t i = 0; i < 2 * COUNT(owners); i++) {
		struct chain_case row = two_hops;
		struct fate fate;

		row.owner = owners[i / 2];
		fate = fate_of_case(&row, i % 2 ? in6 : in4);
		fate.flow = i % 2 ? &flow6 : &flow4;
		fate.events[POISE_EVENT_ICMP_FORWARDED] = 1;
		set_slots(i % 2 ? SERVICE6 : SERVICE4, &row, 0);
		set_flags(B4, LIVE);
		tap_ok(fate_holds(&fixture, &fate), "an ICMP%s error, %s tunnel", i % 2 ? "v6" : "",
		       i / 2 ? "IPv6" : "IPv4");
		set_flags(B4, LIVE | ELIGIBLE);
	}
}

/* The entry's MTU leaves room for the chain, which counts for nothing itself. */
static void test_mtu(void)
{
	const uint16_t room = POISE_CHAIN_MAX_BYTES4, mtu = DEFAULT_MTU - room;
	const size_t most = mtu - IP4_BYTES - GUE_SHIM - IP4_BYTES - TCP_BYTES;
	struct chain_case row = { "a full packet",
				  NAMED(A4, .previous = B4, .earlier = C4, HOPS(B4, C4)) };
	struct poise_backend entry = fixture.entries[A4], before = entry;
	struct fate fate;

	entry.mtu = mtu;
	fixture_backend_init(&fixture, A4, &entry);
	for (size_t more = 0; more < 2; more++) {
		struct packet in =
			FROM_ROUTER(ip4(CLIENT4, VIP4), tcp(CLIENT_PORT, SERVICE_PORT, ACK),
				    payload(most + more));

		fate = fate_of_case(&row, in);
		if (more) {
			fate.verdict = XDP_DROP;
			fate.reason = POISE_REASON_TOO_BIG;
			fate.events[POISE_EVENT_CHAINED] = 0;
		}
		set_slots(SERVICE4, &row, 0);
		tap_ok(fate_holds(&fixture, &fate), "a packet of %zu bytes%s", most + more,
		       more ? ", one too many" : " fills the way with its chain");
		fate = fate_of("settled", in, A4, fate.verdict, fate.reason);
		for (uint32_t i = 0; i < RING_SIZE; i++)
			fixture_ring(&fixture, SERVICE4).slots[i] = A4;
		tap_ok(fate_holds(&fixture, &fate), "the same in a settled slot");
	}
	fixture_backend_init(&fixture, A4, &before);
}

/* Ways out of the long one alone, and redirects. */
static void test_ways(void)
{
	static const struct {
		const char *name;
		uint16_t tag;
		uint8_t ttl;
	} ways[] = {
		{ "a tagged way out", POISE_VLAN_TAG | 9, 0 },
		{ "a TTL less", 0, POISE_ENCAP_TTL },
	};
	struct packet in = FROM_ROUTER(ip4(CLIENT4, VIP4), tcp(CLIENT_PORT, SERVICE_PORT, ACK));
	struct poise_backend before = fixture.entries[A4];
	struct fate fate = fate_of_case(&two_hops4, in);
	struct chain_case row = two_hops6;

	set_slots(SERVICE4, &two_hops4, 0);
	for (size_t i = 0; i < COUNT(ways); i++) {
		struct poise_backend entry = before;

		entry.vlan[0] = ways[i].tag;
		entry.encapsulation |= ways[i].ttl;
		fixture_backend_init(&fixture, A4, &entry);
		tap_ok(fate_holds(&fixture, &fate), "%s", ways[i].name);
	}
	fixture_backend_init(&fixture, A4, &before);
	row.owner = AWAY6;
	fate = fate_of_case(&row, in);
	fate.verdict = XDP_REDIRECT;
	set_slots(SERVICE4, &row, 0);
	tap_ok(fate_holds(&fixture, &fate), "by another interface");
}

/* While an entry's first copy is rewritten, nothing but its flags is looked at. */
static void test_rewritten(void)
{
	static const uint16_t rewritten[] = { A4, B4, C4 };
	struct packet in = FROM_ROUTER(ip4(CLIENT4, VIP4), tcp(CLIENT_PORT, SERVICE_PORT, ACK));
	struct fate fate = fate_of_case(&two_hops4, in);
	struct poise_backend *entries = fixture_map(&fixture, "backends");

	set_slots(SERVICE4, &two_hops4, 0);
	for (size_t i = 0; i < COUNT(rewritten); i++) {
		struct poise_backend *entry = &entries[rewritten[i]], before = *entry;

		memset(entry->address, 0xee, sizeof(entry->address));
		entry->current = 0;
		tap_ok(fate_holds(&fixture, &fate), "backend %u's entry is being rewritten",
		       rewritten[i]);
		*entry = before;
	}
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	use_gue();
	use_chains(true);
	test_cases();
	test_literal();
	test_sums();
	test_without();
	test_newer_move();
	test_errors();
	test_mtu();
	test_ways();
	test_rewritten();
	fixture_close(&fixture);
	return tap_done();
}
