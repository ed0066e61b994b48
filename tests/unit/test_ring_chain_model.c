/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The model of second chance (ring_chain_model.h) is run through many sequences of steps: what is
 * promised holds. Each rule is left out once, to see that the model notices.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ring_chain_model.h"

enum { STEPS = 150, SEQUENCES = 800 };

/* What is tried many times. */
struct story {
	enum mutant mutant;
	enum ring_rules rules;
	bool stays, switches;
};

static void start(struct model *model, const struct story *story, uint64_t seed)
{
	uint16_t owners[SLOTS];

	*model = (struct model){ .mutant = story->mutant,
				 .rules = story->rules,
				 .stays = story->stays,
				 .switches = story->switches,
				 .random = seed,
				 .time = 1000 };
	model->drained[5] = model->drained[6] = true;
	build(model, owners);
	for (int b = 0; b < BALANCERS; b++) {
		struct balancer *balancer = &model->balancers[b];

		balancer->ring = (struct ring){ balancer->slots, balancer->moves, SLOTS };
		ring_fill(&balancer->ring, owners);
	}
	for (size_t i = 0; i < FLOWS; i++)
		model->flows[i].slot = pick(model, SLOTS);
}

static bool run(struct model *model, const struct story *story, uint64_t seed)
{
	start(model, story, seed);
	for (int step = 0; step < STEPS && !model->error[0]; step++) {
		uint32_t chance = pick(model, 16);

		if (chance < 3)
			step_change(model);
		else if (chance < 10)
			step_traffic(model);
		else if (chance < 14)
			step_time(model);
		else if (chance < 15)
			step_remove(model);
		else
			restart(model);
		if (model->switches && pick(model, 8) == 0)
			step_switch(model);
		check_all(model);
		check_removed(model);
	}
	return !model->error[0];
}

static void connections_survive(void **state)
{
	static struct model model;
	const struct story *story = *state;
	uint64_t rescued = 0, waited = 0;

	for (uint64_t seed = 0; seed < SEQUENCES; seed++) {
		if (!run(&model, story, seed))
			fail_msg("seed %llu: %s", (unsigned long long)seed, model.error);
		rescued += model.rescued;
		waited += model.waited;
	}
	print_message("# %llu times the first backend was not the connection's, %llu waits\n",
		      (unsigned long long)rescued, (unsigned long long)waited);
	assert_true(story->stays || rescued > 100000);
	assert_true(!(story->switches || story->rules == RING_NAMES) || waited > 10000);
}

static void mutant_is_caught(void **state)
{
	static struct model model;
	const struct story *story = *state;

	for (uint64_t seed = 0; seed < SEQUENCES; seed++)
		if (!run(&model, story, seed)) {
			print_message("# seed %llu: %s\n", (unsigned long long)seed, model.error);
			return;
		}
	fail_msg("expected a misdelivery, got none in %d sequences", SEQUENCES);
}

static const struct {
	const char *name;
	struct story story;
} stories[] = {
	{ "with exceptions, connections survive", { NONE, RING_CHAINS, false, false } },
	{ "with exceptions, young connections survive where they began",
	  { NONE, RING_CHAINS, true, false } },
	{ "without exceptions, connections survive", { NONE, RING_NAMES, false, false } },
	{ "with exceptions off and on, connections survive where they began",
	  { NONE, RING_CHAINS, false, true } },
	{ "with exceptions, 'no chain' is caught", { NO_CHAIN, RING_CHAINS, false, false } },
	{ "with exceptions, 'settling gives names up' is caught",
	  { SETTLING_GIVES_NAMES_UP, RING_CHAINS, false, false } },
	{ "with exceptions, 'no earlier' is caught", { NO_EARLIER, RING_CHAINS, false, false } },
	{ "with exceptions, 'names are dropped by a change' is caught",
	  { NAMES_ARE_DROPPED_BY_A_CHANGE, RING_CHAINS, false, false } },
	{ "with exceptions, 'owner of the word' is caught",
	  { OWNER_OF_THE_WORD, RING_CHAINS, false, false } },
	{ "with exceptions, 'no history' is caught", { NO_HISTORY, RING_CHAINS, false, false } },
	{ "with exceptions, 'removed backends stay named' is caught",
	  { REMOVED_BACKENDS_STAY_NAMED, RING_CHAINS, false, false } },
	{ "without exceptions, 'removed backends stay named' is caught",
	  { REMOVED_BACKENDS_STAY_NAMED, RING_NAMES, false, false } },
	{ "with exceptions, 'no order of names' is caught",
	  { NO_ORDER, RING_CHAINS, false, false } },
	{ "with exceptions, 'no records' is caught where connections began",
	  { NO_RECORDS, RING_CHAINS, true, false } },
	{ "without exceptions, 'no chain' is caught", { NO_CHAIN, RING_NAMES, false, false } },
	{ "without exceptions, 'no earlier' is caught", { NO_EARLIER, RING_NAMES, false, false } },
	{ "without exceptions, 'owner of the word' is caught",
	  { OWNER_OF_THE_WORD, RING_NAMES, false, false } },
	{ "without exceptions, 'no history' is caught", { NO_HISTORY, RING_NAMES, false, false } },
	{ "without exceptions, 'no waiting' is caught", { NO_WAITING, RING_NAMES, false, false } },
	{ "without exceptions, 'waiting for too short' is caught",
	  { SHORT_WAITING, RING_NAMES, false, false } },
	{ "without exceptions, 'history of other owners' is caught",
	  { HISTORY_OF_OTHER_OWNERS, RING_NAMES, false, false } },
};

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(stories)];

	for (size_t i = 0; i < ARRAY_SIZE(stories); i++)
		tests[i] = (struct CMUnitTest){
			.name = stories[i].name,
			.test_func =
				stories[i].story.mutant ? mutant_is_caught : connections_survive,
			.initial_state = (void *)(uintptr_t)&stories[i].story,
		};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
