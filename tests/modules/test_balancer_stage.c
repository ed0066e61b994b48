/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * First owners of services with second chance, in maps that begin empty: no slot has an owner that
 * packets see before it has its names, whatever happens meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "balancer_fixture.h"
#include "balancer_packets.h"
#include "balancer_commands.h"
#include "ring_stage.h"

#define CHAINS_OF(size)                                                                            \
	"- name: web\n  address: 203.0.113.10\n  port: 80\n  ring_size: " size "\n"                \
	"  encapsulation: gue\n  second_chance: true\n  backends:\n"
#define CHAINS CHAINS_OF("1021")
#define LARGE  CHAINS_OF("65537")
#define PLAIN  "- name: plain\n  address: 203.0.113.10\n  port: 81\n  ring_size: 1021\n  backends:\n"
#define ALL    B0 B1 B2

static struct service *web(void)
{
	return service_named("web");
}

/* What packets see. */
static struct ring live_ring(void)
{
	return maps_ring(world.balancer->maps, &web()->extent);
}

struct seen {
	uint32_t empty, owned, named; /* slots; named: of those with an owner */
};

static struct seen look(void)
{
	struct ring ring = live_ring();
	struct seen seen = { 0 };

	for (uint32_t i = 0; i < ring.size; i++) {
		struct poise_move move;
		uint16_t word = ring_read(&ring, i, &move);

		seen.empty += word == 0;
		seen.owned += (word & POISE_SLOT_OWNER) != 0;
		seen.named += (word & POISE_SLOT_OWNER) && move.previous;
	}
	return seen;
}

/* With three backends each slot has somebody else to name. */
static void expect_named(struct seen seen)
{
	if (seen.owned != seen.named)
		fail_msg("%u slots have an owner, %u of them name another backend", seen.owned,
			 seen.named);
}

static bool is_staged(void *context)
{
	(void)context;
	return web()->stage.active;
}

static bool is_served(void *context)
{
	struct seen seen = look();

	(void)context;
	expect_named(seen);
	return !seen.empty;
}

/* As loop_until(), and looks after each turn of the loop, not when nothing is left to do at once.
 */
static bool step_until(bool (*done)(void *context), void *context)
{
	int64_t end = balancer_now_ms() + PATIENCE_MS;

	while (!done(context)) {
		if (balancer_now_ms() >= end)
			return false;
		event_base_loop(world.base, EVLOOP_ONCE);
	}
	return true;
}

static void stage(const char *services)
{
	apply(config_with("15m", services));
	assert_true(step_until(is_staged, NULL));
}

static void expect_served(void)
{
	assert_true(step_until(is_served, NULL));
	quieten();
	expect_named(look());
	assert_int_equal(look().owned, live_ring().size);
	assert_ptr_equal(web()->ring.slots, live_ring().slots);
	assert_int_equal(world.balancer->staged_slots, 0);
}

static void owners_come_with_names(void **state)
{
	(void)state;
	stage(CHAINS ALL);
	assert_int_equal(look().empty, 1021);
	assert_int_equal(sent_to("203.0.113.10", 80), DROPPED);
	expect_served();
	assert_true(sent_to("203.0.113.10", 80) >= 0);
}

static void a_command_meanwhile_moves_slots(void **state)
{
	uint16_t index;

	(void)state;
	stage(CHAINS ALL);
	index = backend_named("web", "b1")->index;
	drain(backend_named("web", "b1"), true);
	expect_served();
	assert_int_equal(backend_named("web", "b1")->ring.owned, 0);
	for (uint32_t i = 0; i < 1021; i++) {
		struct ring ring = live_ring();
		struct poise_move move;
		uint16_t word = ring_read(&ring, i, &move);

		assert_int_not_equal(word & POISE_SLOT_OWNER, index);
	}
	assert_true(backend_named("web", "b1")->ring.leaving > 300);
}

static void a_backend_that_is_cut_meanwhile_is_not_named(void **state)
{
	uint16_t index;

	(void)state;
	stage(CHAINS ALL B3);
	index = backend_named("web", "b1")->index;
	remove_one(backend_named("web", "b1"), true);
	expect_served();
	for (uint32_t i = 0; i < 1021; i++) {
		struct ring ring = live_ring();
		struct poise_move move;
		uint16_t word = ring_read(&ring, i, &move);

		assert_int_not_equal(word & POISE_SLOT_OWNER, index);
		assert_int_not_equal(move.previous, index);
		assert_int_not_equal(move.earlier & POISE_MOVE_EARLIER, index);
	}
}

static void switched_off_meanwhile_owners_serve_at_once(void **state)
{
	(void)state;
	stage(CHAINS ALL);
	apply(config_with("15m", "- name: web\n  address: 203.0.113.10\n  port: 80\n"
				 "  ring_size: 1021\n  encapsulation: gue\n  backends:\n" ALL));
	assert_false(web()->stage.active);
	assert_int_equal(look().owned, 1021);
	assert_int_equal(look().named, 0);
}

static bool is_filled(void *context)
{
	return service_named(context)->filled;
}

/* The one waits for its names, the other for nothing; and so does one that is new later. */
static void services_without_second_chance_do_not_wait(void **state)
{
	(void)state;
	stage(LARGE ALL PLAIN B0 B1);
	assert_true(step_until(is_filled, "plain"));
	assert_true(web()->stage.active);
	assert_true(sent_to("203.0.113.10", 81) >= 0);
}

static void a_service_that_is_new_later_does_not_wait(void **state)
{
	(void)state;
	apply(config_with("15m", PLAIN B0 B1));
	quieten();
	loop_for(600); /* what begins with empty maps is over with the first tick behind it */
	apply(config_with("15m", PLAIN B0 B1 CHAINS ALL));
	quieten();
	assert_int_equal(look().owned, 1021);
	assert_int_equal(look().named, 0);
}

/* Then names follow while owners serve. */
static void no_ring_waits_for_longer_than_its_time(void **state)
{
	(void)state;
	stage(LARGE ALL);
	assert_true(web()->stage.until_ms - balancer_now_ms() <= RING_STAGE_LIMIT_MS);
	while (!web()->filled)
		event_base_loop(world.base, EVLOOP_ONCE);
	web()->stage.until_ms = balancer_now_ms();
	ring_stage_tick(world.balancer);
	assert_int_equal(look().owned, 65537);
	assert_true(look().named < 65537);
	assert_ptr_equal(web()->ring.slots, live_ring().slots);
}

static void rings_beyond_the_room_wait_their_turn(void **state)
{
	(void)state;
	world.balancer->staged_slots = RING_STAGE_MAX_SLOTS;
	apply(config_with("15m", CHAINS ALL));
	loop_for(300);
	assert_false(web()->filled);
	assert_int_equal(look().empty, 1021);
	world.balancer->staged_slots = 0;
	balancer_commit_later(world.balancer);
	expect_served();
}

/* As if poised had died there: nothing is written on the way. */
static void a_death_meanwhile_loses_no_names(void **state)
{
	(void)state;
	stage(CHAINS ALL);
	stop();
	start();
	apply(config_with("15m", CHAINS ALL));
	expect_served();
}

/* Nothing is known of the backends then: the fill waits for them as if they were new, and not one
 * of them gets slots that are another's. */
static void a_death_before_the_first_fill_is_none(void **state)
{
	(void)state;
	apply(config_with("15m", CHAINS ALL));
	stop();
	shell("ip neigh del 10.9.0.13 dev in0");
	start();
	apply(config_with("15m", CHAINS ALL));
	loop_for(200);
	assert_int_equal(look().empty, 1021);
	mend_network();
	expect_served();
	assert_int_equal(web()->moving.recorded, 0);
}

static void a_death_between_two_slots_loses_no_names(void **state)
{
	struct poise_service_record record;
	struct ring ring;

	(void)state;
	stage(CHAINS ALL);
	expect_served();
	maps_service_record_read(world.balancer->maps, web()->index, &record);
	record.changing = true;
	maps_service_record_write(world.balancer->maps, web()->index, &record);
	ring = live_ring();
	memset(&ring.slots[500], 0, 521 * sizeof(*ring.slots));
	stop();
	start();
	assert_int_equal(look().empty, 521);
	apply(config_with("15m", CHAINS ALL));
	expect_served();
}

static bool is_known_down(void *context)
{
	(void)context;
	return web()->filled && !web()->dirty;
}

static void slots_that_get_their_owners_late_have_names(void **state)
{
	(void)state;
	for (int k = 0; k < 3; k++)
		host_set_up(k, false);
	apply(config_with("15m", CHAINS ALL));
	assert_true(loop_until(is_known_down, NULL, PATIENCE_MS));
	assert_int_equal(look().empty, 1021);
	loop_for(1200);
	for (int k = 0; k < 3; k++)
		host_set_up(k, true);
	expect_served();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(owners_come_with_names),
		TEST(a_command_meanwhile_moves_slots),
		TEST(a_backend_that_is_cut_meanwhile_is_not_named),
		TEST(switched_off_meanwhile_owners_serve_at_once),
		TEST(services_without_second_chance_do_not_wait),
		TEST(a_service_that_is_new_later_does_not_wait),
		TEST(no_ring_waits_for_longer_than_its_time),
		TEST(rings_beyond_the_room_wait_their_turn),
		TEST(a_death_meanwhile_loses_no_names),
		TEST(a_death_before_the_first_fill_is_none),
		TEST(a_death_between_two_slots_loses_no_names),
		TEST(slots_that_get_their_owners_late_have_names),
	};

	if (!can_run())
		return 0;
	return cmocka_run_group_tests(tests, world_open, world_close);
}
