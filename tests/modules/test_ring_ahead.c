/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rings that are built ahead are those that maglev_build() makes, or are not used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "ring_ahead.h"

enum { SIZE = 1021, SEED = 7, SERVICES = 2, MEMBERS = 3, PATIENCE_MS = 20000 };

/* The second service has a backend that drains, and one of weight 0. */
static const char text[] =
	"interfaces:\n- name: lo\ntunnel:\n  source_ipv4: 172.16.0.0/16\nseed: 7\nservices:\n"
	"- name: a\n  address: 203.0.113.1\n  port: 80\n  ring_size: 1021\n  backends:\n"
	"  - { name: a1, address: 10.0.0.1 }\n  - { name: a2, address: 10.0.0.2, weight: 300 }\n"
	"  - { name: a3, address: 10.0.0.3 }\n"
	"- name: b\n  address: 203.0.113.2\n  port: 80\n  ring_size: 1021\n  backends:\n"
	"  - { name: b1, address: 10.0.0.4 }\n  - { name: b2, address: 10.0.0.5, drain: true }\n"
	"  - { name: b3, address: 10.0.0.6, weight: 0 }\n  - { name: b4, address: 10.0.0.7 }\n";

static struct maglev_member members[SERVICES][MEMBERS] = {
	{ { .address = { .family = 4, .bytes = { 10, 0, 0, 1 } }, .index = 900, .weight = 100 },
	  { .address = { .family = 4, .bytes = { 10, 0, 0, 2 } }, .index = 32767, .weight = 300 },
	  { .address = { .family = 4, .bytes = { 10, 0, 0, 3 } }, .index = 5, .weight = 100 } },
	{ { .address = { .family = 4, .bytes = { 10, 0, 0, 4 } }, .index = 7, .weight = 100 },
	  { .address = { .family = 4, .bytes = { 10, 0, 0, 6 } }, .index = 8, .weight = 0 },
	  { .address = { .family = 4, .bytes = { 10, 0, 0, 7 } }, .index = 9, .weight = 100 } },
};

static bool can_run(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 1)
		return true;
	printf("SKIP: one CPU has no time for rings ahead\n");
	return false;
}

static struct ring_ahead *begin(void)
{
	struct config_errors errors = { 0 };
	struct ring_ahead *ahead;
	struct config *config;

	assert_int_equal(config_load_text("test", text, strlen(text), &config, &errors), 0);
	ahead = ring_ahead_begin(config);
	config_free(config);
	assert_non_null(ahead);
	return ahead;
}

static bool take(struct ring_ahead *ahead, size_t place, uint16_t *owners)
{
	return ring_ahead_take(ahead, place, members[place], MEMBERS, SIZE, SEED, owners);
}

static void wait_for(struct ring_ahead *ahead, size_t made)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (int ms = 0; ring_ahead_made(ahead) < made; ms++) {
		assert_true(ms < PATIENCE_MS);
		nanosleep(&pause, NULL);
	}
}

static void a_ring_is_the_one_that_is_built_now(void **state)
{
	struct ring_ahead *ahead = begin();
	struct maglev_member built[MEMBERS];
	uint16_t owners[SIZE], expected[SIZE];

	(void)state;
	wait_for(ahead, SERVICES);
	for (size_t i = 0; i < SERVICES; i++) {
		assert_true(take(ahead, i, owners));
		memcpy(built, members[i], sizeof(built));
		assert_int_equal(maglev_build(built, MEMBERS, SIZE, SEED, expected), 0);
		assert_memory_equal(owners, expected, sizeof(owners));
		for (size_t n = 0; n < MEMBERS; n++)
			assert_int_equal(members[i][n].slots, built[n].slots);
	}
	ring_ahead_free(ahead);
}

static void a_ring_of_others_is_not_used(void **state)
{
	struct ring_ahead *ahead = begin();
	struct maglev_member other[MEMBERS];
	uint16_t owners[SIZE] = { 0 };

	(void)state;
	ring_ahead_free(NULL);
	assert_false(ring_ahead_take(NULL, 0, members[0], MEMBERS, SIZE, SEED, owners));
	wait_for(ahead, 1);
	memcpy(other, members[1], sizeof(other));
	assert_false(ring_ahead_take(ahead, 1, other, MEMBERS - 1, SIZE, SEED, owners));
	assert_false(ring_ahead_take(ahead, 1, other, MEMBERS, SIZE - 2, SEED, owners));
	assert_false(ring_ahead_take(ahead, 1, other, MEMBERS, SIZE, SEED + 1, owners));
	assert_false(ring_ahead_take(ahead, SERVICES, other, MEMBERS, SIZE, SEED, owners));
	other[2].weight++;
	assert_false(ring_ahead_take(ahead, 1, other, MEMBERS, SIZE, SEED, owners));
	other[2] = members[1][2];
	other[0].address.bytes[3]++;
	assert_false(ring_ahead_take(ahead, 1, other, MEMBERS, SIZE, SEED, owners));
	assert_true(take(ahead, 1, owners));
	ring_ahead_free(ahead);
}

static void what_is_stopped_stays_usable(void **state)
{
	struct ring_ahead *ahead = begin();
	uint16_t owners[SIZE];

	(void)state;
	wait_for(ahead, 1);
	ring_ahead_stop(ahead);
	ring_ahead_stop(ahead);
	assert_true(take(ahead, 1, owners));
	ring_ahead_free(ahead);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_is_the_one_that_is_built_now),
		cmocka_unit_test(a_ring_of_others_is_not_used),
		cmocka_unit_test(what_is_stopped_stays_usable),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
