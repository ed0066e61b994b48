/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The whole balancer with its program, one behaviour a test: what becomes of backends that are
 * added, removed, renamed, drained, weighted, by command or by configuration, over reloads and
 * restarts. Services: test_balancer_services.c. Random histories: test_balancer_model.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "balancer_fixture.h"
#include "balancer_packets.h"
#include "balancer_commands.h"

static void an_index_is_not_reused_before_a_sweep(void **state)
{
	struct backend *backend;
	uint16_t index;

	(void)state;
	begin("15m", WEB B0 B1);
	backend = add("b2", 2);
	index = backend->index;
	assert_true(remove_one(backend, true));
	assert_null(world.balancer->by_index[index]);
	assert_int_not_equal(add("b3", 3)->index, index);
	sweep_all(world.balancer);
	assert_int_not_equal(balancer_take_index(world.balancer), index);
	sweep_all(world.balancer);
	assert_int_equal(balancer_take_index(world.balancer), index);
}

static __u64 *exception_place(uint32_t bucket, int way)
{
	return &maps_exceptions(world.balancer->maps)[bucket].word[way];
}

/* While one of its second buckets holds records, a first one never looks as if none did. */
static void a_sweep_keeps_second_buckets_in_reach(void **state)
{
	enum { FIRST = 5, SECOND = POISE_EXCEPTION_FIRST + FIRST + 3 * POISE_EXCEPTION_FIRST };
	const __u64 gap = POISE_EXCEPTION_GAP;
	uint16_t index;
	__u64 expired, live;

	(void)state;
	begin("15m", WEB B0 B1);
	index = backend_named("web", "b0")->index;
	live = poise_exception_make(1ULL << 40, index, POISE_EXCEPTION_ESTABLISHED,
				    balancer_clock());
	expired = poise_exception_make(1ULL << 40, index, POISE_EXCEPTION_ESTABLISHED,
				       balancer_clock() - 20000);
	*exception_place(FIRST, 0) = expired;
	*exception_place(FIRST, 1) = expired;
	*exception_place(SECOND, 7) = live;
	*exception_place(SECOND, 0) = expired;
	sweep_all(world.balancer);
	assert_true(*exception_place(FIRST, 0) == gap);
	assert_true(*exception_place(FIRST, 1) == 0);
	assert_true(*exception_place(SECOND, 7) == live);
	assert_true(*exception_place(SECOND, 0) == 0);
	assert_int_equal(backend_named("web", "b0")->exceptions, 1);

	sweep_all(world.balancer);
	assert_true(*exception_place(FIRST, 0) == gap);
	*exception_place(SECOND, 7) = expired;
	sweep_all(world.balancer); /* comes by the first bucket before the second one */
	assert_true(*exception_place(SECOND, 7) == 0);
	sweep_all(world.balancer);
	assert_true(*exception_place(FIRST, 0) == 0);
}

struct waiting {
	const struct connections *connections;
	const char *name;
	int64_t checked_at;
};

static bool is_forgotten(void *context)
{
	struct waiting *waiting = context;

	if (waiting->connections && balancer_now_ms() > waiting->checked_at + 200) {
		waiting->checked_at = balancer_now_ms();
		expect_kept(waiting->connections);
	}
	return !service_find(service_named("web"), waiting->name);
}

static bool is_gone(void *context)
{
	const struct waiting *waiting = context;

	return backend_gone(world.balancer, backend_named("web", waiting->name));
}

/* Both backends lose their place at once: one is removed, one drained. */
static void leaving_backends_are_gone_when_their_connections_are(void **state)
{
	struct waiting waiting = { .name = "b2" };
	struct connections all;

	(void)state;
	begin("1s", WEB B0 B1);
	add("b2", 2);
	connect_all(&all, "203.0.113.10", 80);
	assert_true(count_at(&all, 1) > 30 && count_at(&all, 2) > 30);
	assert_false(remove_one(backend_named("web", "b2"), false));
	drain(backend_named("web", "b1"), true);
	waiting.connections = &all;
	assert_false(loop_until(is_forgotten, &waiting, 4000));
	waiting.name = "b1";
	assert_false(is_gone(&waiting));
	waiting.connections = NULL;
	assert_true(loop_until(is_gone, &waiting, PATIENCE_MS));
	waiting.name = "b2";
	assert_true(loop_until(is_forgotten, &waiting, PATIENCE_MS));
	assert_int_equal(service_named("web")->moving.recorded, 0);
}

static void a_removed_declared_backend_stays_removed_until_added(void **state)
{
	struct backend *backend;

	(void)state;
	begin("15m", WEB B0 B1);
	assert_false(remove_one(backend_named("web", "b1"), true));
	apply(config_with("15m", WEB B0 B1));
	quieten();
	assert_int_equal(backend_named("web", "b1")->state, POISE_RECORD_REMOVED);
	restart_with(config_with("15m", WEB B0 B1));
	backend = backend_named("web", "b1");
	assert_int_equal(backend->state, POISE_RECORD_REMOVED);
	assert_int_equal(backend->ring.owned, 0);
	assert_ptr_equal(add("b1", 1), backend);
	assert_true(backend->ring.owned > 400);
	assert_false(backend->record & POISE_RECORD_OUT);
	restart_with(config_with("15m", WEB B0 B1));
	assert_true(backend_eligible(backend_named("web", "b1")));
}

/* The configuration's word counts again when it has given the backend up in between. */
static void a_backend_declared_anew_is_no_longer_removed(void **state)
{
	(void)state;
	begin("15m", WEB B0 B1);
	assert_false(remove_one(backend_named("web", "b1"), false));
	apply(config_with("15m", WEB B0));
	restart_with(config_with("15m", WEB B0 B1));
	assert_int_equal(backend_named("web", "b1")->state, POISE_RECORD_ACTIVE);
}

/* Otherwise a configuration that did not change would be refused from then on. */
static void the_name_of_a_removed_declared_backend_is_taken(void **state)
{
	(void)state;
	begin("15m", WEB B0 B1);
	remove_one(backend_named("web", "b1"), false);
	add_refused("b1", "10.9.0.13", "declares");
	remove_one(backend_named("web", "b1"), true);
	add_refused("b1", "10.9.0.13", "declares");
	add("b2", 2);
	apply(config_with("15m", WEB B0 B1));
	restart_with(config_with("15m", WEB B0 B1));
}

static void adding_what_cannot_be_is_refused(void **state)
{
	(void)state;
	begin("15m", WEB B0 B1);
	add_refused("b0", "10.9.0.13", "has a backend 'b0' already");
	add_refused("b9", "10.9.0.11", "has that address already, as backend 'b0'");
	add_refused("b9", "203.0.113.10", "would loop");
	add_refused("b9", "127.0.0.1", "unicast address of another host");
	remove_one(backend_named("web", "b0"), false);
	add_refused("b9", "10.9.0.11", "which is being removed");
	assert_int_equal(balancer_free_indexes(world.balancer), POISE_MAX_BACKENDS - 3);
}

static void renaming_moves_no_slot(void **state)
{
	struct image before;

	(void)state;
	begin("15m", WEB B0 B1);
	before = image_of("web");
	apply(config_with("15m", WEB "  - { name: b1, address: 10.9.0.11 }\n"
				     "  - { name: b0, address: 10.9.0.12 }\n"));
	quieten();
	expect_image("web", &before);
	assert_int_equal(backend_named("web", "b1")->address.bytes[3], 11);
	restart_with(config_with("15m", WEB B0 "  - { name: b9, address: 10.9.0.12 }\n"));
	expect_image("web", &before);
}

static void a_weight_by_command_stays_until_it_is_declared(void **state)
{
	(void)state;
	begin("15m", WEB B0 B1);
	set_weight(backend_named("web", "b1"), 25);
	apply(config_with("15m", WEB B0 B1));
	assert_int_equal(backend_named("web", "b1")->weight, 25);
	restart_with(
		config_with("15m", WEB B0 "  - { name: b1, address: 10.9.0.12, weight: 50 }\n"));
	assert_int_equal(backend_named("web", "b1")->weight, 25);
	apply(config_with("15m", WEB B0 "  - { name: b1, address: 10.9.0.12, weight: 25 }\n"));
	assert_false(backend_named("web", "b1")->record & POISE_RECORD_WEIGHT);
	apply(config_with("15m", WEB B0 B1));
	assert_int_equal(backend_named("web", "b1")->weight, 100);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(an_index_is_not_reused_before_a_sweep),
		TEST(a_sweep_keeps_second_buckets_in_reach),
		TEST(leaving_backends_are_gone_when_their_connections_are),
		TEST(a_removed_declared_backend_stays_removed_until_added),
		TEST(a_backend_declared_anew_is_no_longer_removed),
		TEST(the_name_of_a_removed_declared_backend_is_taken),
		TEST(adding_what_cannot_be_is_refused),
		TEST(renaming_moves_no_slot),
		TEST(a_weight_by_command_stays_until_it_is_declared),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return can_run() ? cmocka_run_group_tests(tests, world_open, world_close) : 0;
}
