/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The mysql check: with scripted servers, what each answer leads to, and that none can do harm. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/stat.h>

#include "byte_server.h"

/* Packets: length, sequence number, payload. */
#define GREETING                                                                                   \
	"\x4c\0\0\0\x0a"                                                                           \
	"10.11.19\0"                                                                               \
	"\1\0\0\0"                                                                                 \
	"abcdefgh\0"                                                                               \
	"\xff\xf7\x21\2\0\xff\x81\x15"                                                             \
	"\0\0\0\0\0\0\0\0\0\0"                                                                     \
	"abcdefghijkl\0"                                                                           \
	"mysql_native_password\0"
#define LOGIN_OK      "\7\0\0\2\0\0\0\2\0\0\0"
#define DENIED	      "\x16\0\0\2\xff\x15\4#28000Access denied"
#define EOF_PACKET(n) "\5\0\0" n "\xfe\0\0\2\0"
/* a column: catalog "def", empty schema and tables, name, charset, length, type, flags, decimals */
#define COLUMN(bytes, n, size, name)                                                               \
	bytes "\0\0" n "\3def\0\0\0" size name "\0\x0c\x21\0\xff\0\0\0\xfd\0\0\0\0\0"
#define VARIABLES(rows, last)                                                                      \
	"\1\0\0\1\2" COLUMN("\x1a", "\2", "\4", "Name") COLUMN("\x1b", "\3", "\5", "Value")        \
		EOF_PACKET("\4") rows                                                              \
		EOF_PACKET(last)
#define READ_ONLY_OFF "\x0e\0\0\5\x09read_only\3OFF"
#define READ_ONLY_ON  "\x0d\0\0\5\x09read_only\2ON"
#define SUPER_ON      "\x13\0\0\6\x0fsuper_read_only\2ON"
/* an answer of three columns and one row */
#define CHANNEL(size, row)                                                                         \
	"\1\0\0\1\3" COLUMN("\x26", "\2", "\x10", "Slave_IO_Running")                              \
		COLUMN("\x27", "\3", "\x11", "Slave_SQL_Running")                                  \
			COLUMN("\x2b", "\4", "\x15", "Seconds_Behind_Master") EOF_PACKET("\5")     \
				size "\0\0\6" row EOF_PACKET("\7")
#define NO_CHANNEL                                                                                 \
	"\1\0\0\1\1" COLUMN("\x26", "\2", "\x10", "Slave_IO_Running") EOF_PACKET("\3")             \
		EOF_PACKET("\4")

#define ROLE(name) .user = "check", .role = MYSQL_##name
#define LOGS_IN	   BYTES(GREETING), BYTES(LOGIN_OK)

static const struct mysql_case {
	const char *name;
	struct conversation conversation;
	const char *user;
	enum mysql_role role;
	uint32_t max_lag_ms;
	const char *error; /* NULL: it passes */
	unsigned timeout_ms;
} cases[] = {
	{ .name = "a greeting, and a login that is refused",
	  .conversation = { .turns = { BYTES(GREETING), BYTES(DENIED) } } },
	{ .name = "a greeting byte by byte",
	  .conversation = { .turns = { BYTES(GREETING), BYTES(DENIED) }, .trickle_ms = 1 } },
	{ .name = "a login that succeeds", .conversation = { .turns = { LOGS_IN } } },
	{ .name = "another way to log in is asked for",
	  .conversation = { .turns = { BYTES(GREETING),
				       BYTES("\x16\0\0\2\xfe"
					     "caching_sha2_password"),
				       BYTES(DENIED) } } },
	{ .name = "too many connections",
	  .conversation = { .turns = { BYTES("\x17\0\0\0\xff\x10\4Too many connection\n") } },
	  .error = "MySQL: too many connections" },
	{ .name = "blocked",
	  .conversation = { .turns = { BYTES("\5\0\0\0\xff\x69\4ab") } },
	  .error = "MySQL: this host is blocked because of many connection errors" },
	{ .name = "an error without words",
	  .conversation = { .turns = { BYTES("\5\0\0\0\xff\1\0ab") } },
	  .error = "MySQL error 1" },
	{ .name = "no MySQL",
	  .conversation = { .turns = { BYTES("SSH-2.0-OpenSSH_9.2\r\n") } },
	  .error = "answer is not MySQL" },
	{ .name = "no greeting",
	  .conversation = { .then = HOLD },
	  .error = "timed out after 300 ms waiting for the answer",
	  .timeout_ms = 300 },
	{ .name = "half a greeting",
	  .conversation = { .turns = { BYTES("\x4c\0\0\0\x0a"
					     "10") },
			    .then = HOLD },
	  .error = "timed out after 300 ms in the middle of the answer",
	  .timeout_ms = 300 },
	{ .name = "closed at once",
	  .conversation = { .then = CLOSE },
	  .error = "connection closed without an answer" },
	{ .name = "reset at once", .conversation = { .then = RESET }, .error = "connection reset" },
	{ .name = "closed in the greeting",
	  .conversation = { .turns = { BYTES("\x4c\0\0\0\x0a"
					     "10") },
			    .then_at_once = true },
	  .error = "connection closed in the middle of the answer" },
	{ .name = "closed after the greeting",
	  .conversation = { .turns = { BYTES(GREETING) }, .then_at_once = true },
	  .error = "connection closed in the middle of the answer" },
	{ .name = "an endless greeting",
	  .conversation = { .turns = { BYTES("\xff\xff\xff\0\x0a") }, .repeat = BYTES("aaaa") },
	  .error = "answer is not MySQL" },

	{ .name = "a login", .conversation = { .turns = { LOGS_IN } }, ROLE(ANY) },
	{ .name = "a login byte by byte",
	  .conversation = { .turns = { LOGS_IN }, .trickle_ms = 1 },
	  ROLE(ANY) },
	{ .name = "a login that fails",
	  .conversation = { .turns = { BYTES(GREETING), BYTES(DENIED) } },
	  ROLE(ANY),
	  .error = "MySQL: access denied: user or password" },
	{ .name = "shutting down",
	  .conversation = { .turns = { BYTES(GREETING), BYTES("\x0d\0\0\2\xff\x1d\4#08S01down") } },
	  ROLE(ANY),
	  .error = "MySQL: server is shutting down" },
	{ .name = "no answer to the login",
	  .conversation = { .turns = { BYTES(GREETING) }, .then = HOLD },
	  ROLE(ANY),
	  .error = "timed out after 300 ms in the middle of the answer",
	  .timeout_ms = 300 },
	{ .name = "closed in the login",
	  .conversation = { .turns = { BYTES(GREETING) } },
	  ROLE(ANY),
	  .error = "connection closed in the middle of the answer" },
	{ .name = "reset in the login",
	  .conversation = { .turns = { BYTES(GREETING) }, .then = RESET },
	  ROLE(ANY),
	  .error = "connection reset" },
	{ .name = "the password as it is is not sent",
	  .conversation = { .turns = { BYTES(GREETING),
				       BYTES("\x15\0\0\2\xfe"
					     "mysql_clear_password"),
				       LOGS_IN } },
	  ROLE(ANY),
	  .error = "MySQL: user's authentication is not supported" },
	{ .name = "an unknown plugin is not loaded",
	  .conversation = { .turns = { BYTES(GREETING),
				       BYTES("\x10\0\0\2\xfe"
					     "../../../tmp/x\0"),
				       LOGS_IN } },
	  ROLE(ANY),
	  .error = "MySQL: user's authentication is not supported" },
	{ .name = "garbage after the login",
	  .conversation = { .turns = { BYTES(GREETING), BYTES("\1\0\0\7\0") } },
	  ROLE(ANY),
	  .error = "answer is not MySQL" },
	{ .name = "an endless login",
	  .conversation = { .turns = { BYTES(GREETING), BYTES("\xff\xff\xff\2") },
			    .repeat = BYTES("aaaa") },
	  ROLE(ANY),
	  .error = "answer is not MySQL" },

	{ .name = "a primary",
	  .conversation = { .turns = { LOGS_IN, BYTES(VARIABLES(READ_ONLY_OFF, "\6")) } },
	  ROLE(PRIMARY) },
	{ .name = "a primary byte by byte",
	  .conversation = { .turns = { LOGS_IN, BYTES(VARIABLES(READ_ONLY_OFF, "\6")) },
			    .trickle_ms = 1 },
	  ROLE(PRIMARY),
	  .timeout_ms = 3000 },
	{ .name = "no primary",
	  .conversation = { .turns = { LOGS_IN, BYTES(VARIABLES(READ_ONLY_ON, "\6")) } },
	  ROLE(PRIMARY),
	  .error = "read_only is ON, expected a primary" },
	{ .name = "no primary, even for administrators",
	  .conversation = { .turns = { LOGS_IN, BYTES(VARIABLES(READ_ONLY_OFF SUPER_ON, "\7")) } },
	  ROLE(PRIMARY),
	  .error = "super_read_only is ON, expected a primary" },
	{ .name = "no variables",
	  .conversation = { .turns = { LOGS_IN, BYTES(VARIABLES("", "\5")) } },
	  ROLE(PRIMARY),
	  .error = "answer is not MySQL" },
	{ .name = "no columns",
	  .conversation = { .turns = { LOGS_IN, BYTES("\7\0\0\1\0\0\0\2\0\0\0") } },
	  ROLE(PRIMARY),
	  .error = "answer is not MySQL" },
	{ .name = "a query that fails",
	  .conversation = { .turns = { LOGS_IN, BYTES("\x0b\0\0\1\xff\xcb\4#42000no") } },
	  ROLE(PRIMARY),
	  .error = "MySQL: privilege missing: REPLICATION CLIENT (MySQL) or SLAVE MONITOR "
		   "(MariaDB)" },
	{ .name = "no answer to the query",
	  .conversation = { .turns = { LOGS_IN }, .then = HOLD },
	  ROLE(PRIMARY),
	  .error = "timed out after 300 ms in the middle of the answer",
	  .timeout_ms = 300 },
	{ .name = "closed in the query",
	  .conversation = { .turns = { LOGS_IN } },
	  ROLE(PRIMARY),
	  .error = "connection closed in the middle of the answer" },
	{ .name = "closed in the rows",
	  .conversation = { .turns = { LOGS_IN,
				       BYTES("\1\0\0\1\2" COLUMN("\x1a", "\2", "\4", "Name")) },
			    .then_at_once = true },
	  ROLE(PRIMARY),
	  .error = "connection closed in the middle of the answer" },
	{ .name = "reset in the rows",
	  .conversation = { .turns = { LOGS_IN,
				       BYTES("\1\0\0\1\2" COLUMN("\x1a", "\2", "\4", "Name")) },
			    .then = RESET,
			    .then_at_once = true },
	  ROLE(PRIMARY),
	  .error = "connection reset" },
	{ .name = "a file of ours is not sent",
	  .conversation = { .turns = { LOGS_IN, BYTES("\x0c\0\0\1\xfb/etc/passwd") },
			    .then = HOLD },
	  ROLE(PRIMARY),
	  .error = "answer is not MySQL" },
	{ .name = "2^63 columns",
	  .conversation = { .turns = { LOGS_IN, BYTES("\x09\0\0\1\xfe\0\0\0\0\0\0\0\x7f") },
			    .then = HOLD },
	  ROLE(PRIMARY),
	  .error = "answer is not MySQL" },
	{ .name = "rows without an end",
	  .conversation = { .turns = { LOGS_IN,
				       BYTES("\1\0\0\1\2" COLUMN("\x1a", "\2", "\4", "Name") COLUMN(
					       "\x1f", "\3", "\5", "Value") EOF_PACKET("\4")) },
			    .repeat = BYTES("\4\0\0\5\1a\1b") },
	  ROLE(PRIMARY),
	  .error = "answer" },

	{ .name = "a replica",
	  .conversation = { .turns = { LOGS_IN, BYTES(VARIABLES(READ_ONLY_ON, "\6")),
				       BYTES(CHANNEL("\x0a", "\3Yes\3Yes\1"
							     "3")) } },
	  ROLE(REPLICA),
	  .max_lag_ms = 10000 },
	{ .name = "a replica that lags",
	  .conversation = { .turns = { LOGS_IN, BYTES(VARIABLES(READ_ONLY_ON, "\6")),
				       BYTES(CHANNEL("\x0b", "\3Yes\3Yes\2"
							     "35")) } },
	  ROLE(REPLICA),
	  .max_lag_ms = 10000,
	  .error = "replication lag 35 s, at most 10 s" },
	{ .name = "a replica that may lag",
	  .conversation = { .turns = { LOGS_IN, BYTES(VARIABLES(READ_ONLY_ON, "\6")),
				       BYTES(CHANNEL("\x0b", "\3Yes\3Yes\2"
							     "35")) } },
	  ROLE(REPLICA) },
	{ .name = "a replica that has stopped",
	  .conversation = { .turns = { LOGS_IN, BYTES(VARIABLES(READ_ONLY_ON, "\6")),
				       BYTES(CHANNEL("\x08", "\3Yes\2No\xfb")) } },
	  ROLE(REPLICA),
	  .error = "replication stopped: SQL thread not running" },
	{ .name = "a replica that hears nothing",
	  .conversation = { .turns = { LOGS_IN, BYTES(VARIABLES(READ_ONLY_ON, "\6")),
				       BYTES(CHANNEL("\x08", "\2No\3Yes\xfb")) } },
	  ROLE(REPLICA),
	  .error = "replication stopped: IO thread not running" },
	{ .name = "a replica whose primary is gone",
	  .conversation = { .turns = { LOGS_IN, BYTES(VARIABLES(READ_ONLY_ON, "\6")),
				       BYTES(CHANNEL("\x10", "\x0a"
							     "Connecting\3Yes\xfb")) } },
	  ROLE(REPLICA),
	  .max_lag_ms = 10000,
	  .error = "replication lag is not known, at most 10 s" },
	{ .name = "a replica whose primary is gone, of any lag",
	  .conversation = { .turns = { LOGS_IN, BYTES(VARIABLES(READ_ONLY_ON, "\6")),
				       BYTES(CHANNEL("\x10", "\x0a"
							     "Connecting\3Yes\xfb")) } },
	  ROLE(REPLICA) },
	{ .name = "a replica that takes writes",
	  .conversation = { .turns = { LOGS_IN, BYTES(VARIABLES(READ_ONLY_OFF, "\6")),
				       BYTES(CHANNEL("\x0a", "\3Yes\3Yes\1"
							     "3")) } },
	  ROLE(REPLICA),
	  .error = "read_only is OFF, expected a replica" },
	{ .name = "no replica",
	  .conversation = { .turns = { LOGS_IN, BYTES(VARIABLES(READ_ONLY_ON, "\6")),
				       BYTES(NO_CHANNEL) } },
	  ROLE(REPLICA),
	  .error = "replication is not set up, expected a replica" },
};

static unsigned open_files(void)
{
	DIR *files = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(files))
		count++;
	closedir(files);
	return count;
}

static struct config_check check_of_case(const struct mysql_case *c, uint16_t port)
{
	struct config_check check = check_of(CHECK_MYSQL, port);

	check.user = (char *)c->user;
	check.role = c->role;
	check.max_lag_ms = c->max_lag_ms;
	check.interval_ms = 60000;
	check.timeout_ms = c->timeout_ms ? c->timeout_ms : LIMIT_MS;
	return check;
}

static void test_case(void **state)
{
	const struct mysql_case *c = *state;
	unsigned files = open_files();
	struct byte_server *server = byte_server_new(&c->conversation);
	struct config_check check = check_of_case(c, server->port);
	struct watch watch = { 0 };

	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0, 2 * LIMIT_MS);
	if (c->error && strcmp(c->error, "answer") == 0) /* the sequence or the size ends it */
		assert_memory_equal(health_get(watch.health)->error, "answer", 6);
	else
		assert_string_equal(health_get(watch.health)->error, c->error ? c->error : "");
	assert_int_equal(health_get(watch.health)->state, c->error ? HEALTH_DOWN : HEALTH_UP);
	health_free(watch.health);
	byte_server_free(server);
	run_while(open_files() != files, LIMIT_MS); /* libevent frees in its next turn */
	assert_int_equal(open_files(), files);
}

/* Cancelled in every state: nothing blocks, nothing stays. */
static void test_cancel(void **state)
{
	struct mallinfo2 before = { 0 }, after;
	size_t length = sizeof(cases) / sizeof(cases[0]);

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		if (round == 1)
			before = mallinfo2();
		for (size_t i = 0; i < length; i++) {
			struct byte_server *server = byte_server_new(&cases[i].conversation);
			struct config_check check = check_of_case(&cases[i], server->port);
			struct watch watch = { 0 };

			watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
			for (size_t turn = 0; turn < i % 24 && watch.changes == 0; turn++)
				event_base_loop(base, EVLOOP_ONCE);
			health_free(watch.health);
			byte_server_free(server);
		}
	}
	after = mallinfo2();
	assert_in_range(after.uordblks, 0, before.uordblks + 65536);
}

static void test_password(void **state)
{
	static const struct conversation conversation = { .turns = { LOGS_IN } };
	struct byte_server *server = byte_server_new(&conversation);
	char path[] = "/tmp/poise-test-XXXXXX";
	struct config_check check = check_of(CHECK_MYSQL, server->port);
	struct watch watch = { 0 };
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, "secret\n", 7), 7);
	fchmod(fd, 0644);
	close(fd);
	check.user = (char *)"check";
	check.password_file = path;
	check.interval_ms = 100;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(health_get(watch.health)->error[0] == '\0', LIMIT_MS);
	assert_memory_equal(health_get(watch.health)->error, "not checked: password file '", 28);
	assert_int_equal(health_get(watch.health)->state, HEALTH_UNKNOWN);
	chmod(path, 0600); /* mended while poised runs */
	run_while(watch.changes == 0, LIMIT_MS);
	assert_int_equal(health_get(watch.health)->state, HEALTH_UP);
	assert_int_equal(server->heard[4 + 32], 'c');
	assert_int_equal(server->heard[4 + 32 + 6], 20); /* bytes of a proof, and no password */
	assert_null(memmem(server->heard, server->heard_length, "secret", 6));
	health_free(watch.health);
	byte_server_free(server);
	unlink(path);
}

int main(void)
{
	enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
	struct CMUnitTest tests[COUNT + 2];

	for (size_t i = 0; i < COUNT; i++)
		tests[i] = (struct CMUnitTest){ cases[i].name, test_case, NULL, NULL,
						(void *)&cases[i] };
	tests[COUNT] = (struct CMUnitTest)cmocka_unit_test(test_cancel);
	tests[COUNT + 1] = (struct CMUnitTest)cmocka_unit_test(test_password);
	return cmocka_run_group_tests_name("check_mysql", tests, setup, teardown);
}
