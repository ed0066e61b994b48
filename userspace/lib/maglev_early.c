/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The first rounds of throws, up to where some member may come to its quota: until then a slot is
 * its earliest thrower's. So all throws are made in reverse, the last one first, and each takes its
 * slot from whoever threw at it later: nothing is looked up, and there is no branch to guess. It
 * counts if nobody got more than its quota; else these rounds are left to maglev_throws.c.
 *
 * Turns repeat after a period of 2^shift rounds, in which a member has as many as its weight.
 */
#include <stdlib.h>
#include <string.h>

#include "maglev_private.h"

enum {
	MAX_THROWERS = 254, /* so that a byte a slot tells who has it */
	NOBODY = 255,
	GROUP_TURNS = 4096, /* drawn at a time: they stay in the first cache */
	STEPS_PER_SLOT = 64,
	SURE = 4, /* the square of how many standard deviations a quota is to be away, at least */
};

struct turn {
	uint16_t thrower; /* place in the ranking */
	uint16_t number;  /* of its turns in the period */
};

struct early {
	struct turn *order; /* of a period's turns */
	uint32_t turns;	    /* in a period */
	uint32_t *slots;    /* of a group of periods, member by member */
	const uint32_t *throws[MAX_THROWERS];
};

static void list_turns(const struct maglev_build *build, struct turn *order)
{
	for (uint64_t round = 0; round >> build->shift == 0; round++)
		for (size_t i = 0; i < build->count; i++) {
			const struct maglev_builder *member = build->ranking[i];
			uint64_t end = maglev_turns(build, member, round + 1);

			for (uint64_t t = maglev_turns(build, member, round); t < end; t++)
				*order++ = (struct turn){ .thrower = i, .number = t };
		}
}

static uint32_t least_quota(const struct maglev_build *build)
{
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < build->count; i++)
		if (build->ranking[i]->missing < least)
			least = build->ranking[i]->missing;
	return least;
}

/* What a member has comes close to its share of the slots thrown at so far, give or take the square
 * root of it. vacant: the others' part, in 2^-32. */
static uint64_t count_periods(const struct maglev_build *build, uint32_t turns)
{
	uint64_t step = build->size / STEPS_PER_SLOT / turns + 1, periods = 0;
	uint64_t most = build->throw_rounds >> build->shift, vacant = UINT32_MAX;
	uint64_t least = least_quota(build);

	for (;; periods += step) {
		vacant -= vacant * step * turns / build->size;
		if ((least * vacant >> 32) * vacant >> 32 < SURE || periods + step > most)
			return periods;
	}
}

/* Each member's throws; points behind them. */
static void draw_group(const struct maglev_build *build, struct early *early, uint64_t period,
		       uint32_t periods)
{
	uint32_t *slots = early->slots;

	for (size_t i = 0; i < build->count; i++) {
		const struct maglev_builder *member = build->ranking[i];
		uint64_t first = member->weight * period + MAGLEV_FIRST_THROW;
		uint32_t turns = member->weight * periods;

		for (uint32_t t = 0; t < turns; t += MAGLEV_BATCH)
			maglev_draw(member->key + (first + t) * maglev_step, build->size,
				    slots + t);
		early->throws[i] = slots += turns;
	}
}

static void throw_period(const struct early *early, uint8_t *restrict has)
{
	const struct turn *restrict order = early->order;

	for (uint32_t i = early->turns; i-- > 0;)
		has[early->throws[order[i].thrower][order[i].number]] = order[i].thrower;
}

static void throw_group(struct maglev_build *build, struct early *early, uint64_t period,
			uint32_t periods)
{
	draw_group(build, early, period, periods);
	while (periods--) {
		for (size_t i = 0; i < build->count; i++)
			early->throws[i] -= build->ranking[i]->weight;
		throw_period(early, build->vacant);
	}
}

/* From who has a slot to its owner. Returns whether all are within their quotas. */
static bool take_slots(struct maglev_build *build)
{
	uint32_t claimed[NOBODY + 1] = { 0 };
	bool within = true;

	for (uint32_t i = 0; i < build->size; i++) {
		uint8_t thrower = build->vacant[i];

		claimed[thrower]++;
		build->vacant[i] = thrower == NOBODY;
		if (thrower != NOBODY)
			build->owners[i] = build->ranking[thrower]->index;
	}
	for (size_t i = 0; i < build->count; i++)
		within &= claimed[i] <= build->ranking[i]->missing;
	for (size_t i = 0; i < build->count && within; i++)
		build->ranking[i]->missing -= claimed[i];
	build->left = within ? claimed[NOBODY] : build->size;
	return within;
}

static bool throw_all(struct maglev_build *build, struct early *early, uint64_t periods)
{
	uint32_t group = GROUP_TURNS / early->turns + 1;

	early->order = malloc(early->turns * sizeof(*early->order));
	early->slots = malloc((group * early->turns + MAGLEV_BATCH) * sizeof(*early->slots));
	if (!early->order || !early->slots)
		return false;
	list_turns(build, early->order);
	memset(build->vacant, NOBODY, build->size);
	while (periods) {
		uint32_t count = periods < group ? periods : group;

		periods -= count;
		throw_group(build, early, periods, count);
	}
	if (take_slots(build))
		return true;
	maglev_clear(build);
	return false;
}

uint64_t maglev_throw_early(struct maglev_build *build)
{
	struct early early = { .turns = 0 };
	uint64_t periods = 0;
	bool done;

	for (size_t i = 0; i < build->count; i++)
		early.turns += build->ranking[i]->weight;
	if (build->count && build->count <= MAX_THROWERS && early.turns <= build->size / 4)
		periods = count_periods(build, early.turns);
	done = periods && throw_all(build, &early, periods);
	free(early.order);
	free(early.slots);
	if (!done)
		return 0;
	maglev_shorten(build);
	return periods << build->shift;
}
