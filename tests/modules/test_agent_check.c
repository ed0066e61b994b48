/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Questions to agents: what each kind of answer is, and that none keeps a question open. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "agent_check.h"
#include "byte_server.h"

struct seen {
	struct agent_check *check;
	unsigned answers, failures;
	struct agent_line line;
	char error[AGENT_ERROR_BYTES];
	bool free_self;
};

static void on_answer(void *context, const struct agent_answer *answer)
{
	struct seen *seen = context;

	if (answer->line) {
		seen->answers++;
		seen->line = *answer->line;
	} else {
		seen->failures++;
	}
	snprintf(seen->error, sizeof(seen->error), "%s", answer->error);
	if (seen->free_self) {
		agent_check_free(seen->check);
		seen->check = NULL;
	}
}

static struct config_agent config_of(uint16_t port, uint32_t timeout_ms)
{
	return (struct config_agent){ .port = port,
				      .interval_ms = 60000,
				      .timeout_ms = timeout_ms };
}

static void begin(struct seen *seen, const struct config_agent *config)
{
	struct address address;

	assert_int_equal(address_parse("127.0.0.1", &address), 0);
	seen->check = agent_check_new(base, &address, config, true, on_answer, seen);
	assert_non_null(seen->check);
	assert_int_equal(seen->answers + seen->failures, 0);
}

static const struct agent_case {
	const char *name;
	struct conversation conversation;
	const char *error; /* "": there is a line */
	int percent;
	enum agent_health health;
	const char *reason;
	unsigned timeout_ms;
} cases[] = {
	{ .name = "a line",
	  .conversation = { .turns = { BYTES("up 75%\n") }, .then = HOLD },
	  .error = "",
	  .percent = 75,
	  .health = AGENT_UP,
	  .reason = "" },
	{ .name = "a line that ends with CR",
	  .conversation = { .turns = { BYTES("75%\r") }, .then = HOLD },
	  .error = "",
	  .percent = 75,
	  .reason = "" },
	{ .name = "a line that ends with the connection",
	  .conversation = { .turns = { BYTES("down # disk full") }, .then_at_once = true },
	  .error = "",
	  .percent = -1,
	  .health = AGENT_DOWN,
	  .reason = "disk full" },
	{ .name = "the first line counts",
	  .conversation = { .turns = { BYTES("up\ndown\n") }, .then_at_once = true },
	  .error = "",
	  .percent = -1,
	  .health = AGENT_UP,
	  .reason = "" },
	{ .name = "byte by byte",
	  .conversation = { .turns = { BYTES("up 75% # fine\n") }, .trickle_ms = 1, .then = HOLD },
	  .error = "",
	  .percent = 75,
	  .health = AGENT_UP,
	  .reason = "fine" },
	{ .name = "a line without an end",
	  .conversation = { .repeat = BYTES("up "), .turns = { BYTES("up ") } },
	  .error = "a line of more than 512 bytes" },
	{ .name = "no known word",
	  .conversation = { .turns = { BYTES("HTTP/1.1 400\r\n") } },
	  .error = "a line without a word that is known" },
	{ .name = "an empty line",
	  .conversation = { .turns = { BYTES("\n") } },
	  .error = "a line without a word that is known" },
	{ .name = "a NUL ends the line",
	  .conversation = { .turns = { BYTES("up\0down\n") }, .then_at_once = true },
	  .error = "",
	  .percent = -1,
	  .health = AGENT_UP,
	  .reason = "" },
	{ .name = "closed at once",
	  .conversation = { .then = CLOSE },
	  .error = "connection closed without a line" },
	{ .name = "reset at once",
	  .conversation = { .then = RESET },
	  .error = "Connection reset by peer" },
	{ .name = "silence",
	  .conversation = { .then = HOLD },
	  .error = "no answer within 200 ms",
	  .timeout_ms = 200 },
	{ .name = "half a line",
	  .conversation = { .turns = { BYTES("up") }, .then = HOLD },
	  .error = "no answer within 200 ms",
	  .timeout_ms = 200 },
};

static void test_case(void **state)
{
	const struct agent_case *c = *state;
	struct byte_server *server = byte_server_new(&c->conversation);
	struct config_agent config =
		config_of(server->port, c->timeout_ms ? c->timeout_ms : LIMIT_MS);
	struct seen seen = { 0 };

	begin(&seen, &config);
	run_while(seen.answers + seen.failures == 0, 2 * LIMIT_MS);
	assert_string_equal(seen.error, c->error);
	assert_int_equal(seen.answers, c->error[0] == '\0');
	if (seen.answers) {
		assert_int_equal(seen.line.has_percent ? seen.line.percent : -1, c->percent);
		assert_int_equal(seen.line.health, c->health);
		assert_string_equal(seen.line.reason, c->reason);
	}
	run_while(server->open > 0, LIMIT_MS); /* the question ended its connection */
	assert_int_equal(server->open, 0);
	agent_check_free(seen.check);
	byte_server_free(server);
}

static void test_refused(void **state)
{
	static const struct conversation conversation = { .then = HOLD };
	struct byte_server *server = byte_server_new(&conversation);
	struct config_agent config = config_of(server->port, LIMIT_MS);
	struct seen seen = { .free_self = true };

	(void)state;
	byte_server_free(server);
	begin(&seen, &config);
	run_while(seen.failures == 0, LIMIT_MS);
	assert_string_equal(seen.error, "Connection refused");
	assert_null(seen.check);
}

static void test_again(void **state)
{
	static const struct conversation conversation = { .turns = { BYTES("50%\n") } };
	struct byte_server *server = byte_server_new(&conversation);
	struct config_agent config = { .port = server->port,
				       .interval_ms = 100,
				       .timeout_ms = 100 };
	struct seen seen = { 0 };
	int64_t start = clock_ms();

	(void)state;
	begin(&seen, &config);
	run_while(seen.answers < 5, LIMIT_MS);
	assert_int_equal(seen.answers, 5);
	assert_in_range(clock_ms() - start, 4 * 45, LIMIT_MS);
	agent_check_free(seen.check);
	byte_server_free(server);
}

static void test_freed(void **state)
{
	static const struct conversation conversation = { .turns = { BYTES("up") }, .then = HOLD };
	struct byte_server *server = byte_server_new(&conversation);
	struct config_agent config = config_of(server->port, LIMIT_MS);

	(void)state;
	for (unsigned turns = 0; turns < 12; turns++) {
		struct seen seen = { 0 };

		begin(&seen, &config);
		for (unsigned i = 0; i < turns; i++)
			event_base_loop(base, EVLOOP_ONCE);
		agent_check_free(seen.check);
		assert_int_equal(seen.answers + seen.failures, 0);
	}
	byte_server_free(server);
}

int main(void)
{
	enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
	struct CMUnitTest tests[COUNT + 3];

	for (size_t i = 0; i < COUNT; i++)
		tests[i] = (struct CMUnitTest){ cases[i].name, test_case, NULL, NULL,
						(void *)&cases[i] };
	tests[COUNT] = (struct CMUnitTest)cmocka_unit_test(test_refused);
	tests[COUNT + 1] = (struct CMUnitTest)cmocka_unit_test(test_again);
	tests[COUNT + 2] = (struct CMUnitTest)cmocka_unit_test(test_freed);
	return cmocka_run_group_tests_name("agent_check", tests, setup, teardown);
}
