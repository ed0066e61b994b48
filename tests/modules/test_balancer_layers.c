/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The two layers, one behaviour a test: what the configuration declares and what commands lay over
 * it, as one configuration, over reloads and restarts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "balancer_fixture.h"
#include "balancer_packets.h"
#include "balancer_commands.h"
#include "config_write.h"
#include "estimate.h"
#include "overlay.h"

#define B0_LIGHT   "  - { name: b0, address: 10.9.0.11, weight: 7 }\n"
#define B1_DRAINED "  - { name: b1, address: 10.9.0.12, drain: true }\n"

/* The section 'services' of what runs is this text. */
static void expect_running(const char *expected)
{
	struct config *config = overlay_config(world.balancer);
	const char *services;
	size_t length;
	char *text;

	assert_non_null(config);
	assert_int_equal(config_write_text(config, &text, &length), 0);
	services = strstr(text, "services:\n");
	assert_non_null(services);
	assert_string_equal(services, expected);
	overlay_config_free(config);
	free(text);
}

#define RUNS                                                                                       \
	"services:\n- name: web\n  address: 203.0.113.10\n  port: 80\n  ring_size: 1021\n"         \
	"  backends:\n"

static void what_runs_is_the_configuration_and_the_changes_by_command(void **state)
{
	(void)state;
	begin("15m", WEB B0 B1 B2);
	expect_running(RUNS "  - {name: b0, address: 10.9.0.11}\n"
			    "  - {name: b1, address: 10.9.0.12}\n"
			    "  - {name: b2, address: 10.9.0.13}\n");
	add("b3", 3);
	remove_one(backend_named("web", "b0"), false);
	drain(backend_named("web", "b1"), true);
	set_weight(backend_named("web", "b2"), 7);
	expect_running(RUNS "  - {name: b1, address: 10.9.0.12, drain: true}\n"
			    "  - {name: b2, address: 10.9.0.13, weight: 7}\n"
			    "  - {name: b3, address: 10.9.0.14}\n");
}

static void expect_described(const char *const *expected, size_t count)
{
	struct lines lines = { 0 };

	overlay_describe(world.balancer, &lines);
	assert_int_equal(lines.count, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(lines.text[i], expected[i]);
	lines_free(&lines);
}

static void changes_by_command_are_described(void **state)
{
	static const char *const expected[] = {
		"backend web/b0: removed by command, although the file declares it",
		"backend web/b1: drain false by command stays over true of the file",
		"backend web/b2: weight 7 by command stays over 100 of the file",
		"backend web/b2: drain true by command stays over false of the file",
		"backend web/b3: added by command, the file does not declare it",
	};

	(void)state;
	begin("15m", WEB B0 B1_DRAINED B2);
	expect_described(NULL, 0);
	add("b3", 3);
	remove_one(backend_named("web", "b0"), false);
	drain(backend_named("web", "b1"), false);
	drain(backend_named("web", "b2"), true);
	set_weight(backend_named("web", "b2"), 7);
	expect_described(expected, ARRAY_SIZE(expected));
	restart_with(config_with("15m", WEB B0 B1_DRAINED B2));
	expect_described(expected, ARRAY_SIZE(expected));
}

static uint32_t slots_of(const char *name)
{
	return backend_named("web", name)->ring.owned;
}

static void a_declared_drain_takes_no_new_connection(void **state)
{
	(void)state;
	begin("15m", WEB B0 B1_DRAINED);
	assert_int_equal(slots_of("b1"), 0);
	apply(config_with("15m", WEB B0 B1));
	quieten();
	assert_true(slots_of("b1") > 0);
	apply(config_with("15m", WEB B0 B1_DRAINED));
	quieten();
	assert_int_equal(slots_of("b1"), 0);
	restart_with(config_with("15m", WEB B0 B1_DRAINED));
	assert_int_equal(slots_of("b1"), 0);
}

static void a_command_overrides_a_declared_drain(void **state)
{
	struct backend *b1;

	(void)state;
	begin("15m", WEB B0 B1_DRAINED);
	drain(backend_named("web", "b1"), false);
	assert_true(slots_of("b1") > 0);
	apply(config_with("15m", WEB B0 B1_DRAINED));
	assert_true(slots_of("b1") > 0);
	restart_with(config_with("15m", WEB B0 B1_DRAINED));
	b1 = backend_named("web", "b1");
	assert_true(b1->ring.owned > 0 && b1->record & POISE_RECORD_UNDRAIN);
	apply(config_with("15m", WEB B0 B1)); /* which says the same */
	assert_false(b1->record & POISE_RECORD_UNDRAIN);
	drain(b1, true);
	assert_true(b1->record & POISE_RECORD_DRAIN);
	apply(config_with("15m", WEB B0 B1_DRAINED));
	assert_false(b1->record & (POISE_RECORD_DRAIN | POISE_RECORD_UNDRAIN));
	assert_int_equal(slots_of("b1"), 0);
}

static void changes_that_are_held_take_effect_at_once(void **state)
{
	struct image before;

	(void)state;
	begin("15m", WEB B0 B1 B2);
	before = image_of("web");
	balancer_hold(world.balancer);
	drain(backend_named("web", "b0"), true);
	set_weight(backend_named("web", "b1"), 10);
	expect_image("web", &before);
	balancer_release(world.balancer);
	assert_int_equal(slots_of("b0"), 0);
	assert_true(slots_of("b1") > 0 && slots_of("b1") < 200);
	assert_false(world.balancer->sweep_wanted);
}

/* The estimate for web: 0 if it is not in the list. */
static json_int_t estimated(struct config *config)
{
	size_t left_out;
	json_t *list = estimate_moves(world.balancer, config, &left_out);
	json_int_t moves = 0;

	assert_int_equal(left_out, 0);
	assert_true(json_array_size(list) <= 1);
	if (json_array_size(list)) {
		assert_string_equal(
			json_string_value(json_object_get(json_array_get(list, 0), "service")),
			"web");
		moves = json_integer_value(json_object_get(json_array_get(list, 0), "moves"));
	}
	json_decref(list);
	return moves;
}

static int different_owners(const struct image *before)
{
	struct image now = image_of("web");
	int count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(now.slots); i++)
		count += ((now.slots[i] ^ before->slots[i]) & POISE_SLOT_OWNER) != 0;
	return count;
}

/* Estimates, applies, and counts what moved. */
static void expect_estimate(const char *services)
{
	struct config *config = config_with("15m", services);
	struct image before = image_of("web");
	json_int_t moves = estimated(config);

	expect_image("web", &before);
	apply(config);
	quieten();
	if (different_owners(&before) != moves)
		fail_msg("expected %d moves, got %lld: %s", different_owners(&before),
			 (long long)moves, services);
}

static void an_estimate_is_what_moves(void **state)
{
	static const char *const steps[] = {
		WEB B0 B1 B2,
		WEB B0 B1 B2 B3,
		WEB B0 B2 B3,
		WEB B0 B2 "  - { name: b3, address: 10.9.0.14, weight: 30 }\n",
		WEB B0 B1_DRAINED B2 B3,
		WEB B0 B1_DRAINED B2 B3,
		WEB B1 B2,
	};

	(void)state;
	begin("15m", WEB B0 B1);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		expect_estimate(steps[i]);
	drain(backend_named("web", "b1"), true);
	set_weight(backend_named("web", "b2"), 7);
	add("b4", 4);
	expect_estimate(WEB B1 "  - { name: b2, address: 10.9.0.13, weight: 50 }\n" B3);
	assert_int_equal(estimated(world.balancer->config), 0);
}

#define WEB_WITH(slow_start, path)                                                                 \
	"- name: web\n  address: 203.0.113.10\n  port: 80\n  ring_size: 1021\n"                    \
	"  on_down: keep\n  slow_start: " slow_start "\n  check: { type: http, path: " path " }\n" \
	"  backends:\n"

/* A key of the service 'web', or of one of its backends, has another value. */
#define WEB_KEY(key, from, to)                                                                     \
	{                                                                                          \
		.text = "service 'web': " key " " from " -> " to, .service = "web", .what = key,   \
		.before = from, .after = to                                                        \
	}
#define BACKEND_KEY(name, key, from, to)                                                           \
	{                                                                                          \
		.text = "backend 'web/" name "': " key " " from " -> " to, .service = "web",       \
		.backend = name, .what = key, .before = from, .after = to                          \
	}

static void a_reload_tells_each_key_before_and_after(void **state)
{
	static const struct audit_change expected[] = {
		{ .text = "settle 15m -> 20m", .what = "settle", .before = "15m", .after = "20m" },
		WEB_KEY("on_down", "rehash", "keep"),
		WEB_KEY("slow_start", "0s", "30s"),
		{ .text = "service 'web': check.type (none) -> http",
		  .service = "web",
		  .what = "check.type",
		  .after = "http" },
		{ .text = "service 'web': check.path (none) -> /up",
		  .service = "web",
		  .what = "check.path",
		  .after = "/up" },
		{ .text = "service 'web': backend 'b1' removed",
		  .service = "web",
		  .backend = "b1",
		  .what = "removed",
		  .before = "address 10.9.0.12, weight 100, ipip" },
		BACKEND_KEY("b0", "weight", "100", "30"),
		BACKEND_KEY("b2", "drain", "false", "true"),
		{ .text = "service 'web': backend 'b3' added",
		  .service = "web",
		  .backend = "b3",
		  .what = "added",
		  .after = "address 10.9.0.14, weight 100, ipip" },
	};

	(void)state;
	begin("15m", WEB B0 B1 B2);
	apply_telling(
		config_with(
			"20m",
			WEB_WITH("30s",
				 "/up") "  - { name: b0, address: 10.9.0.11, weight: 30 }\n"
					"  - { name: b2, address: 10.9.0.13, drain: true }\n" B3),
		expected, ARRAY_SIZE(expected));
}

static void a_reload_tells_a_key_that_is_alone(void **state)
{
	static const struct audit_change expected[] = { WEB_KEY("slow_start", "30s", "31s"),
							WEB_KEY("check.path", "/up", "/ready") };

	(void)state;
	begin("15m", WEB_WITH("30s", "/up") B0);
	apply_telling(config_with("15m", WEB_WITH("31s", "/up") B0), expected, 1);
	apply_telling(config_with("15m", WEB_WITH("31s", "/ready") B0), expected + 1, 1);
	apply_telling(config_with("15m", WEB_WITH("31s", "/ready") B0), NULL, 0);
}

static void a_reload_tells_what_commands_overrule(void **state)
{
	static const struct audit_change expected[] = {
		{ .text = "backend 'web/b0': weight 100 -> 30 in the configuration, 7 by command "
			  "stays",
		  .service = "web",
		  .backend = "b0",
		  .what = "declared weight",
		  .before = "100",
		  .after = "30" },
		BACKEND_KEY("b1", "drain", "false", "true"),
		BACKEND_KEY("b1", "name", "b1", "b9"),
	};

	(void)state;
	begin("15m", WEB B0 B1);
	set_weight(backend_named("web", "b0"), 7);
	apply_telling(config_with("15m", WEB
				  "  - { name: b0, address: 10.9.0.11, weight: 30 }\n" B1_DRAINED),
		      expected, 2);
	drain(backend_named("web", "b1"), false);
	apply_telling(config_with("15m", WEB "  - { name: b0, address: 10.9.0.11, weight: 30 }\n"
					     "  - { name: b9, address: 10.9.0.12, drain: true }\n"),
		      expected + 2, 1);
}

#define OVERRULED(name, words)                                                                     \
	{                                                                                          \
		.text = "backend '" name "': overruled, what was set by command: " words,          \
		.service = "web", .backend = strchr(name, '/') + 1, .what = "overruled",           \
		.before = words                                                                    \
	}
#define REMOVED(name, words)                                                                       \
	{                                                                                          \
		.text = "service 'web': backend '" name "' removed", .service = "web",             \
		.backend = name, .what = "removed", .before = words                                \
	}

static void a_backend_that_a_reload_removes_loses_what_commands_set(void **state)
{
	const struct audit_change gone[] = {
		OVERRULED("web/b1", "weight 7, drained"),
		REMOVED("b1", "address 10.9.0.12, weight 7, ipip"),
	};
	const struct audit_change back[] = {
		{ .text = "service 'web': backend 'b1' is back",
		  .service = "web",
		  .backend = "b1",
		  .what = "back" },
		BACKEND_KEY("b1", "weight", "7", "100"),
	};

	(void)state;
	begin("15m", WEB B0 B1);
	set_weight(backend_named("web", "b1"), 7);
	drain(backend_named("web", "b1"), true);
	apply_telling(config_with("15m", WEB B0), gone, ARRAY_SIZE(gone));
	apply_telling(config_with("15m", WEB B0 B1), back, ARRAY_SIZE(back));
	quieten();
	assert_true(slots_of("b1") > 400);
	expect_described(NULL, 0);
}

static void a_service_that_a_reload_removes_loses_what_commands_set(void **state)
{
	const struct audit_change expected[] = {
		OVERRULED("web/b0", "removed"),
		OVERRULED("web/b1", "undrained"),
		OVERRULED("web/b3", "added, weight 100"),
		{ .text = "service 'web' removed", .service = "web", .what = "removed" },
	};

	(void)state;
	begin("15m", WEB B0 B1_DRAINED B2);
	drain(backend_named("web", "b1"), false);
	add("b3", 3);
	remove_one(backend_named("web", "b0"), false);
	apply_telling(config_with("15m", ""), expected, ARRAY_SIZE(expected));
}

/* The order in which a server is taken out by command: it is new when the configuration has it. */
static void what_was_drained_and_removed_by_command_is_declared_anew(void **state)
{
	struct backend *b3;

	(void)state;
	begin("15m", WEB B0 B1);
	b3 = add("b3", 3);
	set_weight(b3, 7);
	drain(b3, true);
	assert_false(remove_one(b3, false));
	apply(config_with("15m", WEB B0 B1 B3));
	quieten();
	assert_true(slots_of("b3") > 200);
	expect_described(NULL, 0);
}

static void a_reload_tells_what_was_by_command_and_is_declared(void **state)
{
	static const struct audit_change weight[] = {
		{ .text = "service 'web': weight 7 of backend 'b0', set by command, is declared "
			  "now",
		  .service = "web",
		  .backend = "b0",
		  .what = "declared weight",
		  .before = "100",
		  .after = "7" },
	};
	static const struct audit_change drained[] = {
		{ .text = "service 'web': that backend 'b1' drains, by command, is declared now",
		  .service = "web",
		  .backend = "b1",
		  .what = "declared drain",
		  .before = "false",
		  .after = "true" },
		BACKEND_KEY("b1", "drain", "false", "true"),
	};
	static const struct audit_change added[] = {
		{ .text = "service 'web': backend 'b3', added by command, is declared now",
		  .service = "web",
		  .backend = "b3",
		  .what = "declared" },
	};

	(void)state;
	begin("15m", WEB B0 B1);
	set_weight(backend_named("web", "b0"), 7);
	apply_telling(config_with("15m", WEB B0_LIGHT B1), weight, ARRAY_SIZE(weight));
	drain(backend_named("web", "b1"), true);
	apply_telling(config_with("15m", WEB B0_LIGHT B1_DRAINED), drained, ARRAY_SIZE(drained));
	add("b3", 3);
	apply_telling(config_with("15m", WEB B0_LIGHT B1_DRAINED B3), added, ARRAY_SIZE(added));
}

static void a_reload_tells_of_services(void **state)
{
	static const struct audit_change added[] = {
		{ .text = "service 'web2' added", .service = "web2", .what = "added" },
		{ .text = "service 'web2': backend 'b0' added",
		  .service = "web2",
		  .backend = "b0",
		  .what = "added",
		  .after = "address 10.9.0.11, weight 100, ipip" },
	};
	static const struct audit_change removed[] = {
		{ .text = "service 'web2' removed", .service = "web2", .what = "removed" },
	};

	(void)state;
	begin("15m", WEB B1);
	apply_telling(config_with("15m", WEB B1 WEB_AT("web2", "81") B0), added, ARRAY_SIZE(added));
	apply_telling(config_with("15m", WEB B1), removed, ARRAY_SIZE(removed));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(what_runs_is_the_configuration_and_the_changes_by_command),
		TEST(changes_by_command_are_described),
		TEST(a_declared_drain_takes_no_new_connection),
		TEST(a_command_overrides_a_declared_drain),
		TEST(changes_that_are_held_take_effect_at_once),
		TEST(an_estimate_is_what_moves),
		TEST(a_reload_tells_each_key_before_and_after),
		TEST(a_reload_tells_a_key_that_is_alone),
		TEST(a_reload_tells_what_commands_overrule),
		TEST(a_backend_that_a_reload_removes_loses_what_commands_set),
		TEST(a_service_that_a_reload_removes_loses_what_commands_set),
		TEST(what_was_drained_and_removed_by_command_is_declared_anew),
		TEST(a_reload_tells_what_was_by_command_and_is_declared),
		TEST(a_reload_tells_of_services),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return can_run() ? cmocka_run_group_tests(tests, world_open, world_close) : 0;
}
