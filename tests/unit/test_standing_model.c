/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state machine of backends against a second implementation that keeps whole histories and
 * reckons anew each time: random results, commands and times of a service of a few backends. What
 * must agree: health, when the fast interval holds, damping, panic, slow start, who is eligible and
 * who is live.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "health_state.h"
#include "standing.h"

enum { MEMBERS = 5, STEPS = 1500, RUNS = 300, FALLS = STEPS };

/* What is under test, held together as poised does it. */
struct subject {
	enum health_state state;
	struct health_row row;
	struct standing standing;
	struct standing_facts facts;
};

/* The second implementation: what happened. */
struct witness {
	bool well; /* its checks mostly pass */
	bool active, drained, reachable;
	unsigned weight;
	char state;		 /* '?', 'U', 'D' */
	char results[STEPS + 1]; /* 'p', 'f' */
	size_t count;
	int64_t falls[FALLS]; /* that count */
	size_t fall_count;
	bool eligible;
	int64_t slow_since; /* -1: none */
};

struct run {
	uint64_t seed;
	int64_t now;
	uint16_t rise, fall;
	struct standing_rules rules;
	struct subject subjects[MEMBERS];
	struct witness witnesses[MEMBERS];
	bool serving;
	struct standing_verdict verdict, expected;
	char last[64]; /* what was done */
};

/* Each must have come about, or the test shows nothing. */
static unsigned panics, reliefs, holds, releases, steps_seen, doubts;

static unsigned draw(struct run *run, unsigned below)
{
	run->seed = run->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(run->seed >> 33) % below;
}

/* The second implementation. */

static bool ends_with(const struct witness *w, char result, unsigned length)
{
	if (w->count < length)
		return false;
	for (size_t i = w->count - length; i < w->count; i++)
		if (w->results[i] != result)
			return false;
	return true;
}

static bool wanted(const struct witness *w)
{
	return w->active && !w->drained && w->weight;
}

static void witness_result(const struct run *run, struct witness *w, bool passed)
{
	char before = w->state;

	w->results[w->count++] = passed ? 'p' : 'f';
	if (before == '?')
		w->state = passed ? 'U' : 'D';
	else if (before == 'U' && ends_with(w, 'f', run->fall))
		w->state = 'D';
	else if (before == 'D' && ends_with(w, 'p', run->rise))
		w->state = 'U';
	if (before == 'U' && w->state == 'D' && run->rules.damping && wanted(w))
		w->falls[w->fall_count++] = run->now;
}

struct hold {
	double penalty;
	bool held;
};

static void grow_old(struct hold *hold, int64_t ms)
{
	hold->penalty *= pow(0.5, (double)ms / 120000);
	if (hold->penalty < 1000)
		hold->held = false;
	if (hold->penalty < 500)
		hold->penalty = 0;
}

static struct hold witness_hold(const struct run *run, const struct witness *w)
{
	struct hold hold = { 0, false };

	for (size_t i = 0; i < w->fall_count; i++) {
		if (i)
			grow_old(&hold, w->falls[i] - w->falls[i - 1]);
		hold.penalty = fmin(hold.penalty + 1000, 32000);
		hold.held |= hold.penalty > 3600;
	}
	if (w->fall_count)
		grow_old(&hold, run->now - w->falls[w->fall_count - 1]);
	return hold;
}

static bool known(const struct witness *w)
{
	return w->state != '?' || !w->reachable;
}

static bool passes(const struct witness *w)
{
	return w->state == 'U' && w->reachable;
}

static struct standing_verdict witness_judge(const struct run *run)
{
	unsigned all = 0, up = 0, held = 0;
	struct standing_verdict verdict = { false, false };
	double threshold = run->rules.panic_threshold / 100.0;

	for (int i = 0; i < MEMBERS; i++) {
		const struct witness *w = &run->witnesses[i];

		if (!wanted(w) || !known(w))
			continue;
		all++;
		if (passes(w) && witness_hold(run, w).held)
			held++;
		else if (passes(w))
			up++;
	}
	if (held && (!up || up < threshold * all - 1e-9)) {
		verdict.unheld = true;
		up += held;
	}
	verdict.panic = all && up < threshold * all - 1e-9;
	return verdict;
}

static bool witness_eligible(const struct run *run, const struct witness *w)
{
	bool held = witness_hold(run, w).held && !run->expected.unheld;

	if (!wanted(w) || !w->reachable)
		return false;
	return (w->state == 'U' && !held) || (run->expected.panic && w->state != '?');
}

static void witness_decide(struct run *run)
{
	run->expected = witness_judge(run);
	for (int i = 0; i < MEMBERS; i++) {
		struct witness *w = &run->witnesses[i];
		bool eligible = witness_eligible(run, w);

		if (eligible && !w->eligible && run->serving && run->rules.slow_start_ms)
			w->slow_since = run->now;
		if (!eligible || run->expected.panic)
			w->slow_since = -1;
		w->eligible = eligible;
	}
}

static unsigned witness_weight(const struct run *run, const struct witness *w)
{
	int64_t all = run->rules.slow_start_ms, gone = run->now - w->slow_since, parts;
	double share;
	unsigned weight;

	if (w->slow_since < 0 || gone >= all || !w->weight)
		return w->weight;
	parts = all / 1000 > 9 ? 9 : all / 1000;
	share = 0.1 + 0.9 * (double)(gone * parts / all) / (double)parts;
	weight = (unsigned)floor(w->weight * share + 1e-9);
	return weight ? weight : 1;
}

/* What poised does with the same. */

static struct standing_facts facts_of(const struct subject *s, const struct witness *w)
{
	return (struct standing_facts){ .active = w->active,
					.drained = w->drained,
					.reachable = w->reachable,
					.passing = s->state == HEALTH_UP,
					.known = s->state != HEALTH_UNKNOWN || !w->reachable,
					.weight = (uint16_t)w->weight };
}

static void subject_result(struct run *run, int i, bool passed)
{
	struct subject *s = &run->subjects[i];
	enum health_state before = s->state;

	health_row_add(&s->row, passed);
	s->state = health_state_after(before, &s->row, run->rise, run->fall);
	s->facts = facts_of(s, &run->witnesses[i]);
	if (before == HEALTH_UP && s->state == HEALTH_DOWN &&
	    standing_fell(&s->standing, &s->facts, &run->rules, run->now))
		holds++;
}

static void subjects_decide(struct run *run)
{
	struct standing_tally tally = { 0 };

	for (int i = 0; i < MEMBERS; i++) {
		struct subject *s = &run->subjects[i];

		releases += damping_decay(&s->standing.damping, run->now);
		slow_start_finish(&s->standing.slow_start, run->rules.slow_start_ms, run->now);
		s->facts = facts_of(s, &run->witnesses[i]);
		standing_count(&tally, &s->facts, &s->standing);
	}
	run->verdict = standing_judge(&tally, &run->rules);
	for (int i = 0; i < MEMBERS; i++)
		standing_decide(&run->subjects[i].standing, &run->subjects[i].facts, run->verdict,
				&run->rules, run->serving, run->now);
}

/* What happens. */

static void happen(struct run *run, int i)
{
	struct subject *s = &run->subjects[i];
	struct witness *w = &run->witnesses[i];
	static const uint16_t weights[] = { 0, 1, 7, 100, 1000 };
	unsigned what = draw(run, 100);
	bool passed;

	if (!draw(run, 4))
		w->well = !w->well;
	passed = w->well == (draw(run, 20) > 0);
	snprintf(run->last, sizeof(run->last), "member %d, event %u", i, what);
	if (what < 80) {
		witness_result(run, w, passed);
		subject_result(run, i, passed);
	} else if (what < 84) {
		w->drained = !w->drained;
	} else if (what < 88) {
		w->weight = weights[draw(run, 5)];
	} else if (what < 92) {
		w->reachable = !w->reachable;
	} else if (what < 94) {
		w->active = !w->active;
	} else if (what < 95) { /* undrained by an operator */
		w->fall_count = 0;
		damping_reset(&s->standing.damping);
	} else {
		w->drained = false;
		w->active = w->reachable = true;
		w->weight = 100;
	}
}

static void compare(struct run *run, int step)
{
	if (run->verdict.panic != run->expected.panic ||
	    run->verdict.unheld != run->expected.unheld)
		fail_msg("step %d, %s: expected panic %d, unheld %d, got %d, %d", step, run->last,
			 run->expected.panic, run->expected.unheld, run->verdict.panic,
			 run->verdict.unheld);
	for (int i = 0; i < MEMBERS; i++) {
		const struct subject *s = &run->subjects[i];
		const struct witness *w = &run->witnesses[i];
		char state = s->state == HEALTH_UP ? 'U' : s->state == HEALTH_DOWN ? 'D' : '?';
		bool doubted =
			w->state == '?' ||
			(w->count && w->results[w->count - 1] == (w->state == 'U' ? 'f' : 'p'));
		unsigned weight = standing_weight(&s->facts, &s->standing, run->rules.slow_start_ms,
						  run->now);
		bool live = w->reachable &&
			    (w->state == 'U' || (run->expected.panic && w->state != '?'));

		if (state != w->state || s->standing.damping.held != witness_hold(run, w).held ||
		    s->standing.eligible != w->eligible || weight != witness_weight(run, w) ||
		    standing_live(&s->facts, run->verdict) != live ||
		    health_state_is_doubted(s->state, &s->row) != doubted)
			fail_msg("step %d, %s, member %d: expected state %c, held %d, eligible %d, "
				 "weight %u, live %d, doubted %d; got %c, %d, %d, %u, %d, %d",
				 step, run->last, i, w->state, witness_hold(run, w).held,
				 w->eligible, witness_weight(run, w), live, doubted, state,
				 s->standing.damping.held, s->standing.eligible, weight,
				 standing_live(&s->facts, run->verdict),
				 health_state_is_doubted(s->state, &s->row));
		steps_seen += weight && weight != w->weight;
		doubts += doubted;
	}
	panics += run->verdict.panic;
	reliefs += run->verdict.unheld;
}

static void begin(struct run *run, unsigned seed)
{
	static const uint8_t thresholds[] = { 0, 0, 20, 50, 100 };
	static const uint32_t slow_starts[] = { 0, 1000, 5000, 30000, 600000 };

	memset(run, 0, sizeof(*run));
	run->seed = seed;
	run->now = 1000000;
	run->rise = 1 + draw(run, 3);
	run->fall = 1 + draw(run, 3);
	run->rules.damping = draw(run, 4);
	run->rules.panic_threshold = thresholds[draw(run, 5)];
	run->rules.slow_start_ms = slow_starts[draw(run, 5)];
	for (int i = 0; i < MEMBERS; i++)
		run->witnesses[i] = (struct witness){ .active = true,
						      .reachable = true,
						      .weight = 100,
						      .state = '?',
						      .slow_since = -1 };
}

static void random_lives_agree(void **state)
{
	static const unsigned paces_ms[] = { 200, 2000, 10000 };
	static struct run run;

	(void)state;
	for (unsigned seed = 1; seed <= RUNS; seed++) {
		begin(&run, seed);
		for (int step = 0; step < STEPS; step++) {
			run.now += draw(&run, paces_ms[seed % 3]);
			if (!draw(&run, 250)) /* for a while nothing happens */
				run.now += draw(&run, 400000);
			run.serving = step > MEMBERS;
			happen(&run, draw(&run, MEMBERS));
			witness_decide(&run);
			subjects_decide(&run);
			compare(&run, step);
		}
	}
	print_message("# %u panics, %u reliefs, %u holds, %u releases, %u steps, %u doubts\n",
		      panics, reliefs, holds, releases, steps_seen, doubts);
	assert_true(panics > 1000 && reliefs > 1000 && holds > 200 && releases > 50);
	assert_true(steps_seen > 1000 && doubts > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_lives_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
