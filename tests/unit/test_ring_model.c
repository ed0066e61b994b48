/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A model of everything that ring.c is a part of: the data plane's rules in plain C with an exact
 * and unbounded map of exceptions, the daemon's housekeeping, and connections that open, send,
 * close and come again. Rings and owners are those of ring.c and maglev.c. In random sequences of
 * events, every connection must go on reaching its backend as long as that is live. Each rule is
 * broken once, to see that the model notices.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "maglev.h"
#include "poise_flow.h"
#include "ring.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

enum mutant {
	NONE,
	OWNER_CHANGE_NOT_STAMPED,
	PACKETS_DO_NOT_STAMP,
	SYN_TO_PREVIOUS_NOT_RECORDED,
	HITS_DO_NOT_RENEW,
	EXPIRED_IS_FOUND,
	DEAD_RECORD_IS_FOLLOWED,
	DEAD_PREVIOUS_IS_FOLLOWED,
	DRAINED_RECORD_TAKES_SYN,
	INDEX_REUSED_BEFORE_SWEPT,
	NEVER_SWEPT,
};

enum {
	SLOTS = POISE_MIN_RING,
	FLOWS = 96,
	INDEXES = 9, /* 0 is none */
	STEPS = 200,
	SEQUENCES = 1500, /* of each kind */
	MUTANT_SEQUENCES = 1500,
	BURST = 12,
	LONGEST_PAUSE = 8000, /* ticks; with the longest settle time well below the clock's wrap */
};

enum packet { SYN, DATA, FIN };
enum place { FREE, ACTIVE, REMOVING };

struct backend {
	enum place place;
	uint16_t weight;
	bool drained, up;
	uint32_t address; /* never given again */
};

struct record {
	bool used;
	uint8_t state; /* enum poise_exception_state */
	uint16_t backend, stamp;
};

struct flow {
	uint32_t slot;
	bool open, half_open, closing;
	bool broken; /* its backend has not been live all the time: nothing is promised */
	uint16_t backend;
	uint64_t sent; /* time of its last packet */
};

struct model {
	enum mutant mutant;
	bool keep; /* on_down: keep */
	uint64_t random, time, settled, swept;
	uint16_t settle; /* ticks */
	uint32_t addresses;
	struct backend backends[INDEXES];
	struct flow flows[FLOWS];
	struct record records[FLOWS];
	uint16_t slots[SLOTS];
	struct poise_move moves[SLOTS];
	uint64_t moved[SLOTS]; /* time when the slot last left settled */
	struct ring ring;
	uint64_t rescued; /* times that the owner alone would have been wrong */
	char error[160];  /* the first misdelivery; "" none */
};

static uint32_t pick(struct model *model, uint32_t limit)
{
	model->random = poise_mix(model->random + 0x9e3779b97f4a7c15ULL);
	return model->random % limit;
}

static uint16_t ticks(const struct model *model)
{
	return model->time;
}

static bool live(const struct model *model, uint16_t index)
{
	const struct backend *backend = &model->backends[index];

	return backend->place != FREE && (backend->up || model->keep);
}

static bool eligible(const struct model *model, uint16_t index)
{
	const struct backend *backend = &model->backends[index];

	return backend->place == ACTIVE && backend->up && !backend->drained && backend->weight;
}

/* The data plane: the rules of bpf/ring.bpf.h. */

static struct record *find(struct model *model, size_t flow)
{
	struct record *record = &model->records[flow];
	bool expired = poise_age(ticks(model), record->stamp) >= model->settle;

	if (!record->used || (expired && model->mutant != EXPIRED_IS_FOUND))
		return NULL;
	return record;
}

static void renew(struct model *model, struct record *record, uint8_t state)
{
	record->state = state;
	if (model->mutant != HITS_DO_NOT_RENEW)
		record->stamp = ticks(model);
}

static uint16_t moving_open(struct model *model, size_t flow, uint16_t owner, uint16_t previous)
{
	struct record *record = find(model, flow);

	if (record && record->state != POISE_EXCEPTION_CLOSING &&
	    (eligible(model, record->backend) || model->mutant == DRAINED_RECORD_TAKES_SYN)) {
		renew(model, record, record->state);
		return record->backend;
	}
	if (model->mutant == SYN_TO_PREVIOUS_NOT_RECORDED && owner == previous)
		return owner;
	if (owner)
		model->records[flow] = (struct record){
			.used = true,
			.state = POISE_EXCEPTION_HALF_OPEN,
			.backend = owner,
			.stamp = ticks(model),
		};
	return owner;
}

static uint16_t moving_continue(struct model *model, size_t flow, uint16_t owner, uint16_t previous,
				enum packet packet)
{
	struct record *record = find(model, flow);
	uint16_t backend = record ? record->backend : previous;
	enum mutant excuse = record ? DEAD_RECORD_IS_FOLLOWED : DEAD_PREVIOUS_IS_FOLLOWED;

	if (!live(model, backend) && model->mutant != excuse)
		return owner;
	if (record && packet == FIN)
		renew(model, record, POISE_EXCEPTION_CLOSING);
	else if (record)
		renew(model, record,
		      record->state == POISE_EXCEPTION_HALF_OPEN ? POISE_EXCEPTION_ESTABLISHED
								 : record->state);
	return backend;
}

static uint16_t choose(struct model *model, size_t flow, enum packet packet)
{
	uint32_t slot = model->flows[flow].slot;
	uint16_t word = model->slots[slot], owner = word & POISE_SLOT_OWNER, backend;
	struct poise_move *move = &model->moves[slot];

	if (!(word & POISE_SLOT_MOVING))
		return word;
	if (packet == SYN)
		backend = moving_open(model, flow, owner, move->previous);
	else
		backend = moving_continue(model, flow, owner, move->previous, packet);
	if (backend != owner && model->mutant != PACKETS_DO_NOT_STAMP)
		move->stamp = ticks(model);
	return backend;
}

/* Where a packet would go, without a trace. */
static uint16_t foresee(struct model *model, size_t flow)
{
	struct poise_move *move = &model->moves[model->flows[flow].slot], move_before = *move;
	struct record record_before = model->records[flow];
	uint16_t backend = choose(model, flow, DATA);

	*move = move_before;
	model->records[flow] = record_before;
	return backend;
}

/* The promises. */

static void misdelivered(struct model *model, size_t flow, const char *what, uint16_t got)
{
	if (model->error[0])
		return;
	snprintf(model->error, sizeof(model->error),
		 "time %llu, flow %zu, slot %u, backend %u: %s, got backend %u",
		 (unsigned long long)model->time, flow, model->flows[flow].slot,
		 model->flows[flow].backend, what, got);
}

static void check_backend(struct model *model, size_t flow, uint16_t got)
{
	struct flow *f = &model->flows[flow];

	if (!f->broken && got != f->backend)
		misdelivered(model, flow, "expected its own backend", got);
	if (got && !live(model, got))
		misdelivered(model, flow, "expected a live backend", got);
	model->rescued += !f->broken && (model->slots[f->slot] & POISE_SLOT_OWNER) != got;
}

static void check_flows(struct model *model)
{
	for (size_t i = 0; i < FLOWS; i++)
		if (model->flows[i].open)
			check_backend(model, i, foresee(model, i));
}

/* Clients. */

static void send_open(struct model *model, size_t flow)
{
	struct flow *f = &model->flows[flow];
	uint16_t got = choose(model, flow, SYN);

	if (got && !eligible(model, got))
		misdelivered(model, flow, "expected a backend that takes new connections", got);
	*f = (struct flow){
		.slot = f->slot,
		.open = got != 0,
		.half_open = true,
		.backend = got,
		.sent = model->time,
	};
}

static void send_packet(struct model *model, size_t flow, enum packet packet)
{
	struct flow *f = &model->flows[flow];
	uint16_t got = choose(model, flow, packet);

	check_backend(model, flow, got);
	f->half_open = false;
	f->closing |= packet == FIN;
	f->sent = model->time;
	if (f->broken && got != f->backend) /* another server's answer is a reset */
		f->open = false;
}

/* A client may vanish without a FIN, and its address and port may come again at once. */
static void act(struct model *model, size_t flow)
{
	struct flow *f = &model->flows[flow];
	uint32_t chance = pick(model, 16);

	if (!f->open || (f->half_open && chance < 3))
		send_open(model, flow);
	else if (chance < 10)
		send_packet(model, flow, DATA);
	else if (chance < 13 && !f->closing)
		send_packet(model, flow, FIN);
	else if (chance == 15 || f->closing)
		f->open = false;
}

static void step_traffic(struct model *model)
{
	for (int i = 0; i < BURST; i++)
		act(model, pick(model, FLOWS));
}

/* The daemon. */

static void change_ring(struct model *model)
{
	struct maglev_member members[INDEXES];
	uint16_t owners[SLOTS], stamps[SLOTS], words[SLOTS];
	size_t count = 0;

	for (uint16_t i = 1; i < INDEXES; i++)
		if (eligible(model, i)) {
			members[count] = (struct maglev_member){
				.address.family = 4,
				.index = i,
				.weight = model->backends[i].weight,
			};
			memcpy(members[count++].address.bytes, &model->backends[i].address, 4);
		}
	assert_int_equal(maglev_build(members, count, SLOTS, 7, owners), 0);
	memcpy(words, model->slots, sizeof(words));
	for (int i = 0; i < SLOTS; i++)
		stamps[i] = model->moves[i].stamp;
	ring_change(&model->ring, owners, ticks(model), RING_RECORDS);
	for (int i = 0; i < SLOTS; i++) {
		if (model->mutant == OWNER_CHANGE_NOT_STAMPED && (words[i] & POISE_SLOT_MOVING))
			model->moves[i].stamp = stamps[i];
		if (model->slots[i] & ~words[i] & POISE_SLOT_MOVING)
			model->moved[i] = model->time;
	}
}

/* Its connections end when its server does. */
static void break_flows(struct model *model, uint16_t index)
{
	for (size_t i = 0; i < FLOWS; i++)
		if (model->flows[i].open && model->flows[i].backend == index)
			model->flows[i].broken = true;
}

static bool is_recorded(const struct model *model, uint16_t index)
{
	for (size_t i = 0; i < FLOWS; i++) {
		const struct record *record = &model->records[i];

		if (record->used && record->backend == index &&
		    poise_age(ticks(model), record->stamp) < model->settle)
			return true;
	}
	return false;
}

/* Gives the index of a removed backend back, when nothing leads to it any more. */
static void release(struct model *model, uint16_t index)
{
	static struct ring_count counts[POISE_MAX_BACKENDS];

	memset(counts, 0, INDEXES * sizeof(*counts));
	ring_count(&model->ring, counts);
	assert_int_equal(counts[index].owned, 0);
	if (live(model, index) && counts[index].leaving)
		return;
	if (model->mutant != INDEX_REUSED_BEFORE_SWEPT) {
		if (live(model, index) && is_recorded(model, index))
			return;
		for (size_t i = 0; i < FLOWS; i++)
			if (model->records[i].backend == index)
				model->records[i].used = false;
	}
	ring_forget(&model->ring, index);
	model->backends[index] = (struct backend){ .place = FREE };
}

static void settle(struct model *model)
{
	ring_settle(&model->ring, ticks(model), model->settle, RING_RECORDS);
	for (uint16_t i = 1; i < INDEXES; i++)
		if (model->backends[i].place == REMOVING)
			release(model, i);
}

static void sweep(struct model *model)
{
	for (size_t i = 0; i < FLOWS && model->mutant != NEVER_SWEPT; i++)
		if (poise_age(ticks(model), model->records[i].stamp) >= model->settle)
			model->records[i].used = false;
}

static void add(struct model *model, uint16_t index)
{
	model->backends[index] = (struct backend){
		.place = ACTIVE,
		.up = true,
		.weight = 100,
		.address = ++model->addresses,
	};
}

static void step_backend(struct model *model)
{
	static const uint16_t weights[] = { 0, 1, 50, 100, 100, 200, 1000 };
	uint16_t index = 1 + pick(model, INDEXES - 1);
	struct backend *backend = &model->backends[index];
	uint32_t chance = pick(model, 16);

	if (backend->place == FREE)
		add(model, index);
	else if (chance < 4)
		backend->drained = !backend->drained;
	else if (chance < 7)
		backend->weight = weights[pick(model, ARRAY_SIZE(weights))];
	else if (chance < 11 || !backend->up)
		backend->up = !backend->up;
	else
		backend->place = REMOVING;
	if (!live(model, index))
		break_flows(model, index);
	change_ring(model);
}

/* The time by which a client has to send, for its connection not to count as idle. */
static uint64_t due(const struct model *model, const struct flow *flow)
{
	uint64_t moved = model->moved[flow->slot];

	return (flow->sent > moved ? flow->sent : moved) + model->settle - 1;
}

/* Time passes up to end, or up to when a connection in a moving slot has to send. */
static void pass(struct model *model, uint64_t end)
{
	for (size_t i = 0; i < FLOWS; i++) {
		const struct flow *flow = &model->flows[i];

		if (flow->open && (model->slots[flow->slot] & POISE_SLOT_MOVING) &&
		    due(model, flow) < end)
			end = due(model, flow);
	}
	model->time = end;
	for (size_t i = 0; i < FLOWS; i++) {
		struct flow *flow = &model->flows[i];

		if (!flow->open || !(model->slots[flow->slot] & POISE_SLOT_MOVING) ||
		    due(model, flow) > end)
			continue;
		if (pick(model, 8))
			send_packet(model, i, DATA);
		else
			flow->open = false;
	}
}

static void step_time(struct model *model)
{
	uint32_t longest = pick(model, 4) ? model->settle : 4u * model->settle;
	uint64_t end;

	longest = longest < LONGEST_PAUSE ? longest : LONGEST_PAUSE;
	end = model->time + pick(model, longest + 1);
	while (model->time < end)
		pass(model, end);
	if (pick(model, 2) || model->time - model->settled > LONGEST_PAUSE) {
		model->settled = model->time;
		settle(model);
	}
	if (pick(model, 4) == 0 || model->time - model->swept > LONGEST_PAUSE) {
		model->swept = model->time;
		sweep(model);
	}
}

static void start(struct model *model, enum mutant mutant, bool keep, uint64_t seed)
{
	static const uint16_t settles[] = { 8, 60, 840, 13411, 40233 };

	*model = (struct model){ .mutant = mutant, .keep = keep, .random = seed };
	model->ring = (struct ring){ model->slots, model->moves, SLOTS };
	model->settle = settles[pick(model, ARRAY_SIZE(settles))];
	model->time = model->settled = model->swept = pick(model, 1 << 16);
	for (size_t i = 0; i < FLOWS; i++)
		model->flows[i].slot = poise_slot(poise_flow_hash4(i, 1, 80 << 16, 6, seed), SLOTS);
	for (uint16_t i = 1; i <= 3; i++)
		add(model, i);
	change_ring(model);
}

/* Returns false and fills the model's error when something was misdelivered. */
static bool run(struct model *model, enum mutant mutant, bool keep, uint64_t seed)
{
	start(model, mutant, keep, seed);
	for (int step = 0; step < STEPS && !model->error[0]; step++) {
		uint32_t chance = pick(model, 8);

		if (chance < 2)
			step_backend(model);
		else if (chance < 6)
			step_traffic(model);
		else
			step_time(model);
		check_flows(model);
	}
	return !model->error[0];
}

static void run_many(bool keep)
{
	static struct model model;
	uint64_t rescued = 0;

	for (uint64_t seed = 0; seed < SEQUENCES; seed++) {
		if (!run(&model, NONE, keep, seed))
			fail_msg("seed %llu, settle %u: %s", (unsigned long long)seed, model.settle,
				 model.error);
		rescued += model.rescued;
	}
	print_message("# %llu times the owner alone would have been wrong\n",
		      (unsigned long long)rescued);
	assert_true(rescued > 100000);
}

static void connections_survive_with_rehash(void **state)
{
	(void)state;
	run_many(false);
}

static void connections_survive_with_keep(void **state)
{
	(void)state;
	run_many(true);
}

static const struct {
	const char *name;
	enum mutant mutant;
} mutants[] = {
	{ "mutant 'owner change not stamped' is caught", OWNER_CHANGE_NOT_STAMPED },
	{ "mutant 'packets do not stamp' is caught", PACKETS_DO_NOT_STAMP },
	{ "mutant 'SYN to previous not recorded' is caught", SYN_TO_PREVIOUS_NOT_RECORDED },
	{ "mutant 'hits do not renew' is caught", HITS_DO_NOT_RENEW },
	{ "mutant 'expired exception is found' is caught", EXPIRED_IS_FOUND },
	{ "mutant 'dead record is followed' is caught", DEAD_RECORD_IS_FOLLOWED },
	{ "mutant 'dead previous is followed' is caught", DEAD_PREVIOUS_IS_FOLLOWED },
	{ "mutant 'drained record takes SYN' is caught", DRAINED_RECORD_TAKES_SYN },
	{ "mutant 'index reused before swept' is caught", INDEX_REUSED_BEFORE_SWEPT },
	{ "mutant 'never swept' is caught", NEVER_SWEPT },
};

static void mutant_is_caught(void **state)
{
	static struct model model;
	size_t number = (size_t)(uintptr_t)*state;

	for (uint64_t seed = 0; seed < MUTANT_SEQUENCES; seed++)
		if (!run(&model, mutants[number].mutant, false, seed)) {
			print_message("# seed %llu: %s\n", (unsigned long long)seed, model.error);
			return;
		}
	fail_msg("expected a misdelivery, got none in %d sequences", MUTANT_SEQUENCES);
}

int main(void)
{
	struct CMUnitTest tests[2 + ARRAY_SIZE(mutants)] = {
		cmocka_unit_test(connections_survive_with_rehash),
		cmocka_unit_test(connections_survive_with_keep),
	};

	for (size_t i = 0; i < ARRAY_SIZE(mutants); i++)
		tests[2 + i] = (struct CMUnitTest){
			.name = mutants[i].name,
			.test_func = mutant_is_caught,
			.initial_state = (void *)(uintptr_t)i,
		};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
