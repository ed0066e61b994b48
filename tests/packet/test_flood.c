// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A SYN flood of a million sources while every slot moves: established connections that are
 * exceptions stay recorded, and go where they are recorded.
 */
#include <inttypes.h>
#include <linux/bpf.h>
#include <string.h>
#include <time.h>

#include "exceptions.h"
#include "fixture.h"
#include "hex.h"

enum {
	RING_SIZE = 65537,
	CONNECTIONS = 5000,
	FLOOD_SOURCES = 1000000,
	ROUNDS = 4,		     /* of the flood, with packets of the connections after each */
	CONNECTION_NET = 0x0a000000, /* 10.0.0.0: a source is this plus its number */
	FLOOD_NET = 0x64000000,	     /* 100.0.0.0 */
	SOURCE_OFFSET = ETH_BYTES + 12,
	NS_PER_SECOND = 1000000000,
};

static struct fixture fixture;

/* The checksums stay as they were: nothing here reads them, and building a packet takes longer. */
static void set_source(struct packet *packet, uint32_t address)
{
	for (int i = 0; i < 4; i++)
		packet->bytes[SOURCE_OFFSET + i] = (uint8_t)(address >> (24 - 8 * i));
}

static struct packet client_packet(unsigned int flags)
{
	return PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(CLIENT4, VIP4),
		   tcp(CLIENT_PORT, SERVICE_PORT, flags));
}

/* One packet of each connection; the number of those that did not go to the backend. */
static uint32_t run_connections(unsigned int flags, uint16_t backend)
{
	struct packet in = client_packet(flags), out;
	uint32_t astray = 0;

	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		struct packet expected;

		set_source(&in, CONNECTION_NET + i);
		expected = fixture_encapsulated(&in, &fixture.entries[backend]);
		astray += fixture_run(&fixture, &in, &out) != XDP_TX ||
			  out.length != expected.length ||
			  memcmp(out.bytes, expected.bytes, out.length) != 0;
	}
	return astray;
}

/* SYNs of sources from first on; the number of those that did not go to the backend. */
static uint32_t run_flood(uint32_t first, uint32_t count, uint16_t backend)
{
	struct packet in = client_packet(SYN), out;
	const struct poise_backend *entry = &fixture.entries[backend];
	uint32_t astray = 0;

	for (uint32_t i = first; i < first + count; i++) {
		set_source(&in, FLOOD_NET + i);
		astray += fixture_run(&fixture, &in, &out) != XDP_TX ||
			  memcmp(out.bytes, entry->destination_mac, ETH_ALEN) != 0;
	}
	return astray;
}

static bool is_recorded(const struct poise_exception_bucket *bucket, uint64_t hash,
			uint16_t backend)
{
	for (int way = 0; way < POISE_EXCEPTION_WAYS; way++) {
		uint64_t word = bucket->word[way];

		if (!((word ^ hash) >> POISE_EXCEPTION_PRINT_SHIFT) &&
		    poise_exception_backend(word) == backend &&
		    poise_exception_state(word) == POISE_EXCEPTION_ESTABLISHED)
			return true;
	}
	return false;
}

/* The connections whose exception is not there any more as established, at the backend. */
static uint32_t count_lost(uint16_t backend)
{
	struct packet in = client_packet(ACK);
	uint32_t lost = 0;

	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		uint64_t hash;

		set_source(&in, CONNECTION_NET + i);
		hash = exceptions_hash(&fixture, &in);
		lost += !is_recorded(exceptions_bucket(&fixture, hash), hash, backend) &&
			!is_recorded(exceptions_second(&fixture, hash), hash, backend);
	}
	return lost;
}

static uint64_t thread_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static bool is_zero(const char *what, uint64_t number)
{
	if (number)
		tap_note("%s: %" PRIu64, what, number);
	return number == 0;
}

static void test_connections_begin(void)
{
	uint32_t astray;

	fixture_own(&fixture, A4);
	fixture_change(&fixture, B4, fixture_tick());
	astray = run_connections(SYN, B4) + run_connections(ACK, B4);
	fixture_change(&fixture, C4, fixture_tick());
	astray += run_connections(ACK, B4);
	tap_ok(is_zero("packets astray", astray) && is_zero("exceptions missing", count_lost(B4)),
	       "%d connections of moving slots are recorded, and followed after one more move",
	       CONNECTIONS);
}

static void test_flood(void)
{
	uint32_t part = FLOOD_SOURCES / ROUNDS, astray = 0, misled = 0, lost = 0;
	uint64_t begun = thread_ns(), evicted, half_open;

	for (uint32_t round = 0; round < ROUNDS; round++) {
		misled += run_flood(round * part, part, C4);
		lost += count_lost(B4);
		astray += run_connections(ACK, B4);
	}
	tap_note("%" PRIu64 " ns a packet, the system call included",
		 (thread_ns() - begun) / (FLOOD_SOURCES + ROUNDS * CONNECTIONS));
	evicted = maps_event_count(fixture.maps, POISE_EVENT_EXCEPTION_EVICTED);
	half_open = maps_event_count(fixture.maps, POISE_EVENT_EXCEPTION_EVICTED_HALF_OPEN);
	tap_note("%" PRIu64 " half-open exceptions evicted", half_open);
	tap_ok(is_zero("SYNs astray", misled), "the SYNs of %d sources go to the owner",
	       FLOOD_SOURCES);
	tap_ok(half_open > FLOOD_SOURCES / 100, "the flood filled the table: it evicted its own");
	tap_ok(is_zero("exceptions missing", lost), "no established exception is gone");
	tap_ok(is_zero("packets astray", astray), "every connection goes where it is recorded");
	tap_ok(is_zero("evicted", evicted), "no eviction of a live connection is counted");
	tap_ok(is_zero("lost", maps_event_count(fixture.maps, POISE_EVENT_EXCEPTION_LOST)),
	       "no record is counted as lost");
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	test_connections_begin();
	test_flood();
	fixture_close(&fixture);
	return tap_done();
}
