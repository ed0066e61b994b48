/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Log lines as others read them, whatever they are made of: stderr goes to a file here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit_list.h"
#include "log.h"
#include "log_repeat.h"
#include "log_start.h"
#include "peer.h"

enum { OUTPUT_BYTES = 1 << 18, TIME_LENGTH = 24 /* 2026-01-02T03:04:05.678Z */ };

static int saved_stderr = -1, output_fd;
static char output[OUTPUT_BYTES];

static int set_up(void **state)
{
	(void)state;
	log_flush(true);
	output_fd = fileno(tmpfile());
	saved_stderr = dup(STDERR_FILENO);
	dup2(output_fd, STDERR_FILENO);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	log_flush(true);
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	return 0;
}

/* All that was logged so far. */
static const char *logged(void)
{
	ssize_t length = pread(output_fd, output, sizeof(output) - 1, 0);

	output[length > 0 ? length : 0] = '\0';
	return output;
}

static unsigned count_lines(const char *text)
{
	unsigned lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

static void expect_line(const char *wanted)
{
	const char *text = logged();

	assert_true(strlen(text) > TIME_LENGTH + 1);
	assert_int_equal(text[TIME_LENGTH - 1], 'Z');
	assert_string_equal(text + TIME_LENGTH + 1, wanted);
}

/* The one line that was logged, as an object without its time. */
static void expect_json(const char *wanted)
{
	json_t *line = json_loads(logged(), JSON_REJECT_DUPLICATES, NULL);
	const char *when = json_string_value(json_object_get(line, "time"));
	char *text;

	assert_int_equal(count_lines(output), 1);
	assert_non_null(when);
	assert_int_equal(strlen(when), TIME_LENGTH);
	json_object_del(line, "time");
	text = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER);
	assert_string_equal(text, wanted);
	free(text);
	json_decref(line);
}

static void test_levels(void **state)
{
	enum log_level level = LOG_LEVEL_INFO;
	enum log_format format;

	(void)state;
	assert_int_equal(log_parse_level("warning", &level), 0);
	assert_int_equal(level, LOG_LEVEL_WARNING);
	assert_int_equal(log_parse_level("loud", &level), -EINVAL);
	assert_int_equal(log_parse_format("json", &format), 0);
	assert_int_equal(log_parse_format("xml", &format), -EINVAL);
	log_init(level, LOG_FORMAT_TEXT);
	log_info("not this");
	log_warning("but this");
	expect_line("warning: but this\n");
}

static void test_subject(void **state)
{
	(void)state;
	log_event(LOG_LEVEL_WARNING, &(struct log_fields){ .service = "web", .backend = "app-01" },
		  "down: %s", "timeout");
	expect_line("warning: backend 'web/app-01': down: timeout\n");
}

static void test_subject_in_json(void **state)
{
	(void)state;
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_event(LOG_LEVEL_WARNING, &(struct log_fields){ .service = "web", .backend = "app-01" },
		  "down: %s", "\"timeout\"");
	expect_json("{\"level\":\"warning\",\"message\":\"down: \\\"timeout\\\"\","
		    "\"service\":\"web\",\"backend\":\"app-01\"}");
}

#define HOSTILE                                                                                    \
	"a\nerror: forged\r\x1b[2J\x1b]0;title\x07\x7f\xc2\x9b"                                    \
	"1m\xe2\x80\xae\xff\t\x01z"
#define HARMLESS "a?error: forged??[2J?]0;title????1m??????z"

static void test_hostile_text_stays_one_line(void **state)
{
	(void)state;
	log_event(LOG_LEVEL_ERROR, &(struct log_fields){ .interface = HOSTILE }, "%s", HOSTILE);
	expect_line("error: interface '" HARMLESS "': " HARMLESS "\n");
}

static void test_hostile_text_stays_one_object(void **state)
{
	(void)state;
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_event(LOG_LEVEL_ERROR, &(struct log_fields){ .interface = HOSTILE }, "%s", HOSTILE);
	expect_json("{\"level\":\"error\",\"message\":\"" HARMLESS "\",\"interface\":\"" HARMLESS
		    "\"}");
}

static void test_long_text_is_cut(void **state)
{
	static char text[1 << 20];
	const char *line;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	log_error("%s", text);
	line = logged();
	assert_int_equal(count_lines(line), 1);
	assert_true(strlen(line) < 1100);
	assert_string_equal(line + strlen(line) - 5, "x...\n");
}

static void test_long_fields_are_cut(void **state)
{
	static char text[1 << 20];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_event(LOG_LEVEL_ERROR, &(struct log_fields){ .service = text, .before = text }, "%s",
		  text);
	assert_int_equal(count_lines(logged()), 1);
	assert_true(strlen(output) < 4096);
}

static void test_repeated_lines_are_counted(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		log_warning("the same");
	assert_int_equal(count_lines(logged()), LOG_REPEAT_BURST);
	log_warning("another");
	assert_int_equal(count_lines(logged()), LOG_REPEAT_BURST + 1);
	log_flush(true);
	assert_non_null(strstr(logged(), "warning: repeated: 995 more like: the same\n"));
}

static void test_a_start_is_summed_up(void **state)
{
	static const struct log_fields kinds[] = { { .what = "a" },
						   { .what = "b" },
						   { .what = "a", .backend = "b" } };

	(void)state;
	log_begin_start(false);
	for (int i = 0; i < LOG_START_LINES + 7; i++) {
		log_info("ring %d", i);
		log_event(LOG_LEVEL_INFO, &kinds[i % 3], "%d", i);
		log_event(LOG_LEVEL_INFO, &kinds[i % 3], "%d", -i - 1);
	}
	log_warning("ring %d", 1);
	assert_int_equal(count_lines(logged()), 3 * LOG_START_LINES + 14 + 1);
	log_end_start();
	log_info("ring %d", 2000);
	assert_int_equal(count_lines(logged()), 3 * LOG_START_LINES + 14 + 3);
	assert_non_null(strstr(logged(), "info: left out: 7 more like: ring 200\n"));
}

static void test_a_start_leaves_no_change_out(void **state)
{
	(void)state;
	log_begin_start(true);
	for (int i = 0; i < LOG_START_LINES + 7; i++)
		log_event(LOG_LEVEL_INFO, &(struct log_fields){ .what = "a" }, "%d", i);
	log_end_start();
	assert_int_equal(count_lines(logged()), LOG_START_LINES + 7);
}

static void test_a_start_at_debug_is_written_in_full(void **state)
{
	(void)state;
	log_init(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	log_begin_start(false);
	for (int i = 0; i < LOG_START_LINES + 7; i++)
		log_info("ring %d", i);
	log_end_start();
	assert_int_equal(count_lines(logged()), LOG_START_LINES + 7);
}

static void test_repeats_end_with_their_window(void **state)
{
	char line[LOG_LINE_BYTES];
	uint64_t counted;
	int level;

	(void)state;
	for (int i = 0; i < LOG_REPEAT_BURST; i++)
		assert_true(log_repeat_admit(1, "l", 1000));
	assert_false(log_repeat_admit(1, "l", 1000 + LOG_REPEAT_WINDOW_MS - 1));
	assert_true(log_repeat_admit(2, "l", 1000)); /* another level is another line */
	assert_false(
		log_repeat_take(1000 + LOG_REPEAT_WINDOW_MS - 1, false, &level, line, &counted));
	assert_true(log_repeat_take(1000 + LOG_REPEAT_WINDOW_MS, false, &level, line, &counted));
	assert_int_equal(counted, 1);
	assert_int_equal(level, 1);
	assert_string_equal(line, "l");
	assert_true(log_repeat_admit(1, "l", 1000 + LOG_REPEAT_WINDOW_MS));
}

static void test_many_different_lines_are_all_written(void **state)
{
	(void)state;
	for (int i = 0; i < 500; i++)
		log_warning("line %d", i);
	assert_int_equal(count_lines(logged()), 500);
}

static const struct audit_change weight = {
	.service = "web", .backend = "app-01", .what = "weight", .before = "100", .after = "50"
};

static void test_change_by_a_user(void **state)
{
	const struct peer peer = { .uid = 0, .pid = 4711 };

	(void)state;
	audit_begin(&peer);
	audit_change(&weight);
	audit_end();
	expect_line("info: change: backend 'web/app-01': weight 100 -> 50, by root (uid 0, pid "
		    "4711)\n");
}

static void test_change_in_json(void **state)
{
	const struct peer peer = { .uid = 4242, .pid = 4711 };

	(void)state;
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	audit_begin(&peer);
	audit_change(&weight);
	audit_end();
	expect_json("{\"level\":\"info\",\"message\":\"weight 100 -> 50, by 4242 (uid 4242, pid "
		    "4711)\",\"event\":\"change\",\"service\":\"web\",\"backend\":\"app-01\","
		    "\"what\":\"weight\",\"before\":\"100\",\"after\":\"50\",\"by\":\"4242\","
		    "\"uid\":4242,\"pid\":4711}");
}

static void test_changes_of_poised_itself(void **state)
{
	(void)state;
	audit_begin_cause("signal SIGHUP");
	audit_line("settle 2m -> 5m");
	audit_end();
	audit_change(&(struct audit_change){ .interface = "eth0", .what = "attached" });
	logged();
	assert_non_null(strstr(output, " info: change: settle 2m -> 5m, by signal SIGHUP\n"));
	assert_non_null(strstr(output, " info: change: interface 'eth0': attached, by poised\n"));
}

static void test_change_by_a_check(void **state)
{
	const struct peer peer = { .uid = 0, .pid = 4711 };

	(void)state;
	audit_begin(&peer);
	audit_change(&(struct audit_change){ .service = "web",
					     .backend = "app-01",
					     .what = "health",
					     .before = "up",
					     .after = "down",
					     .by = "its check",
					     .why = "connection refused",
					     .warning = true });
	audit_end();
	expect_line("warning: change: backend 'web/app-01': health up -> down: connection "
		    "refused, by its check\n");
}

/* Of two changes; what they were made of does not live as long. */
static void list_of_a_reload(struct audit_list *list)
{
	char service[] = "web", before[] = "/", after[] = "/up";

	audit_list_add(list,
		       &(struct audit_change){ .service = service,
					       .what = "check.path",
					       .before = before,
					       .after = after },
		       "service '%s': check.path %s -> %s", service, before, after);
	audit_list_add(list,
		       &(struct audit_change){ .service = service,
					       .backend = "app-01",
					       .what = "removed",
					       .before = "address 10.0.1.11" },
		       "service '%s': backend 'app-01' removed", service);
	memset(service, 'x', sizeof(service));
	memset(before, 'x', sizeof(before));
	memset(after, 'x', sizeof(after));
}

static void test_changes_of_a_reload(void **state)
{
	struct audit_list list = {};

	(void)state;
	list_of_a_reload(&list);
	audit_begin_cause("signal SIGHUP");
	audit_list_log(&list);
	audit_end();
	logged();
	assert_non_null(strstr(output, " info: change: service 'web': check.path / -> /up, by "
				       "signal SIGHUP\n"));
	assert_non_null(strstr(output, " info: change: service 'web': backend 'app-01' removed, by "
				       "signal SIGHUP\n"));
	audit_list_free(&list);
	assert_int_equal(list.count, 0);
}

static void test_changes_of_a_reload_in_json(void **state)
{
	struct audit_list list = {};

	(void)state;
	list_of_a_reload(&list);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	audit_begin_cause("signal SIGHUP");
	audit_change(&list.changes[0]);
	audit_end();
	expect_json("{\"level\":\"info\",\"message\":\"service 'web': check.path / -> /up, by "
		    "signal SIGHUP\",\"event\":\"change\",\"service\":\"web\",\"what\":"
		    "\"check.path\",\"before\":\"/\",\"after\":\"/up\",\"by\":\"signal "
		    "SIGHUP\"}");
	audit_list_free(&list);
}

static void test_every_change_is_logged_however_often(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		audit_change(&weight);
	assert_int_equal(count_lines(logged()), 100);
}

int main(void)
{
#define LOG_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		LOG_TEST(test_levels),
		LOG_TEST(test_subject),
		LOG_TEST(test_subject_in_json),
		LOG_TEST(test_hostile_text_stays_one_line),
		LOG_TEST(test_hostile_text_stays_one_object),
		LOG_TEST(test_long_text_is_cut),
		LOG_TEST(test_long_fields_are_cut),
		LOG_TEST(test_repeated_lines_are_counted),
		LOG_TEST(test_a_start_is_summed_up),
		LOG_TEST(test_a_start_leaves_no_change_out),
		LOG_TEST(test_a_start_at_debug_is_written_in_full),
		LOG_TEST(test_repeats_end_with_their_window),
		LOG_TEST(test_many_different_lines_are_all_written),
		LOG_TEST(test_change_by_a_user),
		LOG_TEST(test_change_in_json),
		LOG_TEST(test_changes_of_poised_itself),
		LOG_TEST(test_change_by_a_check),
		LOG_TEST(test_changes_of_a_reload),
		LOG_TEST(test_changes_of_a_reload_in_json),
		LOG_TEST(test_every_change_is_logged_however_often),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
