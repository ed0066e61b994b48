// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Random flows go where the reference functions of poise_flow.h and the ring say, to the byte. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "fate.h"
#include "hex.h"

enum {
	SMALL_RING_SIZE = 251,
	RING_SIZE = 65537,
	FLOWS = 10000, /* of each family */
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;
static uint64_t random_state = 1;

static uint32_t random_number(void)
{
	random_state += 0x9e3779b97f4a7c15ULL;
	return (uint32_t)(poise_mix(random_state) >> 32);
}

static struct packet random_packet(int family)
{
	char source[INET6_ADDRSTRLEN];
	uint32_t number = random_number();

	if (family == 4)
		snprintf(source, sizeof(source), "%u.%u.%u.%u", 1 + number % 223,
			 number >> 8 & 0xff, number >> 16 & 0xff, number >> 24);
	else
		snprintf(source, sizeof(source), "2001:%x:%x::%x:%x", number >> 16, number & 0xffff,
			 random_number() >> 16, random_number() >> 16);
	return PKT(
		eth(ROUTER_MAC, EDGE_MAC), family == 4 ? ip4(source, VIP4) : ip6(source, VIP6),
		tcp((uint16_t)random_number(), SERVICE_PORT, random_number() & (SYN | ACK | FIN)));
}

/* Random owners; the program's choice must be what the reference functions say, to the byte. */
static void test_agreement(uint32_t service, int family)
{
	static const uint16_t candidates[] = { A4,     B4,     C4,    A6,    B6,
					       FIXED4, FIXED6, BITS4, AWAY4, AWAY6 };
	static uint16_t owners[RING_SIZE];
	struct ring ring = fixture_ring(&fixture, service);
	struct counts counts = counts_read(&fixture);
	bool passed = true;

	for (uint32_t i = 0; i < ring.size; i++)
		owners[i] = candidates[random_number() % COUNT(candidates)];
	ring_fill(&ring, owners);
	for (int i = 0; i < FLOWS && passed; i++) {
		struct packet in = random_packet(family), out = { 0 }, expected;
		uint16_t owner = owners[fixture_slot(&fixture, &in)];
		const struct poise_backend *entry = &fixture.entries[owner];

		expected = fixture_encapsulated(&in, entry);
		passed &= fixture_run(&fixture, &in, &out) == fixture_verdict(&fixture, entry);
		passed &= packet_equal("agreement", expected.bytes, expected.length, out.bytes,
				       out.length);
		counts.services[service].packets++;
		counts.services[service].bytes += packet_ip_length(&in);
		counts.backends[owner].packets++;
		counts.backends[owner].bytes += packet_ip_length(&in);
		counts.backends[owner].connections +=
			(packet_tcp_flags(&in) & (SYN | ACK | FIN)) == SYN;
	}
	tap_ok(passed,
	       "%d IPv%d flows go where the reference functions say, in segment %u, base %u", FLOWS,
	       family, fixture.extents[service].segment, fixture.extents[service].base);
	tap_ok(counts_equal(&fixture, "agreement", &counts), "IPv%d: and are counted there",
	       family);
}

/* A ring that begins within the first segment, and one at the end of the second. */
int main(void)
{
	struct extent near, far;

	fixture_open(&fixture, SMALL_RING_SIZE);
	if (maps_ring_allocate(fixture.maps, RING_SIZE, &near) ||
	    maps_ring_allocate(fixture.maps, POISE_SEGMENT_SLOTS, &far) ||
	    maps_rings_open(fixture.maps))
		abort();
	far.base = POISE_SEGMENT_SLOTS - RING_SIZE;
	far.size = RING_SIZE;
	fixture_move_ring(&fixture, SERVICE4, &near);
	fixture_move_ring(&fixture, SERVICE6, &far);
	test_agreement(SERVICE4, 4);
	test_agreement(SERVICE6, 6);
	fixture_close(&fixture);
	return tap_done();
}
