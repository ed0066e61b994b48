// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which backend: settled slots by the ring alone, moving ones by the rules of owner, previous and
 * exception. After each packet the whole exceptions table, the ring and the moves are compared.
 */
#include <linux/bpf.h>
#include <string.h>

#include "exceptions.h"
#include "fate.h"
#include "hex.h"

enum {
	RING_SIZE = 251,
	MOVED_AGE = 5, /* ticks since the slots' owner changed */
};

enum {
	LIVE = POISE_BACKEND_LIVE,
	ELIGIBLE = POISE_BACKEND_ELIGIBLE,
	HALF_OPEN = POISE_EXCEPTION_HALF_OPEN,
	ESTABLISHED = POISE_EXCEPTION_ESTABLISHED,
	CLOSING = POISE_EXCEPTION_CLOSING,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;

struct ring_case {
	const char *name;
	/* The slot: first and second are its owners before; NOBODY: there was none. */
	uint16_t first, second, owner;
	/* One backend's flags, when they are not LIVE | ELIGIBLE. */
	uint16_t unwell;
	uint8_t flags;
	/* The flow's exception before, the packet, where it goes, the exception after. */
	struct record before;
	unsigned int packet;
	uint16_t to;
	struct record after;
	bool stamped;
	bool recorded;
};

/* A slot that moved from A4 to B4, or from A4 by way of B4 to C4. */
#define MOVED	    .first = A4, .owner = B4
#define MOVED_TWICE .first = A4, .second = B4, .owner = C4
#define RETURNED    .first = A4, .second = B4, .owner = A4
#define ABANDONED   .first = A4, .owner = NOBODY

static const struct ring_case moving_cases[] = {
	/* Connections that begin. */
	{ "SYN: to the owner, recorded", MOVED, .packet = SYN, .to = B4,
	  .after = { B4, HALF_OPEN, 0 }, .recorded = true },
	{ "SYN, owner and previous the same: recorded", RETURNED, .packet = SYN, .to = A4,
	  .after = { A4, HALF_OPEN, 0 }, .recorded = true },
	{ "SYN after two changes: to the last owner", MOVED_TWICE, .packet = SYN, .to = C4,
	  .after = { C4, HALF_OPEN, 0 }, .recorded = true },
	{ "SYN|ECE|CWR opens a connection", MOVED, .packet = SYN | ECE | CWR, .to = B4,
	  .after = { B4, HALF_OPEN, 0 }, .recorded = true },
	{ "SYN, no owner: dropped, not recorded", ABANDONED, .packet = SYN, .to = NOBODY },
	{ "SYN, owner not eligible: the ring decides", MOVED, .unwell = B4, .flags = 0,
	  .packet = SYN, .to = B4, .after = { B4, HALF_OPEN, 0 }, .recorded = true },

	/* SYNs that are none. */
	{ "SYN|ACK opens no connection", MOVED, .packet = SYN | ACK, .to = A4, .stamped = true },
	{ "SYN|FIN opens no connection", MOVED, .packet = SYN | FIN, .to = A4, .stamped = true },
	{ "SYN|RST opens no connection", MOVED, .packet = SYN | RST, .to = A4, .stamped = true },
	{ "all flags open no connection", MOVED, .packet = 0xff, .to = A4, .stamped = true },
	{ "no flags open no connection", MOVED, .packet = 0, .to = A4, .stamped = true },

	/* SYNs of recorded connections. */
	{ "SYN again, half-open: follows its record", MOVED_TWICE, .before = { B4, HALF_OPEN, 3 },
	  .packet = SYN, .to = B4, .after = { B4, HALF_OPEN, 0 }, .stamped = true },
	{ "SYN, established: follows its record", MOVED_TWICE, .before = { B4, ESTABLISHED, 3 },
	  .packet = SYN, .to = B4, .after = { B4, ESTABLISHED, 0 }, .stamped = true },
	{ "SYN, established at the owner: no stamp", MOVED, .before = { B4, ESTABLISHED, 3 },
	  .packet = SYN, .to = B4, .after = { B4, ESTABLISHED, 0 } },
	{ "SYN, closing: begins anew at the owner", MOVED_TWICE, .before = { B4, CLOSING, 3 },
	  .packet = SYN, .to = C4, .after = { C4, HALF_OPEN, 0 }, .recorded = true },
	{ "SYN, recorded backend drains: begins anew", MOVED_TWICE, .unwell = B4, .flags = LIVE,
	  .before = { B4, ESTABLISHED, 3 }, .packet = SYN, .to = C4, .after = { C4, HALF_OPEN, 0 },
	  .recorded = true },
	{ "SYN, recorded backend down: begins anew", MOVED_TWICE, .unwell = B4, .flags = 0,
	  .before = { B4, HALF_OPEN, 3 }, .packet = SYN, .to = C4, .after = { C4, HALF_OPEN, 0 },
	  .recorded = true },
	{ "SYN, record about to expire: followed", MOVED_TWICE,
	  .before = { B4, ESTABLISHED, SETTLE_TICKS - 1 }, .packet = SYN, .to = B4,
	  .after = { B4, ESTABLISHED, 0 }, .stamped = true },
	{ "SYN, record just expired: begins anew", MOVED_TWICE,
	  .before = { B4, ESTABLISHED, SETTLE_TICKS }, .packet = SYN, .to = C4,
	  .after = { C4, HALF_OPEN, 0 }, .recorded = true },
	{ "SYN, no owner, recorded: follows its record", ABANDONED,
	  .before = { C4, ESTABLISHED, 3 }, .packet = SYN, .to = C4,
	  .after = { C4, ESTABLISHED, 0 }, .stamped = true },
	{ "SYN, no owner, closing: dropped", ABANDONED, .before = { C4, CLOSING, 3 }, .packet = SYN,
	  .to = NOBODY, .after = { C4, CLOSING, 3 } },

	/* Connections without a record: old ones. */
	{ "ACK, unrecorded: to the previous backend", MOVED, .packet = ACK, .to = A4,
	  .stamped = true },
	{ "ACK after two changes: to the first backend", MOVED_TWICE, .packet = ACK, .to = A4,
	  .stamped = true },
	{ "ACK after the owner returned: to it, no stamp", RETURNED, .packet = ACK, .to = A4 },
	{ "FIN, unrecorded: to the previous backend", MOVED, .packet = FIN | ACK, .to = A4,
	  .stamped = true },
	{ "RST, unrecorded: to the previous backend", MOVED, .packet = RST, .to = A4,
	  .stamped = true },
	{ "ACK, no owner: to the previous backend", ABANDONED, .packet = ACK, .to = A4,
	  .stamped = true },
	{ "ACK, the previous backend drains: to it", MOVED, .unwell = A4, .flags = LIVE,
	  .packet = ACK, .to = A4, .stamped = true },
	{ "ACK, the previous backend down: to the owner", MOVED, .unwell = A4, .flags = 0,
	  .packet = ACK, .to = B4 },
	{ "ACK, previous eligible but not live: to the owner", MOVED, .unwell = A4,
	  .flags = ELIGIBLE, .packet = ACK, .to = B4 },
	{ "ACK, previous down and no owner: dropped", ABANDONED, .unwell = A4, .flags = 0,
	  .packet = ACK, .to = NOBODY },

	/* Recorded connections. */
	{ "ACK, half-open: established", MOVED_TWICE, .before = { B4, HALF_OPEN, 3 }, .packet = ACK,
	  .to = B4, .after = { B4, ESTABLISHED, 0 }, .stamped = true },
	{ "ACK, half-open in this tick: established", MOVED_TWICE, .before = { B4, HALF_OPEN, 0 },
	  .packet = ACK, .to = B4, .after = { B4, ESTABLISHED, 0 }, .stamped = true },
	{ "ACK, established: renewed", MOVED_TWICE, .before = { B4, ESTABLISHED, 3 }, .packet = ACK,
	  .to = B4, .after = { B4, ESTABLISHED, 0 }, .stamped = true },
	{ "ACK, recorded at the owner: no stamp", MOVED, .before = { B4, HALF_OPEN, 3 },
	  .packet = ACK, .to = B4, .after = { B4, ESTABLISHED, 0 } },
	{ "ACK, recorded elsewhere after the owner returned", RETURNED,
	  .before = { B4, ESTABLISHED, 3 }, .packet = ACK, .to = B4,
	  .after = { B4, ESTABLISHED, 0 }, .stamped = true },
	{ "ACK, recorded at the previous backend", MOVED, .before = { A4, ESTABLISHED, 3 },
	  .packet = ACK, .to = A4, .after = { A4, ESTABLISHED, 0 }, .stamped = true },
	{ "FIN, established: closing", MOVED_TWICE, .before = { B4, ESTABLISHED, 3 },
	  .packet = FIN | ACK, .to = B4, .after = { B4, CLOSING, 0 }, .stamped = true },
	{ "RST, established: closing", MOVED_TWICE, .before = { B4, ESTABLISHED, 3 }, .packet = RST,
	  .to = B4, .after = { B4, CLOSING, 0 }, .stamped = true },
	{ "FIN, half-open: closing", MOVED_TWICE, .before = { B4, HALF_OPEN, 3 },
	  .packet = FIN | ACK, .to = B4, .after = { B4, CLOSING, 0 }, .stamped = true },
	{ "SYN|FIN, established: closing", MOVED_TWICE, .before = { B4, ESTABLISHED, 3 },
	  .packet = SYN | FIN, .to = B4, .after = { B4, CLOSING, 0 }, .stamped = true },
	{ "ACK, closing: stays closing", MOVED_TWICE, .before = { B4, CLOSING, 3 }, .packet = ACK,
	  .to = B4, .after = { B4, CLOSING, 0 }, .stamped = true },
	{ "ACK, record about to expire: followed", MOVED_TWICE,
	  .before = { B4, ESTABLISHED, SETTLE_TICKS - 1 }, .packet = ACK, .to = B4,
	  .after = { B4, ESTABLISHED, 0 }, .stamped = true },
	{ "ACK, record just expired: to the previous backend", MOVED_TWICE,
	  .before = { B4, ESTABLISHED, SETTLE_TICKS }, .packet = ACK, .to = A4,
	  .after = { B4, ESTABLISHED, SETTLE_TICKS }, .stamped = true },
	{ "ACK, recorded backend drains: to it", MOVED_TWICE, .unwell = B4, .flags = LIVE,
	  .before = { B4, ESTABLISHED, 3 }, .packet = ACK, .to = B4,
	  .after = { B4, ESTABLISHED, 0 }, .stamped = true },
	{ "ACK, recorded backend down: to the owner", MOVED_TWICE, .unwell = B4, .flags = 0,
	  .before = { B4, ESTABLISHED, 3 }, .packet = ACK, .to = C4,
	  .after = { B4, ESTABLISHED, 3 } },
	{ "ACK, recorded, the previous backend down: as recorded", MOVED_TWICE, .unwell = A4,
	  .flags = 0, .before = { B4, ESTABLISHED, 3 }, .packet = ACK, .to = B4,
	  .after = { B4, ESTABLISHED, 0 }, .stamped = true },
	{ "ACK, no owner, recorded: as recorded", ABANDONED, .before = { C4, ESTABLISHED, 3 },
	  .packet = ACK, .to = C4, .after = { C4, ESTABLISHED, 0 }, .stamped = true },
};

/* Both services' rings and moves, word by word. */
struct rings {
	uint16_t slots[2][RING_SIZE];
	struct poise_move moves[2][RING_SIZE];
};

static struct rings rings_read(void)
{
	struct rings rings;

	for (int i = 0; i < 2; i++) {
		struct ring ring = fixture_ring(&fixture, i ? SERVICE6 : SERVICE4);

		memcpy(rings.slots[i], ring.slots, sizeof(rings.slots[i]));
		memcpy(rings.moves[i], ring.moves, sizeof(rings.moves[i]));
	}
	return rings;
}

static void move_slots(const struct ring_case *row, uint16_t now)
{
	uint16_t then = (uint16_t)(now - MOVED_AGE);

	fixture_own(&fixture, row->first);
	if (row->second)
		fixture_change(&fixture, row->second, then);
	fixture_change(&fixture, row->owner, then);
}

static void set_flags(const struct ring_case *row)
{
	for (uint16_t i = 1; i < BACKEND_COUNT; i++)
		maps_backend_set_flags(fixture.maps, i,
				       i == row->unwell ? row->flags : LIVE | ELIGIBLE);
}

static bool record_equal(const struct ring_case *row, uint64_t hash, uint16_t now)
{
	uint64_t expected = exceptions_word(hash, &row->after, now), got;
	size_t count = exceptions_count(&fixture, &got);

	if (got == expected && count == (expected != 0))
		return true;
	tap_note("%s: %zu words in the exceptions table", row->name, count);
	exceptions_note("expected", expected, now);
	exceptions_note("got", got, now);
	return false;
}

static bool rings_equal(const struct ring_case *row, const struct packet *in,
			struct rings *expected, uint16_t now)
{
	int of = packet_family(in) == 4 ? 0 : 1;
	uint32_t slot = fixture_slot(&fixture, in);
	struct rings got = rings_read();

	if (row->stamped)
		expected->moves[of][slot].stamp = now;
	if (!memcmp(expected, &got, sizeof(got)))
		return true;
	tap_note("%s: slot %#x, previous %u, stamp %u ticks old: expected %#x, %u, %u", row->name,
		 got.slots[of][slot], got.moves[of][slot].previous,
		 poise_age(now, got.moves[of][slot].stamp), expected->slots[of][slot],
		 expected->moves[of][slot].previous,
		 poise_age(now, expected->moves[of][slot].stamp));
	return false;
}

static bool case_holds(const struct ring_case *row, const struct packet *in, uint16_t now)
{
	uint64_t hash = exceptions_hash(&fixture, in);
	struct fate fate = { .name = row->name, .in = *in, .backend = row->to, .verdict = XDP_TX };
	struct rings before;
	bool holds;

	if (row->to == NOBODY) {
		fate.verdict = XDP_DROP;
		fate.reason = POISE_REASON_NO_BACKEND;
	}
	fate.events[POISE_EVENT_EXCEPTION_RECORDED] = row->recorded;
	set_flags(row);
	exceptions_clear(&fixture);
	exceptions_bucket(&fixture, hash)->word[3] = exceptions_word(hash, &row->before, now);
	before = rings_read();
	holds = fate_holds(&fixture, &fate);
	holds &= record_equal(row, hash, now);
	return rings_equal(row, in, &before, now) && holds;
}

static struct packet client_packet(int family, unsigned int flags)
{
	return PKT(eth(ROUTER_MAC, EDGE_MAC), family == 4 ? ip4(CLIENT4, VIP4) : ip6(CLIENT6, VIP6),
		   tcp(CLIENT_PORT, SERVICE_PORT, flags), payload(10));
}

/* A case that the clock's next tick falls into says nothing, and is done again. */
static void test_moving(const struct ring_case *row)
{
	bool holds = true;

	for (int family = 4; family <= 6; family += 2) {
		struct packet in = client_packet(family, row->packet);
		bool family_holds;
		uint16_t now;

		do {
			now = fixture_tick();
			move_slots(row, now);
			family_holds = case_holds(row, &in, now);
		} while (!fixture_same_tick(now));
		holds &= family_holds;
	}
	tap_ok(holds, "moving slot: %s", row->name);
}

/* Settled slots: whatever the packet, the flags and a leftover exception say. */
static void test_settled(void)
{
	static const unsigned int packets[] = { SYN, ACK, FIN | ACK, RST, SYN | ACK, 0 };
	static const uint8_t flags[] = { LIVE | ELIGIBLE, LIVE, ELIGIBLE, 0 };
	static const struct record records[] = { { NOBODY, 0, 0 }, { A4, ESTABLISHED, 3 } };
	bool untouched = true, ignored = true;

	for (size_t i = 0; i < COUNT(packets) * COUNT(flags) * COUNT(records) * 2; i++) {
		size_t record = i / 2 % COUNT(records);
		struct packet in = client_packet(
			i % 2 ? 6 : 4, packets[i / (2 * COUNT(records)) % COUNT(packets)]);
		struct ring_case row = {
			.name = "settled slot",
			.unwell = B4,
			.flags = flags[i / (2 * COUNT(records) * COUNT(packets))],
			.before = records[record],
			.to = B4,
			.after = records[record],
		};
		bool holds;
		uint16_t now;

		fixture_own(&fixture, A4);
		do {
			now = fixture_tick();
			fixture_own(&fixture, B4);
			holds = case_holds(&row, &in, now);
		} while (!fixture_same_tick(now));
		*(record ? &ignored : &untouched) &= holds;
	}
	tap_ok(untouched, "settled slot: the owner whatever its flags, no exception is written");
	tap_ok(ignored, "settled slot: an exception that is there is neither read nor changed");
}

/* ring_settle() of the writing side ends what the reading side did. */
static void test_settling(void)
{
	struct packet ack = client_packet(4, ACK), syn = client_packet(4, SYN), out;
	uint16_t now = fixture_tick(), stamp;
	struct fate fate = fate_of("settled", ack, B4, XDP_TX, POISE_REASON_SENT);
	struct ring ring = fixture_ring(&fixture, SERVICE4);
	uint32_t moving;

	exceptions_clear(&fixture);
	fixture_own(&fixture, A4);
	fixture_change(&fixture, B4, (uint16_t)(now - SETTLE_TICKS));
	fixture_run(&fixture, &syn, &out); /* to the owner: does not keep the slot moving */
	exceptions_clear(&fixture);
	fixture_run(&fixture, &ack, &out); /* to the previous backend: does */
	stamp = ring.moves[fixture_slot(&fixture, &ack)].stamp;
	moving = ring_settle(&ring, stamp, SETTLE_TICKS, RING_RECORDS).recorded;
	tap_ok(moving == 1,
	       "a packet to the previous backend keeps its slot, and no other, moving");
	moving = ring_settle(&ring, (uint16_t)(stamp + SETTLE_TICKS), SETTLE_TICKS, RING_RECORDS)
			 .recorded;
	tap_ok(moving == 0 && fate_holds(&fixture, &fate),
	       "after the settle time the slot is settled and the owner gets every packet");
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	test_settled();
	for (size_t i = 0; i < COUNT(moving_cases); i++)
		test_moving(&moving_cases[i]);
	test_settling();
	fixture_close(&fixture);
	return tap_done();
}
