/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Health: rows of results, the times of checks, and freeing at any moment. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check_fixture.h"
#include "health.h"

enum {
	SPREAD_CHECKS = 200,
	SPREAD_BINS = 10,
	SPREAD_TRIES = 5,
	SPREAD_MOST_STILL_MS = 12,
	CROWDED = HEALTH_CROWD + 40,
	CROWD_TOGETHER = 10, /* of those 40 in one turn of the loop, a second after they gave way */
};

/* Rows of results. */

static const struct row_case {
	const char *name;
	enum health_state initial;
	uint16_t rise, fall;
	const char *results; /* 'p', 'f' */
	const char *states;  /* after each: 'U', 'D' */
	const char *errors;  /* after each: 'e', '-' none */
	unsigned changes;
} row_cases[] = {
	{ "rows: up by the first result", HEALTH_UNKNOWN, 3, 3, "pf", "UU", "-e", 1 },
	{ "rows: down by the first result", HEALTH_UNKNOWN, 2, 3, "fpp", "DDU", "ee-", 2 },
	{ "rows: down after 'fall' in a row", HEALTH_UP, 2, 3, "ffpfff", "UUUUUD", "eeeeee", 1 },
	{ "rows: up after 'rise' in a row", HEALTH_DOWN, 3, 1, "ppfppp", "DDDDDU", "--eee-", 1 },
	{ "rows: rise and fall of one", HEALTH_UP, 1, 1, "pfpf", "UDUD", "-e-e", 3 },
};

static void test_row(void **state)
{
	const struct row_case *c = *state;
	struct server *server = server_new("127.0.0.1", 0, &pass);
	struct config_check check = check_of(CHECK_HTTP, server->port);
	size_t count = strlen(c->results);
	char states[16] = "", errors[16] = "";
	const struct health_status *status;
	struct watch watch = { 0 };

	server->results = c->results;
	check.interval_ms = 20;
	check.timeout_ms = 1000; /* a slow machine is no failure */
	check.rise = c->rise;
	check.fall = c->fall;
	watch_start(&watch, "127.0.0.1", &check, c->initial);
	status = health_get(watch.health);
	for (size_t i = 0; i < count; i++) {
		run_while(status->checks <= i, LIMIT_MS);
		states[i] = status->state == HEALTH_UP ? 'U' : 'D';
		errors[i] = status->error[0] ? 'e' : '-';
	}
	assert_string_equal(states, c->states);
	assert_string_equal(errors, c->errors);
	assert_int_equal(watch.changes, c->changes);
	assert_int_equal(status->checks, count);
	assert_in_range(status->changed_at, time(NULL) - 10, time(NULL));
	assert_in_range(status->checked_at, time(NULL) - 10, time(NULL));
	health_free(watch.health);
	server_free(server);
}

static void test_no_check(void **state)
{
	struct config_check check = check_of(CHECK_NONE, 0);
	struct watch fresh = { 0 }, up = { 0 }, down = { 0 };

	(void)state;
	watch_start(&fresh, "127.0.0.1", &check, HEALTH_UNKNOWN);
	watch_start(&down, "127.0.0.1", &check, HEALTH_DOWN);
	watch_start(&up, "127.0.0.1", &check, HEALTH_UP);
	run_while(fresh.changes + down.changes < 2, LIMIT_MS);
	run_while(true, 50);
	assert_int_equal(fresh.changes, 1);
	assert_int_equal(down.changes, 1);
	assert_int_equal(up.changes, 0);
	assert_int_equal(health_get(fresh.health)->state, HEALTH_UP);
	assert_int_equal(health_get(fresh.health)->checks, 0);
	health_free(fresh.health);
	health_free(down.health);
	health_free(up.health);
}

/* Time. */

/* A check that lasts as long as the interval is followed by the next one, not joined by it. */
static void test_no_overlap(void **state)
{
	struct server *server = server_new("127.0.0.1", 0, &hold);
	struct config_check check = check_of(CHECK_HTTP, server->port);
	struct watch watch = { 0 };

	(void)state;
	check.interval_ms = check.timeout_ms = 50;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UP);
	run_while(health_get(watch.health)->checks < 5, LIMIT_MS);
	/* the next one may be accepted before the server hears of the last one's end */
	assert_in_range(server->most_open, 1, 2);
	assert_in_range(server->accepted, 5, 6);
	/* each starts half an interval after the one before, at the least */
	assert_in_range(server->accepted_ms[4] - server->accepted_ms[0], 4 * 25 - 5, LIMIT_MS);
	health_free(watch.health);
	server_free(server);
}

/* Only while a change of state is being counted. */
static void test_fast_interval(void **state)
{
	struct server *server = server_new("127.0.0.1", 0, &pass);
	struct config_check check = check_of(CHECK_HTTP, server->port);
	struct watch watch = { 0 };

	(void)state;
	server->results = "pffff";
	check.interval_ms = check.timeout_ms = 2000;
	check.fast_interval_ms = 50;
	check.fall = 4;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(watch.changes < 2, LIMIT_MS);
	assert_int_equal(health_get(watch.health)->state, HEALTH_DOWN);
	assert_int_equal(server->accepted, 5);
	/* three intervals: 150 ms, or 6 s */
	assert_in_range(server->accepted_ms[4] - server->accepted_ms[1], 100, 2000);
	run_while(true, 300);
	assert_int_equal(server->accepted, 5);
	health_free(watch.health);
	server_free(server);
}

/* The server answers in time, but this process sleeps over both answer and deadline. */
static void test_stalled_loop(void **state)
{
	static const struct script slow = { .answer = "HTTP/1.1 200 OK\r\n\r\n", .delay_ms = 40 };
	struct server *server = server_new("127.0.0.1", 0, &slow);
	struct config_check check = check_of(CHECK_HTTP, server->port);
	struct watch watch = { 0 };

	(void)state;
	check.timeout_ms = 300;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(server->accepted == 0, LIMIT_MS);
	usleep(500000);
	run_while(watch.changes == 0, LIMIT_MS);
	assert_string_equal(health_get(watch.health)->error, "");
	assert_int_equal(health_get(watch.health)->state, HEALTH_UP);
	health_free(watch.health);
	server_free(server);
}

static void sleep_long(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
	usleep(300000);
}

/* libevent's idea of now is older than the time that the answer may take. */
static void test_stale_clock(void **state)
{
	static const struct script slow = { .answer = "HTTP/1.1 200 OK\r\n\r\n", .delay_ms = 40 };
	struct server *server = server_new("127.0.0.1", 0, &slow);
	struct config_check check = check_of(CHECK_HTTP, server->port);
	struct event *sleeper = evtimer_new(base, sleep_long, NULL);
	struct watch watch = { 0 };

	(void)state;
	check.interval_ms = 1;
	check.timeout_ms = 200;
	event_add(sleeper, &(struct timeval){ 0 });
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	usleep(20000); /* both timers have run out: the sleeper's first */
	run_while(watch.changes == 0, LIMIT_MS);
	assert_string_equal(health_get(watch.health)->error, "");
	health_free(watch.health);
	event_free(sleeper);
	server_free(server);
}

/* A loop that always comes late does not hide that a backend is silent. */
static void test_always_stalled_loop(void **state)
{
	struct server *server = server_new("127.0.0.1", 0, &hold);
	struct config_check check = check_of(CHECK_HTTP, server->port);
	struct watch watch = { 0 };

	(void)state;
	check.timeout_ms = 100;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	for (unsigned i = 1; i <= 2; i++) {
		run_while(server->accepted < i, LIMIT_MS);
		usleep(200000);
	}
	run_while(watch.changes == 0, LIMIT_MS);
	assert_string_equal(health_get(watch.health)->error,
			    "timed out after 100 ms waiting for the answer");
	assert_int_equal(server->accepted, 2);
	health_free(watch.health);
	server_free(server);
}

struct spread_case {
	enum health_state initial;
	int64_t spread_ms; /* that all starts should lie in */
	unsigned bins;	   /* that this time is cut into, */
	unsigned off;	   /* and by how many starts a bin may differ from its share */
};

/* The greatest difference of a bin from its share. */
static unsigned worst_bin(const struct server *server, const struct spread_case *c,
			  int64_t begin_ms)
{
	unsigned bins[SPREAD_BINS] = { 0 }, worst = 0;
	int share = SPREAD_CHECKS / c->bins;

	for (unsigned i = 0; i < SPREAD_CHECKS; i++) {
		int64_t bin = (server->accepted_ms[i] - begin_ms) * c->bins / c->spread_ms;

		bins[bin < c->bins ? bin : c->bins - 1]++;
	}
	for (unsigned i = 0; i < c->bins; i++) {
		unsigned off = abs((int)bins[i] - share);

		worst = off > worst ? off : worst;
	}
	return worst;
}

struct metronome {
	int64_t last_ms, longest_ms; /* between two beats */
};

static void beat(evutil_socket_t fd, short what, void *context)
{
	struct metronome *metronome = context;
	int64_t now = clock_ms(), gap = now - metronome->last_ms;

	(void)fd;
	(void)what;
	metronome->last_ms = now;
	if (gap > metronome->longest_ms)
		metronome->longest_ms = gap;
}

/* Returns worst_bin(); *longest_ms becomes the longest time that the loop stood still. */
static unsigned run_spread(const struct spread_case *c, int64_t *longest_ms)
{
	static struct watch watches[SPREAD_CHECKS];
	struct server *server = server_new("127.0.0.1", 0, &pass);
	struct config_check check = check_of(CHECK_TCP, server->port);
	struct metronome metronome = { clock_ms(), 0 };
	struct event *beats = event_new(base, -1, EV_PERSIST, beat, &metronome);
	int64_t begin = clock_ms();
	unsigned worst;

	event_add(beats, &(struct timeval){ .tv_usec = 1000 });
	memset(watches, 0, sizeof(watches));
	for (unsigned i = 0; i < SPREAD_CHECKS; i++)
		watch_start(&watches[i], "127.0.0.1", &check, c->initial);
	run_while(server->accepted < SPREAD_CHECKS, LIMIT_MS);
	assert_in_range(server->accepted, SPREAD_CHECKS, SERVER_MAX_ACCEPTS);
	worst = worst_bin(server, c, begin);
	for (unsigned i = 0; i < SPREAD_CHECKS; i++)
		health_free(watches[i].health);
	event_free(beats);
	server_free(server);
	*longest_ms = metronome.longest_ms;
	return worst;
}

/* A loop that stood still, on a busy machine, says nothing of how starts are spread. */
static void expect_spread(const struct spread_case *c)
{
	for (int try = 0; try < SPREAD_TRIES; try++) {
		int64_t longest_ms;
		unsigned worst = run_spread(c, &longest_ms);

		if (longest_ms > SPREAD_MOST_STILL_MS)
			continue;
		assert_in_range(worst, 0, c->off);
		return;
	}
	skip();
}

static void count_start(void *context, struct check_way *way)
{
	(void)way;
	++*(unsigned *)context;
}

static void test_spread(void **state)
{
	(void)state;
	expect_spread(&(struct spread_case){ HEALTH_UP, 1000, 10, 5 });
}

static void test_spread_first(void **state)
{
	(void)state;
	expect_spread(&(struct spread_case){ HEALTH_UNKNOWN, 100, 2, 30 });
}

/* The greatest number of starts in one turn of the loop, until so many are made. */
static unsigned most_together(const unsigned *starts, unsigned all)
{
	unsigned most = 0;

	for (int64_t end = clock_ms() + LIMIT_MS; *starts < all && clock_ms() < end;) {
		unsigned before = *starts;

		event_base_loop(base, EVLOOP_ONCE);
		most = *starts - before > most ? *starts - before : most;
	}
	return most;
}

/* Without time for all checks some are made later, and none fails for want of it. Those that gave
 * way in one moment do not meet again. */
static void test_crowd(void **state)
{
	static struct watch watches[CROWDED];
	struct server *server = server_new("127.0.0.1", 0, &hold);
	struct config_check check = check_of(CHECK_HTTP, server->port);
	struct check_target target = { .address = { .family = 4, .bytes = { 127, 0, 0, 1 } },
				       .service = "web",
				       .backend = "app",
				       .find_way = count_start };
	unsigned starts = 0;

	(void)state;
	check.timeout_ms = LIMIT_MS;
	target.way_context = &starts;
	for (unsigned i = 0; i < CROWDED; i++)
		watches[i].health =
			health_new(healths, &target, &check, HEALTH_UP, watch_changed, &watches[i]);
	usleep(1200000); /* over all starts */
	run_while(starts == 0, LIMIT_MS);
	assert_int_equal(starts, HEALTH_CROWD);
	assert_in_range(most_together(&starts, CROWDED), 1, CROWD_TOGETHER);
	assert_in_range(starts, CROWDED, UINT_MAX);
	for (unsigned i = 0; i < CROWDED; i++)
		health_free(watches[i].health);
	run_while(server->open, LIMIT_MS);
	server_free(server);
}

/* Freeing at bad moments; the sanitizers and valgrind see the rest. */

static void expect_cancelled(enum check_type type, unsigned accepts)
{
	struct server *server = server_new("127.0.0.1", 0, &hold);
	struct config_check check = check_of(type, server->port);
	struct watch watch = { 0 };

	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(server->accepted < accepts, LIMIT_MS);
	health_free(watch.health);
	run_while(server->open, LIMIT_MS);
	assert_int_equal(server->open, 0);
	assert_int_equal(watch.changes, 0);
	server_free(server);
}

static void test_cancel(void **state)
{
	(void)state;
	expect_cancelled(CHECK_HTTP, 1); /* in flight */
	expect_cancelled(CHECK_HTTP, 0); /* before the first */
	expect_cancelled(CHECK_TCP, 0);
}

static void test_free_in_callback(void **state)
{
	static const enum check_type types[] = { CHECK_NONE, CHECK_TCP, CHECK_HTTP };
	static const struct script *const scripts[] = { &pass, &fail, &hold };

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		struct server *server = server_new("127.0.0.1", 0, scripts[i % 3]);
		struct config_check check = check_of(types[i / 3], server->port);
		struct watch watch = { .free_self = true };

		check.timeout_ms = 50;
		watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
		run_while(watch.changes == 0, LIMIT_MS);
		assert_int_equal(watch.changes, 1);
		assert_null(watch.health);
		server_free(server);
	}
}

/* The first to be up frees the other one, whose check is under way. */
static void test_free_other_in_callback(void **state)
{
	struct server *server = server_new("127.0.0.1", 0, &pass);
	struct config_check check = check_of(CHECK_HTTP, server->port);
	struct watch first = { 0 }, second = { .free_other = &first };

	(void)state;
	first.free_other = &second;
	check.interval_ms = 1; /* both start at once */
	watch_start(&first, "127.0.0.1", &check, HEALTH_UNKNOWN);
	watch_start(&second, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(first.changes + second.changes == 0, LIMIT_MS);
	run_while(server->open, LIMIT_MS);
	assert_int_equal(first.changes + second.changes, 1);
	health_free(first.health);
	health_free(second.health);
	server_free(server);
}

static const struct CMUnitTest single_tests[] = {
	cmocka_unit_test(test_no_check),
	cmocka_unit_test(test_no_overlap),
	cmocka_unit_test(test_fast_interval),
	cmocka_unit_test(test_stalled_loop),
	cmocka_unit_test(test_stale_clock),
	cmocka_unit_test(test_always_stalled_loop),
	cmocka_unit_test(test_spread),
	cmocka_unit_test(test_spread_first),
	cmocka_unit_test(test_crowd),
	cmocka_unit_test(test_cancel),
	cmocka_unit_test(test_free_in_callback),
	cmocka_unit_test(test_free_other_in_callback),
};

enum {
	ROW_CASES = sizeof(row_cases) / sizeof(*row_cases),
	SINGLE_TESTS = sizeof(single_tests) / sizeof(*single_tests),
};

int main(void)
{
	struct CMUnitTest tests[ROW_CASES + SINGLE_TESTS] = { 0 };

	for (size_t i = 0; i < ROW_CASES; i++)
		tests[i] = (struct CMUnitTest){ .name = row_cases[i].name,
						.test_func = test_row,
						.initial_state = (void *)&row_cases[i] };
	memcpy(tests + ROW_CASES, single_tests, sizeof(single_tests));
	return cmocka_run_group_tests(tests, setup, teardown);
}
