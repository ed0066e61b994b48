// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cost.h"

#include <errno.h>
#include <math.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uncached.h"

enum {
	ATTEMPTS = 6,	  /* for a steady measurement; then the last one counts */
	FEW_FLOWS = 1000, /* need no warming up: they are warm after a thousandth of a run */
};

/* By how much the harness may differ before and after. */
static const double steady = 0.04;

struct bench {
	struct harness *harness;
	struct subject **subjects; /* subject_row_count; NULL: no row asks for it */
	struct uncached uncached;
	struct cost *cost;
	const char *only;
};

static bool is_asked_for(const struct bench *bench, size_t row)
{
	return !bench->only || strncmp(rows[row].key, bench->only, strlen(bench->only)) == 0;
}

/* A settled slot is never looked up in the exceptions; what is recorded stays as it is; and of
 * flows that never were every SYN is recorded. */
static bool events_fit(const struct row *row, const uint64_t *events, uint32_t packets)
{
	uint64_t recorded =
		events[POISE_EVENT_EXCEPTION_RECORDED] + events[POISE_EVENT_EXCEPTION_LOST];

	if (row->has_event && events[row->all_of] != packets)
		return false;
	if (!row->writes)
		return recorded == 0;
	return row->traffic.flows || recorded == packets;
}

/* Puts packets through the row's subject; each must fare as it is meant to. */
static int run_subject(struct bench *bench, const struct row *row, const struct traffic *traffic,
		       uint32_t packets, uint64_t *events, double *ns)
{
	struct subject *subject = bench->subjects[row->subject];
	struct outcome outcome = row_outcome(row);
	struct subject_count before, after;
	uint64_t new_events[POISE_EVENT_COUNT], fared;
	int err;

	subject_count(subject, &before);
	err = harness_run(bench->harness, subject_program_fd(subject), traffic, &outcome, packets,
			  ns);
	if (err)
		return err;
	subject_count(subject, &after);
	for (int i = 0; i < POISE_EVENT_COUNT; i++) {
		new_events[i] = after.events[i] - before.events[i];
		events[i] += new_events[i];
	}
	fared = row->reason == POISE_REASON_SENT
			? after.sent - before.sent
			: after.reasons[row->reason] - before.reasons[row->reason];
	if (fared == packets && events_fit(row, new_events, packets))
		return 0;
	fprintf(stderr, "bench: of %u packets %llu fared as expected, %llu recorded\n", packets,
		(unsigned long long)fared,
		(unsigned long long)new_events[POISE_EVENT_EXCEPTION_RECORDED]);
	return -EBADMSG;
}

/* A subject's flows are opened by a packet of each: a SYN, or a datagram. */
static int record_flows(struct bench *bench, uint32_t subject)
{
	struct row opening = { .subject = subject, .writes = subject_rows[subject].moving };
	uint64_t events[POISE_EVENT_COUNT] = { 0 };
	double ns;
	int err;

	opening.traffic = (struct traffic){
		{ .family = subject_rows[subject].options.family,
		  .protocol = subject_rows[subject].options.protocol,
		  .tcp_flags = FRAME_SYN },
		.flows = subject_rows[subject].recorded,
	};
	if (!opening.traffic.frame.protocol)
		opening.traffic.frame.protocol = 6;
	err = run_subject(bench, &opening, &opening.traffic, opening.traffic.flows, events, &ns);
	for (size_t i = 0; i < row_count; i++)
		if (rows[i].subject == subject)
			memcpy(bench->cost->rows[i].events, events, sizeof(events));
	return err;
}

static int set_up_subject(struct bench *bench, uint32_t index)
{
	const struct subject_row *row = &subject_rows[index];
	uint32_t ifindex = if_nametoindex("lo"); /* where test runs come in */
	int err = subject_new(&row->options, ifindex, &bench->subjects[index]);

	if (!err && row->moving)
		err = subject_move(bench->subjects[index]);
	if (!err && row->recorded)
		err = record_flows(bench, index);
	return err;
}

static int set_up(struct bench *bench)
{
	int err = harness_new(&bench->harness);

	if (!err)
		err = uncached_new(&bench->uncached);
	bench->cost->rows = calloc(row_count, sizeof(*bench->cost->rows));
	bench->subjects = calloc(subject_row_count, sizeof(*bench->subjects));
	if (!bench->cost->rows || !bench->subjects)
		return -ENOMEM;
	for (size_t i = 0; i < row_count && !err; i++)
		if (is_asked_for(bench, i) && !bench->subjects[rows[i].subject])
			err = set_up_subject(bench, rows[i].subject);
	return err;
}

static int run_row(struct bench *bench, size_t index, uint32_t packets, double *ns)
{
	struct cost_row *cost = &bench->cost->rows[index];
	uint64_t ignored[POISE_EVENT_COUNT];
	bool recorded_before = subject_rows[rows[index].subject].recorded;

	return run_subject(bench, &rows[index], &rows[index].traffic, packets,
			   recorded_before ? ignored : cost->events, ns);
}

/* Every flow once, so that caches hold what they can hold; where there is something that each flow
 * has for itself. */
static int warm_up(struct bench *bench, size_t index)
{
	const struct subject_row *subject = &subject_rows[rows[index].subject];
	uint32_t flows = rows[index].traffic.flows;
	double ns;

	if (flows <= FEW_FLOWS || (!subject->moving && !subject->recorded))
		return 0;
	return run_row(bench, index, flows, &ns);
}

static int family_index(const struct row *row)
{
	return row->traffic.frame.family == 4 ? 0 : 1;
}

static void add_figures(struct cost_figures *figures, double ns, double empty_ns)
{
	samples_add(&figures->ns, ns - empty_ns);
	samples_add(&figures->relative, (ns - empty_ns) / empty_ns);
}

struct measurement {
	double before, row, limit, after;
};

static int measure(struct bench *bench, size_t index, struct measurement *out)
{
	const struct traffic *traffic = &rows[index].traffic;
	int err = warm_up(bench, index);

	if (!err)
		err = harness_run_empty(bench->harness, traffic, COST_PACKETS, &out->before);
	if (!err)
		err = run_row(bench, index, COST_PACKETS, &out->row);
	if (!err)
		err = harness_run_limit(bench->harness, traffic, COST_PACKETS, &out->limit);
	if (!err)
		err = harness_run_empty(bench->harness, traffic, COST_PACKETS, &out->after);
	return err;
}

/* Empty, row, limit, empty: what lies between two equal runs of the empty program was measured at
 * one speed of the CPU. */
static int measure_once(struct bench *bench, size_t index, bool last_attempt, bool *done)
{
	struct cost *cost = bench->cost;
	struct measurement found;
	double empty;
	int err = measure(bench, index, &found);

	if (err)
		return err;
	empty = (found.before + found.after) / 2;
	*done = fabs(found.after - found.before) <= steady * empty;
	if (!*done && !last_attempt) {
		cost->unsteady++;
		return 0;
	}
	add_figures(&cost->rows[index].figures, found.row, empty);
	samples_add(&cost->harness_ns, empty);
	add_figures(&cost->limit[family_index(&rows[index])], found.limit, empty);
	return 0;
}

static int measure_row(struct bench *bench, size_t index)
{
	bool done = false;
	int err = 0;

	for (int i = 1; i <= ATTEMPTS && !err && !done; i++)
		err = measure_once(bench, index, i == ATTEMPTS, &done);
	if (!err && rows[index].uncached)
		samples_add(&bench->cost->uncached_ns, uncached_measure(&bench->uncached));
	if (err)
		fprintf(stderr, "bench: '%s': %s\n", rows[index].key,
			err == -EBADMSG ? "packets did not fare as they should" : strerror(-err));
	return err;
}

int cost_measure(int rounds, const char *only, struct cost *cost)
{
	struct bench bench = { .cost = cost, .only = only };
	int err = set_up(&bench);

	for (int round = 0; round < rounds && !err; round++)
		for (size_t row = 0; row < row_count && !err; row++)
			if (is_asked_for(&bench, row))
				err = measure_row(&bench, row);
	for (size_t i = 0; i < subject_row_count && bench.subjects; i++)
		subject_free(bench.subjects[i]);
	free(bench.subjects);
	harness_free(bench.harness);
	uncached_free(&bench.uncached);
	return err;
}

void cost_free(struct cost *cost)
{
	free(cost->rows);
	cost->rows = NULL;
}

bool cost_measured(const struct cost *cost, size_t row)
{
	return cost->rows && cost->rows[row].figures.ns.count > 0;
}

double cost_ratio(const struct cost *cost, size_t row)
{
	return samples_median(&cost->rows[row].figures.relative) /
	       samples_median(&cost->limit[family_index(&rows[row])].relative);
}

double cost_spread(const struct cost *cost, size_t row)
{
	const struct samples *samples = &cost->rows[row].figures.relative;

	return (samples_quantile(samples, 0.75) - samples_quantile(samples, 0.25)) / 2 /
	       samples_median(samples);
}
