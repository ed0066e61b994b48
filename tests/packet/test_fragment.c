// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fragments: the first one of a packet chooses, the others follow it, and when they do not. What
 * makes a packet a fragment, and which are too small, is test_fragment_parse.c's. */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fate.h"
#include "hex.h"

enum {
	RING_SIZE = 251,
	PART_BYTES = 64, /* of each fragment */
	PARTS = 3,
	ID_OFFSET4 = 4, /* in the IP header */
	ID_OFFSET6 = IP6_BYTES + 4,
	SOURCE_OFFSET4 = 12,
	SOURCE_OFFSET6 = 8,
	FLOOD = 4 * POISE_FRAGMENT_ENTRIES,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND_NS    1000000000ULL
#define LONG_NS	     (3600 * SECOND_NS)
#define SHORT_NS     (SECOND_NS / 20)

static struct fixture fixture;
static int fragments; /* the map */

struct kind {
	int family;
	uint8_t protocol;
	const char *name;
};

static const struct kind kinds[] = {
	{ 4, IPPROTO_TCP, "IPv4, TCP" },
	{ 4, IPPROTO_UDP, "IPv4, UDP" },
	{ 6, IPPROTO_TCP, "IPv6, TCP" },
	{ 6, IPPROTO_UDP, "IPv6, UDP" },
};

static struct packet whole_of(const struct kind *kind)
{
	struct layer ip = kind->family == 4 ? ip4(CLIENT4, VIP4) : ip6(CLIENT6, VIP6);
	struct layer transport = kind->protocol == IPPROTO_TCP ? tcp(CLIENT_PORT, SERVICE_PORT, SYN)
							       : udp(CLIENT_PORT, SERVICE_PORT);

	return PKT(eth(ROUTER_MAC, EDGE_MAC), ip, transport,
		   payload(PARTS * PART_BYTES - transport.length));
}

/* The fragment with this number, from 0 on. */
static struct packet part_of(const struct packet *whole, size_t number)
{
	return packet_fragment(whole, number * PART_BYTES, PART_BYTES, number + 1 < PARTS);
}

/*
 * The table.
 */

static void table_clear(void)
{
	struct poise_fragment_key key;

	while (bpf_map_get_next_key(fragments, NULL, &key) == 0)
		bpf_map_delete_elem(fragments, &key);
}

static size_t table_count(void)
{
	struct poise_fragment_key key, *last = NULL, next;
	size_t count = 0;

	while (bpf_map_get_next_key(fragments, last, &next) == 0) {
		key = next;
		last = &key;
		count++;
	}
	return count;
}

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* Makes the only entry as old as this. */
static void table_age(uint64_t age_ns)
{
	struct poise_fragment_key key;
	struct poise_fragment entry;

	if (bpf_map_get_next_key(fragments, NULL, &key) ||
	    bpf_map_lookup_elem(fragments, &key, &entry))
		return;
	entry.time_ns = clock_ns() - age_ns;
	bpf_map_update_elem(fragments, &key, &entry, BPF_EXIST);
}

/* Empty, and every slot is the backend's. */
static void begin(uint16_t backend)
{
	table_clear();
	fixture_settings(&fixture)->fragment_ns = LONG_NS;
	fixture_settings(&fixture)->flags = 0;
	fixture_own(&fixture, backend);
}

/*
 * Fates.
 */

static bool first_goes(const struct packet *first, uint16_t backend)
{
	struct fate fate =
		fate_of("first fragment", *first, backend,
			fixture_verdict(&fixture, &fixture.entries[backend]), POISE_REASON_SENT);

	return fate_holds(&fixture, &fate);
}

/* whole: the packet that it is a part of. */
static bool later_follows(const struct packet *later, const struct packet *whole, uint16_t backend)
{
	struct fate fate =
		fate_of("later fragment", *later, backend,
			fixture_verdict(&fixture, &fixture.entries[backend]), POISE_REASON_SENT);

	fate.flow = whole;
	fate.events[POISE_EVENT_FRAGMENT_FOLLOWED] = 1;
	return fate_holds(&fixture, &fate);
}

static bool is_early(const struct packet *later)
{
	struct fate fate =
		fate_of("early fragment", *later, A4, XDP_DROP, POISE_REASON_FRAGMENT_EARLY);

	return fate_holds(&fixture, &fate);
}

/*
 * In order, and not.
 */

/* The ring's owner changes after the first fragment: the others do not ask it. */
static void test_order(const struct kind *kind, uint16_t backend)
{
	struct packet whole = whole_of(kind), first = part_of(&whole, 0);
	bool holds;

	begin(backend);
	holds = first_goes(&first, backend);
	fixture_own(&fixture, B4);
	for (size_t i = 1; i < PARTS; i++) {
		struct packet later = part_of(&whole, i);

		holds &= later_follows(&later, &whole, backend);
	}
	for (size_t i = PARTS - 1; i > 0; i--) {
		struct packet later = part_of(&whole, i);

		holds &= later_follows(&later, &whole, backend);
	}
	holds &= table_count() == 1;
	tap_ok(holds, "%s: later fragments follow the first one, to backend %u", kind->name,
	       backend);
}

static void test_again(const struct kind *kind)
{
	struct packet whole = whole_of(kind), first = part_of(&whole, 0);
	struct packet later = part_of(&whole, 1);
	bool holds;

	begin(A4);
	holds = first_goes(&first, A4);
	fixture_own(&fixture, B4);
	holds &= first_goes(&first, B4) && later_follows(&later, &whole, B4);
	tap_ok(holds && table_count() == 1,
	       "%s: a first fragment seen again counts, not the one before", kind->name);
}

static void test_early(const struct kind *kind)
{
	struct packet whole = whole_of(kind), first = part_of(&whole, 0);
	struct packet later = part_of(&whole, 1);
	struct fate fate =
		fate_of("early fragment", later, A4, XDP_PASS, POISE_REASON_FRAGMENT_PASSED);

	begin(A4);
	tap_ok(is_early(&later), "%s: a fragment before the first one is dropped", kind->name);
	fixture_settings(&fixture)->flags = POISE_SETTING_PASS_FRAGMENTS;
	tap_ok(fate_holds(&fixture, &fate), "%s: or passed as configured", kind->name);
	tap_ok(first_goes(&first, A4) && later_follows(&later, &whole, A4),
	       "%s: after the first one it is sent", kind->name);
}

/* Whole packets leave no trace, nor do fragments that are all of their packet. */
static void test_whole(void)
{
	struct packet udp4 = whole_of(&kinds[1]), out;
	struct packet atomic = PKT(eth(ROUTER_MAC, EDGE_MAC), ip6(CLIENT6, VIP6), ip6_fragment(0),
				   udp(CLIENT_PORT, SERVICE_PORT), payload(16));
	struct packet later = part_of(&udp4, 1);

	begin(A4);
	fixture_run(&fixture, &udp4, &out);
	fixture_run(&fixture, &atomic, &out);
	fixture_run(&fixture, &later, &out);
	tap_ok(table_count() == 0, "only first fragments are remembered");
}

static void test_extension(void)
{
	struct layer frame = eth(ROUTER_MAC, EDGE_MAC), ip = ip6(CLIENT6, VIP6);
	struct packet whole = whole_of(&kinds[3]);
	struct packet first =
		PKT(frame, ip, ip6_extension(IPPROTO_HOPOPTS), ip6_fragment(IP6_MORE_FRAGMENTS),
		    ip6_extension(IPPROTO_DSTOPTS), udp(CLIENT_PORT, SERVICE_PORT), payload(48));
	struct packet later = PKT(frame, ip, ip6_extension(IPPROTO_HOPOPTS),
				  next(ip6_fragment(64), IPPROTO_DSTOPTS), payload(64));
	struct packet other = PKT(frame, ip, next(ip6_fragment(128), IPPROTO_UDP), payload(64));

	begin(A4);
	tap_ok(first_goes(&first, A4) && later_follows(&later, &whole, A4),
	       "IPv6: fragments behind and before extension headers");
	tap_ok(later_follows(&other, &whole, A4),
	       "IPv6: a fragment that names another protocol is of the packet all the same");
}

static void test_tags(void)
{
	struct packet whole = whole_of(&kinds[1]), first = part_of(&whole, 0);
	struct packet later = part_of(&whole, 1);
	struct packet tagged = PKT(eth(ROUTER_MAC, EDGE_MAC), vlan(100),
				   ip4_fragment(next(ip4(CLIENT4, VIP4), IPPROTO_UDP),
						IP4_MORE_FRAGMENTS | PART_BYTES / 8),
				   raw(later.bytes + packet_l4(&later), PART_BYTES));

	begin(A4);
	tap_ok(first_goes(&first, A4) && later_follows(&tagged, &whole, A4),
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
		struct packet whole = whole_of(&kinds[rows[i].family == 4 ? 1 : 3]);
		struct packet first = part_of(&whole, 0), later = part_of(&whole, 1);

		begin(A4);
		later.bytes[ETH_BYTES + rows[i].at] ^= 0x10;
		tap_ok(first_goes(&first, A4) && is_early(&later), "%s", rows[i].name);
	}
}

static void test_other_protocol(void)
{
	struct packet udp4 = whole_of(&kinds[1]), first = part_of(&udp4, 0);
	struct packet tcp4 = whole_of(&kinds[0]), later = part_of(&tcp4, 1);

	begin(A4);
	tap_ok(first_goes(&first, A4) && is_early(&later), "IPv4: another protocol");
}

static void test_other_destination(void)
{
	static const struct poise_service address = { .flags = POISE_SERVICE_ADDRESS };
	struct packet udp4 = whole_of(&kinds[1]), first = part_of(&udp4, 0);
	struct packet other = PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(CLIENT4, OTHER4),
				  udp(CLIENT_PORT, SERVICE_PORT), payload(200));
	struct packet later = part_of(&other, 1);
	struct fate passed =
		fate_of("not for a service", later, A4, XDP_PASS, POISE_REASON_NOT_SERVICE);

	begin(A4);
	tap_ok(fate_holds(&fixture, &passed), "a fragment for another address is the host's");
	fixture_publish(&fixture, FREE_SERVICE, OTHER4, &address);
	tap_ok(first_goes(&first, A4) && is_early(&later), "IPv4: another service's address");
	fixture_withdraw(&fixture, FREE_SERVICE);
}

static void test_two_packets(void)
{
	struct packet one = whole_of(&kinds[1]), two = whole_of(&kinds[1]);
	struct packet first1, first2, later1, later2;
	bool holds;

	two.bytes[ETH_BYTES + ID_OFFSET4] ^= 1;
	first1 = part_of(&one, 0), later1 = part_of(&one, 1);
	first2 = part_of(&two, 0), later2 = part_of(&two, 1);
	begin(A4);
	holds = first_goes(&first1, A4);
	fixture_own(&fixture, B4);
	holds &= first_goes(&first2, B4);
	holds &= later_follows(&later1, &one, A4) && later_follows(&later2, &two, B4);
	tap_ok(holds, "two packets of one flow in fragments: each follows its own first one");
}

/*
 * Backends that go away.
 */

static void test_backend_flags(void)
{
	struct packet whole = whole_of(&kinds[1]), first = part_of(&whole, 0);
	struct packet later = part_of(&whole, 1);

	begin(C4);
	tap_ok(first_goes(&first, C4), "a first fragment");
	maps_backend_set_flags(fixture.maps, C4, POISE_BACKEND_LIVE);
	tap_ok(later_follows(&later, &whole, C4), "the backend drains: the others follow");
	maps_backend_set_flags(fixture.maps, C4, 0);
	tap_ok(is_early(&later), "the backend is down: they are too early");
	maps_backend_set_flags(fixture.maps, C4, POISE_BACKEND_LIVE | POISE_BACKEND_ELIGIBLE);
	tap_ok(later_follows(&later, &whole, C4), "the backend is back: they follow");
}

static void test_no_backend(void)
{
	struct packet whole = whole_of(&kinds[1]), first = part_of(&whole, 0);
	struct packet later = part_of(&whole, 1);
	struct fate lost = fate_of("no backend", first, NOBODY, XDP_DROP, POISE_REASON_NO_BACKEND);

	begin(A4);
	tap_ok(first_goes(&first, A4) && later_follows(&later, &whole, A4), "with a backend");
	fixture_own(&fixture, NOBODY);
	tap_ok(fate_holds(&fixture, &lost) && is_early(&later),
	       "a first fragment without a backend: the others do not follow the one before");
}

/*
 * Time.
 */

static void test_age(void)
{
	struct packet whole = whole_of(&kinds[3]), first = part_of(&whole, 0);
	struct packet later = part_of(&whole, 1);

	begin(A4);
	first_goes(&first, A4);
	table_age(LONG_NS - 60 * SECOND_NS);
	tap_ok(later_follows(&later, &whole, A4), "a minute before the time limit");
	table_age(LONG_NS);
	tap_ok(is_early(&later), "at the time limit");
	tap_ok(first_goes(&first, A4) && later_follows(&later, &whole, A4),
	       "the first one seen again renews it");
}

/* The program's own stamp and clock. */
static void test_clock(void)
{
	struct packet whole = whole_of(&kinds[1]), first = part_of(&whole, 0);
	struct packet later = part_of(&whole, 1);
	uint64_t end;

	begin(A4);
	fixture_settings(&fixture)->fragment_ns = SHORT_NS;
	first_goes(&first, A4);
	end = clock_ns() + SHORT_NS;
	while (clock_ns() < end)
		usleep(1000);
	tap_ok(is_early(&later), "when the time limit has passed");
	fixture_settings(&fixture)->fragment_ns = LONG_NS;
	tap_ok(later_follows(&later, &whole, A4), "with a longer limit it is still known");
}

/*
 * A flood of first fragments.
 */

static void flood(const struct packet *first)
{
	struct packet in = *first, out;

	for (uint32_t i = 0; i < FLOOD; i++) {
		memcpy(in.bytes + ETH_BYTES + SOURCE_OFFSET4, &i, sizeof(i));
		fixture_run(&fixture, &in, &out);
	}
}

static void test_flood(void)
{
	struct packet whole = whole_of(&kinds[1]), first = part_of(&whole, 0);
	struct packet later = part_of(&whole, 1);
	size_t count;

	begin(A4);
	first_goes(&first, A4);
	flood(&first);
	count = table_count();
	tap_note("%d first fragments, %zu remembered", FLOOD, count);
	tap_ok(count > 0 && count <= POISE_FRAGMENT_ENTRIES, "a flood takes no more memory");
	tap_ok(is_early(&later), "but pushes out what came before");
	tap_ok(first_goes(&first, A4) && later_follows(&later, &whole, A4),
	       "a packet that comes after it is sent whole");
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	fragments = fixture_map_fd(&fixture, "fragments");
	for (size_t i = 0; i < COUNT(kinds); i++) {
		test_order(&kinds[i], A4);
		test_order(&kinds[i], A6);
		test_order(&kinds[i], AWAY4);
		test_again(&kinds[i]);
		test_early(&kinds[i]);
	}
	test_whole();
	test_extension();
	test_tags();
	test_strangers();
	test_other_protocol();
	test_other_destination();
	test_two_packets();
	test_backend_flags();
	test_no_backend();
	test_age();
	test_clock();
	test_flood();
	close(fragments);
	fixture_close(&fixture);
	return tap_done();
}
