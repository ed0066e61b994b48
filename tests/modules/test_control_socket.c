/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The control socket's file, and who may do what through it. */
#include "config.h"
#include "control_fixture.h"

static void test_socket_file(void **state)
{
	struct server *server = *state;
	struct stat stat;
	char parent[96];

	assert_int_equal(lstat(server->path, &stat), 0);
	assert_true(S_ISSOCK(stat.st_mode));
	assert_int_equal(stat.st_mode & 07777, 0660);
	snprintf(parent, sizeof(parent), "%s/run", server->directory);
	assert_int_equal(lstat(parent, &stat), 0);
	assert_int_equal(stat.st_mode & 07777, 0755);
}

static void test_second_server_is_refused(void **state)
{
	struct server *server = *state;
	struct event_base *base = event_base_new();
	struct control *second = NULL;

	assert_int_equal(control_new(base, server->path, &server->access, handle, server, &second),
			 -EADDRINUSE);
	event_base_free(base);
	expect_service(server); /* and the first has lost nothing */
}

static void test_paths(void **state)
{
	struct server *server = *state;
	struct event_base *base = event_base_new();
	struct control *control = NULL;
	char path[160], longest[200];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat stat;
	int fd;

	snprintf(path, sizeof(path), "%s/stale", server->directory);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd); /* the file stays: a socket that nobody listens on */
	assert_int_equal(control_new(base, path, &server->access, handle, server, &control), 0);
	control_free(control);
	assert_int_equal(lstat(path, &stat), -1);

	assert_int_equal(control_new(base, path, &server->access, handle, server, &control), 0);
	unlink(path);
	fclose(fopen(path, "w")); /* somebody else's file is not removed */
	control_free(control);
	assert_int_equal(lstat(path, &stat), 0);
	assert_int_equal(control_new(base, path, &server->access, handle, server, &control),
			 -ENOTSOCK);
	unlink(path);

	memset(longest, 'p', sizeof(longest));
	longest[0] = '/';
	longest[108] = '\0';
	assert_int_equal(control_new(base, longest, &server->access, handle, server, &control),
			 -ENAMETOOLONG);
	assert_int_equal(control_new(base, "", &server->access, handle, server, &control), -EINVAL);
	snprintf(path, sizeof(path), "%s/no/such/socket", server->directory);
	assert_int_equal(control_new(base, path, &server->access, handle, server, &control),
			 -ENOENT);
	event_base_free(base);
	control_free(NULL);
}

static void test_last_answer_leaves_before_the_end(void **state)
{
	struct server *server = *state;
	int fd = client(server);
	struct stat stat;
	char *line;

	say(fd, "{\"version\":1,\"command\":\"last\"}\n");
	line = hear(fd);
	assert_non_null(line);
	assert_true(strlen(line) > LAST_BYTES);
	free(line);
	expect_end(fd);
	for (int i = 0; i < 100 && !lstat(server->path, &stat); i++)
		pause_ms(10);
	assert_int_equal(lstat(server->path, &stat), -1);
}

enum { READERS = 5001, WRITERS = 5002, OTHERS = 5003, USER = 4242 };

#define WRITE	"{\"version\":1,\"command\":\"write\"}\n"
#define WRITTEN "{\"version\":1,\"ok\":true,\"result\":{\"uid\":%d,\"gid\":%d,\"pid\":true}}"

static void restrict_access(struct server *server, gid_t readers, gid_t writers)
{
	server->access = (struct access){
		.readers = { .set = readers != 0, .id = readers, .name = "poise-read" },
		.writers = { .set = writers != 0, .id = writers, .name = "poise-admin" },
	};
	assert_int_equal(control_access_changed(server->control), 0);
}

/* What a client is to find: "everything", or what it hears instead, of a write or of anything. */
static const struct {
	const char *name;
	gid_t readers, writers;
	uid_t uid;
	gid_t gid, group;
	const char *write; /* NULL: it may */
	bool turned_away;
} rights[] = {
	{ "root", READERS, WRITERS, 0, OTHERS, 0, NULL, false },
	{ "a writer by its own group", READERS, WRITERS, USER, WRITERS, 0, NULL, false },
	{ "a writer by another group", READERS, WRITERS, USER, OTHERS, WRITERS, NULL, false },
	{ "a writer who also reads", READERS, WRITERS, USER, READERS, WRITERS, NULL, false },
	{ "one group for both", READERS, READERS, USER, READERS, 0, NULL, false },
	{ "a reader by its own group", READERS, WRITERS, USER, READERS, 0,
	  "user '4242' may read only: 'write' needs group 'poise-admin'", false },
	{ "a reader by another group", READERS, WRITERS, USER, OTHERS, READERS,
	  "user '4242' may read only: 'write' needs group 'poise-admin'", false },
	{ "a reader without writers", READERS, 0, USER, READERS, 0,
	  "user '4242' may read only: 'write' needs root", false },
	{ "a stranger", READERS, WRITERS, USER, OTHERS, 0,
	  "user '4242' may do nothing here: that needs group 'poise-read' or 'poise-admin'", true },
	{ "a stranger without readers", 0, WRITERS, USER, READERS, 0,
	  "user '4242' may do nothing here: that needs group 'poise-admin'", true },
	{ "a stranger without writers", READERS, 0, USER, WRITERS, 0,
	  "user '4242' may do nothing here: that needs group 'poise-read'", true },
};

static void test_credentials_decide(void **state)
{
	struct server *server = *state;

	for (size_t i = 0; i < sizeof(rights) / sizeof(*rights); i++) {
		char wanted[128];
		int fd;

		print_message("# %s\n", rights[i].name);
		restrict_access(server, rights[i].readers, rights[i].writers);
		fd = client_as(server, rights[i].uid, rights[i].gid, rights[i].group);
		snprintf(wanted, sizeof(wanted), WRITTEN, (int)rights[i].uid, (int)rights[i].gid);
		say(fd, WRITE);
		if (rights[i].write)
			expect_refusal(fd, rights[i].write);
		else
			expect(fd, wanted);
		assert_int_equal(server->access.refused, rights[i].write != NULL);
		if (rights[i].turned_away) {
			expect_end(fd);
			continue;
		}
		say(fd, ECHO("1"));
		expect(fd, ECHOED("1"));
		close(fd);
	}
}

static void test_without_groups_the_file_decides(void **state)
{
	struct server *server = *state;
	struct stat stat;
	int fd;

	restrict_access(server, READERS, 0);
	assert_int_equal(lstat(server->path, &stat), 0);
	assert_int_equal(stat.st_mode & 07777, 0666);
	restrict_access(server, 0, 0);
	assert_int_equal(lstat(server->path, &stat), 0);
	assert_int_equal(stat.st_mode & 07777, 0660);
	assert_int_equal(chmod(server->path, 0666), 0);
	fd = client_as(server, USER, OTHERS, 0);
	say(fd, WRITE);
	free(hear(fd));
	say(fd, ECHO("1"));
	expect(fd, ECHOED("1"));
	close(fd);
	assert_int_equal(server->access.refused, 0);
}

static void test_a_client_that_lost_its_group_is_refused(void **state)
{
	struct server *server = *state;
	int fd;

	restrict_access(server, 0, WRITERS);
	fd = client_as(server, USER, WRITERS, 0);
	say(fd, ECHO("1"));
	expect(fd, ECHOED("1"));
	restrict_access(server, 0, OTHERS);
	say(fd, WRITE);
	expect_refusal(fd, "'write' needs group 'poise-admin'");
	close(fd);
}

static void test_readers_leave_places_for_writers(void **state)
{
	int fds[CONTROL_MAX_CLIENTS - CONTROL_RESERVED_CLIENTS], extra;

	restrict_access(*state, READERS, WRITERS);
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		fds[i] = client_as(*state, USER, READERS, 0);
		say(fds[i], ECHO("1") "{");
		expect(fds[i], ECHOED("1"));
	}
	extra = client_as(*state, USER, READERS, 0);
	expect_refusal(extra, "too many clients");
	expect_end(extra);
	for (int i = 0; i < CONTROL_RESERVED_CLIENTS; i++) {
		int fd = client_as(*state, USER, WRITERS, 0);

		say(fd, ECHO("2"));
		expect(fd, ECHOED("2"));
		close(fd);
	}
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		close(fds[i]);
}

static void test_groups_are_looked_up(void **state)
{
	static const struct {
		const char *readers, *writers, *error;
		gid_t id;
	} rows[] = {
		{ "daemon", NULL, NULL, 1 }, /* Debian's base-passwd */
		{ "4711", NULL, NULL, 4711 },
		{ "4294967294", NULL, NULL, 4294967294 },
		{ "4294967295", NULL,
		  "control.readers: found '4294967295', allowed is a group of "
		  "this host, by name or number",
		  0 },
		{ "99999999999", NULL, "control.readers: found '99999999999', allowed is", 0 },
		{ "daemon", "no-such-group",
		  "control.writers: found 'no-such-group', allowed is a "
		  "group of this host, by name or number",
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct config config = { .control_readers = (char *)rows[i].readers,
					 .control_writers = (char *)rows[i].writers };
		struct access access = { .refused = 7 };
		char error[ACCESS_ERROR_BYTES] = "";
		int err = access_resolve(&config, &access, error);

		assert_int_equal(err, rows[i].error ? -ENOENT : 0);
		assert_int_equal(access.refused, 7);
		assert_int_equal(access.readers.set, !rows[i].error);
		assert_int_equal(access.readers.id, rows[i].id);
		if (rows[i].error)
			assert_memory_equal(error, rows[i].error, strlen(rows[i].error));
	}
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_SERVER(test_socket_file),
		WITH_SERVER(test_second_server_is_refused),
		WITH_SERVER(test_paths),
		WITH_SERVER(test_last_answer_leaves_before_the_end),
		WITH_SERVER(test_credentials_decide),
		WITH_SERVER(test_without_groups_the_file_decides),
		WITH_SERVER(test_a_client_that_lost_its_group_is_refused),
		WITH_SERVER(test_readers_leave_places_for_writers),
		cmocka_unit_test(test_groups_are_looked_up),
	};

	if (geteuid() != 0) {
		puts("1..0 # SKIP not root: clients of other users cannot be made");
		return 0;
	}
	log_init(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
