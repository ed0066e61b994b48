/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "standing.h"

/* In use, as far as the operator is concerned. */
static bool is_wanted(const struct standing_facts *facts)
{
	return facts->active && !facts->drained && facts->weight > 0;
}

void standing_count(struct standing_tally *tally, const struct standing_facts *facts,
		    const struct standing *standing)
{
	if (!is_wanted(facts) || !facts->known)
		return;
	tally->members++;
	if (!facts->reachable || !facts->passing)
		return;
	if (standing->damping.held)
		tally->held++;
	else
		tally->up++;
}

static bool too_few(uint32_t up, const struct standing_tally *tally,
		    const struct standing_rules *rules)
{
	return (uint64_t)up * 100 < (uint64_t)rules->panic_threshold * tally->members;
}

/* What flaps is better than nothing, and than what is down. */
struct standing_verdict standing_judge(const struct standing_tally *tally,
				       const struct standing_rules *rules)
{
	struct standing_verdict verdict = { false, false };
	uint32_t up = tally->up;

	verdict.unheld = tally->held && (up == 0 || too_few(up, tally, rules));
	if (verdict.unheld)
		up += tally->held;
	verdict.panic = too_few(up, tally, rules);
	return verdict;
}

bool standing_fell(struct standing *standing, const struct standing_facts *facts,
		   const struct standing_rules *rules, int64_t now_ms)
{
	return rules->damping && is_wanted(facts) && damping_count(&standing->damping, now_ms);
}

bool standing_up(const struct standing_facts *facts, const struct standing *standing,
		 struct standing_verdict verdict)
{
	return facts->reachable && facts->passing && (!standing->damping.held || verdict.unheld);
}

bool standing_eligible(const struct standing_facts *facts, const struct standing *standing,
		       struct standing_verdict verdict)
{
	return is_wanted(facts) && (standing_up(facts, standing, verdict) ||
				    (verdict.panic && facts->reachable && facts->known));
}

bool standing_live(const struct standing_facts *facts, struct standing_verdict verdict)
{
	return facts->reachable && (facts->passing || (verdict.panic && facts->known));
}

bool standing_decide(struct standing *standing, const struct standing_facts *facts,
		     struct standing_verdict verdict, const struct standing_rules *rules,
		     bool serving, int64_t now_ms)
{
	bool was = standing->eligible;

	standing->eligible = standing_eligible(facts, standing, verdict);
	if (!standing->eligible || verdict.panic || !rules->slow_start_ms)
		standing->slow_start.running = false;
	else if (!was && serving)
		slow_start_begin(&standing->slow_start, now_ms);
	return standing->eligible != was;
}

uint16_t standing_weight(const struct standing_facts *facts, const struct standing *standing,
			 uint32_t slow_start_ms, int64_t now_ms)
{
	return slow_start_weight(&standing->slow_start, slow_start_ms, facts->weight, now_ms);
}
