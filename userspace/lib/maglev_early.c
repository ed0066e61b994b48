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
#include "poise_flow.h"

enum {
	MAX_THROWERS = 254, /* so that a byte a slot tells who has it */
	NOBODY = 255,
	CYCLE_TURNS = 1024, /* at least: drawn in one go, still in the first cache when thrown */
	STEPS_PER_SLOT = 64,
	SURE = 4, /* the square of how many standard deviations a quota is to be away, at least */
};

/* A cycle is a few periods; turn i of it draws from states[i], which steps back by steps[i]. */
struct early {
	uint32_t periods, turns; /* of a cycle */
	uint64_t *states, *steps;
	uint32_t *slots;
	uint8_t *throwers; /* places in the ranking */
};

/* States are those behind so many cycles. */
static void list_turns(const struct maglev_build *build, struct early *early, uint64_t cycles)
{
	uint64_t rounds = (uint64_t)early->periods << build->shift;
	uint32_t at = 0;

	for (uint64_t round = 0; round < rounds; round++)
		for (size_t i = 0; i < build->count; i++) {
			const struct maglev_builder *member = build->ranking[i];
			uint64_t turn = maglev_turns(build, member, round);
			uint64_t end = maglev_turns(build, member, round + 1);
			uint64_t step = early->periods * member->weight * maglev_step;

			for (; turn < end; turn++, at++) {
				early->throwers[at] = i;
				early->steps[at] = step;
				early->states[at] = member->key + cycles * step +
						    (turn + MAGLEV_FIRST_THROW) * maglev_step;
			}
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
static uint64_t count_cycles(const struct maglev_build *build, const struct early *early)
{
	uint64_t step = build->size / STEPS_PER_SLOT / early->turns + 1, cycles = 0;
	uint64_t most = (build->throw_rounds >> build->shift) / early->periods;
	uint64_t least = least_quota(build), vacant = UINT32_MAX;

	for (;; cycles += step) {
		vacant -= vacant * step * early->turns / build->size;
		if ((least * vacant >> 32) * vacant >> 32 < SURE || cycles + step > most)
			return cycles;
	}
}

static inline __attribute__((always_inline)) void draw_turns(uint64_t *restrict states,
							     const uint64_t *restrict steps,
							     uint32_t size,
							     uint32_t *restrict slots)
{
	for (unsigned int i = 0; i < MAGLEV_BATCH; i++) {
		states[i] -= steps[i];
		slots[i] = maglev_slot(states[i], size);
	}
}

MAGLEV_WIDE static void draw_wide(uint64_t *states, const uint64_t *steps, uint32_t size,
				  uint32_t *slots)
{
	draw_turns(states, steps, size, slots);
}

static void draw_cycle(const struct early *early, uint32_t size)
{
	bool wide = maglev_is_wide();

	for (uint32_t i = 0; i < early->turns; i += MAGLEV_BATCH)
		if (wide)
			draw_wide(early->states + i, early->steps + i, size, early->slots + i);
		else
			draw_turns(early->states + i, early->steps + i, size, early->slots + i);
}

static void throw_cycle(const struct early *early, uint8_t *restrict has)
{
	const uint32_t *restrict slots = early->slots;
	const uint8_t *restrict throwers = early->throwers;

	for (uint32_t i = early->turns; i-- > 0;)
		has[slots[i]] = throwers[i];
}

/* From who has a slot to its owner. Returns whether all are within their quotas. */
static bool take_slots(struct maglev_build *build)
{
	uint16_t indexes[NOBODY + 1] = { [NOBODY] = MAGLEV_NO_ROUND };
	uint32_t claimed[NOBODY + 1] = { 0 };
	bool within = true;

	for (size_t i = 0; i < build->count; i++)
		indexes[i] = build->ranking[i]->index;
	for (uint32_t i = 0; i < build->size; i++) {
		uint8_t thrower = build->vacant[i];

		claimed[thrower]++;
		build->owners[i] = indexes[thrower];
		build->vacant[i] = thrower == NOBODY;
	}
	for (size_t i = 0; i < build->count; i++)
		within &= claimed[i] <= build->ranking[i]->missing;
	for (size_t i = 0; i < build->count && within; i++)
		build->ranking[i]->missing -= claimed[i];
	build->left = within ? claimed[NOBODY] : build->size;
	return within;
}

static bool throw_all(struct maglev_build *build, struct early *early, uint64_t cycles)
{
	size_t room = early->turns + MAGLEV_BATCH;

	early->states = calloc(room, sizeof(*early->states));
	early->steps = calloc(room, sizeof(*early->steps));
	early->slots = malloc(room * sizeof(*early->slots));
	early->throwers = malloc(room * sizeof(*early->throwers));
	if (!early->states || !early->steps || !early->slots || !early->throwers)
		return false;
	list_turns(build, early, cycles);
	memset(build->vacant, NOBODY, build->size);
	while (cycles--) {
		draw_cycle(early, build->size);
		throw_cycle(early, build->vacant);
	}
	if (take_slots(build))
		return true;
	maglev_clear(build);
	return false;
}

uint64_t maglev_throw_early(struct maglev_build *build)
{
	struct early early = { .turns = 0 };
	uint64_t cycles = 0;
	bool done;

	for (size_t i = 0; i < build->count; i++)
		early.turns += build->ranking[i]->weight;
	if (build->count && build->count <= MAX_THROWERS && early.turns <= build->size / 4) {
		early.periods = CYCLE_TURNS / early.turns + 1;
		early.turns *= early.periods;
		cycles = count_cycles(build, &early);
	}
	done = cycles && throw_all(build, &early, cycles);
	free(early.throwers);
	free(early.slots);
	free(early.steps);
	free(early.states);
	if (!done)
		return 0;
	maglev_shorten(build);
	return cycles * early.periods << build->shift;
}
