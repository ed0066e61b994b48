/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state file with the whole balancer: what comes back from it, when it counts and when the
 * pinned maps do, and what becomes of files that are wrong and directories that cannot be written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "balancer_fixture.h"
#include "balancer_packets.h"
#include "balancer_commands.h"
#include "overlay.h"
#include "state.h"
#include "state_file.h"

#define THREE	  WEB B0 B1 B2
#define FILE_NAME "state.json"
#define HEAD	  "{\"version\": 1, \"generation\": 7, \"changes\": ["
#define TAIL	  "]}"
#define ENTRY(more)                                                                                \
	"{\"service\": \"web\", \"backend\": \"b0\", \"address\": \"10.9.0.11\"" more "}"

static struct state *state;
static char directory[128], path[160];

/* What is logged is meant to be: nobody needs to see it. */
static void hush(bool on)
{
	static int kept = -1;
	int null;

	if (kept < 0)
		kept = dup(STDERR_FILENO);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(on ? null : kept, STDERR_FILENO);
	close(null);
}

static int begin_files(void **context)
{
	snprintf(directory, sizeof(directory), "%s/state", world.directory);
	snprintf(path, sizeof(path), "%s/" FILE_NAME, directory);
	return fresh(context);
}

static int end_files(void **context)
{
	hush(false);
	state_free(state);
	state = NULL;
	shell("umount %s 2>/dev/null; rm -rf %s", directory, directory);
	return over(context);
}

#define STATE_TEST(name) cmocka_unit_test_setup_teardown(name, begin_files, end_files)

static bool is_saved(void *context)
{
	(void)context;
	return state_is_settled(state);
}

static void until_saved(void)
{
	assert_true(loop_until(is_saved, NULL, 20000));
}

static void open_state(struct config *config)
{
	assert_int_equal(state_new(world.base, directory, &state), 0);
	apply(config);
	state_begin(state, world.balancer);
}

static void begin_with(const char *services)
{
	open_state(config_with("15m", services));
	quieten();
}

static void end(void)
{
	state_free(state);
	state = NULL;
	stop();
}

static void start_again(const char *services)
{
	start();
	begin_with(services);
}

/* As after a reboot, or 'poise detach'. */
static void lose_maps(void)
{
	assert_int_equal(pins_remove(world.pin_path, NULL), 0);
}

static void write_text(const char *text)
{
	FILE *file;

	mkdir(directory, 0700);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static char *read_text(const char *name)
{
	static char text[1 << 14];
	FILE *file = fopen(name, "r");
	size_t length = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	if (file)
		fclose(file);
	text[length] = 0;
	return text;
}

/* A line for each change by command; expected ends with NULL. */
static void expect_changes(const char *const *expected)
{
	struct lines lines = { 0 };
	size_t count = 0;

	overlay_describe(world.balancer, &lines);
	while (expected[count])
		count++;
	for (size_t i = 0; i < lines.count && i < count; i++)
		assert_string_equal(lines.text[i], expected[i]);
	assert_int_equal(lines.count, count);
	lines_free(&lines);
}

static const char *const none[] = { NULL };
static const char *const all[] = {
	"backend web/b0: removed by command, although the file declares it",
	"backend web/b1: weight 7 by command stays over 100 of the file",
	"backend web/b1: drain true by command stays over false of the file",
	"backend web/b3: added by command, the file does not declare it",
	NULL,
};

static void change_all(void)
{
	add("b3", 3);
	set_weight(backend_named("web", "b3"), 30);
	remove_one(backend_named("web", "b0"), false);
	drain(backend_named("web", "b1"), true);
	set_weight(backend_named("web", "b1"), 7);
	until_saved();
}

static void changes_come_back_without_the_maps(void **context)
{
	struct backend *b3;

	(void)context;
	begin_with(THREE);
	change_all();
	end();
	lose_maps();
	start_again(THREE);
	expect_changes(all);
	b3 = backend_named("web", "b3");
	assert_int_equal(b3->weight, 30);
	assert_true(b3->ring.owned > 0);
	assert_int_equal(backend_named("web", "b0")->ring.owned, 0);
	assert_int_equal(backend_named("web", "b1")->ring.owned, 0);
	assert_null(state_problem(state));
}

/* New maps know no generation: whichever the file has is later. */
static void a_file_of_any_generation_counts_with_new_maps(void **context)
{
	static const unsigned int generations[] = { 1, 32768, 40000, 65535, 65536, 131072, 200000 };

	(void)context;
	begin_with(THREE);
	change_all();
	for (size_t i = 0; i < ARRAY_SIZE(generations); i++) {
		end();
		shell("sed -i 's/\"generation\": [0-9]*/\"generation\": %u/' %s", generations[i],
		      path);
		lose_maps();
		start_again(THREE);
		expect_changes(all);
		end();
		start_again(THREE); /* by the maps */
		expect_changes(all);
	}
}

static void the_file_is_private_and_is_written_once_a_turn(void **context)
{
	struct stat before, after;

	(void)context;
	begin_with(THREE);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(before.st_mode & 07777, 0600);
	drain(backend_named("web", "b1"), true);
	drain(backend_named("web", "b2"), true);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino); /* not before the turn ends */
	until_saved();
	assert_non_null(strstr(read_text(path), "\"generation\": 2"));
	assert_non_null(strstr(read_text(path), "\"b2\""));
	drain(backend_named("web", "b2"), true); /* as it was */
	until_saved();
	assert_non_null(strstr(read_text(path), "\"generation\": 2"));
}

static void maps_that_are_ahead_of_the_file_count(void **context)
{
	static const char *const drained[] = {
		"backend web/b1: drain true by command stays over false of the file", NULL
	};
	char *before;

	(void)context;
	begin_with(THREE);
	before = strdup(read_text(path));
	drain(backend_named("web", "b1"), true);
	end();
	write_text(before); /* as if it had died between the maps and the file */
	free(before);
	start_again(THREE);
	expect_changes(drained);
	assert_non_null(strstr(read_text(path), "b1"));
}

/* As if it had died between state_begin_batch() and state_end_batch(). */
static void half_a_batch_is_undone(void **context)
{
	char *before;

	(void)context;
	hush(true);
	begin_with(THREE);
	change_all();
	before = strdup(read_text(path));
	drain(backend_named("web", "b1"), false);
	set_weight(backend_named("web", "b2"), 9);
	remove_one(backend_named("web", "b3"), true);
	add("b0", 0);
	state_free(state);
	maps_settings(world.balancer->maps)->generation = 0;
	stop();
	write_text(before);
	free(before);
	start_again(THREE);
	expect_changes(all);
	assert_true(maps_settings(world.balancer->maps)->generation != 0);
}

/* The batch counts from state_end_batch() on, before the file is written. */
static void a_batch_marks_the_maps_while_it_is_made(void **context)
{
	const uint16_t *generation;

	(void)context;
	begin_with(THREE);
	generation = &maps_settings(world.balancer->maps)->generation;
	state_begin_batch(state);
	assert_int_equal(*generation, 0);
	drain(backend_named("web", "b1"), true);
	assert_int_equal(*generation, 0);
	state_end_batch(state);
	assert_int_equal(*generation, 2);
	state_begin_batch(state); /* the file lacks the one before */
	assert_int_equal(*generation, 2);
	state_end_batch(state);
	until_saved();
	assert_int_equal(*generation, 3);
}

static void maps_left_over_from_before_do_not_count(void **context)
{
	char first[sizeof(world.pin_path)];

	(void)context;
	begin_with(THREE);
	set_weight(backend_named("web", "b2"), 9);
	until_saved();
	end();
	memcpy(first, world.pin_path, sizeof(first));
	snprintf(world.pin_path, sizeof(world.pin_path), "%s/bpf/other", world.directory);
	start_again(THREE);
	set_weight(backend_named("web", "b2"), 100);
	change_all();
	end();
	lose_maps();
	memcpy(world.pin_path, first, sizeof(first));
	start_again(THREE);
	expect_changes(all);
}

static void what_the_configuration_lacks_is_left_out(void **context)
{
	static const char *const left[] = {
		"backend web/b3: added by command, the file does not declare it", NULL
	};

	(void)context;
	begin_with(THREE);
	change_all();
	end();
	lose_maps();
	start_again(WEB B2);
	expect_changes(left);
	assert_null(strstr(read_text(path), "b1"));
}

static void what_was_added_and_is_declared_now_keeps_its_weight(void **context)
{
	static const char *const weight[] = {
		"backend web/b3: weight 30 by command stays over 100 of the file", NULL
	};

	(void)context;
	begin_with(WEB B0);
	add("b3", 3);
	set_weight(backend_named("web", "b3"), 30);
	until_saved();
	end();
	lose_maps();
	start_again(WEB B0 B3);
	expect_changes(weight);
}

static void expect_problem(const char *expected)
{
	const char *problem = state_problem(state);

	if (!problem || !strstr(problem, expected))
		fail_msg("expected '%s', got '%s'", expected, problem ? problem : "none");
}

static void wrong_files_are_kept_aside(void **context)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{\"version\": 1}",
		"{\"version\": \"1\", \"generation\": 1, \"changes\": []}",
		"{\"version\": 0, \"generation\": 1, \"changes\": []}",
		HEAD "7" TAIL,
		HEAD "{}" TAIL,
		HEAD ENTRY(", \"weight\": 1001") TAIL,
		HEAD ENTRY(", \"weight\": -1") TAIL,
		HEAD ENTRY(", \"weight\": \"7\"") TAIL,
		HEAD ENTRY(", \"drain\": 1") TAIL,
		HEAD ENTRY(", \"added\": true") TAIL,
		HEAD ENTRY(", \"added\": true, \"weight\": 1, \"encapsulation\": \"x\"") TAIL,
		HEAD "{\"service\": \"a b\", \"backend\": \"b0\", \"address\": \"10.9.0.11\"}" TAIL,
		HEAD "{\"service\": \"web\", \"backend\": \"b0\", \"address\": \"10.9.0\"}" TAIL,
		HEAD "[[[[[[]]]]]]" TAIL,
	};
	char bad[192];

	(void)context;
	snprintf(bad, sizeof(bad), "%s.bad", path);
	hush(true);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		write_text(texts[i]);
		begin_with(WEB B0);
		assert_string_equal(read_text(bad), texts[i]);
		assert_null(state_problem(state));
		expect_changes(none);
		drain(backend_named("web", "b0"), true);
		until_saved();
		assert_non_null(strstr(read_text(path), "b0"));
		end();
		lose_maps();
		start();
	}
}

static void a_file_of_a_later_version_is_left_alone(void **context)
{
	static const char text[] = "{\"version\": 2, \"what\": [\"ever\"]}";

	(void)context;
	hush(true);
	write_text(text);
	begin_with(WEB B0 B1);
	expect_problem("it is of version 2, and this poised knows 1");
	drain(backend_named("web", "b0"), true);
	until_saved();
	assert_string_equal(read_text(path), text);
}

/* Nor is what it leads to overwritten. */
static void what_is_no_file_is_left_alone(void **context)
{
	struct stat found;

	(void)context;
	hush(true);
	mkdir(directory, 0700);
	mkdir(path, 0700);
	begin_with(WEB B0 B1);
	expect_problem("cannot read '");
	expect_problem("found a directory or special file, allowed is a regular file");
	drain(backend_named("web", "b0"), true);
	until_saved();
	assert_int_equal(stat(path, &found), 0);
	assert_true(S_ISDIR(found.st_mode));
	end();
	rmdir(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	start_again(WEB B0 B1);
	expect_problem("Too many levels of symbolic links");
	end();
	assert_int_equal(unlink(path), 0);
	start_again(WEB B0 B1);
	assert_null(state_problem(state));
}

static void a_directory_serves_one(void **context)
{
	struct state *second;

	(void)context;
	begin_with(WEB B0 B1);
	hush(true);
	assert_int_equal(state_new(world.base, directory, &second), 0);
	assert_non_null(strstr(state_problem(second), "is in use by another poised"));
	state_free(second);
}

static void a_full_disk_is_told_and_waited_for(void **context)
{
	static const char *const drained[] = {
		"backend web/b1: drain true by command stays over false of the file", NULL
	};
	char filler[192];

	(void)context;
	hush(true);
	mkdir(directory, 0700);
	shell("mount -t tmpfs -o size=64k,mode=700 none %s", directory);
	begin_with(THREE);
	assert_null(state_problem(state));
	snprintf(filler, sizeof(filler), "%s/filler", directory);
	shell("! cat /dev/zero 2>/dev/null >%s", filler);
	drain(backend_named("web", "b1"), true);
	until_saved();
	expect_problem("No space left on device");
	assert_non_null(strstr(read_text(path), "\"changes\": []")); /* whole, as it was */
	expect_changes(drained);
	unlink(filler);
	set_weight(backend_named("web", "b2"), 100); /* the next change; or ten seconds later */
	until_saved();
	assert_null(state_problem(state));
	assert_non_null(strstr(read_text(path), "b1"));
}

static void a_directory_that_cannot_be_written_is_read(void **context)
{
	(void)context;
	hush(true);
	begin_with(THREE);
	change_all();
	end();
	lose_maps();
	shell("mount --bind %s %s && mount -o remount,bind,ro %s", directory, directory, directory);
	start_again(THREE);
	expect_changes(all);
	expect_problem("Read-only file system");
	shell("mount -o remount,bind,rw %s", directory);
	set_weight(backend_named("web", "b2"), 5);
	until_saved();
	assert_null(state_problem(state));
}

static void a_file_too_large_is_not_parsed(void **context)
{
	struct state_changes changes;
	char error[STATE_ERROR_BYTES];
	size_t length = STATE_MAX_BYTES + 1;
	char *text = malloc(length);

	(void)context;
	memset(text, '[', length);
	assert_int_equal(state_parse(text, length, &changes, error), -EINVAL);
	assert_non_null(strstr(error, "larger"));
	memset(text, ' ', length);
	for (size_t i = 0; i < 4 << 20; i++)
		memcpy(text + 3 * i, "[],", 3);
	text[0] = '[';
	assert_int_equal(state_parse(text, 12 << 20, &changes, error), -EINVAL);
	assert_non_null(strstr(error, "larger"));
	free(text);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		STATE_TEST(changes_come_back_without_the_maps),
		STATE_TEST(a_file_of_any_generation_counts_with_new_maps),
		STATE_TEST(the_file_is_private_and_is_written_once_a_turn),
		STATE_TEST(maps_that_are_ahead_of_the_file_count),
		STATE_TEST(half_a_batch_is_undone),
		STATE_TEST(a_batch_marks_the_maps_while_it_is_made),
		STATE_TEST(maps_left_over_from_before_do_not_count),
		STATE_TEST(what_the_configuration_lacks_is_left_out),
		STATE_TEST(what_was_added_and_is_declared_now_keeps_its_weight),
		STATE_TEST(wrong_files_are_kept_aside),
		STATE_TEST(a_file_of_a_later_version_is_left_alone),
		STATE_TEST(what_is_no_file_is_left_alone),
		STATE_TEST(a_directory_serves_one),
		STATE_TEST(a_full_disk_is_told_and_waited_for),
		STATE_TEST(a_directory_that_cannot_be_written_is_read),
		cmocka_unit_test(a_file_too_large_is_not_parsed),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return can_run() ? cmocka_run_group_tests(tests, world_open, world_close) : 0;
}
