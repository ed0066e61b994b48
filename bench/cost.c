// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cost.h"

#include <errno.h>
#include <math.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "frame.h"
#include "subject.h"

enum {
	ATTEMPTS = 8,	  /* for a steady measurement; then the last one counts */
	FEW_FLOWS = 1000, /* need no warming up: they are warm after a thousandth of a run */
};

/* By how much the harness may differ before and after. */
static const double steady = 0.04;

/* X(name, family, all slots are moving, flows recorded then) */
#define SUBJECTS(X)                                                                                \
	X(SETTLED, 4, false, 0)                                                                    \
	X(SETTLED6, 6, false, 0)                                                                   \
	X(UNRECORDED, 4, true, 0)                                                                  \
	X(RECORDED, 4, true, 100000)                                                               \
	X(RECORDED_1M, 4, true, 1000000)                                                           \
	X(OPENING, 4, true, 0)                                                                     \
	X(FLOOD, 4, true, 0)

enum subject_index {
#define SUBJECT_ENUM(name, family, moving, recorded) SUBJECT_##name,
	SUBJECTS(SUBJECT_ENUM)
#undef SUBJECT_ENUM
		SUBJECT_COUNT
};

static const struct {
	uint8_t family;
	bool moving;
	uint32_t recorded;
} kinds[SUBJECT_COUNT] = {
#define SUBJECT_KIND(name, family, moving, recorded)                                               \
	[SUBJECT_##name] = { family, moving, recorded },
	SUBJECTS(SUBJECT_KIND)
#undef SUBJECT_KIND
};

static const enum subject_index subject_of[COST_ROW_COUNT] = {
#define ROW_SUBJECT(name, title, subject, family, flags, flows) SUBJECT_##subject,
	COST_ROWS(ROW_SUBJECT)
#undef ROW_SUBJECT
};

struct bench {
	struct harness *harness;
	struct subject *subjects[SUBJECT_COUNT];
	struct cost *cost;
};

static void init_rows(struct cost *cost)
{
	static const struct cost_row rows[COST_ROW_COUNT] = {
#define ROW(name, text, subject, family, flags, flows)                                             \
	{ .key = #name, .title = text, .traffic = { family, flags, flows } },
		COST_ROWS(ROW)
#undef ROW
	};

	memset(cost, 0, sizeof(*cost));
	memcpy(cost->rows, rows, sizeof(rows));
}

/* A settled slot is never looked up in the exceptions; what is recorded stays as it is; and of
 * flows that never were every SYN is recorded. */
static bool events_fit(const struct traffic *traffic, bool moving, const uint64_t *events,
		       uint32_t packets)
{
	uint64_t recorded =
		events[POISE_EVENT_EXCEPTION_RECORDED] + events[POISE_EVENT_EXCEPTION_LOST];

	if (!moving || traffic->tcp_flags != FRAME_SYN)
		return recorded == 0;
	return traffic->flows || recorded == packets;
}

/* Puts packets through a subject; every one must have been sent, in the way that is meant. */
static int run_subject(struct bench *bench, enum subject_index index, const struct traffic *traffic,
		       uint32_t packets, uint64_t *events, double *ns)
{
	struct subject *subject = bench->subjects[index];
	struct subject_count before, after;
	uint64_t new_events[POISE_EVENT_COUNT];
	int err;

	subject_count(subject, &before);
	err = harness_run(bench->harness, subject_program_fd(subject), traffic, packets, ns);
	if (err)
		return err;
	subject_count(subject, &after);
	for (int i = 0; i < POISE_EVENT_COUNT; i++) {
		new_events[i] = after.events[i] - before.events[i];
		events[i] += new_events[i];
	}
	if (after.sent - before.sent == packets && after.refused == before.refused &&
	    events_fit(traffic, kinds[index].moving, new_events, packets))
		return 0;
	fprintf(stderr, "bench: of %u packets %llu were sent, %llu refused, %llu recorded\n",
		packets, (unsigned long long)(after.sent - before.sent),
		(unsigned long long)(after.refused - before.refused),
		(unsigned long long)new_events[POISE_EVENT_EXCEPTION_RECORDED]);
	return -EBADMSG;
}

/* A row's flows are recorded by a SYN of each. */
static int record_flows(struct bench *bench, enum subject_index index)
{
	struct traffic opening = { kinds[index].family, FRAME_SYN, kinds[index].recorded };
	uint64_t events[POISE_EVENT_COUNT] = {};
	double ns;
	int err = run_subject(bench, index, &opening, opening.flows, events, &ns);

	for (int row = 0; row < COST_ROW_COUNT; row++)
		if (subject_of[row] == index)
			memcpy(bench->cost->rows[row].events, events, sizeof(events));
	return err;
}

static int set_up(struct bench *bench)
{
	uint32_t ifindex = if_nametoindex("lo"); /* where test runs come in */
	int err = harness_new(&bench->harness);

	for (int i = 0; i < SUBJECT_COUNT && !err; i++) {
		err = subject_new(kinds[i].family, ifindex, &bench->subjects[i]);
		if (!err && kinds[i].moving)
			err = subject_move(bench->subjects[i]);
		if (!err && kinds[i].recorded)
			err = record_flows(bench, i);
	}
	return err;
}

static int run_row(struct bench *bench, int index, uint32_t packets, double *ns)
{
	struct cost_row *row = &bench->cost->rows[index];
	uint64_t recorded[POISE_EVENT_COUNT] = {};
	bool had_recorded = kinds[subject_of[index]].recorded != 0;

	return run_subject(bench, subject_of[index], &row->traffic, packets,
			   had_recorded ? recorded : row->events, ns);
}

/* Every flow once, so that caches hold what they can hold. */
static int warm_up(struct bench *bench, int index)
{
	uint32_t flows = bench->cost->rows[index].traffic.flows;
	double ns;

	return flows > FEW_FLOWS ? run_row(bench, index, flows, &ns) : 0;
}

static int family_index(const struct traffic *traffic)
{
	return traffic->family == 4 ? 0 : 1;
}

static void add_figures(struct cost_figures *figures, double ns, double empty_ns)
{
	samples_add(&figures->ns, ns - empty_ns);
	samples_add(&figures->relative, (ns - empty_ns) / empty_ns);
}

/* Empty, row, limit, empty: what lies between two equal runs of the empty program was measured at
 * one speed of the CPU. */
static int measure_once(struct bench *bench, int index, bool last_attempt, bool *done)
{
	struct cost *cost = bench->cost;
	struct cost_row *row = &cost->rows[index];
	struct harness *harness = bench->harness;
	const struct traffic *traffic = &row->traffic;
	double before, after, ns, limit, empty;
	int err = warm_up(bench, index);

	if (!err)
		err = harness_run(harness, harness_empty_fd(harness), traffic, COST_PACKETS,
				  &before);
	if (!err)
		err = run_row(bench, index, COST_PACKETS, &ns);
	if (!err)
		err = harness_run(harness, harness_limit_fd(harness, traffic->family), traffic,
				  COST_PACKETS, &limit);
	if (!err)
		err = harness_run(harness, harness_empty_fd(harness), traffic, COST_PACKETS,
				  &after);
	if (err)
		return err;
	empty = (before + after) / 2;
	*done = fabs(after - before) <= steady * empty;
	if (!*done && !last_attempt) {
		cost->unsteady++;
		return 0;
	}
	add_figures(&row->figures, ns, empty);
	add_figures(&cost->limit[family_index(traffic)], limit, empty);
	samples_add(&cost->harness_ns, empty);
	return 0;
}

static int measure_row(struct bench *bench, int index)
{
	bool done = false;
	int err = 0;

	for (int i = 1; i <= ATTEMPTS && !err && !done; i++)
		err = measure_once(bench, index, i == ATTEMPTS, &done);
	if (err)
		fprintf(stderr, "bench: '%s': %s\n", bench->cost->rows[index].title,
			err == -EBADMSG ? "packets were not sent as they should be"
					: strerror(-err));
	return err;
}

int cost_measure(int rounds, struct cost *cost)
{
	struct bench bench = { .cost = cost };
	int err;

	init_rows(cost);
	err = set_up(&bench);
	for (int round = 0; round < rounds && !err; round++)
		for (int row = 0; row < COST_ROW_COUNT && !err; row++)
			err = measure_row(&bench, row);
	for (int i = 0; i < SUBJECT_COUNT; i++)
		subject_free(bench.subjects[i]);
	harness_free(bench.harness);
	return err;
}

double cost_ratio(const struct cost *cost, enum cost_row_index row)
{
	const struct cost_row *measured = &cost->rows[row];
	const struct cost_figures *limit = &cost->limit[family_index(&measured->traffic)];

	return samples_median(&measured->figures.relative) / samples_median(&limit->relative);
}
