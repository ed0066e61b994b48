/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What poised does to the table of recorded flows, and to the counts of active ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "balancer_fixture.h"
#include "balancer_packets.h"
#include "balancer_commands.h"

#define LEASTCONN                                                                                  \
	"- name: web\n  address: 203.0.113.10\n  port: 80\n  ring_size: 251\n"                     \
	"  scheduler: leastconn\n  idle: 1m\n  backends:\n"

/* Two words of flows of b0, one of them in the table's last bucket, and one of nobody's. */
struct flow_words {
	__u64 *first, *last, *stray;
};

static struct flow_words put_flows(uint16_t backend, uint8_t state, uint16_t age)
{
	uint32_t buckets;
	struct poise_exception_bucket *flows = maps_flows(world.balancer->maps, &buckets);
	struct flow_words words = { &flows[0].word[3], &flows[buckets - 1].word[7],
				    &flows[9].word[0] };
	uint16_t stamp = balancer_clock() - age;

	*words.first = poise_exception_make(1ULL << 40, backend, state, stamp);
	*words.last = poise_exception_make(1ULL << 41, backend, POISE_EXCEPTION_HALF_OPEN,
					   balancer_clock());
	*words.stray = poise_exception_make(1ULL << 42, 777, POISE_EXCEPTION_ESTABLISHED, stamp);
	return words;
}

/* By the service's idle time, not by 'settle'; who had ended was not counted any more. */
static void a_sweep_removes_flows_that_expired(void **state)
{
	const uint16_t idle = balancer_settle_ticks(60000);
	struct poise_backend_load *load;
	struct flow_words words;
	uint16_t index;

	(void)state;
	begin("15m", LEASTCONN B0 B1);
	index = backend_named("web", "b0")->index;
	load = maps_load(world.balancer->maps, index);
	words = put_flows(index, POISE_EXCEPTION_ESTABLISHED, idle - 2);
	load->active = 2;
	maps_load(world.balancer->maps, 777)->active = 1;
	maps_load(world.balancer->maps, 777)->idle_ticks = 10000; /* of what had this index */
	sweep_all(world.balancer);
	assert_true(*words.first && *words.last && !*words.stray);
	assert_int_equal(load->active, 2);
	assert_int_equal(maps_load(world.balancer->maps, 777)->active, 0);
	assert_int_equal(backend_named("web", "b0")->exceptions, 2);
	assert_int_equal(world.balancer->flows_used, 2);

	words = put_flows(index, POISE_EXCEPTION_ESTABLISHED, idle);
	sweep_all(world.balancer);
	assert_true(!*words.first && *words.last);
	assert_int_equal(load->active, 1);
	assert_int_equal(world.balancer->flows_used, 1);

	words = put_flows(index, POISE_EXCEPTION_CLOSING, idle);
	sweep_all(world.balancer);
	assert_true(!*words.first && *words.last);
	assert_int_equal(load->active, 1);
}

#define LONGER                                                                                     \
	"- name: web\n  address: 203.0.113.10\n  port: 80\n  ring_size: 251\n"                     \
	"  scheduler: leastconn\n  idle: 1h\n  backends:\n"

static void a_longer_idle_time_finds_no_flow_that_had_expired(void **state)
{
	struct flow_words words;

	(void)state;
	begin("15m", LEASTCONN B0 B1);
	words = put_flows(backend_named("web", "b0")->index, POISE_EXCEPTION_ESTABLISHED,
			  balancer_settle_ticks(60000));
	maps_load(world.balancer->maps, backend_named("web", "b0")->index)->active = 2;
	apply(config_with("15m", LONGER B0 B1));
	assert_true(!*words.first && *words.last);
}

/* Slices, at their own pace, come by every bucket once a round. */
static void slices_make_a_round(void **state)
{
	struct flow_words words;
	uint64_t round;
	uint16_t index;

	(void)state;
	begin("15m", LEASTCONN B0 B1);
	sweep_all(world.balancer);
	index = backend_named("web", "b0")->index;
	words = put_flows(index, POISE_EXCEPTION_CLOSING, 10000);
	round = world.balancer->sweep_round;
	for (int i = 0; i < 1000 && world.balancer->sweep_round == round; i++)
		sweep_slice(world.balancer);
	assert_int_equal(world.balancer->sweep_round, round + 1);
	assert_true(!*words.first && *words.last && !*words.stray);
	assert_int_equal(backend_named("web", "b0")->exceptions, 1);
}

static void a_start_makes_wrong_counts_right(void **state)
{
	struct poise_backend_load *load, *other;
	uint16_t index;

	(void)state;
	begin("15m", LEASTCONN B0 B1);
	index = backend_named("web", "b0")->index;
	put_flows(index, POISE_EXCEPTION_CLOSING, 3);
	load = maps_load(world.balancer->maps, index);
	other = maps_load(world.balancer->maps, backend_named("web", "b1")->index);
	load->active = 0;
	other->active = 5;
	restart_with(config_with("15m", LEASTCONN B0 B1));
	index = backend_named("web", "b0")->index;
	assert_int_equal(maps_load(world.balancer->maps, index)->active, 1);
	index = backend_named("web", "b1")->index;
	assert_int_equal(maps_load(world.balancer->maps, index)->active, 0);
}

/* Puts a fragment's entry that names backend; returns its id. */
static uint32_t put_fragment(int fragments, uint16_t backend)
{
	struct poise_fragment_key key = { .id = 1000U + backend, .family = 4, .protocol = 17 };
	struct poise_fragment first = { .time_ns = 1, .backend = backend };

	assert_int_equal(bpf_map_update_elem(fragments, &key, &first, BPF_ANY), 0);
	return key.id;
}

static bool has_fragment(int fragments, uint32_t id)
{
	struct poise_fragment_key key = { .id = id, .family = 4, .protocol = 17 };
	struct poise_fragment first;

	return bpf_map_lookup_elem(fragments, &key, &first) == 0;
}

/* An index may become another backend's; 0 stands for the host. */
static void a_sweep_forgets_fragments_of_nobody(void **state)
{
	uint32_t host, stray, own;
	char path[sizeof(world.pin_path) + 16];
	int fragments;

	(void)state;
	begin("15m", LEASTCONN B0 B1);
	snprintf(path, sizeof(path), "%s/fragments", world.pin_path);
	fragments = bpf_obj_get(path);
	assert_true(fragments >= 0);
	host = put_fragment(fragments, 0);
	own = put_fragment(fragments, backend_named("web", "b0")->index);
	stray = put_fragment(fragments, 777);
	for (uint16_t i = 0; i < 2000; i++) /* more than are read at once */
		put_fragment(fragments, 2000 + i);
	sweep_all(world.balancer);
	assert_true(has_fragment(fragments, host) && has_fragment(fragments, own));
	assert_false(has_fragment(fragments, stray));
	for (uint16_t i = 0; i < 2000; i++)
		assert_false(has_fragment(fragments, 1000U + 2000 + i));
	close(fragments);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sweep_removes_flows_that_expired),
		TEST(a_longer_idle_time_finds_no_flow_that_had_expired),
		TEST(slices_make_a_round),
		TEST(a_sweep_forgets_fragments_of_nobody),
		TEST(a_start_makes_wrong_counts_right),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return can_run() ? cmocka_run_group_tests(tests, world_open, world_close) : 0;
}
