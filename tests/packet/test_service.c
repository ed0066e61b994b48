// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which service a packet is for: exact port, port ranges, and the address's or a prefix's. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fate.h"
#include "hex.h"

enum {
	RING_SIZE = 251,
	LAST_PORT = 65535,
	SPREAD = 200, /* ports from one of many ranges to the next */
};

enum { /* indexes of the tests' own services */
       RANGE_TCP4 = FREE_SERVICE,
       ANY_TCP4,
       RANGE_UDP4,
       RANGE_TCP6,
       ANY_UDP6,
       WIDE_ADDRESS,
       WIDE,
       NARROW_ADDRESS,
       NARROW,
       NARROW_UDP,
       WITH_FLAGS,
};

#define NONE	     0
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;
static struct poise_port_range *ranges;
static int prefixes;

/* Writes ranges, of services by the tests' numbers, to the map from place on; returns the word that
 * names them. */
static uint32_t put_ranges(uint32_t place, const struct poise_port_range *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		ranges[place + i] = list[i];
		ranges[place + i].service = (uint16_t)fixture.places[list[i].service];
	}
	return place << 8 | (uint32_t)count;
}

/* A service that only ranges lead to. */
static void add_service(uint32_t index, const char *address, uint8_t protocol)
{
	fixture_write(&fixture, index, address, &(struct poise_service){ .protocol = protocol });
}

static struct poise_prefix prefix_key(const char *address, uint32_t bits)
{
	struct poise_prefix key = { .length = POISE_PREFIX_FAMILY_BITS + bits, .family = 4 };

	if (inet_pton(AF_INET, address, key.bytes) != 1) {
		key.family = 6;
		inet_pton(AF_INET6, address, key.bytes);
	}
	return key;
}

static void add_prefix(const char *address, uint32_t bits, uint32_t number)
{
	struct poise_prefix key = prefix_key(address, bits);
	uint32_t index;

	fixture_write(&fixture, number, address,
		      &(struct poise_service){ .flags = POISE_SERVICE_ADDRESS });
	index = fixture.places[number];
	if (bpf_map_update_elem(prefixes, &key, &index, BPF_ANY)) {
		perror("prefixes");
		abort();
	}
}

static void remove_prefix(const char *address, uint32_t bits)
{
	struct poise_prefix key = prefix_key(address, bits);

	bpf_map_delete_elem(prefixes, &key);
}

static struct layer ip_to(const char *address)
{
	return strchr(address, ':') ? ip6(CLIENT6, address) : ip4(CLIENT4, address);
}

static struct layer transport_to(uint8_t protocol, uint16_t port)
{
	return protocol == IPPROTO_TCP ? tcp(CLIENT_PORT, port, SYN) : udp(CLIENT_PORT, port);
}

/* Whether a packet is for a service; NONE: for none. Every slot must be A4's. */
static bool is_for(const char *address, uint8_t protocol, uint16_t port, uint32_t service)
{
	struct fate fate = FATE(address, A4, XDP_TX, SENT, ip_to(address),
				transport_to(protocol, port), payload(8));

	fate.service = service;
	if (service == NONE) {
		fate.verdict = XDP_PASS;
		fate.reason = POISE_REASON_NOT_SERVICE;
	}
	if (fate_holds(&fixture, &fate))
		return true;
	tap_note("%s, protocol %u, port %u", address, protocol, port);
	return false;
}

struct probe {
	const char *address;
	uint8_t protocol;
	uint16_t port;
	uint32_t service;
};

static void test_probes(const char *name, const struct probe *probes, size_t count)
{
	fixture_own(&fixture, A4);
	for (size_t i = 0; i < count; i++)
		tap_ok(is_for(probes[i].address, probes[i].protocol, probes[i].port,
			      probes[i].service),
		       "%s: %s %s port %u: %s", name, probes[i].address,
		       probes[i].protocol == IPPROTO_TCP ? "TCP" : "UDP", probes[i].port,
		       probes[i].service ? "sent" : "passed");
}

/* The exact port beats the range, the range beats 'any', which poised cuts up around it. */
static void test_specific(void)
{
	static const struct poise_port_range tcp4[] = { { 1, 7999, ANY_TCP4, 0 },
							{ 8000, 8100, RANGE_TCP4, 0 },
							{ 8101, LAST_PORT, ANY_TCP4, 0 } };
	static const struct poise_port_range udp4[] = { { 8000, 8100, RANGE_UDP4, 0 } };
	static const struct poise_port_range tcp6[] = { { 8000, 8100, RANGE_TCP6, 0 } };
	static const struct poise_port_range udp6[] = { { 1, LAST_PORT, ANY_UDP6, 0 } };
	static const struct probe probes[] = {
		{ VIP4, IPPROTO_TCP, SERVICE_PORT, SERVICE4 },
		{ VIP4, IPPROTO_TCP, SERVICE_PORT - 1, ANY_TCP4 },
		{ VIP4, IPPROTO_TCP, 0, NONE },
		{ VIP4, IPPROTO_TCP, 1, ANY_TCP4 },
		{ VIP4, IPPROTO_TCP, 7999, ANY_TCP4 },
		{ VIP4, IPPROTO_TCP, 8000, RANGE_TCP4 },
		{ VIP4, IPPROTO_TCP, 8050, RANGE_TCP4 },
		{ VIP4, IPPROTO_TCP, 8100, RANGE_TCP4 },
		{ VIP4, IPPROTO_TCP, 8101, ANY_TCP4 },
		{ VIP4, IPPROTO_TCP, LAST_PORT, ANY_TCP4 },
		{ VIP4, IPPROTO_UDP, SERVICE_PORT, UDP_SERVICE4 },
		{ VIP4, IPPROTO_UDP, 7999, NONE },
		{ VIP4, IPPROTO_UDP, 8000, RANGE_UDP4 },
		{ VIP4, IPPROTO_UDP, 8100, RANGE_UDP4 },
		{ VIP4, IPPROTO_UDP, 8101, NONE },
		{ VIP4, IPPROTO_UDP, 0, NONE },
		{ VIP6, IPPROTO_TCP, SERVICE_PORT, SERVICE6 },
		{ VIP6, IPPROTO_TCP, 7999, NONE },
		{ VIP6, IPPROTO_TCP, 8000, RANGE_TCP6 },
		{ VIP6, IPPROTO_TCP, 8101, NONE },
		{ VIP6, IPPROTO_UDP, SERVICE_PORT, UDP_SERVICE6 },
		{ VIP6, IPPROTO_UDP, 1, ANY_UDP6 },
		{ VIP6, IPPROTO_UDP, LAST_PORT, ANY_UDP6 },
		{ VIP6, IPPROTO_UDP, 0, NONE },
		{ OTHER4, IPPROTO_TCP, 8000, NONE },
		{ OTHER6, IPPROTO_UDP, 8000, NONE },
	};

	add_service(RANGE_TCP4, VIP4, IPPROTO_TCP);
	add_service(ANY_TCP4, VIP4, IPPROTO_TCP);
	add_service(RANGE_UDP4, VIP4, IPPROTO_UDP);
	add_service(RANGE_TCP6, VIP6, IPPROTO_TCP);
	add_service(ANY_UDP6, VIP6, IPPROTO_UDP);
	fixture_service_entry(&fixture, SERVICE4_ADDRESS)->ranges[0] =
		put_ranges(0, tcp4, COUNT(tcp4));
	fixture_service_entry(&fixture, SERVICE4_ADDRESS)->ranges[1] =
		put_ranges(3, udp4, COUNT(udp4));
	fixture_service_entry(&fixture, SERVICE6_ADDRESS)->ranges[0] =
		put_ranges(100, tcp6, COUNT(tcp6));
	fixture_service_entry(&fixture, SERVICE6_ADDRESS)->ranges[1] =
		put_ranges(101, udp6, COUNT(udp6));
	test_probes("most specific", probes, COUNT(probes));
}

/* Ports at the ends of what a port can be, alone and together. */
static void test_ends(void)
{
	static const struct poise_port_range ends[] = { { 0, 0, RANGE_TCP4, 0 },
							{ LAST_PORT, LAST_PORT, ANY_TCP4, 0 } };
	static const struct poise_port_range all[] = { { 0, LAST_PORT, RANGE_TCP4, 0 } };
	static const struct probe of_ends[] = {
		{ VIP4, IPPROTO_TCP, 0, RANGE_TCP4 },
		{ VIP4, IPPROTO_TCP, 1, NONE },
		{ VIP4, IPPROTO_TCP, LAST_PORT - 1, NONE },
		{ VIP4, IPPROTO_TCP, LAST_PORT, ANY_TCP4 },
		{ VIP4, IPPROTO_UDP, LAST_PORT, NONE },
	};
	static const struct probe of_all[] = {
		{ VIP4, IPPROTO_TCP, 0, RANGE_TCP4 },
		{ VIP4, IPPROTO_TCP, SERVICE_PORT, SERVICE4 },
		{ VIP4, IPPROTO_TCP, LAST_PORT, RANGE_TCP4 },
	};
	struct poise_service *address = fixture_service_entry(&fixture, SERVICE4_ADDRESS);

	address->ranges[0] = put_ranges(POISE_RANGE_ENTRIES - 2, ends, COUNT(ends));
	address->ranges[1] = 0;
	test_probes("the ends", of_ends, COUNT(of_ends));
	address->ranges[0] = put_ranges(POISE_RANGE_ENTRIES - 1, all, COUNT(all));
	test_probes("every port", of_all, COUNT(of_all));
	address->ranges[0] = 0;
	test_probes("no range", &(struct probe){ VIP4, IPPROTO_TCP, LAST_PORT, NONE }, 1);
}

/* Range i is of the ports from (i + 1) * SPREAD on, i + 1 of them. */
static bool many_hold(size_t count)
{
	struct poise_port_range list[POISE_MAX_RANGES];
	bool holds = true;

	for (size_t i = 0; i < count; i++) {
		uint16_t first = (uint16_t)((i + 1) * SPREAD);

		list[i] = (struct poise_port_range){ first, (uint16_t)(first + i % SPREAD),
						     i % 2 ? RANGE_TCP4 : ANY_TCP4, 0 };
	}
	fixture_service_entry(&fixture, SERVICE4_ADDRESS)->ranges[0] =
		put_ranges(1000, list, count);
	for (size_t i = 0; i < count; i++) {
		uint16_t end = (uint16_t)(list[i].last + 1);
		bool joined = i + 1 < count && list[i + 1].first == end;

		holds &= is_for(VIP4, IPPROTO_TCP, list[i].first, list[i].service);
		holds &= is_for(VIP4, IPPROTO_TCP, list[i].last, list[i].service);
		holds &= joined || is_for(VIP4, IPPROTO_TCP, end, NONE);
	}
	return holds & is_for(VIP4, IPPROTO_TCP, SPREAD - 1, NONE) &
	       is_for(VIP4, IPPROTO_TCP, LAST_PORT, NONE);
}

/* Numbers of ranges around powers of two, where a search would go wrong, and the greatest. */
static void test_many(void)
{
	static const size_t counts[] = { 1, 2, 3, 4, 5, 63, 64, 127, 128, POISE_MAX_RANGES };

	fixture_own(&fixture, A4);
	for (size_t i = 0; i < COUNT(counts); i++)
		tap_ok(many_hold(counts[i]), "%zu ranges: each at both its ends", counts[i]);
	fixture_service_entry(&fixture, SERVICE4_ADDRESS)->ranges[0] = 0;
}

static void test_prefix6(void)
{
	static const struct poise_port_range list[] = { { 443, 443, WIDE, 0 } };
	static const struct poise_port_range narrow[] = { { 444, 444, NARROW, 0 } };
	static const struct probe off[] = { { "2001:db8:a:1::1", IPPROTO_TCP, 443, NONE } };
	static const struct probe on[] = {
		{ "2001:db8:a:1::", IPPROTO_TCP, 443, WIDE },
		{ "2001:db8:a:1::1", IPPROTO_TCP, 443, WIDE },
		{ "2001:db8:a:1:ffff:ffff:ffff:ffff", IPPROTO_TCP, 443, WIDE },
		{ "2001:db8:a:0:ffff:ffff:ffff:ffff", IPPROTO_TCP, 443, NONE },
		{ "2001:db8:a:2::", IPPROTO_TCP, 443, NONE },
		{ "2001:db8:a:1::1", IPPROTO_TCP, 442, NONE },
		{ "2001:db8:a:1::1", IPPROTO_TCP, 444, NONE },
		{ "2001:db8:a:1::1", IPPROTO_UDP, 443, NONE },
		{ "2001:db8:a:1::7", IPPROTO_TCP, 444, NONE },
		{ "2001:db8:a:1::8", IPPROTO_TCP, 444, NARROW },
		{ "2001:db8:a:1::b", IPPROTO_TCP, 444, NARROW },
		{ "2001:db8:a:1::b", IPPROTO_TCP, 443, NONE },
		{ "2001:db8:a:1::c", IPPROTO_TCP, 444, NONE },
		{ VIP6, IPPROTO_TCP, SERVICE_PORT, SERVICE6 },
		{ "32.1.13.184", IPPROTO_TCP, 443, NONE }, /* the prefix's first four bytes */
	};

	add_prefix("2001:db8:a:1::", 64, WIDE_ADDRESS);
	add_prefix("2001:db8:a:1::8", 126, NARROW_ADDRESS);
	add_service(WIDE, "2001:db8:a:1::", IPPROTO_TCP);
	add_service(NARROW, "2001:db8:a:1::8", IPPROTO_TCP);
	fixture_service_entry(&fixture, WIDE_ADDRESS)->ranges[0] = put_ranges(0, list, COUNT(list));
	fixture_service_entry(&fixture, NARROW_ADDRESS)->ranges[0] =
		put_ranges(1, narrow, COUNT(narrow));
	fixture_settings(&fixture)->flags &= ~POISE_SETTING_PREFIXES;
	test_probes("prefixes not asked for", off, COUNT(off));
	fixture_settings(&fixture)->flags |= POISE_SETTING_PREFIXES;
	test_probes("IPv6 prefix", on, COUNT(on));
	remove_prefix("2001:db8:a:1::", 64);
	test_probes("prefix removed", off, COUNT(off));
}

/*
 * The longest prefix first, then the port: what shorter ones offer counts only where the longest
 * one's entry lists it.
 */
static void test_prefix4(void)
{
	static const struct poise_port_range wide[] = { { 1, LAST_PORT, WIDE, 0 } };
	static const struct poise_port_range narrow[] = { { 443, 443, NARROW, 0 },
							  { 8000, 8100, WIDE, 0 } };
	static const struct poise_port_range narrow_udp[] = { { 443, 443, NARROW_UDP, 0 } };
	static const struct probe probes[] = {
		{ "192.0.2.1", IPPROTO_TCP, 443, WIDE },
		{ "192.0.2.127", IPPROTO_TCP, 443, WIDE },
		{ "192.0.2.128", IPPROTO_TCP, 443, NARROW },
		{ "192.0.2.143", IPPROTO_TCP, 443, NARROW },
		{ "192.0.2.144", IPPROTO_TCP, 443, WIDE },
		{ "192.0.2.255", IPPROTO_TCP, 1, WIDE },
		{ "192.0.3.0", IPPROTO_TCP, 443, NONE },
		{ "192.0.1.255", IPPROTO_TCP, 443, NONE },
		{ "192.0.2.129", IPPROTO_TCP, 8050, WIDE },
		{ "192.0.2.129", IPPROTO_TCP, 444, NONE },
		{ "192.0.2.129", IPPROTO_UDP, 443, NARROW_UDP },
		{ "192.0.2.1", IPPROTO_UDP, 443, NONE },
		{ "c000:200::1", IPPROTO_TCP, 443, NONE }, /* begins like 192.0.2.0 */
		{ VIP4, IPPROTO_TCP, SERVICE_PORT, SERVICE4 },
		{ VIP4, IPPROTO_TCP, 443, NONE }, /* its own entry says so */
	};

	add_prefix("192.0.2.0", 24, WIDE_ADDRESS);
	add_prefix("192.0.2.128", 28, NARROW_ADDRESS);
	add_service(WIDE, "192.0.2.0", IPPROTO_TCP);
	add_service(NARROW, "192.0.2.128", IPPROTO_TCP);
	add_service(NARROW_UDP, "192.0.2.128", IPPROTO_UDP);
	fixture_service_entry(&fixture, WIDE_ADDRESS)->ranges[0] = put_ranges(0, wide, COUNT(wide));
	fixture_service_entry(&fixture, NARROW_ADDRESS)->ranges[0] =
		put_ranges(10, narrow, COUNT(narrow));
	fixture_service_entry(&fixture, NARROW_ADDRESS)->ranges[1] =
		put_ranges(20, narrow_udp, COUNT(narrow_udp));
	test_probes("IPv4 prefixes", probes, COUNT(probes));
}

/* Of a prefix that holds the address of services of its own, only those count. */
static void test_prefix_around(void)
{
	static const struct probe probes[] = {
		{ VIP4, IPPROTO_TCP, SERVICE_PORT, SERVICE4 },
		{ VIP4, IPPROTO_TCP, 443, NONE },
		{ OTHER4, IPPROTO_TCP, SERVICE_PORT, WIDE },
		{ OTHER4, IPPROTO_TCP, 443, WIDE },
	};

	remove_prefix("192.0.2.0", 24);
	add_prefix("203.0.113.0", 24, WIDE_ADDRESS);
	fixture_service_entry(&fixture, WIDE_ADDRESS)->ranges[0] =
		put_ranges(0, &(struct poise_port_range){ 1, LAST_PORT, WIDE, 0 }, 1);
	test_probes("a prefix around a service's address", probes, COUNT(probes));
}

/* What else is done to packets for services is done for those of prefixes, too. */
static void test_prefix_address(void)
{
	const struct fate fates[] = {
		FATE("a length that lies, within a prefix", A4, XDP_DROP, MALFORMED,
		     claim(ip4(CLIENT4, OTHER4), 0xffff), tcp(CLIENT_PORT, 443, ACK)),
		FATE("a tiny fragment, within a prefix", A4, XDP_DROP, FRAGMENT_TINY,
		     next(ip4_fragment(ip4(CLIENT4, OTHER4), IP4_MORE_FRAGMENTS), IPPROTO_TCP),
		     payload(8)),
		FATE("a redirect, within a prefix", A4, XDP_PASS, ICMP_PASSED, ip4(CLIENT4, OTHER4),
		     icmp(5, 0, 0)),
	};

	for (size_t i = 0; i < COUNT(fates); i++)
		fate_test(&fixture, &fates[i]);
}

/* A service that wants more than its ring is found by the long way, by the same entry. */
static void test_flags(void)
{
	struct poise_service service = { .protocol = IPPROTO_TCP,
					 .port = htons(444),
					 .flags = POISE_SERVICE_AFFINITY,
					 .affinity = 32 };
	static const struct probe probes[] = { { VIP4, IPPROTO_TCP, 444, WITH_FLAGS },
					       { VIP4, IPPROTO_TCP, 445, NONE },
					       { VIP4, IPPROTO_UDP, 444, NONE } };

	fixture_publish(&fixture, WITH_FLAGS, VIP4, &service);
	test_probes("a service with flags", probes, COUNT(probes));
	fixture_withdraw(&fixture, WITH_FLAGS);
	test_probes("withdrawn", &(struct probe){ VIP4, IPPROTO_TCP, 444, NONE }, 1);
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	ranges = fixture_map(&fixture, "port_ranges");
	prefixes = fixture_map_fd(&fixture, "prefixes");
	test_specific();
	test_ends();
	test_many();
	test_prefix6();
	test_prefix4();
	test_prefix_around();
	test_prefix_address();
	test_flags();
	fixture_close(&fixture);
	return tap_done();
}
