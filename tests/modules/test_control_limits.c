/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What one client of the control socket, or many, may cost: connections, time, memory. */
#include "control_fixture.h"

static void test_unread_answers_are_bounded(void **state)
{
	enum { CLIENTS = 20 };
	struct server *server = *state;
	int fds[CLIENTS], fd;

	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = client(server);
		say(fds[i],
		    "{\"version\":1,\"command\":\"big\"}\n{\"version\":1,\"command\":\"big\"}\n");
	}
	fd = client(server);
	do {
		say(fd, ECHO("1"));
		free(hear(fd));
	} while (__atomic_load_n(&server->handled, __ATOMIC_SEQ_CST) < 9);
	pause_ms(200);
	say(fd, ECHO("1"));
	expect_refusal(fd, "wait to be read by other clients");
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
	pause_ms(200);
	say(fd, ECHO("1"));
	expect(fd, ECHOED("1"));
	close(fd);
}

static void test_oldest_idle_client_gives_way(void **state)
{
	int fds[CONTROL_MAX_CLIENTS], extra;

	for (int i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		fds[i] = client(*state);
		say(fds[i], ECHO("1"));
		expect(fds[i], ECHOED("1"));
	}
	say(fds[0], ECHO("2")); /* now the second is the oldest */
	expect(fds[0], ECHOED("2"));
	extra = client(*state);
	say(extra, ECHO("3"));
	expect(extra, ECHOED("3"));
	expect_end(fds[1]);
	for (int i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		if (i == 1)
			continue;
		say(fds[i], ECHO("4"));
		expect(fds[i], ECHOED("4"));
		close(fds[i]);
	}
	close(extra);
}

static void test_new_client_is_refused_when_all_are_busy(void **state)
{
	int fds[CONTROL_MAX_CLIENTS], extra;

	for (int i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		fds[i] = client(*state);
		say(fds[i], ECHO("1") "{");
		expect(fds[i], ECHOED("1"));
	}
	extra = client(*state);
	expect_refusal(extra, "too many clients");
	expect_end(extra);
	for (int i = 0; i < CONTROL_MAX_CLIENTS; i++)
		close(fds[i]);
	pause_ms(100);
	expect_service(*state);
}

static void test_connection_flood(void **state)
{
	for (int i = 0; i < 3000; i++)
		close(client(*state));
	expect_service(*state);
}

static void test_slow_line_is_cut_off(void **state)
{
	int fd = client(*state);
	double begin = now();

	do { /* each byte comes in time, the line does not */
		say(fd, "{");
		pause_ms(50);
	} while (recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT) != 0 && now() - begin < 5);
	assert_true(now() - begin > 0.25 && now() - begin < 3);
	expect_end(fd);
}

static void test_idle_client_is_closed(void **state)
{
	int fd = client(*state);
	double begin = now();

	expect_end(fd);
	assert_true(now() - begin > 0.5 && now() - begin < 5);
}

static void test_active_client_is_not_idle(void **state)
{
	int fd = client(*state);

	for (int i = 0; i < 5; i++) {
		pause_ms(250);
		say(fd, ECHO("1"));
		expect(fd, ECHOED("1"));
	}
	close(fd);
}

/* Asks for a big answer and does not read for a while; whether the server has given up by then. */
static bool given_up_on(const struct server *server)
{
	char block[65536];
	int fd = client(server);
	size_t got = 0;
	ssize_t n;

	say(fd, "{\"version\":1,\"command\":\"big\"}\n");
	pause_ms(1500);
	while (got < BIG_BYTES && (n = recv(fd, block, sizeof(block), 0)) > 0)
		got += n;
	close(fd);
	return got < BIG_BYTES;
}

static void test_client_that_never_reads_is_closed(void **state)
{
	assert_true(given_up_on(*state));
	expect_service(*state);
}

static void test_patience_with_a_pause_in_reading(void **state)
{
	assert_false(given_up_on(*state));
}

int main(void)
{
#define WITH_SERVER(test)    cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define WITH_IMPATIENT(test) cmocka_unit_test_setup_teardown(test, set_up_impatient, tear_down)
#define WITH_IMPATIENT_OF_STALLS(test)                                                             \
	cmocka_unit_test_setup_teardown(test, set_up_impatient_of_stalls, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_SERVER(test_unread_answers_are_bounded),
		WITH_SERVER(test_oldest_idle_client_gives_way),
		WITH_SERVER(test_new_client_is_refused_when_all_are_busy),
		WITH_SERVER(test_connection_flood),
		WITH_IMPATIENT(test_slow_line_is_cut_off),
		WITH_IMPATIENT(test_idle_client_is_closed),
		WITH_IMPATIENT(test_active_client_is_not_idle),
		WITH_IMPATIENT(test_client_that_never_reads_is_closed),
		WITH_IMPATIENT_OF_STALLS(test_client_that_never_reads_is_closed),
		WITH_SERVER(test_patience_with_a_pause_in_reading),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
