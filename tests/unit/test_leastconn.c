/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The leastconn scheduler simulated: the data plane's functions and schedule against a choice that
 * looks at every backend, on the same connections, whose lengths are very uneven.
 *
 * Worse is measured twice, in connections for the weight: by the largest load of any backend,
 * averaged over time, and by the load that a new connection meets, itself included. Neither may be
 * over 10 % worse where backends hold ten connections or more on average. Where they hold less, a
 * single connection is more than that: then by little more than one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "poise_flow.h"
#include "poise_schedule.h"
#include "schedule.h"

enum { MAX_BACKENDS = 1000, SLOTS = 65537, PATTERN = 4 };

/* Connections of a simulation: enough for every backend's load to be replaced several times. */
enum { MIN_CONNECTIONS = 20000, MAX_CONNECTIONS = 200000, TIMES_REPLACED = 15 };

static struct maglev_member members[MAX_BACKENDS];
static uint16_t slots[SLOTS];
static struct poise_backend_load loads[MAX_BACKENDS + 1]; /* by index, from 1 */

/* Connections under way, a heap by their end. */
struct connection {
	double end;
	uint16_t backend;
};

static struct connection connections[MAX_CONNECTIONS];
static size_t under_way;

static void open_connection(double end, uint16_t backend)
{
	size_t at = under_way++;

	for (; at && connections[(at - 1) / 2].end > end; at = (at - 1) / 2)
		connections[at] = connections[(at - 1) / 2];
	connections[at] = (struct connection){ end, backend };
}

static void close_first(void)
{
	struct connection last = connections[--under_way];
	size_t at = 0;

	for (size_t child; (child = 2 * at + 1) < under_way; at = child) {
		if (child + 1 < under_way && connections[child + 1].end < connections[child].end)
			child++;
		if (connections[child].end >= last.end)
			break;
		connections[at] = connections[child];
	}
	connections[at] = last;
}

/* Connections' lengths, 1 on average. */
enum lengths { PARETO, BIMODAL };
static const char *const length_names[] = { "Pareto", "bimodal" };

static uint64_t seed;

static double uniform(void)
{
	seed += 0x9e3779b97f4a7c15ULL;
	return ((double)(poise_mix(seed) >> 11) + 0.5) / (double)(1ULL << 53);
}

static double draw_length(enum lengths lengths)
{
	const double shape = 1.5;

	if (lengths == PARETO)
		return (shape - 1) / shape * pow(uniform(), -1 / shape);
	return uniform() < 0.9 ? 0.2 : 8.2;
}

/* The choices. */

static uint32_t cursor;

static uint16_t choose_as_the_data_plane(size_t count)
{
	uint16_t best = 0;

	(void)count;
	for (uint32_t i = 0; i < POISE_LEASTCONN_CANDIDATES; i++) {
		uint16_t candidate = slots[poise_schedule_slot(cursor, i, SLOTS)];

		if (!best || poise_lighter(&loads[candidate], &loads[best]))
			best = candidate;
	}
	cursor += POISE_LEASTCONN_CANDIDATES;
	return best;
}

static uint16_t choose_exactly(size_t count)
{
	uint16_t best = 1;

	for (uint16_t i = 2; i <= count; i++)
		if ((loads[i].active + 1ULL) * loads[best].weight <
		    (loads[best].active + 1ULL) * loads[i].weight)
			best = i;
	return best;
}

struct scenario {
	size_t count;
	uint16_t pattern[PATTERN]; /* of weights */
	enum lengths lengths;
	double load; /* connections a backend, on average */
};

struct outcome {
	double largest; /* load, average over time */
	double met;	/* load, average over connections */
};

static double load_of(uint16_t backend)
{
	return (double)loads[backend].active / loads[backend].weight;
}

static double largest_load(size_t count)
{
	double largest = 0;

	for (uint16_t i = 1; i <= count; i++)
		largest = fmax(largest, load_of(i));
	return largest;
}

/* Sets up the members; returns their average weight. */
static double make_backends(const struct scenario *scenario)
{
	double total = 0;

	for (size_t i = 0; i < scenario->count; i++) {
		uint16_t weight = scenario->pattern[i % PATTERN];

		members[i] = (struct maglev_member){
			.address = { .family = 4, .bytes = { 10, 0, i >> 8, i & 255 } },
			.index = i + 1,
			.weight = weight,
		};
		loads[i + 1] = (struct poise_backend_load){ .weight = weight };
		total += weight;
	}
	assert_int_equal(schedule_build(members, scenario->count, SLOTS, slots), 0);
	return total / (double)scenario->count;
}

/* Closes what ends before 'until'; returns the integral of the largest load since 'from'. */
static double pass_time(size_t count, double from, double until, double *largest)
{
	double integral = 0;

	while (under_way && connections[0].end <= until) {
		double end = connections[0].end;
		uint16_t backend = connections[0].backend;
		bool leading = load_of(backend) >= *largest;

		integral += *largest * (end - from);
		from = end;
		loads[backend].active--;
		close_first();
		if (leading)
			*largest = largest_load(count);
	}
	return integral + *largest * (until - from);
}

/* Poisson arrivals; the first half fills the system up. */
static struct outcome simulate(const struct scenario *scenario, uint16_t (*choose)(size_t))
{
	double unit = make_backends(scenario), rate = scenario->load * (double)scenario->count;
	int arrivals = (int)(TIMES_REPLACED * rate), counted = 0;
	double now = 0, begin = 0, largest = 0, integral = 0, met = 0;

	if (arrivals < MIN_CONNECTIONS)
		arrivals = MIN_CONNECTIONS;
	assert_true(arrivals <= MAX_CONNECTIONS);
	seed = 1;
	cursor = 0;
	under_way = 0;
	for (int i = 0; i < arrivals; i++) {
		double next = now - log(uniform()) / rate, length = draw_length(scenario->lengths);
		double passed = pass_time(scenario->count, now, next, &largest);
		uint16_t backend = choose(scenario->count);

		now = next;
		loads[backend].active++;
		largest = fmax(largest, load_of(backend));
		open_connection(now + length, backend);
		if (i < arrivals / 2) {
			begin = now;
			continue;
		}
		integral += passed;
		met += load_of(backend);
		counted++;
	}
	return (struct outcome){ integral / (now - begin) * unit, met / counted * unit };
}

static void assert_not_worse(const struct scenario *scenario, const char *what, double got,
			     double exact)
{
	double slack = fmax(exact * 0.1, scenario->load < 10 ? 1.1 : 0);

	if (got > exact + slack)
		fail_msg("%zu backends, %s lengths: %s is %.2f, the exact choice's %.2f",
			 scenario->count, length_names[scenario->lengths], what, got, exact);
}

static void compare(const struct scenario *scenario)
{
	struct outcome exact = simulate(scenario, choose_exactly);
	struct outcome got = simulate(scenario, choose_as_the_data_plane);

	print_message(
		"# %4zu backends, weights %4u %3u %3u %3u, %2.0f connections each, %7s: "
		"largest %5.2f (%+4.1f %%), met %5.2f (%+4.1f %%)\n",
		scenario->count, scenario->pattern[0], scenario->pattern[1], scenario->pattern[2],
		scenario->pattern[3], scenario->load, length_names[scenario->lengths], got.largest,
		(got.largest / exact.largest - 1) * 100, got.met, (got.met / exact.met - 1) * 100);
	assert_not_worse(scenario, "the largest load", got.largest, exact.largest);
	assert_not_worse(scenario, "the load that connections meet", got.met, exact.met);
}

static void choices_are_nearly_exact(const uint16_t pattern[PATTERN])
{
	static const size_t counts[] = { 3, 16, 17, 100, 1000 };
	static const double averages[] = { 3, 10 };
	struct scenario scenario;

	memcpy(scenario.pattern, pattern, sizeof(scenario.pattern));
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		for (size_t j = 0; j < 2 * sizeof(averages) / sizeof(averages[0]); j++) {
			scenario.count = counts[i];
			scenario.load = averages[j / 2];
			scenario.lengths = j % 2 ? BIMODAL : PARETO;
			compare(&scenario);
		}
	}
}

static void equal_weights(void **state)
{
	(void)state;
	choices_are_nearly_exact((const uint16_t[]){ 100, 100, 100, 100 });
}

static void unequal_weights(void **state)
{
	(void)state;
	choices_are_nearly_exact((const uint16_t[]){ 100, 50, 200, 400 });
}

static void very_unequal_weights(void **state)
{
	(void)state;
	choices_are_nearly_exact((const uint16_t[]){ 1000, 10, 100, 30 });
}

/* With no more backends than candidates every choice is one of the least burdened; but where the
 * schedule's end meets its beginning a backend may be among the candidates twice, and one not. */
static void few_backends_are_chosen_exactly(void **state)
{
	struct scenario scenario = {
		POISE_LEASTCONN_CANDIDATES, { 100, 100, 100, 100 }, PARETO, 10
	};
	double now = 0;

	(void)state;
	make_backends(&scenario);
	seed = 1;
	cursor = under_way = 0;
	for (int i = 0; i < MIN_CONNECTIONS; i++) {
		uint32_t first = cursor % SLOTS;
		double largest = 0;
		uint16_t backend, exact;

		now -= log(uniform()) / (scenario.load * (double)scenario.count);
		pass_time(scenario.count, now, now, &largest);
		backend = choose_as_the_data_plane(scenario.count);
		exact = choose_exactly(scenario.count);
		if (first + POISE_LEASTCONN_CANDIDATES <= SLOTS)
			assert_int_equal(loads[backend].active, loads[exact].active);
		loads[backend].active++;
		open_connection(now + draw_length(PARETO), backend);
	}
}

static void ties_and_weights(void **state)
{
	struct poise_backend_load idle = { 0, 1, 0 }, busy = { 3, 4, 0 }, none = { 0, 0, 0 };
	struct poise_backend_load full = { INT32_MAX, 1, 0 }, heavy = { INT32_MAX, 1000, 0 };
	struct poise_backend_load early = { UINT32_MAX, 1, 0 }; /* -1 */

	(void)state;
	assert_false(poise_lighter(&idle, &busy)); /* 1 / 1 and 4 / 4 */
	assert_false(poise_lighter(&busy, &idle));
	busy.active--;
	assert_true(poise_lighter(&busy, &idle));
	assert_false(poise_lighter(&none, &busy));
	assert_true(poise_lighter(&busy, &none));
	assert_true(poise_lighter(&heavy, &full)); /* no overflow */
	assert_false(poise_lighter(&full, &heavy));
	assert_false(poise_lighter(&early, &idle)); /* as good as idle, no better */
	assert_false(poise_lighter(&idle, &early));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_weights),
		cmocka_unit_test(unequal_weights),
		cmocka_unit_test(very_unequal_weights),
		cmocka_unit_test(few_backends_are_chosen_exactly),
		cmocka_unit_test(ties_and_weights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
