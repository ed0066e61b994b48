// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Recorded flows: where their packets go, what becomes of their records, what a full bucket gives
 * up. After each packet the flow's whole bucket and all counts of active flows are compared. The
 * ring's owner is A4, the scheduler's choice C4, records are of B4.
 */
#include <linux/bpf.h>
#include <string.h>

#include "errors.h"
#include "flows.h"
#include "hex.h"

enum {
	RING_SIZE = 251,
	SCHEDULE_SIZE = 5,
	FINGERPRINT_STEP_SHIFT = 40, /* a bit of the fingerprint */
	IDLE = 100,		     /* ticks, of the services here and of A4, B4 and C4 */
	SHORT_IDLE = 20,	     /* of A6, which stands for another service's */
};

enum {
	LIVE = POISE_BACKEND_LIVE,
	HALF_OPEN = POISE_EXCEPTION_HALF_OPEN,
	ESTABLISHED = POISE_EXCEPTION_ESTABLISHED,
	CLOSING = POISE_EXCEPTION_CLOSING,
	EXPIRED = IDLE,
	FRESH = IDLE - 1,
};

#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))
#define RECORDED       POISE_EVENT_FLOW_RECORDED
#define HALF_OPEN_LOST POISE_EVENT_FLOW_EVICTED_HALF_OPEN
#define LIVE_LOST      POISE_EVENT_FLOW_EVICTED

static struct fixture fixture;
static struct extent schedule;

struct flow_case {
	const char *name;
	struct record before;
	unsigned int packet; /* TCP flags */
	uint16_t unwell;     /* one backend's flags, when they are not LIVE | ELIGIBLE */
	uint8_t flags;
	uint16_t to;
	struct record after;
	bool recorded;
};

#define NEW(backend) .to = backend, .after = { backend, HALF_OPEN, 0 }, .recorded = true

static const struct flow_case tcp_cases[] = {
	{ "SYN: to the scheduler's choice, recorded", .packet = SYN, NEW(C4) },
	{ "SYN, the choice takes no connections: to the owner, recorded", .packet = SYN,
	  .unwell = C4, .flags = LIVE, NEW(A4) },
	{ "SYN|ECE|CWR opens a connection", .packet = SYN | ECE | CWR, NEW(C4) },
	{ "SYN again, half-open: follows its record", .before = { B4, HALF_OPEN, 3 }, .packet = SYN,
	  .to = B4, .after = { B4, HALF_OPEN, 0 } },
	{ "SYN, established: follows its record", .before = { B4, ESTABLISHED, 3 }, .packet = SYN,
	  .to = B4, .after = { B4, ESTABLISHED, 0 } },
	{ "SYN, closing: begins anew", .before = { B4, CLOSING, 3 }, .packet = SYN, NEW(C4) },
	{ "SYN, recorded backend drains: begins anew", .before = { B4, ESTABLISHED, 3 },
	  .packet = SYN, .unwell = B4, .flags = LIVE, NEW(C4) },
	{ "SYN, recorded backend is down: begins anew", .before = { B4, HALF_OPEN, 3 },
	  .packet = SYN, .unwell = B4, .flags = 0, NEW(C4) },
	{ "SYN, record expired: begins anew", .before = { B4, ESTABLISHED, EXPIRED }, .packet = SYN,
	  NEW(C4) },
	{ "SYN, record about to expire: follows it", .before = { B4, ESTABLISHED, FRESH },
	  .packet = SYN, .to = B4, .after = { B4, ESTABLISHED, 0 } },

	{ "ACK, not recorded: to the owner", .packet = ACK, .to = A4 },
	{ "SYN|ACK opens nothing", .packet = SYN | ACK, .to = A4 },
	{ "SYN|FIN opens nothing", .packet = SYN | FIN, .to = A4 },
	{ "RST opens nothing", .packet = RST, .to = A4 },
	{ "no flags open nothing", .packet = 0, .to = A4 },
	{ "ACK, half-open: becomes established", .before = { B4, HALF_OPEN, 3 }, .packet = ACK,
	  .to = B4, .after = { B4, ESTABLISHED, 0 } },
	{ "ACK, established: renewed", .before = { B4, ESTABLISHED, FRESH }, .packet = ACK,
	  .to = B4, .after = { B4, ESTABLISHED, 0 } },
	{ "ACK, record expired: to the owner, untouched", .before = { B4, ESTABLISHED, EXPIRED },
	  .packet = ACK, .to = A4, .after = { B4, ESTABLISHED, EXPIRED } },
	{ "ACK, recorded backend drains: follows", .before = { B4, ESTABLISHED, 3 }, .packet = ACK,
	  .unwell = B4, .flags = LIVE, .to = B4, .after = { B4, ESTABLISHED, 0 } },
	{ "ACK, recorded backend is down: to the owner, not renewed",
	  .before = { B4, ESTABLISHED, 3 }, .packet = ACK, .unwell = B4, .flags = 0, .to = A4,
	  .after = { B4, ESTABLISHED, 3 } },
	{ "FIN ends the flow", .before = { B4, ESTABLISHED, 3 }, .packet = FIN | ACK, .to = B4,
	  .after = { B4, CLOSING, 0 } },
	{ "RST ends a half-open flow", .before = { B4, HALF_OPEN, 3 }, .packet = RST, .to = B4,
	  .after = { B4, CLOSING, 0 } },
	{ "FIN again ends nothing twice", .before = { B4, CLOSING, 3 }, .packet = FIN | ACK,
	  .to = B4, .after = { B4, CLOSING, 0 } },
	{ "ACK after the end: follows, stays ended", .before = { B4, CLOSING, 3 }, .packet = ACK,
	  .to = B4, .after = { B4, CLOSING, 0 } },
};

static const struct flow_case udp_cases[] = {
	{ "the first packet is recorded", NEW(A4) },
	{ "the second makes it established", .before = { B4, HALF_OPEN, 0 }, .to = B4,
	  .after = { B4, ESTABLISHED, 0 } },
	{ "later ones renew it", .before = { B4, ESTABLISHED, FRESH }, .to = B4,
	  .after = { B4, ESTABLISHED, 0 } },
	{ "an expired record begins anew", .before = { B4, ESTABLISHED, EXPIRED }, NEW(A4) },
	{ "a backend that drains keeps its flows", .before = { B4, ESTABLISHED, 3 }, .unwell = B4,
	  .flags = LIVE, .to = B4, .after = { B4, ESTABLISHED, 0 } },
	{ "a backend that is down does not", .before = { B4, ESTABLISHED, 3 }, .unwell = B4,
	  .flags = 0, NEW(A4) },
};

static struct packet client_packet(int family, uint8_t protocol, unsigned int flags)
{
	struct layer ip = family == 4 ? ip4(CLIENT4, VIP4) : ip6(CLIENT6, VIP6);

	return PKT(eth(ROUTER_MAC, EDGE_MAC), ip,
		   protocol == IPPROTO_TCP ? tcp(CLIENT_PORT, SERVICE_PORT, flags)
					   : udp(CLIENT_PORT, SERVICE_PORT),
		   payload(10));
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

static void set_flags(uint16_t backend, uint8_t flags)
{
	maps_backend_set_flags(fixture.maps, backend, flags);
}

/* An empty place is taken from the last way on. */
static int place_of(const struct flow_case *row)
{
	return row->before.backend ? 2 : POISE_EXCEPTION_WAYS - 1;
}

static bool flow_case_holds(const struct flow_case *row, const struct packet *in, uint16_t now)
{
	struct fate fate = { .name = row->name, .in = *in, .backend = row->to, .verdict = XDP_TX };
	uint64_t hash = flows_hash(&fixture, in), only;
	struct poise_exception_bucket *bucket = flows_bucket(&fixture, hash), expected = {};
	bool holds;

	flows_clear(&fixture);
	bucket->word[place_of(row)] = exceptions_word(hash, &row->before, now);
	flows_set_loads(&fixture);
	expected.word[place_of(row)] = exceptions_word(hash, &row->after, now);
	if (row->unwell)
		set_flags(row->unwell, row->flags);
	fate.events[RECORDED] = row->recorded;
	holds = fate_holds(&fixture, &fate);
	if (row->unwell)
		set_flags(row->unwell, LIVE | POISE_BACKEND_ELIGIBLE);
	holds &= flows_count(&fixture, &only) == (row->after.backend != NOBODY);
	holds &= flows_loads_hold(&fixture, row->name);
	return bucket_equal(row->name, &expected, bucket, now) && holds;
}

static void test_flow_case(const struct flow_case *row, int family, uint8_t protocol)
{
	struct packet in = client_packet(family, protocol, row->packet);
	bool holds;
	uint16_t now;

	do {
		now = fixture_tick();
		holds = flow_case_holds(row, &in, now);
	} while (!fixture_same_tick(now));
	tap_ok(holds, "IPv%d %s: %s", family, protocol == IPPROTO_TCP ? "TCP" : "UDP", row->name);
}

static void publish(uint8_t protocol, uint8_t scheduler)
{
	struct poise_service service = flows_service(scheduler, IDLE, &schedule);

	flows_publish(&fixture, 4, protocol, &service);
	flows_publish(&fixture, 6, protocol, &service);
}

static void test_rules(void)
{
	for (int family = 4; family <= 6; family += 2) {
		for (size_t i = 0; i < COUNT(tcp_cases); i++)
			test_flow_case(&tcp_cases[i], family, IPPROTO_TCP);
		for (size_t i = 0; i < COUNT(udp_cases); i++)
			test_flow_case(&udp_cases[i], family, IPPROTO_UDP);
	}
}

/* With a scheduler a UDP flow is its choice's. */
static void test_udp_scheduler(void)
{
	static const struct flow_case first = { "the first packet: to the scheduler's choice",
						NEW(C4) };

	publish(IPPROTO_UDP, POISE_SCHEDULER_ROUNDROBIN);
	test_flow_case(&first, 4, IPPROTO_UDP);
	publish(IPPROTO_UDP, POISE_SCHEDULER_RING);
}

/* An error goes where the flow goes that it quotes; the flow's record stays as it is. */
static void test_quoted(uint8_t protocol, const struct record *record, uint16_t to,
			const char *name)
{
	struct packet answer = error_answer(4, protocol), flow = error_flow(4, protocol);
	struct packet in = error_too_big(&answer, error_quoted_bytes(&answer, QUOTED_BYTES));
	uint64_t hash = flows_hash(&fixture, &flow), before, only;
	uint32_t turn = *flows_cursor(&fixture, SERVICE4);
	bool holds;

	flows_clear(&fixture);
	before = exceptions_word(hash, record, fixture_tick());
	flows_bucket(&fixture, hash)->word[0] = before;
	flows_set_loads(&fixture);
	holds = error_follows(&fixture, name, &in, &flow, to);
	holds &= flows_count(&fixture, &only) == (before != 0) && only == before;
	holds &= flows_loads_hold(&fixture, name) && *flows_cursor(&fixture, SERVICE4) == turn;
	tap_ok(holds, "%s", name);
}

static void test_quotes(void)
{
	static const struct record none, half_open = { B4, HALF_OPEN, 3 };

	test_quoted(IPPROTO_TCP, &half_open, B4, "an error follows the flow that it quotes");
	test_quoted(IPPROTO_UDP, &half_open, B4, "an error follows the UDP flow that it quotes");
	test_quoted(IPPROTO_TCP, &none, A4, "an error of no flow goes to the owner");
	test_quoted(IPPROTO_UDP, &none, A4, "an error of no UDP flow opens none");
	set_flags(B4, 0);
	test_quoted(IPPROTO_UDP, &half_open, A4, "an error of a flow whose backend is down");
	set_flags(B4, LIVE | POISE_BACKEND_ELIGIBLE);
}

/* Nobody has the flow: it is dropped, and not recorded. */
static void test_nobody(void)
{
	struct fate fate = FATE("nobody takes it", NOBODY, XDP_DROP, NO_BACKEND, ip4(CLIENT4, VIP4),
				tcp(CLIENT_PORT, SERVICE_PORT, SYN));
	uint64_t only;
	bool holds;

	flows_clear(&fixture);
	fixture_own(&fixture, NOBODY);
	set_flags(C4, 0);
	holds = fate_holds(&fixture, &fate) && flows_count(&fixture, &only) == 0 &&
		flows_loads_hold(&fixture, fate.name);
	set_flags(C4, LIVE | POISE_BACKEND_ELIGIBLE);
	fixture_own(&fixture, A4);
	tap_ok(holds, "without a backend a flow is dropped and not recorded");
}

struct bucket_case {
	const char *name;
	struct record ways[POISE_EXCEPTION_WAYS]; /* of other flows */
	int victim;				  /* the way that the flow is recorded in */
	enum poise_event event;
};

/* Four to a row. */
#define THREE(backend, state, age)                                                                 \
	{ backend, state, age }, { backend, state, age },                                          \
	{                                                                                          \
		backend, state, age                                                                \
	}
#define FOUR(backend, state, age) { backend, state, age }, THREE(backend, state, age)

static const struct bucket_case bucket_cases[] = {
	{ "the empty place goes first",
	  { FOUR(B4, HALF_OPEN, EXPIRED), THREE(B4, HALF_OPEN, 9), { NOBODY, 0, 0 } },
	  7,
	  RECORDED },
	{ "an expired record goes before an older half-open one",
	  { FOUR(B4, HALF_OPEN, FRESH), { B4, ESTABLISHED, EXPIRED }, THREE(B4, HALF_OPEN, 2) },
	  4,
	  RECORDED },
	{ "a record has expired by its own service's idle time, though not by this one's",
	  { FOUR(B4, HALF_OPEN, FRESH), THREE(B4, HALF_OPEN, 2), { A6, ESTABLISHED, SHORT_IDLE } },
	  7,
	  RECORDED },
	{ "one that has not by its own service's goes when it is half-open",
	  { FOUR(B4, ESTABLISHED, FRESH),
	    { A6, HALF_OPEN, SHORT_IDLE - 1 },
	    THREE(B4, HALF_OPEN, 2) },
	  4,
	  HALF_OPEN_LOST },
	{ "a half-open record goes before an older established one",
	  { FOUR(B4, ESTABLISHED, FRESH), THREE(B4, CLOSING, FRESH), { B4, HALF_OPEN, 0 } },
	  7,
	  HALF_OPEN_LOST },
	{ "the oldest half-open record goes",
	  { FOUR(B4, HALF_OPEN, 5), { B4, HALF_OPEN, 6 }, THREE(B4, ESTABLISHED, 9) },
	  4,
	  HALF_OPEN_LOST },
	{ "of established records the oldest goes",
	  { THREE(B4, ESTABLISHED, 5), { A6, ESTABLISHED, 6 }, FOUR(B4, ESTABLISHED, 4) },
	  3,
	  LIVE_LOST },
	{ "closing records are worth as much, for their last packets",
	  { FOUR(B4, ESTABLISHED, 5), THREE(B4, ESTABLISHED, 5), { B4, CLOSING, 6 } },
	  7,
	  LIVE_LOST },
};

static bool bucket_case_holds(const struct bucket_case *row, uint16_t now)
{
	struct fate fate = { .name = row->name,
			     .in = client_packet(4, IPPROTO_TCP, SYN),
			     .backend = C4,
			     .verdict = XDP_TX };
	struct record made = { C4, HALF_OPEN, 0 };
	uint64_t hash = flows_hash(&fixture, &fate.in);
	struct poise_exception_bucket *bucket = flows_bucket(&fixture, hash), expected;
	bool holds;

	flows_clear(&fixture);
	for (int way = 0; way < POISE_EXCEPTION_WAYS; way++) {
		uint64_t other = hash ^ (uint64_t)(way + 1) << FINGERPRINT_STEP_SHIFT;

		bucket->word[way] = exceptions_word(other, &row->ways[way], now);
	}
	flows_set_loads(&fixture);
	expected = *bucket;
	expected.word[row->victim] = exceptions_word(hash, &made, now);
	fate.events[RECORDED] = 1;
	fate.events[row->event] = 1;
	holds = fate_holds(&fixture, &fate) && flows_loads_hold(&fixture, row->name);
	return bucket_equal(row->name, &expected, bucket, now) && holds;
}

static void test_buckets(void)
{
	for (size_t i = 0; i < COUNT(bucket_cases); i++) {
		bool holds;
		uint16_t now;

		do {
			now = fixture_tick();
			holds = bucket_case_holds(&bucket_cases[i], now);
		} while (!fixture_same_tick(now));
		tap_ok(holds, "a full bucket: %s", bucket_cases[i].name);
	}
}

int main(void)
{
	static const uint16_t choice[] = { C4 }, idle[] = { A4, B4, C4 };

	fixture_open(&fixture, RING_SIZE);
	schedule = flows_schedule(&fixture, SCHEDULE_SIZE, choice, COUNT(choice));
	publish(IPPROTO_TCP, POISE_SCHEDULER_ROUNDROBIN);
	publish(IPPROTO_UDP, POISE_SCHEDULER_RING);
	for (size_t i = 0; i < COUNT(idle); i++)
		maps_load(fixture.maps, idle[i])->idle_ticks = IDLE;
	maps_load(fixture.maps, A6)->idle_ticks = SHORT_IDLE;
	fixture_own(&fixture, A4);
	test_rules();
	test_udp_scheduler();
	test_quotes();
	test_nobody();
	test_buckets();
	fixture_close(&fixture);
	return tap_done();
}
