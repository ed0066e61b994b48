/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Services with second chance: which backends their slots name, over changes, reloads, removals and
 * restarts, and what another balancer's history or a guess tells a ring that begins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "balancer_fixture.h"
#include "balancer_packets.h"
#include "balancer_commands.h"
#include "ring_history.h"

#define CHAINS(exceptions)                                                                         \
	"- name: web\n  address: 203.0.113.10\n  port: 80\n  ring_size: 1021\n"                    \
	"  encapsulation: gue\n  second_chance: true\n  exceptions: " exceptions "\n  backends:\n"
#define PLAIN_GUE                                                                                  \
	"- name: web\n  address: 203.0.113.10\n  port: 80\n  ring_size: 1021\n"                    \
	"  encapsulation: gue\n  backends:\n"

static struct service *web(void)
{
	return service_named("web");
}

static uint32_t named(void)
{
	return web()->moving.named;
}

static uint32_t recorded(void)
{
	return web()->moving.recorded;
}

static bool has_flag(void)
{
	return maps_service(world.balancer->maps, web()->index)->flags & POISE_SERVICE_CHAIN;
}

/* Starts with what is pinned, without a guess. */
static void begin_adopted(const char *settle, const char *services)
{
	world.balancer->empty = false;
	begin(settle, services);
}

/* How many slots name that backend in one of the two places. */
static uint32_t naming(const char *name)
{
	return backend_named("web", name)->ring.named;
}

static uint32_t slots_naming(uint16_t index)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < web()->ring.size; i++) {
		struct poise_move move;

		ring_read(&web()->ring, i, &move);
		count += move.previous == index || (move.earlier & POISE_MOVE_EARLIER) == index;
	}
	return count;
}

static bool is_all_named(void *context)
{
	(void)context;
	return named() && !recorded();
}

static bool names_nobody(void *context)
{
	(void)context;
	return !named();
}

static bool is_forgotten(void *context)
{
	return !service_find(web(), context);
}

static void recorded_slots_become_named(void **state)
{
	uint32_t before;

	(void)state;
	begin_adopted("1s", CHAINS("on") B0 B1);
	assert_true(has_flag());
	assert_int_equal(named() + recorded(), 0);
	drain(backend_named("web", "b1"), true);
	before = recorded();
	assert_true(before > 400);
	assert_int_equal(named(), 0);
	assert_true(loop_until(is_all_named, NULL, PATIENCE_MS));
	assert_int_equal(named(), before);
	assert_int_equal(naming("b1"), before);
	loop_for(1500);
	assert_int_equal(named(), before);
}

static void names_survive_a_restart(void **state)
{
	uint32_t before, of_b1;

	(void)state;
	begin_adopted("15m", CHAINS("off") B0 B1 B2);
	drain(backend_named("web", "b1"), true);
	before = named();
	of_b1 = naming("b1");
	assert_true(of_b1 > 300);
	assert_int_equal(recorded(), 0);
	restart_with(config_with("15m", CHAINS("off") B0 B1 B2));
	assert_int_equal(named(), before);
	assert_int_equal(naming("b1"), of_b1);
}

/* What is pinned does not say that nothing is recorded: the configuration does, before any slot can
 * get another owner. */
static void a_start_with_other_backends_records_nothing(void **state)
{
	(void)state;
	begin_adopted("15m", CHAINS("off") B0 B1 B2);
	restart_with(config_with("15m", CHAINS("off") B0 B1 B3));
	assert_int_equal(recorded(), 0);
	assert_true(naming("b2") > 300);
}

static void a_removed_backend_is_named_for_the_settle_time(void **state)
{
	uint16_t index;
	int64_t begun;

	(void)state;
	begin_adopted("2s", CHAINS("off") B0 B1 B2);
	begun = balancer_now_ms();
	drain(backend_named("web", "b2"), true);
	apply(config_with("2s", CHAINS("off") B0 B1));
	index = backend_named("web", "b2")->index;
	assert_true(slots_naming(index) > 300);
	assert_true(loop_until(is_forgotten, "b2", PATIENCE_MS));
	assert_true(balancer_now_ms() - begun >= 2000);
	assert_int_equal(slots_naming(index), 0);
}

/* However long it drained: nobody knows when the last connection ended that chains lead to. */
static void one_that_drained_long_is_named_for_that_time_too(void **state)
{
	int64_t removed;

	(void)state;
	begin_adopted("2s", CHAINS("off") B0 B1 B2);
	drain(backend_named("web", "b2"), true);
	loop_for(2500);
	removed = balancer_now_ms();
	apply(config_with("2s", CHAINS("off") B0 B1));
	assert_true(loop_until(is_forgotten, "b2", PATIENCE_MS));
	assert_true(balancer_now_ms() - removed >= 2000);
}

static void second_chance_is_switched_on_and_off(void **state)
{
	(void)state;
	begin_adopted("15m", PLAIN_GUE B0 B1);
	assert_false(has_flag());
	apply(config_with("15m", CHAINS("off") B0 B1));
	assert_true(has_flag());
	drain(backend_named("web", "b1"), true);
	assert_true(named() > 400);
	apply(config_with("15m", CHAINS("on") B0 B1));
	assert_true(named() > 400);
	drain(backend_named("web", "b1"), false);
	assert_true(recorded() > 400);
	assert_int_equal(named(), 0);
	apply(config_with("15m", CHAINS("off") B0 B1));
	assert_true(recorded() > 400);
	drain(backend_named("web", "b1"), true);
	assert_true(named() > 400);
	apply(config_with("15m", PLAIN_GUE B0 B1));
	assert_false(has_flag());
	assert_int_equal(named() + recorded(), 0);
}

static void a_backend_that_no_chain_can_name_is_refused(void **state)
{
	char error[RUNTIME_ERROR_BYTES];
	struct config_backend wanted = {
		.name = "b2", .address = host(2), .weight = 100, .encapsulation = POISE_ENCAP_IPIP
	};
	struct backend *backend;

	(void)state;
	begin_adopted("15m", CHAINS("on") B0 B1);
	assert_int_equal(runtime_add(world.balancer, web(), &wanted, &backend, error), -EINVAL);
	assert_string_equal(error, "encapsulation: found ipip, allowed is gue only: service 'web' "
				   "has second_chance");
	apply(config_with("15m", PLAIN_GUE B0 B1));
	assert_int_equal(runtime_add(world.balancer, web(), &wanted, &backend, error), 0);
	quieten();
	apply_refused(config_with("15m", CHAINS("on") B0 B1),
		      "services.web.second_chance: found true, but backend 'b2', added by command, "
		      "has encapsulation ipip");
}

static void without_exceptions_and_chain_slots_never_move(void **state)
{
	(void)state;
	begin_adopted("15m", "- name: web\n  address: 203.0.113.10\n  port: 80\n"
			     "  ring_size: 1021\n  exceptions: off\n  backends:\n" B0 B1);
	drain(backend_named("web", "b1"), true);
	assert_int_equal(named() + recorded(), 0);
	assert_int_equal(backend_named("web", "b0")->ring.owned, 1021);
}

/* 20 + 12 + 36 bytes of headers become 40 + 12 + 20 when a backend hands the packet on. */
static void an_ipv4_tunnel_beside_ipv6_keeps_room_to_grow(void **state)
{
	const struct backend *backend;

	(void)state;
	begin_adopted("15m", CHAINS("on") B0 B1);
	backend = backend_named("web", "b0");
	assert_int_equal(backend->entry.mtu, 1500 - 12);
	apply(config_with("15m", CHAINS("on") B0 B1 "  - { name: six, address: 'fd00:9::9' }\n"));
	assert_int_equal(backend->entry.mtu, 1500 - 40);
	assert_int_equal(service_chain_room(web(), 6), 36);
}

/* Names. */

static json_t *exported(void)
{
	json_t *history = ring_history_head(world.balancer);

	json_object_set_new(history, "services", json_pack("[o]", ring_history_chunk(web(), 0)));
	return history;
}

static void take(const json_t *history, uint32_t expected)
{
	struct lines errors = { 0 };
	uint32_t slots;

	if (ring_history_take(world.balancer, history, &slots, &errors))
		fail_msg("%s", errors.text[0]);
	assert_int_equal(slots, expected);
}

/* Ends it all, and begins with empty maps. */
static void begin_anew(void)
{
	stop();
	assert_int_equal(pins_remove(world.pin_path, NULL), 0);
	start();
	world.balancer->empty = false;
}

static bool waits_no_more(void *context)
{
	(void)context;
	return !web()->waiting.slots;
}

/* Slots whose owner is not the one that their backends' weights say. */
static uint32_t misplaced(const struct image *wanted)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < web()->ring.size; i++)
		count += (web()->ring.slots[i] & POISE_SLOT_OWNER) !=
			 (wanted->slots[i] & POISE_SLOT_OWNER);
	return count;
}

/* Each change makes slots of others b3's, and at last some of these b0's. */
#define WAITING CHAINS("off") B0 B1 B2 B3
static void change_three_times(void)
{
	set_weight(backend_named("web", "b0"), 1);
	drain(backend_named("web", "b1"), true);
	set_weight(backend_named("web", "b2"), 1);
	set_weight(backend_named("web", "b0"), 1000);
}

static void a_third_change_waits_for_the_settle_time(void **state)
{
	struct image wanted;
	uint32_t waiting;

	(void)state;
	begin_adopted("15m", WAITING);
	change_three_times();
	waiting = web()->waiting.slots;
	assert_true(waiting > 10);
	assert_true(web()->waiting.last_ms - balancer_now_ms() > 14 * 60000);
	restart_with(config_with("15m", WAITING));
	assert_int_equal(web()->waiting.slots, waiting);
	apply(config_with("2s", WAITING));
	assert_true(loop_until(waits_no_more, NULL, PATIENCE_MS));
	quieten();
	wanted = image_of("web");
	begin_anew();
	begin("15m", WAITING);
	change_three_times();
	assert_int_equal(misplaced(&wanted), web()->waiting.slots);
	drain(backend_named("web", "b3"), true); /* whose slots cannot wait */
	assert_int_equal(backend_named("web", "b3")->ring.owned, 0);
}

static void a_history_goes_on_waiting(void **state)
{
	struct image before;
	uint32_t waiting;

	(void)state;
	begin_adopted("15m", WAITING);
	change_three_times();
	waiting = web()->waiting.slots;
	before = image_of("web");
	json_t *history = exported();
	begin_anew();
	world.balancer->empty = true;
	world.balancer->ring_history = history;
	begin("15m", CHAINS("off") "  - { name: b0, address: 10.9.0.11, weight: 1000 }\n"
				   "  - { name: b1, address: 10.9.0.12, drain: true }\n"
				   "  - { name: b2, address: 10.9.0.13, weight: 1 }\n" B3);
	assert_int_equal(web()->waiting.slots, waiting);
	assert_int_equal(misplaced(&before), 0);
}

static void a_history_names_what_it_did(void **state)
{
	uint32_t before, expected;
	json_t *history;

	(void)state;
	begin_adopted("15m", CHAINS("off") B0 B1 B2);
	drain(backend_named("web", "b1"), true);
	drain(backend_named("web", "b2"), true);
	before = named();
	history = exported();
	begin_anew();
	begin("15m", CHAINS("off") B1 B0 B2);
	expected = 1021 - backend_named("web", "b0")->ring.owned;
	take(history, before);
	json_decref(history);
	assert_int_equal(named(), before);
	/* all of them are b0's there, and here some are where they were first */
	assert_true(expected > 600 && naming("b0") == expected);
}

/* There a slot went from b1 to b2, whose connections are recorded, and on to b0. */
static void names_of_a_slot_that_recorded_are_taken_the_latest_first(void **state)
{
	uint32_t found = 0, recording;
	json_t *history;

	(void)state;
	begin_adopted("15m", CHAINS("on") B0 B1 B2);
	drain(backend_named("web", "b1"), true);
	drain(backend_named("web", "b2"), true);
	recording = recorded();
	history = exported();
	begin_anew();
	begin("15m", CHAINS("off") B0 B1 B2);
	drain(backend_named("web", "b1"), true);
	drain(backend_named("web", "b2"), true);
	for (uint32_t i = 0; i < web()->ring.size; i++)
		ring_name(&web()->ring, i, 0, 0, 0);
	take(history, recording);
	json_decref(history);
	for (uint32_t i = 0; i < web()->ring.size; i++) {
		struct poise_move move;

		ring_read(&web()->ring, i, &move);
		if (move.previous && move.earlier) {
			assert_int_equal(move.previous, backend_named("web", "b2")->index);
			found++;
		}
	}
	assert_true(found > 100);
}

static void a_history_leaves_alone_what_moves(void **state)
{
	struct image before;
	json_t *history;

	(void)state;
	begin_adopted("15m", CHAINS("on") B0 B1);
	drain(backend_named("web", "b1"), true);
	history = exported();
	before = image_of("web");
	take(history, 0);
	json_decref(history);
	expect_image("web", &before);
}

static void a_bad_history_changes_nothing(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "{}", "history: allowed is 1, the version of an export" },
		{ "{'history':1,'seed':'0x1','services':[]}",
		  "seed: allowed is that of the running rings, 0x5eed: others have other owners" },
		{ "{'history':1,'seed':'0x5eed'}", "services: allowed is a list" },
		{ "{'history':1,'seed':'0x5eed','services':[{'service':'web','ring_size':1021,"
		  "'backends':['b0 10.9.0.11','b1 10.9.0.12'],'moves':'0-1020 1 2 0 n 0;'},7]}",
		  "services[1]: allowed is an object of service, ring_size, backends and moves" },
		{ "{'history':1,'seed':'0x5eed','services':[{'service':'web','ring_size':1021,"
		  "'backends':['b0'],'moves':''}]}",
		  "services[0].backends[0]: allowed is a name, a space and an address" },
		{ "{'history':1,'seed':'0x5eed','services':[{'service':'web','ring_size':1021,"
		  "'backends':[],'moves':'0-0 0 0 0 n 0;5-1021 0 0 0 n 0;'}]}",
		  "services[0].moves: not understood at byte 16" },
		{ "{'history':1,'seed':'0x5eed','services':[{'service':'web','ring_size':1021,"
		  "'backends':['b0 10.9.0.11','b1 10.9.0.12'],'moves':'0-9 1 2 0 n 0;'},"
		  "{'service':'web','ring_size':1021,'backends':[],'moves':'9-9 0 0 0 n 0;'}]}",
		  "services[1].moves: not understood at byte 0" },
	};

	(void)state;
	begin_adopted("15m", CHAINS("on") B0 B1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[512];
		struct lines errors = { 0 };
		uint32_t slots = 1;
		json_t *history;

		snprintf(text, sizeof(text), "%s", rows[i].text);
		for (char *at = text; *at; at++)
			*at = *at == '\'' ? '"' : *at;
		history = json_loads(text, 0, NULL);
		assert_non_null(history);
		assert_int_equal(ring_history_take(world.balancer, history, &slots, &errors),
				 -EINVAL);
		json_decref(history);
		if (!errors.count || strncmp(errors.text[0], rows[i].error, strlen(rows[i].error)))
			fail_msg("expected '%s', got '%s'", rows[i].error,
				 errors.count ? errors.text[0] : "");
		lines_free(&errors);
		assert_int_equal(slots + named() + recorded(), 0);
	}
}

static bool is_guessed(void *context)
{
	(void)context;
	return web()->guess.made && !web()->guess.without;
}

static bool is_given_up(void *context)
{
	(void)context;
	return !web()->guess.made;
}

/* With two backends each slot names the other one. */
static void an_empty_start_guesses_for_the_settle_time(void **state)
{
	json_t *history;

	(void)state;
	begin("2s", CHAINS("on") B0 B1 B2);
	assert_true(loop_until(is_guessed, NULL, PATIENCE_MS));
	assert_int_equal(named(), 1021);
	assert_int_equal(naming("b0") + naming("b1") + naming("b2"), 1021);
	history = exported(); /* others are not told what is a guess */
	assert_string_equal(
		json_string_value(json_object_get(
			json_array_get(json_object_get(history, "services"), 0), "moves")),
		"");
	json_decref(history);
	assert_true(loop_until(names_nobody, NULL, PATIENCE_MS));
	assert_int_equal(recorded(), 0);
}

static void a_guess_is_given_up_after_a_restart_too(void **state)
{
	uint32_t changed;

	(void)state;
	begin("2s", CHAINS("on") B0 B1 B2);
	assert_true(loop_until(is_guessed, NULL, PATIENCE_MS));
	restart_with(config_with("2s", CHAINS("on") B0 B1 B2));
	assert_int_equal(named(), 1021);
	drain(backend_named("web", "b2"), true);
	changed = recorded();
	assert_true(changed > 300 && changed < 400);
	assert_true(loop_until(is_given_up, NULL, PATIENCE_MS));
	assert_true(loop_until(is_all_named, NULL, PATIENCE_MS));
	assert_int_equal(named(), changed); /* what a change brought stays */
}

/* Who owned the slot before b2 drained is who owned it on the other balancer. */
static void a_guess_finds_who_owned_before_a_change(void **state)
{
	struct image before;
	uint32_t found = 0, changed = 0;

	(void)state;
	begin("15m", CHAINS("on") B0 B1 B2);
	before = image_of("web");
	begin_anew();
	world.balancer->empty = true;
	begin("15m", CHAINS("on") B0 B1 "  - { name: b2, address: 10.9.0.13, drain: true }\n");
	assert_true(loop_until(is_guessed, NULL, PATIENCE_MS));
	for (uint32_t i = 0; i < web()->ring.size; i++) {
		struct poise_move move;
		uint16_t owner = ring_read(&web()->ring, i, &move) & POISE_SLOT_OWNER;
		uint16_t was = before.slots[i] & POISE_SLOT_OWNER;

		if (owner == was)
			continue;
		changed++;
		found += move.previous == was || (move.earlier & POISE_MOVE_EARLIER) == was;
	}
	assert_true(changed > 300);
	assert_int_equal(found, changed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(recorded_slots_become_named),
		TEST(names_survive_a_restart),
		TEST(a_start_with_other_backends_records_nothing),
		TEST(a_removed_backend_is_named_for_the_settle_time),
		TEST(one_that_drained_long_is_named_for_that_time_too),
		TEST(second_chance_is_switched_on_and_off),
		TEST(a_backend_that_no_chain_can_name_is_refused),
		TEST(without_exceptions_and_chain_slots_never_move),
		TEST(an_ipv4_tunnel_beside_ipv6_keeps_room_to_grow),
		TEST(a_third_change_waits_for_the_settle_time),
		TEST(a_history_goes_on_waiting),
		TEST(a_history_names_what_it_did),
		TEST(names_of_a_slot_that_recorded_are_taken_the_latest_first),
		TEST(a_history_leaves_alone_what_moves),
		TEST(a_bad_history_changes_nothing),
		TEST(an_empty_start_guesses_for_the_settle_time),
		TEST(a_guess_is_given_up_after_a_restart_too),
		TEST(a_guess_finds_who_owned_before_a_change),
	};

	if (!can_run())
		return 0;
	return cmocka_run_group_tests(tests, world_open, world_close);
}
