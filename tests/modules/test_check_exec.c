/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The exec check: what a program's end and output lead to, and that nothing of it is left. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check_fixture.h"

static const struct exec_case {
	const char *name, *script;
	const char *error; /* NULL: it passes */
	unsigned timeout_ms;
} cases[] = {
	{ "exit 0", "exit 0", NULL, 0 },
	{ "exit 0 with output", "echo all is well", NULL, 0 },
	{ "exit 3", "exit 3", "exit status 3", 0 },
	{ "the first line is the reason", "echo disk full; echo more; exit 2",
	  "exit status 2: disk full", 0 },
	{ "errors are output, too", "echo broken >&2; exit 1", "exit status 1: broken", 0 },
	{ "a line without an end", "printf broken; exit 1", "exit status 1: broken", 0 },
	{ "a line in pieces", "printf bro; sleep 0.05; printf 'ken\\nx'; exit 1",
	  "exit status 1: broken", 0 },
	{ "nothing but printable ASCII", "printf '\\033[31m\\377\\001a\\n'; exit 1",
	  "exit status 1: ?[31m??a", 0 },
	{ "a long line is cut",
	  "printf 'x%.0s' 1 2 3 4 5 6 7 8; head -c 4096 /dev/zero | tr '\\0' y; "
	  "exit 1",
	  "exit status 1: xxxxxxxx", 0 },
	{ "killed by a signal", "kill -TERM $$", "killed by signal 15", 0 },
	{ "a program that hangs", "sleep 60", "program did not end within 300 ms", 300 },
	{ "a program that ignores signals", "trap '' TERM INT HUP; while :; do sleep 1; done",
	  "program did not end within 300 ms", 300 },
	{ "output without an end", "exec cat /dev/zero", "program wrote more than 64 KiB", 0 },
	{ "a child that keeps the output open", "sleep 60 & exit 4", "exit status 4", 0 },
	{ "closed output is no end", "exec >&- 2>&-; sleep 0.1; exit 5", "exit status 5", 0 },
	{ "the environment is the backend's alone",
	  "[ \"$POISE_SERVICE $POISE_BACKEND $POISE_ADDRESS $POISE_PORT\" = "
	  "'web app 192.0.2.7 8080' ] && [ -z \"$SECRET\" ]",
	  NULL, 0 },
	{ "no file of ours is open",
	  "[ \"$(echo /proc/self/fd/*)\" = "
	  "'/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3' ]",
	  NULL, 0 },
	{ "nothing to read", "[ -z \"$(cat)\" ]", NULL, 0 },
	{ "the signals of a new process",
	  "grep -q '^SigBlk:.0000000000000000$' /proc/self/status && "
	  "grep -q '^SigIgn:.0000000000000000$' /proc/self/status",
	  NULL, 0 },
	{ "another user without rights",
	  "[ $(id -u) = 65534 ] && [ $(id -G) = 65534 ] && "
	  "grep -q '^CapPrm:.0000000000000000$' /proc/self/status && "
	  "grep -q '^NoNewPrivs:.1$' /proc/self/status",
	  NULL, 0 },
	{ "limits", "[ $(ulimit -n) = 64 ] && [ $(ulimit -c) = 0 ] && [ $(ulimit -v) = 1048576 ]",
	  NULL, 0 },
};

static struct config_check check_of_script(const char *script, char *command[4])
{
	struct config_check check = check_of(CHECK_EXEC, 8080);

	command[0] = (char *)"/bin/sh";
	command[1] = (char *)"-c";
	command[2] = (char *)script;
	command[3] = NULL;
	check.command = command;
	check.interval_ms = 60000;
	check.timeout_ms = LIMIT_MS;
	return check;
}

static void exec_start(struct watch *watch, const struct config_check *check)
{
	struct check_target target = { .service = "web", .backend = "app" };

	assert_int_equal(address_parse("192.0.2.7", &target.address), 0);
	target.backend_address = target.address;
	watch->health = health_new(healths, &target, check, HEALTH_UNKNOWN, watch_changed, watch);
	assert_non_null(watch->health);
}

static unsigned open_files(void)
{
	DIR *files = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(files))
		count++;
	closedir(files);
	return count;
}

/* No child, alive or not collected, is left. */
static bool has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void assert_nothing_left(unsigned files)
{
	run_while(has_children() || open_files() != files, LIMIT_MS);
	assert_false(has_children());
	assert_int_equal(open_files(), files);
}

static void test_case(void **state)
{
	const struct exec_case *c = *state;
	unsigned files = open_files();
	char *command[4];
	struct config_check check = check_of_script(c->script, command);
	struct watch watch = { 0 };
	const char *error;

	if (geteuid() != 0) {
		print_message("SKIP: not root\n");
		skip();
	}
	if (c->timeout_ms)
		check.timeout_ms = c->timeout_ms;
	exec_start(&watch, &check);
	run_while(watch.changes == 0, 2 * LIMIT_MS);
	error = health_get(watch.health)->error;
	if (c->error && strstr(c->error, "xxxxxxxx")) {
		assert_int_equal(strlen(error), strlen("exit status 1: ") + 111);
		assert_memory_equal(error, c->error, strlen(c->error));
	} else {
		assert_string_equal(error, c->error ? c->error : "");
	}
	assert_int_equal(health_get(watch.health)->state, c->error ? HEALTH_DOWN : HEALTH_UP);
	health_free(watch.health);
	assert_nothing_left(files);
}

/* What this host lacks is no fault of the backend. */
static void test_not_run(void **state)
{
	static const struct {
		const char *program, *user, *error;
	} lacks[] = {
		{ "/nowhere/program", NULL,
		  "not checked: starting the program: No such file or directory" },
		{ "/etc/passwd", NULL, "not checked: starting the program: Permission denied" },
		{ "/bin/true", "no-such-user", "not checked: user 'no-such-user' does not exist" },
		{ "/bin/true", "root", "not checked: user 'root' is root, allowed is any other" },
	};
	unsigned files = open_files();

	(void)state;
	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++) {
		char *command[4];
		struct config_check check = check_of_script("", command);
		struct watch watch = { 0 };

		command[0] = (char *)lacks[i].program;
		command[1] = NULL;
		check.user = (char *)lacks[i].user;
		exec_start(&watch, &check);
		run_while(health_get(watch.health)->error[0] == '\0', LIMIT_MS);
		assert_string_equal(health_get(watch.health)->error, lacks[i].error);
		assert_int_equal(health_get(watch.health)->state, HEALTH_UNKNOWN);
		health_free(watch.health);
		assert_nothing_left(files);
	}
}

/* A check that is taken back in any state takes its program, and that one's children, with it. */
static void test_cancel(void **state)
{
	unsigned files = open_files();
	char *command[4];
	struct config_check check =
		check_of_script("sleep 61 & sleep 62 & echo begun; sleep 63", command);

	(void)state;
	if (geteuid() != 0)
		skip();
	for (unsigned turns = 0; turns < 8; turns++) {
		struct watch watch = { 0 };

		exec_start(&watch, &check);
		for (unsigned i = 0; i < turns * 2; i++)
			event_base_loop(base, EVLOOP_ONCE);
		health_free(watch.health);
		assert_int_equal(watch.changes, 0);
	}
	assert_nothing_left(files);
	assert_int_not_equal(system("pgrep -f '^sleep 6[123]$' -P 1 >/dev/null"), 0);
}

static void handle(int number)
{
	(void)number;
}

int main(void)
{
	enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
	struct CMUnitTest tests[COUNT + 2];

	/* what a program must not inherit */
	setenv("SECRET", "x", 1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, handle);
	for (size_t i = 0; i < COUNT; i++)
		tests[i] = (struct CMUnitTest){ cases[i].name, test_case, NULL, NULL,
						(void *)&cases[i] };
	tests[COUNT] = (struct CMUnitTest)cmocka_unit_test(test_not_run);
	tests[COUNT + 1] = (struct CMUnitTest)cmocka_unit_test(test_cancel);
	return cmocka_run_group_tests_name("check_exec", tests, setup, teardown);
}
