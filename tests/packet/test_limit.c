// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How often the data plane answers. Echo stands for all of it: the buckets' arithmetic is the same
 * for every kind. Time is never assumed to pass at some speed: it is read before and after, and the
 * buckets are set to what a case needs.
 */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "fate.h"
#include "hex.h"

enum { RING_SIZE = 251, TRIES = 20 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND_NS    1000000000ULL

static struct fixture fixture;
static int limits; /* the map */
static size_t cpus;

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* Sets the buckets of a kind on all CPUs. */
static void set_buckets(uint32_t kind, const struct poise_limit *bucket)
{
	struct poise_limit *all = calloc(cpus, sizeof(*all));

	for (size_t i = 0; i < cpus; i++)
		all[i] = *bucket;
	bpf_map_update_elem(limits, &kind, all, BPF_ANY);
	free(all);
}

static struct poise_limit get_bucket(uint32_t kind, int cpu)
{
	struct poise_limit *all = calloc(cpus, sizeof(*all)), bucket;

	bpf_map_lookup_elem(limits, &kind, all);
	bucket = all[cpu];
	free(all);
	return bucket;
}

static int run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static bool answered(void)
{
	struct packet in = PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(CLIENT4, VIP4), echo()), out;

	return fixture_run(&fixture, &in, &out) == XDP_TX;
}

/* How many requests are answered one after the other; most: enough to stop. */
static uint64_t answers(uint64_t most)
{
	uint64_t count = 0;

	while (count < most && answered())
		count++;
	return count;
}

/*
 * Bursts.
 */

struct burst {
	const char *name;
	uint32_t rate;
	uint64_t burst;
};

/* A bucket that was left alone for long: it holds the burst, and what came in while it was
 * emptied. */
static void test_burst(const struct burst *row)
{
	static const struct poise_limit idle;
	uint64_t begin, passed, count, most;

	fixture_settings(&fixture)->echo_rate = row->rate;
	set_buckets(POISE_LIMIT_ECHO, &idle);
	begin = clock_ns();
	count = answers(row->burst * 100 + 100);
	passed = clock_ns() - begin;
	most = row->burst + passed * row->rate / SECOND_NS + 1;
	tap_note("%s: %llu answered in %llu ns", row->name, (unsigned long long)count,
		 (unsigned long long)passed);
	tap_ok(count >= row->burst && count <= most, "a burst at %s", row->name);
}

static void test_bursts(void)
{
	static const struct burst rows[] = {
		{ "1 a second", 1, 1 },
		{ "9 a second", 9, 1 },
		{ "10 a second", 10, 1 },
		{ "19 a second", 19, 1 },
		{ "20 a second", 20, 2 },
		{ "1000 a second", 1000, 100 },
		{ "10000 a second", 10000, 1000 },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		test_burst(&rows[i]);
}

/*
 * One packet's steps, from a bucket set to what it shall be.
 */

struct step {
	const char *name;
	uint32_t rate;
	uint64_t age_ns, credit; /* of the bucket before */
	bool answered;
	uint64_t left; /* credit after, if no time had passed meanwhile */
};

/* Everything is in ns * packets a second. */
#define PACKET ((uint64_t)POISE_LIMIT_PACKET)

static const struct step steps[] = {
	{ "credit of one packet", 1000, 0, PACKET, true, 0 },
	{ "credit of two packets", 1000, 0, 2 * PACKET, true, PACKET },
	{ "no credit, and no time", 1, 0, 0, false, 0 },
	{ "nearly a packet's credit", 1, 0, PACKET / 2, false, PACKET / 2 },
	{ "the time of a packet at 1 a second", 1, SECOND_NS, 0, true, 0 },
	{ "half the time of a packet at 1 a second", 1, SECOND_NS / 2, 0, false, PACKET / 2 },
	{ "half of it, and half the credit", 1, SECOND_NS / 2, PACKET / 2, true, 0 },
	{ "the time of two packets at 20 a second", 20, SECOND_NS / 10, 0, true, PACKET },
	{ "the time of four: two are kept at most", 20, SECOND_NS / 5, 0, true, PACKET },
	{ "more credit than the rate now allows", 10, 0, 50 * PACKET, true, 0 },
	{ "an hour at the highest rate", 1000000, 3600 * SECOND_NS, 0, true, 99999 * PACKET },
	{ "2^33 ns at 2^31 a second, whose product is 2^64", 1U << 31, 1ULL << 33, 0, true,
	  (1U << 31) * (PACKET / POISE_LIMIT_BURSTS) - PACKET },
	{ "an hour at 4294967295 a second", 0xffffffff, 3600 * SECOND_NS, 0, true,
	  0xffffffff * (PACKET / POISE_LIMIT_BURSTS) - PACKET },
};

/* Whether the step came out right; *disturbed: the clock went on while it was looked at. */
static bool step_holds(const struct step *step, bool *disturbed)
{
	uint64_t now = clock_ns();
	struct poise_limit bucket = { .time_ns = now - step->age_ns, .credit = step->credit };
	bool got;

	fixture_settings(&fixture)->echo_rate = step->rate;
	set_buckets(POISE_LIMIT_ECHO, &bucket);
	got = answered();
	bucket = get_bucket(POISE_LIMIT_ECHO, 0);
	*disturbed = bucket.time_ns != now;
	if (*disturbed)
		return false;
	if (got == step->answered && bucket.credit == step->left)
		return true;
	tap_note("%s: %s, credit left %llu, expected %llu", step->name,
		 got ? "answered" : "not answered", (unsigned long long)bucket.credit,
		 (unsigned long long)step->left);
	return false;
}

static void test_steps(void)
{
	for (size_t i = 0; i < COUNT(steps); i++) {
		bool disturbed = true, holds = false;

		for (int try = 0; try < TRIES && disturbed; try++)
			holds = step_holds(&steps[i], &disturbed);
		if (disturbed)
			tap_skip(steps[i].name, "the clock went on during each of many tries");
		else
			tap_ok(holds, "%s", steps[i].name);
	}
}

/*
 * Whose buckets.
 */

static const struct poise_limit full = { .credit = PACKET };

static void test_off(void)
{
	fixture_settings(&fixture)->echo_rate = 0;
	set_buckets(POISE_LIMIT_ECHO, &full);
	tap_ok(!answered(), "rate 0: never");
	tap_ok(get_bucket(POISE_LIMIT_ECHO, 0).credit == PACKET, "and the bucket is left alone");
}

static void test_kinds(void)
{
	struct poise_limit empty = { .time_ns = clock_ns() };

	fixture_settings(&fixture)->echo_rate = 1;
	set_buckets(POISE_LIMIT_ECHO, &full);
	set_buckets(POISE_LIMIT_ERROR, &empty);
	tap_ok(answered(), "an empty bucket of errors does not hold back echo replies");
	tap_ok(get_bucket(POISE_LIMIT_ERROR, 0).time_ns == empty.time_ns,
	       "and is left alone by them");
}

/* An empty bucket of one CPU is none of the other's. */
static void test_cpus(void)
{
	struct poise_limit *all = calloc(cpus, sizeof(*all));
	uint32_t kind = POISE_LIMIT_ECHO;

	if (cpus < 2 || run_on(1)) {
		tap_skip("each CPU has a bucket of its own", "there is one CPU to run on");
		free(all);
		return;
	}
	fixture_settings(&fixture)->echo_rate = 1;
	all[1] = (struct poise_limit){ .time_ns = clock_ns(), .credit = PACKET };
	all[0] = (struct poise_limit){ .time_ns = 1 };
	bpf_map_update_elem(limits, &kind, all, BPF_ANY);
	tap_ok(answered() && get_bucket(kind, 1).credit < PACKET &&
		       get_bucket(kind, 0).time_ns == 1,
	       "each CPU has a bucket of its own");
	free(all);
	run_on(0);
}

/* Both families draw on one bucket. */
static void test_families(void)
{
	const struct packet echoes[] = {
		PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(CLIENT4, VIP4), echo()),
		PKT(eth(ROUTER_MAC, EDGE_MAC), ip6(CLIENT6, VIP6), echo6()),
	};

	fixture_settings(&fixture)->echo_rate = 1;
	for (size_t i = 0; i < COUNT(echoes); i++) {
		struct fate fate =
			fate_of("limited", echoes[i], A4, XDP_DROP, POISE_REASON_ECHO_LIMITED);
		struct poise_limit empty;
		bool holds = false;

		for (int try = 0; try < TRIES && !holds; try++) {
			empty = (struct poise_limit){ .time_ns = clock_ns() };
			set_buckets(POISE_LIMIT_ECHO, &empty);
			holds = fate_holds(&fixture, &fate);
		}
		tap_ok(holds, "IPv%d echo beyond the limit is dropped and counted",
		       packet_family(&echoes[i]));
	}
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	limits = fixture_map_fd(&fixture, "limits");
	cpus = (size_t)libbpf_num_possible_cpus();
	run_on(0);
	test_bursts();
	test_steps();
	test_off();
	test_kinds();
	test_cpus();
	test_families();
	close(limits);
	fixture_close(&fixture);
	return tap_done();
}
