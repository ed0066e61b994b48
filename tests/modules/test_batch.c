/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Commands that change several backends as one, as the control socket hands them over: batches,
 * hosts, and additions of what is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "balancer_fixture.h"
#include "balancer_packets.h"
#include "balancer_commands.h"
#include "commands.h"
#include "control.h"
#include "daemon.h"
#include "overlay.h"
#include "peer.h"

#define OTHER                                                                                      \
	"- name: other\n  address: 203.0.113.11\n  port: 80\n  ring_size: 1021\n  backends:\n" B0 B2
#define COMMAND(command, name, more)                                                               \
	"{\"command\":\"backend-" command "\",\"arguments\":{\"service\":\"web\",\"name\":\"" name \
	"\"" more "}}"
#define DRAIN(name)		 COMMAND("drain", name, "")
#define UNDRAIN(name)		 COMMAND("undrain", name, "")
#define REMOVE(name)		 COMMAND("remove", name, "")
#define REMOVE_NOW(name)	 COMMAND("remove", name, ",\"now\":true")
#define WEIGHT(name, weight)	 COMMAND("weight", name, ",\"weight\":" weight)
#define ADD(name, address, more) COMMAND("add", name, ",\"address\":\"" address "\"" more)

/* The result, or NULL with the refusal in error. */
static json_t *ask(const char *command, const char *arguments, struct control_error *error)
{
	struct daemon daemon = { .balancer = world.balancer };
	struct peer peer = { .uid = 0 };
	json_t *json = json_loads(arguments, 0, NULL), *result;

	assert_non_null(json);
	*error = (struct control_error){ 0 };
	result = commands_handle(&daemon, &peer, command, json, error);
	json_decref(json);
	return result;
}

static size_t asked(const char *command, const char *arguments)
{
	struct control_error error;
	json_t *result = ask(command, arguments, &error);
	size_t count = json_array_size(json_object_get(result, "backends"));

	if (!result)
		fail_msg("%s: %s", error.text,
			 error.lines ? json_string_value(json_array_get(error.lines, 0)) : "");
	json_decref(result);
	quieten();
	return count;
}

/* Refused with these lines, which end with NULL; none: the text alone is looked at. */
static void expect_refused(const char *command, const char *arguments, const char *text,
			   const char *const *lines)
{
	struct control_error error;
	json_t *result = ask(command, arguments, &error);
	size_t i;

	assert_null(result);
	if (!strstr(error.text, text))
		fail_msg("expected '%s', got '%s'", text, error.text);
	for (i = 0; lines && lines[i]; i++)
		assert_string_equal(json_string_value(json_array_get(error.lines, i)), lines[i]);
	if (lines)
		assert_int_equal(json_array_size(error.lines), i);
	json_decref(error.lines);
}

static size_t count_changes(void)
{
	struct lines lines = { 0 };
	size_t count;

	overlay_describe(world.balancer, &lines);
	count = lines.count;
	lines_free(&lines);
	return count;
}

static unsigned int notified;

static void count_notice(void *context)
{
	(void)context;
	notified++;
}

static void a_batch_is_made_whole(void **state)
{
	(void)state;
	begin("15m", WEB B0 B1 B2);
	world.balancer->changed = count_notice;
	notified = 0;
	assert_int_equal(
		asked("batch", "{\"commands\":[" DRAIN("b0") "," WEIGHT("b1", "50") "," ADD(
				       "b3", "10.9.0.14", ",\"weight\":30") "," REMOVE("b2") "]}"),
		4);
	assert_true(notified > 0);
	assert_int_equal(backend_named("web", "b0")->ring.owned, 0);
	assert_int_equal(backend_named("web", "b2")->ring.owned, 0);
	assert_int_equal(backend_named("web", "b1")->weight, 50);
	assert_int_equal(backend_named("web", "b3")->weight, 30);
	assert_true(backend_named("web", "b3")->ring.owned > 300);
	assert_false(world.balancer->held);
}

static void a_batch_is_refused_whole_with_every_error(void **state)
{
	static const char *const lines[] = {
		"commands[1]: service 'web' has no backend 'nope'",
		"commands[2]: weight: found 1001, allowed is an integer from 0 to 1000",
		"commands[4]: service 'web' has that address already, as backend 'b1'",
		"commands[5]: 'detach' is no command for a batch",
		"commands[6]: unknown argument 'when'",
		"commands[7]: allowed is an object of a command and its arguments",
		"commands[8]: service 'web' has a backend 'b3' already, at 10.9.0.14",
		NULL,
	};
	struct image before;

	(void)state;
	begin("15m", WEB B0 B1);
	before = image_of("web");
	expect_refused(
		"batch",
		"{\"commands\":[" DRAIN("b0") "," DRAIN("nope") "," WEIGHT("b1", "1001") "," ADD(
			"b3", "10.9.0.14",
			"") "," ADD("b4", "10.9.0.12",
				    "") ","
					"{\"command\":\"detach\",\"arguments\":{}},"
					"{\"command\":\"backend-remove\",\"arguments\":{"
					"\"service\":\"web\",\"name\":\"b0\","
					"\"when\":true}},7," ADD("b3", "10.9.0.15", "") "]}",
		"nothing changed", lines);
	expect_image("web", &before);
	assert_int_equal(count_changes(), 0);
	expect_refused("batch", "{\"commands\":[]}", "1 to 4096", NULL);
	expect_refused("batch", "{\"commands\":{}}", "1 to 4096", NULL);
	expect_refused("batch", "{}", "1 to 4096", NULL);
}

static void a_batch_cuts_what_is_still_removed_at_its_end(void **state)
{
	(void)state;
	begin("15m", WEB B0 B1 B2);
	add("b3", 3);
	quieten();
	assert_int_equal(
		asked("batch",
		      "{\"commands\":[" REMOVE_NOW("b0") "," REMOVE("b1") "," REMOVE_NOW(
			      "b1") "," REMOVE_NOW("b3") "," REMOVE_NOW("b2") "," ADD("b2",
										      "10.9.0.13",
										      "") "]}"),
		6);
	assert_int_equal(backend_named("web", "b0")->state, POISE_RECORD_REMOVED);
	assert_int_equal(backend_named("web", "b1")->state, POISE_RECORD_REMOVED);
	assert_int_equal(backend_named("web", "b2")->state, POISE_RECORD_ACTIVE);
	assert_null(service_find(balancer_find(world.balancer, "web"), "b3"));
	assert_int_equal(asked("batch", "{\"commands\":[" ADD("b3", "10.9.0.14", "") "," REMOVE_NOW(
						"b3") "," REMOVE("b2") "]}"),
			 2);
	assert_int_equal(backend_named("web", "b2")->state, POISE_RECORD_REMOVING);
}

static void later_commands_see_the_earlier_ones(void **state)
{
	static const char *const twice[] = {
		"commands[1]: backend 'web/b1' is removed already, and "
		"waits for its connections to end ('--now' cuts them)",
		"commands[2]: backend 'web/b1' is removed", NULL
	};

	(void)state;
	begin("15m", WEB B0 B1);
	expect_refused("batch",
		       "{\"commands\":[" REMOVE("b1") "," REMOVE("b1") "," DRAIN("b1") "]}",
		       "nothing changed", twice);
	assert_int_equal(backend_named("web", "b1")->state, POISE_RECORD_ACTIVE);
	asked("batch",
	      "{\"commands\":[" ADD("b3", "10.9.0.14", "") "," DRAIN("b3") "," UNDRAIN(
		      "b3") "," WEIGHT("b3", "5") "," REMOVE("b1") "," ADD("b1", "10.9.0.12",
									   "") "]}");
	assert_int_equal(backend_named("web", "b3")->weight, 5);
	assert_int_equal(backend_named("web", "b1")->state, POISE_RECORD_ACTIVE);
	assert_int_equal(count_changes(), 1);
}

static void adding_what_is_there_changes_nothing_if_missing_is_asked(void **state)
{
	struct image before;

	(void)state;
	begin("15m", WEB B0 B1);
	before = image_of("web");
	for (int i = 0; i < 2; i++) {
		struct control_error error;
		json_t *result =
			ask("backend-add",
			    "{\"service\":\"web\",\"name\":\"b1\",\"address\":\"10.9.0.12\","
			    "\"weight\":7,\"if_missing\":true}",
			    &error);

		assert_true(json_is_true(json_object_get(result, "unchanged")));
		json_decref(result);
	}
	asked("batch", "{\"commands\":[" ADD("b1", "10.9.0.12", ",\"if_missing\":true") "]}");
	expect_image("web", &before);
	expect_refused("backend-add",
		       "{\"service\":\"web\",\"name\":\"b1\",\"address\":\"10.9.0.13\","
		       "\"if_missing\":true}",
		       "has a backend 'b1' already", NULL);
	expect_refused("backend-add",
		       "{\"service\":\"web\",\"name\":\"b9\",\"address\":\"10.9.0.12\","
		       "\"if_missing\":true}",
		       "has that address already", NULL);
	asked("batch", "{\"commands\":[" ADD("b3", "10.9.0.14", ",\"if_missing\":true") "," ADD(
			       "b3", "10.9.0.14", ",\"if_missing\":true") "]}");
	assert_true(backend_named("web", "b3")->ring.owned > 0);
}

static void a_host_drains_in_every_service(void **state)
{
	(void)state;
	begin("15m", WEB B0 B1 OTHER);
	assert_int_equal(asked("host-drain", "{\"address\":\"10.9.0.11\"}"), 2);
	assert_int_equal(backend_named("web", "b0")->ring.owned, 0);
	assert_int_equal(backend_named("other", "b0")->ring.owned, 0);
	assert_true(backend_named("web", "b1")->ring.owned > 0);
	assert_int_equal(count_changes(), 2);
	assert_int_equal(asked("host-undrain", "{\"address\":\"10.9.0.11\"}"), 2);
	assert_int_equal(count_changes(), 0);
	expect_refused("host-drain", "{\"address\":\"10.9.0.99\"}",
		       "no service has a backend with address 10.9.0.99", NULL);
	expect_refused("host-drain", "{\"address\":\"10.9\"}", "allowed is an IPv4 or IPv6 address",
		       NULL);
	expect_refused("host-drain", "{}", "address: missing", NULL);
}

static void a_name_that_is_not_there_gets_a_suggestion(void **state)
{
	(void)state;
	begin("15m", WEB B0 B1);
	expect_refused("backend-drain", "{\"service\":\"wbe\",\"name\":\"b0\"}",
		       "there is no service 'wbe': did you mean 'web'?", NULL);
	expect_refused("backend-drain", "{\"service\":\"web\",\"name\":\"0b\"}",
		       "service 'web' has no backend '0b': did you mean 'b0'?", NULL);
	expect_refused("backend-drain", "{\"service\":\"web\",\"name\":\"frobnicate\"}",
		       "service 'web' has no backend 'frobnicate'", NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_batch_is_made_whole),
		TEST(a_batch_is_refused_whole_with_every_error),
		TEST(a_batch_cuts_what_is_still_removed_at_its_end),
		TEST(later_commands_see_the_earlier_ones),
		TEST(adding_what_is_there_changes_nothing_if_missing_is_asked),
		TEST(a_host_drains_in_every_service),
		TEST(a_name_that_is_not_there_gets_a_suggestion),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return can_run() ? cmocka_run_group_tests(tests, world_open, world_close) : 0;
}
