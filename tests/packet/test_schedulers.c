// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Roundrobin and leastconn: whom the data plane chooses, connection by connection; and the counts
 * of active flows while two CPUs open, end and evict the same flows.
 */
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "fate.h"
#include "flows.h"
#include "hex.h"
#include "poise_schedule.h"

enum {
	RING_SIZE = 251,
	IDLE = 100,
	FIRST_PORT = 1024,
	LIVE = POISE_BACKEND_LIVE,
	BOTH = POISE_BACKEND_LIVE | POISE_BACKEND_ELIGIBLE,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;
static struct extent schedule;
static uint16_t port = FIRST_PORT;

/* Backends with a way out. */
static const uint16_t all[] = { A4, B4, C4, A6, B6, FIXED4, FIXED6, BITS4, AWAY4, AWAY6 };

static void publish(uint8_t scheduler, uint32_t size, const uint16_t *backends, size_t count)
{
	struct poise_service service = flows_service(scheduler, IDLE, &schedule);

	service.schedule_size = size;
	flows_fill(&fixture, &schedule, backends, count);
	flows_publish(&fixture, 4, IPPROTO_TCP, &service);
	*flows_cursor(&fixture, SERVICE4) = 0;
}

static struct packet packet_from(uint16_t source, unsigned int flags)
{
	return PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(CLIENT4, VIP4), tcp(source, SERVICE_PORT, flags));
}

/* Opens one connection more, which must go to the backend. */
static bool opens_at(uint16_t backend, const char *name)
{
	struct fate fate = { .name = name,
			     .in = packet_from(port++, SYN),
			     .backend = backend,
			     .verdict = fixture_verdict(&fixture, &fixture.entries[backend]) };

	fate.events[POISE_EVENT_FLOW_RECORDED] = 1;
	return fate_holds(&fixture, &fate) && flows_loads_hold(&fixture, name);
}

static void test_roundrobin(void)
{
	const char *name = "roundrobin: every slot of the schedule in turn, round after round";
	bool holds = true;

	flows_clear(&fixture);
	publish(POISE_SCHEDULER_ROUNDROBIN, COUNT(all), all, COUNT(all));
	for (size_t i = 0; i < 3 * COUNT(all); i++)
		holds &= opens_at(all[i % COUNT(all)], name);
	tap_ok(holds && *flows_cursor(&fixture, SERVICE4) == 3 * COUNT(all), "%s", name);

	name = "roundrobin: a packet that opens nothing takes no turn";
	for (size_t i = 0; i < 3; i++) {
		struct packet ack = packet_from(port++, ACK), out;

		fixture_run(&fixture, &ack, &out);
	}
	tap_ok(*flows_cursor(&fixture, SERVICE4) == 3 * COUNT(all), "%s", name);
}

/* Whoever takes no connections loses the turn: the others' shares stay equal. */
static void test_roundrobin_skips(void)
{
	static const uint16_t three[] = { A4, B4, C4 };
	const char *name = "roundrobin: backends that take no connections are left out";
	bool holds = true;

	publish(POISE_SCHEDULER_ROUNDROBIN, COUNT(three), three, COUNT(three));
	maps_backend_set_flags(fixture.maps, B4, LIVE);
	for (size_t i = 0; i < 6; i++)
		holds &= opens_at(i % 2 ? C4 : A4, name);
	tap_ok(holds, "%s", name);

	name = "roundrobin: when none of those tried takes any, the ring's owner has it";
	maps_backend_set_flags(fixture.maps, A4, LIVE);
	maps_backend_set_flags(fixture.maps, C4, LIVE);
	holds = opens_at(AWAY4, name);
	for (size_t i = 0; i < COUNT(three); i++)
		maps_backend_set_flags(fixture.maps, three[i], BOTH);
	tap_ok(holds, "%s", name);

	name = "without a schedule the ring's owner has it";
	publish(POISE_SCHEDULER_ROUNDROBIN, 0, three, COUNT(three));
	tap_ok(opens_at(AWAY4, name), "%s", name);
	name = "an empty schedule: likewise";
	publish(POISE_SCHEDULER_LEASTCONN, COUNT(three), (const uint16_t[]){ NOBODY }, 1);
	tap_ok(opens_at(AWAY4, name), "%s", name);
}

static void set_load(uint16_t backend, uint32_t active, uint16_t weight)
{
	struct poise_backend_load *load = maps_load(fixture.maps, backend);

	load->active = active;
	load->weight = weight;
}

struct leastconn_case {
	const char *name;
	struct {
		uint32_t active;
		uint16_t weight;
		uint8_t flags;
	} loads[4]; /* of the first four of 'all' */
	uint16_t to;
};

static const struct leastconn_case leastconn_cases[] = {
	{ "all idle: the first one",
	  { { 0, 1, BOTH }, { 0, 1, BOTH }, { 0, 1, BOTH }, { 0, 1, BOTH } },
	  A4 },
	{ "the idle one", { { 1, 1, BOTH }, { 2, 1, BOTH }, { 0, 1, BOTH }, { 1, 1, BOTH } }, C4 },
	{ "the last one", { { 9, 1, BOTH }, { 8, 1, BOTH }, { 7, 1, BOTH }, { 6, 1, BOTH } }, A6 },
	{ "a tie goes to the first",
	  { { 5, 1, BOTH }, { 4, 1, BOTH }, { 4, 1, BOTH }, { 5, 1, BOTH } },
	  B4 },
	{ "weights count",
	  { { 9, 10, BOTH }, { 1, 1, BOTH }, { 190, 200, BOTH }, { 7, 10, BOTH } },
	  A6 },
	{ "one that takes no connections is left out",
	  { { 3, 1, BOTH }, { 0, 1, LIVE }, { 1, 1, BOTH }, { 0, 1, 0 } },
	  C4 },
	{ "one of no weight is the last resort",
	  { { 0, 0, BOTH }, { 99, 1, BOTH }, { 0, 0, BOTH }, { 0, 0, BOTH } },
	  B4 },
	{ "more than 32 bits of load and weight",
	  { { 0x7fffffff, 1, BOTH },
	    { 0x7ffffffe, 1, BOTH },
	    { 0x7fffffff, 1000, BOTH },
	    { 0x7fffffff, 999, BOTH } },
	  C4 },
};

static void test_leastconn_case(const struct leastconn_case *row)
{
	struct packet in = packet_from(port++, SYN), out, wanted;
	uint32_t chosen;
	bool holds;

	flows_clear(&fixture);
	publish(POISE_SCHEDULER_LEASTCONN, 4, all, 4);
	for (size_t i = 0; i < 4; i++) {
		set_load(all[i], row->loads[i].active, row->loads[i].weight);
		maps_backend_set_flags(fixture.maps, all[i], row->loads[i].flags);
	}
	chosen = maps_load(fixture.maps, row->to)->active + 1;
	fixture_run(&fixture, &in, &out);
	wanted = fixture_encapsulated(&in, &fixture.entries[row->to]);
	holds = packet_equal(row->name, wanted.bytes, wanted.length, out.bytes, out.length);
	holds &= maps_load(fixture.maps, row->to)->active == chosen;
	for (size_t i = 0; i < 4; i++)
		maps_backend_set_flags(fixture.maps, all[i], BOTH);
	tap_ok(holds, "leastconn: %s", row->name);
}

/* Of a longer schedule so many slots in a row are looked at, the next time those behind them. */
static void test_leastconn_window(void)
{
	enum { SLOTS = 2 * POISE_LEASTCONN_CANDIDATES };
	uint16_t slots[SLOTS];
	bool holds;

	for (int i = 0; i < SLOTS; i++)
		slots[i] = A4;
	slots[POISE_LEASTCONN_CANDIDATES - 1] = B4;
	slots[POISE_LEASTCONN_CANDIDATES] = C4;
	flows_clear(&fixture);
	publish(POISE_SCHEDULER_LEASTCONN, SLOTS, slots, SLOTS);
	for (size_t i = 0; i < COUNT(all); i++)
		set_load(all[i], 0, 1);
	maps_backend_set_flags(fixture.maps, A4, LIVE);
	holds = opens_at(B4, "leastconn: the last candidate") &&
		opens_at(C4, "leastconn: the one behind it") &&
		*flows_cursor(&fixture, SERVICE4) == SLOTS;
	maps_backend_set_flags(fixture.maps, A4, BOTH);
	tap_ok(holds, "leastconn: candidates are as many slots in a row, then those behind them");
}

/* Equal weights, flows that last: the counts stay within one of each other. */
static void test_leastconn_even(void)
{
	uint32_t least = UINT32_MAX, most = 0;
	struct packet out;

	flows_clear(&fixture);
	publish(POISE_SCHEDULER_LEASTCONN, COUNT(all), all, COUNT(all));
	for (size_t i = 0; i < COUNT(all); i++)
		set_load(all[i], 0, 1);
	for (int i = 0; i < 994; i++) {
		struct packet syn = packet_from(port++, SYN);

		fixture_run(&fixture, &syn, &out);
	}
	for (size_t i = 0; i < COUNT(all); i++) {
		uint32_t active = maps_load(fixture.maps, all[i])->active;

		least = active < least ? active : least;
		most = active > most ? active : most;
	}
	tap_ok(least == 99 && most == 100 && flows_loads_hold(&fixture, "even"),
	       "leastconn: 994 flows are 99 or 100 at each of %zu backends", COUNT(all));
}

/*
 * Two CPUs at once.
 */

enum { FLOWS = 12, PACKETS = 60000, CROWDED_BUCKETS = 1 };

static struct packet crowd[2][FLOWS]; /* SYNs, and what else they say */

struct runner {
	int cpu;
	uint64_t random;
	int failures;
};

/* Flows of few buckets, so that they evict each other, and that both CPUs know all of. */
static void make_crowd(void)
{
	uint32_t address = 0;

	for (int i = 0; i < FLOWS; address++) {
		char client[16];
		struct packet syn;

		snprintf(client, sizeof(client), "10.%u.%u.%u", address >> 16 & 255,
			 address >> 8 & 255, address & 255);
		syn = PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(client, VIP4),
			  tcp(CLIENT_PORT, SERVICE_PORT, SYN));
		if (flows_bucket(&fixture, flows_hash(&fixture, &syn)) -
			    flows_bucket(&fixture, 0) >=
		    CROWDED_BUCKETS)
			continue;
		crowd[0][i] = syn;
		crowd[1][i++] = PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(client, VIP4),
				    tcp(CLIENT_PORT, SERVICE_PORT, 0));
	}
}

static void *run_packets(void *context)
{
	static const unsigned int flags[] = { ACK, FIN | ACK, FIN | ACK, RST };
	struct runner *runner = context;
	struct packet out;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(runner->cpu, &set);
	runner->failures += pthread_setaffinity_np(pthread_self(), sizeof(set), &set) != 0;
	for (int i = 0; i < PACKETS; i++) {
		uint64_t random = runner->random = poise_mix(runner->random + 1);
		struct packet in = crowd[random & 1][(random >> 8) % FLOWS];

		if (random & 1)
			in.bytes[packet_l4(&in) + 13] = flags[random >> 40 & 3];
		runner->failures += fixture_run(&fixture, &in, &out) < 0;
	}
	return NULL;
}

static bool run_both(const int cpus[2])
{
	struct runner runners[2] = { { cpus[0], 1, 0 }, { cpus[1], 2, 0 } };
	pthread_t thread;

	if (pthread_create(&thread, NULL, run_packets, &runners[1]))
		return false;
	run_packets(&runners[0]);
	pthread_join(thread, NULL);
	return runners[0].failures + runners[1].failures == 0;
}

/* The first two CPUs that this process may use. */
static int find_cpus(int cpus[2])
{
	cpu_set_t set;
	int count = 0;

	sched_getaffinity(0, sizeof(set), &set);
	for (int i = 0; i < CPU_SETSIZE && count < 2; i++)
		if (CPU_ISSET(i, &set))
			cpus[count++] = i;
	return count;
}

static void test_two_cpus(void)
{
	const char *name = "two CPUs at the same flows: the counts stay exact";
	struct counts before, after;
	int cpus[2];
	bool holds;

	if (find_cpus(cpus) < 2) {
		tap_skip(name, "there is one CPU alone");
		return;
	}
	flows_clear(&fixture);
	publish(POISE_SCHEDULER_LEASTCONN, COUNT(all), all, COUNT(all));
	for (size_t i = 0; i < COUNT(all); i++)
		set_load(all[i], 0, 1 + (uint16_t)i);
	make_crowd();
	before = counts_read(&fixture);
	holds = run_both(cpus) && flows_loads_hold(&fixture, name);
	after = counts_read(&fixture);
	for (int i = POISE_EVENT_FLOW_RECORDED; i <= POISE_EVENT_FLOW_LOST; i++)
		tap_note("%s: event %d: %llu times", name, i,
			 (unsigned long long)(after.events[i] - before.events[i]));
	holds &= after.events[POISE_EVENT_FLOW_EVICTED] != before.events[POISE_EVENT_FLOW_EVICTED];
	tap_ok(holds, "%s", name);
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	schedule = flows_schedule(&fixture, RING_SIZE, all, COUNT(all));
	for (uint16_t i = 1; i < BACKEND_COUNT; i++)
		maps_load(fixture.maps, i)->idle_ticks = IDLE;
	publish(POISE_SCHEDULER_ROUNDROBIN, COUNT(all), all, COUNT(all));
	fixture_own(&fixture, AWAY4);
	test_roundrobin();
	test_roundrobin_skips();
	for (size_t i = 0; i < COUNT(leastconn_cases); i++)
		test_leastconn_case(&leastconn_cases[i]);
	test_leastconn_window();
	test_leastconn_even();
	test_two_cpus();
	fixture_close(&fixture);
	return tap_done();
}
