// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The exceptions table: what a full bucket gives up, how ages are reckoned, whose record is whose.
 */
#include <linux/bpf.h>

#include "exceptions.h"
#include "fate.h"
#include "hex.h"

enum {
	RING_SIZE = 251,
	FINGERPRINT_STEP_SHIFT = 40, /* a bit of the fingerprint */
	CLOCK_VALUES = 1 << 16,
	OLDEST = CLOCK_VALUES - 1 - POISE_FUTURE_TICKS, /* that the clock can tell */
};

enum {
	HALF_OPEN = POISE_EXCEPTION_HALF_OPEN,
	ESTABLISHED = POISE_EXCEPTION_ESTABLISHED,
	CLOSING = POISE_EXCEPTION_CLOSING,
	EXPIRED = SETTLE_TICKS,
	FRESH = SETTLE_TICKS - 1,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;

struct bucket_case {
	const char *name;
	struct record ways[POISE_EXCEPTION_WAYS]; /* of other flows */
	struct record own;			  /* of this flow, over own_way */
	int own_way;
	int victim; /* the way that the flow's SYN is recorded in */
	enum poise_event event;
	struct record second[POISE_EXCEPTION_WAYS]; /* of the second bucket */
	bool in_second; /* own_way and victim are of the second bucket */
};

/* Four to a row. */
#define FOUR(state, age)                                                                           \
	{ A4, state, age }, { A4, state, age }, { A4, state, age },                                \
	{                                                                                          \
		A4, state, age                                                                     \
	}
#define THREE(state, age)                                                                          \
	{ A4, state, age }, { A4, state, age },                                                    \
	{                                                                                          \
		A4, state, age                                                                     \
	}
#define EMPTY                                                                                      \
	{                                                                                          \
		NOBODY, 0, 0                                                                       \
	}
#define FULL	       FOUR(ESTABLISHED, 3), FOUR(CLOSING, 2)
#define RECORDED       POISE_EVENT_EXCEPTION_RECORDED
#define HALF_OPEN_LOST POISE_EVENT_EXCEPTION_EVICTED_HALF_OPEN
#define LIVE_LOST      POISE_EVENT_EXCEPTION_EVICTED

static const struct bucket_case bucket_cases[] = {
	{ "the empty place goes before an expired record",
	  .ways = { { A4, HALF_OPEN, EXPIRED + 9 },
		    THREE(ESTABLISHED, 1),
		    EMPTY,
		    THREE(CLOSING, EXPIRED) },
	  .victim = 4, .event = RECORDED },
	{ "the empty place goes before a half-open record",
	  .ways = { FOUR(HALF_OPEN, FRESH), THREE(HALF_OPEN, 9), EMPTY }, .victim = 7,
	  .event = RECORDED },
	{ "the empty place goes before an established record",
	  .ways = { EMPTY, THREE(ESTABLISHED, FRESH), FOUR(ESTABLISHED, 0) }, .victim = 0,
	  .event = RECORDED },
	{ "an expired record goes before an older half-open one that is fresh",
	  .ways = { FOUR(HALF_OPEN, FRESH), { A4, ESTABLISHED, EXPIRED }, THREE(HALF_OPEN, 2) },
	  .victim = 4, .event = RECORDED },
	{ "the oldest expired record goes",
	  .ways = { { A4, HALF_OPEN, EXPIRED },
		    { A4, CLOSING, EXPIRED + 2 },
		    { A4, ESTABLISHED, EXPIRED + 7 },
		    { A4, ESTABLISHED, EXPIRED + 6 },
		    FOUR(HALF_OPEN, 3) },
	  .victim = 2, .event = RECORDED },
	{ "an expired record as old as the clock can tell goes",
	  .ways = { FOUR(ESTABLISHED, EXPIRED + 1),
		    THREE(HALF_OPEN, EXPIRED + 2),
		    { A4, ESTABLISHED, OLDEST } },
	  .victim = 7, .event = RECORDED },
	{ "a half-open record goes before an older established one",
	  .ways = { FOUR(ESTABLISHED, FRESH), THREE(CLOSING, FRESH), { A4, HALF_OPEN, 0 } },
	  .victim = 7, .event = HALF_OPEN_LOST },
	{ "the oldest half-open record goes",
	  .ways = { FOUR(HALF_OPEN, 5), { A4, HALF_OPEN, 6 }, THREE(ESTABLISHED, 9) }, .victim = 4,
	  .event = HALF_OPEN_LOST },
	{ "of established records the oldest goes",
	  .ways = { THREE(ESTABLISHED, 5), { A4, ESTABLISHED, 6 }, FOUR(ESTABLISHED, 4) },
	  .victim = 3, .event = LIVE_LOST },
	{ "closing records are worth as much as established ones",
	  .ways = { FOUR(CLOSING, 5), THREE(ESTABLISHED, 5), { A4, ESTABLISHED, 6 } }, .victim = 7,
	  .event = LIVE_LOST },
	{ "the flow's own closing record is replaced, not an empty place",
	  .ways = { FOUR(ESTABLISHED, 5), EMPTY, EMPTY, EMPTY, EMPTY }, .own = { A4, CLOSING, 3 },
	  .own_way = 1, .victim = 1, .event = RECORDED },
	{ "the flow's own expired record is replaced, not an empty place",
	  .ways = { EMPTY, EMPTY, EMPTY, EMPTY, FOUR(ESTABLISHED, EXPIRED) },
	  .own = { A4, ESTABLISHED, EXPIRED }, .own_way = 6, .victim = 6, .event = RECORDED },
	{ "the flow's own closing record is replaced, not an expired one",
	  .ways = { FOUR(ESTABLISHED, EXPIRED + 9), FOUR(HALF_OPEN, EXPIRED + 9) },
	  .own = { A4, CLOSING, 0 }, .own_way = 5, .victim = 5, .event = RECORDED },
	{ "a full bucket: the second one's last empty place goes", .ways = { FULL },
	  .second = { FOUR(HALF_OPEN, FRESH),
		      EMPTY,
		      EMPTY,
		      { A4, CLOSING, 1 },
		      { A4, CLOSING, 1 } },
	  .victim = 5, .in_second = true, .event = RECORDED },
	{ "a full bucket: the second one's expired record goes", .ways = { FULL },
	  .second = { FOUR(HALF_OPEN, 1), { A4, CLOSING, EXPIRED }, THREE(ESTABLISHED, 1) },
	  .victim = 4, .in_second = true, .event = RECORDED },
	{ "an expired record goes before an empty place of the second bucket",
	  .ways = { FOUR(ESTABLISHED, 1), THREE(HALF_OPEN, 1), { A4, CLOSING, EXPIRED } },
	  .second = { FOUR(HALF_OPEN, FRESH) }, .victim = 7, .event = RECORDED },
	{ "the place that is kept from looking empty goes before all of the second bucket",
	  .ways = { { NOBODY, GAP, 0 }, THREE(ESTABLISHED, 1), FOUR(HALF_OPEN, FRESH) },
	  .second = { FOUR(HALF_OPEN, FRESH) }, .victim = 0, .event = RECORDED },
	{ "of half-open records in both buckets the oldest goes: the second one's",
	  .ways = { FOUR(HALF_OPEN, 5), FOUR(ESTABLISHED, FRESH) },
	  .second = { FOUR(HALF_OPEN, 4), { A4, HALF_OPEN, 6 }, THREE(ESTABLISHED, FRESH) },
	  .victim = 4, .in_second = true, .event = HALF_OPEN_LOST },
	{ "of half-open records in both buckets the oldest goes: the first one's",
	  .ways = { FOUR(ESTABLISHED, FRESH), THREE(HALF_OPEN, 5), { A4, HALF_OPEN, 7 } },
	  .second = { FOUR(HALF_OPEN, 6), FOUR(ESTABLISHED, FRESH) }, .victim = 7,
	  .event = HALF_OPEN_LOST },
	{ "a half-open record of the second bucket goes before an older established one",
	  .ways = { FULL },
	  .second = { FOUR(ESTABLISHED, FRESH), THREE(CLOSING, 9), { A4, HALF_OPEN, 0 } },
	  .victim = 7, .in_second = true, .event = HALF_OPEN_LOST },
	{ "of established records in both buckets the oldest goes", .ways = { FULL },
	  .second = { FOUR(ESTABLISHED, 2), { A4, ESTABLISHED, 4 }, THREE(CLOSING, 1) },
	  .victim = 4, .in_second = true, .event = LIVE_LOST },
	{ "the flow's own record in the second bucket is replaced, not an expired one",
	  .ways = { FOUR(ESTABLISHED, EXPIRED), FOUR(HALF_OPEN, 1) },
	  .second = { FOUR(CLOSING, EXPIRED + 1), EMPTY, EMPTY, EMPTY, EMPTY },
	  .own = { A4, CLOSING, 0 }, .own_way = 2, .victim = 2, .in_second = true,
	  .event = RECORDED },
	{ "the flow's own record is replaced, whatever is in the second bucket", .ways = { FULL },
	  .second = { THREE(HALF_OPEN, 9) }, .own = { A4, CLOSING, 0 }, .own_way = 3, .victim = 3,
	  .event = RECORDED },
};

static struct packet client_packet(unsigned int flags)
{
	return PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(CLIENT4, VIP4),
		   tcp(CLIENT_PORT, SERVICE_PORT, flags), payload(10));
}

/* The hash of another flow of the same bucket. */
static uint64_t neighbour_hash(uint64_t hash, int way)
{
	return hash ^ (uint64_t)(way + 1) << FINGERPRINT_STEP_SHIFT;
}

static void fill_bucket(struct poise_exception_bucket *bucket, const struct record *records,
			uint64_t hash, uint16_t now)
{
	for (int way = 0; way < POISE_EXCEPTION_WAYS; way++)
		bucket->word[way] = exceptions_word(neighbour_hash(hash, way), &records[way], now);
}

static bool bucket_equal(const char *name, const struct poise_exception_bucket *expected,
			 const struct poise_exception_bucket *got, uint16_t now)
{
	bool equal = true;

	for (int way = 0; way < POISE_EXCEPTION_WAYS; way++) {
		if (expected->word[way] == got->word[way])
			continue;
		tap_note("%s: way %d", name, way);
		exceptions_note("expected", expected->word[way], now);
		exceptions_note("got", got->word[way], now);
		equal = false;
	}
	return equal;
}

/* A second bucket that has nothing to give up for a new record. */
static const struct record dearest[POISE_EXCEPTION_WAYS] = { FOUR(ESTABLISHED, 0),
							     FOUR(CLOSING, 0) };

static bool bucket_case_holds(const struct bucket_case *row, uint16_t now)
{
	struct fate fate = {
		.name = row->name, .in = client_packet(SYN), .backend = B4, .verdict = XDP_TX
	};
	struct record made = { B4, HALF_OPEN, 0 };
	uint64_t hash = exceptions_hash(&fixture, &fate.in);
	struct poise_exception_bucket *first = exceptions_bucket(&fixture, hash);
	struct poise_exception_bucket *second = exceptions_second(&fixture, hash);
	struct poise_exception_bucket expected[2], *own = row->in_second ? second : first;
	bool holds;

	exceptions_clear(&fixture);
	fill_bucket(first, row->ways, hash, now);
	fill_bucket(second, row->second[0].backend || row->in_second ? row->second : dearest, hash,
		    now);
	if (row->own.backend)
		own->word[row->own_way] = exceptions_word(hash, &row->own, now);
	expected[0] = *first;
	expected[1] = *second;
	expected[row->in_second].word[row->victim] = exceptions_word(hash, &made, now);
	fate.events[RECORDED] = 1;
	fate.events[row->event] = 1;
	holds = fate_holds(&fixture, &fate);
	holds &= bucket_equal("first bucket", &expected[0], first, now);
	return bucket_equal("second bucket", &expected[1], second, now) && holds;
}

static void test_bucket(const struct bucket_case *row)
{
	bool holds;
	uint16_t now;

	do {
		now = fixture_tick();
		holds = bucket_case_holds(row, now);
	} while (!fixture_same_tick(now));
	tap_ok(holds, "a new record: %s", row->name);
}

/* A flow's record is found by its fingerprint, wherever it is, and no other flow's is. */
static void test_ways(void)
{
	struct packet syn = client_packet(SYN), out;
	uint64_t hash = exceptions_hash(&fixture, &syn);
	struct poise_exception_bucket *bucket = exceptions_bucket(&fixture, hash);
	struct fate fate = fate_of("record", client_packet(ACK), C4, XDP_TX, POISE_REASON_SENT);
	struct record record = { C4, ESTABLISHED, 3 };
	bool found = true;

	for (int way = 0; way < POISE_EXCEPTION_WAYS; way++) {
		uint16_t now = fixture_tick();

		exceptions_clear(&fixture);
		bucket->word[way] = exceptions_word(hash, &record, now);
		found &= fate_holds(&fixture, &fate);
	}
	tap_ok(found, "a record is found in every place of its bucket");

	exceptions_clear(&fixture);
	for (int way = 0; way < POISE_EXCEPTION_WAYS; way++)
		bucket->word[way] =
			exceptions_word(neighbour_hash(hash, way), &record, fixture_tick());
	fate.backend = A4;
	tap_ok(fate_holds(&fixture, &fate), "records of other flows of the bucket are not taken");

	exceptions_clear(&fixture);
	fixture_run(&fixture, &syn, &out);
	maps_settings(fixture.maps)->exception_key ^= 1;
	found = fate_holds(&fixture, &fate);
	maps_settings(fixture.maps)->exception_key ^= 1;
	fate.backend = B4;
	tap_ok(found && fate_holds(&fixture, &fate),
	       "a record is found by the host's own key alone");
}

/* The second bucket is looked at as long as the first one says that it was full once. */
static void test_second(void)
{
	struct packet ack = client_packet(ACK);
	uint64_t hash = exceptions_hash(&fixture, &ack);
	struct poise_exception_bucket *first = exceptions_bucket(&fixture, hash);
	struct poise_exception_bucket *second = exceptions_second(&fixture, hash);
	struct fate fate = fate_of("second", ack, C4, XDP_TX, POISE_REASON_SENT);
	struct record states[] = { { C4, HALF_OPEN, 3 }, { C4, ESTABLISHED, 0 } };
	bool found = true, full = true, unmarked;

	for (int i = 0; i < POISE_EXCEPTION_WAYS * 2; i++) {
		uint16_t now = fixture_tick();

		exceptions_clear(&fixture);
		fill_bucket(first, dearest, hash, now);
		second->word[i / 2] = exceptions_word(hash, &states[i % 2], now);
		full &= fate_holds(&fixture, &fate);
		exceptions_clear(&fixture);
		first->word[0] = POISE_EXCEPTION_GAP;
		second->word[i / 2] = exceptions_word(hash, &states[i % 2], now);
		found &= fate_holds(&fixture, &fate);
	}
	tap_ok(full, "a record is found in every place of the second bucket");
	tap_ok(found, "a mark in the first bucket is enough for it");

	first->word[0] = 0;
	fate.backend = A4;
	unmarked = fate_holds(&fixture, &fate);
	tap_ok(unmarked, "without it nothing in the second bucket counts");
}

/* A leftover of an earlier move does not hide the record that counts. */
static void test_leftover(void)
{
	struct packet ack = client_packet(ACK);
	struct fate fate = fate_of("leftover", ack, C4, XDP_TX, POISE_REASON_SENT);
	struct record leftover = { A4, ESTABLISHED, EXPIRED }, record = { C4, ESTABLISHED, 3 };
	uint64_t hash = exceptions_hash(&fixture, &ack);
	uint16_t now = fixture_tick();

	exceptions_clear(&fixture);
	exceptions_bucket(&fixture, hash)->word[1] = exceptions_word(hash, &leftover, now);
	exceptions_bucket(&fixture, hash)->word[5] = exceptions_word(hash, &record, now);
	tap_ok(fate_holds(&fixture, &fate),
	       "an expired record does not hide a fresh one behind it");
}

/* Where a record of this age leads at this settle time: to its backend, or to the previous one. */
static bool age_holds(uint32_t age, uint32_t settle)
{
	struct packet ack = client_packet(ACK);
	struct fate fate = fate_of("age", ack, A4, XDP_TX, POISE_REASON_SENT);
	struct record record = { C4, ESTABLISHED, (uint16_t)age };
	uint64_t hash = exceptions_hash(&fixture, &ack);
	uint16_t now;
	bool holds;

	if (age < settle)
		fate.backend = C4;
	do {
		now = fixture_tick();
		exceptions_clear(&fixture);
		maps_settings(fixture.maps)->settle_ticks = settle;
		exceptions_bucket(&fixture, hash)->word[0] = exceptions_word(hash, &record, now);
		holds = fate_holds(&fixture, &fate);
	} while (!fixture_same_tick(now));
	maps_settings(fixture.maps)->settle_ticks = SETTLE_TICKS;
	if (!holds)
		tap_note("age %u, settle %u ticks, clock %u", age, settle, now);
	return holds;
}

/* Another CPU, whose clock is ahead by future ticks, stamped the record. */
static bool stamp_holds(uint32_t future)
{
	struct packet ack = client_packet(ACK);
	struct fate fate = fate_of("future", ack, C4, XDP_TX, POISE_REASON_SENT);
	struct record record = { C4, ESTABLISHED, (uint16_t)-future };
	uint64_t hash = exceptions_hash(&fixture, &ack);

	exceptions_clear(&fixture);
	exceptions_bucket(&fixture, hash)->word[0] = exceptions_word(hash, &record, fixture_tick());
	return fate_holds(&fixture, &fate);
}

static void test_ages(void)
{
	static const uint32_t settles[] = { 1, 2, 840, 40234, OLDEST - 1 };
	uint16_t now = fixture_tick();
	const uint32_t ages[] = { now, now + 1U, now + 1000U, OLDEST - 1 };
	bool passed = true;

	for (size_t i = 0; i < COUNT(settles); i++)
		for (uint32_t step = 0; step < 3; step++)
			passed &= age_holds(settles[i] - 1 + step, settles[i]);
	tap_ok(passed, "a record counts until its age is the settle time");

	passed = true;
	for (size_t i = 0; i < COUNT(ages); i++) { /* stamps from before the clock's last wrap */
		uint32_t age = ages[i] % OLDEST;

		passed &= age_holds(age, age + 1);
		passed &= age_holds(age + 1, age + 1);
	}
	tap_ok(passed, "ages are right across the coarse clock's wrap");

	passed = true;
	for (uint32_t future = 1; future <= POISE_FUTURE_TICKS; future *= 2)
		passed &= stamp_holds(future);
	tap_ok(passed, "a stamp that is newer than the clock is no old one");
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	fixture_own(&fixture, A4);
	fixture_change(&fixture, B4, fixture_tick());
	for (size_t i = 0; i < COUNT(bucket_cases); i++)
		test_bucket(&bucket_cases[i]);
	test_ways();
	test_second();
	test_leftover();
	test_ages();
	fixture_close(&fixture);
	return tap_done();
}
