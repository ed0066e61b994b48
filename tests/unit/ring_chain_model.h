/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A model of second chance: two balancers with the same rings, each with exceptions of its own, and
 * backends that hand on along the chain what they do not know. Any packet may come by either
 * balancer; connections idle for as long as they like; a balancer may lose its maps, and take the
 * other one's names; a drained backend may be removed, and its index be another one's next. Rings
 * and owners are those of ring.c and maglev.c. A mutant leaves one of the rules out.
 *
 * It checks what is promised: a connection reaches its backend while its slot's owner changed at
 * most twice, counted from when the connection began or, if its slot recorded connections then,
 * from when that did. One that is younger than 'settle' reaches it whatever changed: without
 * exceptions by either balancer, unless an owner that drains had to go at once; with exceptions by
 * the balancer where it began. Where 'exceptions' is switched, slots are RECORDED for as long as
 * the traffic of each balancer makes them, so owners may differ for a while: there the first
 * promise is that of the balancer where a connection began. And no slot names a backend that was
 * removed.
 *
 * To be included once, by a test: after cmocka.h.
 */
#ifndef POISE_RING_CHAIN_MODEL_H
#define POISE_RING_CHAIN_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "maglev.h"
#include "poise_flow.h"
#include "ring.h"
#include "ring_wait.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

enum mutant {
	NONE,
	NO_CHAIN,
	SETTLING_GIVES_NAMES_UP,
	NO_EARLIER,
	NO_ORDER,
	NAMES_ARE_DROPPED_BY_A_CHANGE,
	OWNER_OF_THE_WORD,
	NO_HISTORY,
	REMOVED_BACKENDS_STAY_NAMED,
	NO_RECORDS,
	NO_WAITING,
	SHORT_WAITING,
	HISTORY_OF_OTHER_OWNERS,
};

enum {
	SLOTS = POISE_MIN_RING,
	FLOWS = 200,
	INDEXES = 7, /* 0 is none */
	SETTLE = 60, /* ticks */
	PROMISED_CHANGES = 2,
	BALANCERS = 2,
};

struct record {
	uint16_t backend, stamp;
};

struct balancer {
	uint16_t slots[SLOTS];
	struct poise_move moves[SLOTS];
	struct ring ring;
	struct record records[FLOWS]; /* backend 0: none */
	uint32_t moved[SLOTS];	      /* changes before it last began to record */
};

struct flow {
	uint32_t slot;
	uint16_t backend; /* 0: not open */
	uint32_t base;	  /* changes of its slot that count as before it */
	uint64_t begun;
	int home;  /* the balancer where it began */
	bool lost; /* nothing is promised to it for being young */
};

struct model {
	enum mutant mutant;
	enum ring_rules rules;
	bool switches; /* 'exceptions' goes off and on */
	bool stays;    /* packets of a connection come by the balancer where it began, alone */
	uint64_t random, time;
	bool drained[INDEXES], removed[INDEXES];
	uint32_t changes[SLOTS]; /* of owner */
	struct balancer balancers[BALANCERS];
	struct flow flows[FLOWS];
	uint64_t rescued; /* by the chain */
	uint64_t waited;  /* slots, at each change */
	char error[160];
};

static uint32_t pick(struct model *model, uint32_t limit)
{
	model->random = poise_mix(model->random + 0x9e3779b97f4a7c15ULL);
	return model->random % limit;
}

static uint16_t now(const struct model *model)
{
	return (uint16_t)model->time;
}

/* The data plane, of a word and a move that it read. */

static uint16_t find(const struct model *model, const struct balancer *balancer, size_t flow)
{
	const struct record *record = &balancer->records[flow];

	return poise_age(now(model), record->stamp) < SETTLE ? record->backend : 0;
}

static bool reaches(struct model *model, const struct flow *flow, uint16_t chosen, uint16_t owner,
		    const struct poise_move *move)
{
	const uint16_t named[] = { owner, move->previous, move->earlier & POISE_MOVE_EARLIER };
	uint16_t hops[2] = { 0 };
	int count = 0;

	if (chosen == flow->backend)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(named) && count < 2; i++)
		if (named[i] && named[i] != chosen && named[i] != hops[0])
			hops[count++] = named[i];
	model->rescued++;
	return model->mutant != NO_CHAIN && (hops[0] == flow->backend || hops[1] == flow->backend);
}

static bool delivers(struct model *model, const struct balancer *balancer, size_t number,
		     uint16_t word, const struct poise_move *move)
{
	const struct flow *flow = &model->flows[number];
	uint16_t owner = word & POISE_SLOT_OWNER, chosen;

	if (!(word & POISE_SLOT_MOVING))
		return owner == flow->backend;
	if (move->owner & POISE_MOVE_OWNER && model->mutant != OWNER_OF_THE_WORD)
		owner = move->owner & POISE_MOVE_OWNER;
	chosen = owner;
	if (!(move->owner & POISE_MOVE_NAMED)) {
		chosen = find(model, balancer, number);
		chosen = chosen ? chosen : move->previous;
	}
	return reaches(model, flow, chosen, owner, move);
}

static bool is_young(const struct model *model, const struct flow *flow)
{
	return model->time - flow->begun < SETTLE && !flow->lost;
}

static bool is_promised(const struct model *model, const struct flow *flow,
			const struct balancer *balancer)
{
	if (!flow->backend)
		return false;
	if ((model->stays || model->switches) && balancer != &model->balancers[flow->home])
		return false;
	if (model->stays)
		return is_young(model, flow);
	return model->changes[flow->slot] - flow->base <= PROMISED_CHANGES ||
	       (model->rules == RING_NAMES && !model->switches && is_young(model, flow));
}

static void check(struct model *model, const char *what, size_t number,
		  const struct balancer *balancer, uint16_t word, const struct poise_move *move)
{
	const struct flow *flow = &model->flows[number];

	if (model->error[0] || !is_promised(model, flow, balancer) ||
	    delivers(model, balancer, number, word, move))
		return;
	snprintf(model->error, sizeof(model->error),
		 "%s: time %llu, flow %zu at backend %u: word %#x, previous %u, earlier %u, owner "
		 "%#x",
		 what, (unsigned long long)model->time, number, flow->backend, word, move->previous,
		 move->earlier, move->owner);
}

static void check_all(struct model *model)
{
	for (int b = 0; b < BALANCERS; b++)
		for (size_t i = 0; i < FLOWS; i++) {
			const struct balancer *balancer = &model->balancers[b];
			uint32_t slot = model->flows[i].slot;

			check(model, "at rest", i, balancer, balancer->slots[slot],
			      &balancer->moves[slot]);
		}
}

/* A reader that had the slot's word before a change, and its move after. */
static void check_torn(struct model *model, const uint16_t words[BALANCERS][SLOTS])
{
	for (int b = 0; b < BALANCERS; b++)
		for (size_t i = 0; i < FLOWS; i++) {
			const struct balancer *balancer = &model->balancers[b];
			uint32_t slot = model->flows[i].slot;

			if (words[b][slot] & POISE_SLOT_MOVING)
				check(model, "torn", i, balancer, words[b][slot],
				      &balancer->moves[slot]);
		}
}

/* Clients. */

static bool is_recording(const struct balancer *balancer, uint32_t slot)
{
	return (balancer->slots[slot] & POISE_SLOT_MOVING) &&
	       !(balancer->moves[slot].owner & POISE_MOVE_NAMED);
}

/* Changes of a slot that are older than what a connection that begins now depends on. */
static uint32_t base_of(const struct model *model, uint32_t slot)
{
	uint32_t base = model->changes[slot];

	for (int b = 0; b < BALANCERS; b++)
		if (is_recording(&model->balancers[b], slot) &&
		    model->balancers[b].moved[slot] < base)
			base = model->balancers[b].moved[slot];
	return base;
}

static void open_flow(struct model *model, size_t number)
{
	struct flow *flow = &model->flows[number];
	int home = (int)pick(model, BALANCERS);
	struct balancer *balancer = &model->balancers[home];
	uint32_t slot = flow->slot;
	uint16_t word = balancer->slots[slot];

	flow->backend = word & POISE_SLOT_OWNER;
	flow->begun = model->time;
	flow->home = home;
	flow->lost = false;
	flow->base = base_of(model, slot);
	for (int b = 0; b < BALANCERS; b++) /* as if its old connection had been closed there */
		model->balancers[b].records[number].backend = 0;
	if (is_recording(balancer, slot) && model->mutant != NO_RECORDS)
		balancer->records[number] = (struct record){ flow->backend, now(model) };
}

static void send_packet(struct model *model, size_t number)
{
	int which = model->stays ? model->flows[number].home : (int)pick(model, BALANCERS);
	struct balancer *balancer = &model->balancers[which];
	uint32_t slot = model->flows[number].slot;
	struct poise_move *move = &balancer->moves[slot];
	uint16_t found = find(model, balancer, number);

	if (!(balancer->slots[slot] & POISE_SLOT_MOVING) || (move->owner & POISE_MOVE_NAMED))
		return;
	if (found)
		balancer->records[number].stamp = now(model);
	if ((found ? found : move->previous) != (balancer->slots[slot] & POISE_SLOT_OWNER))
		move->stamp = now(model);
}

static void step_traffic(struct model *model)
{
	for (int i = 0; i < 30; i++) {
		size_t flow = pick(model, FLOWS);

		if (pick(model, 4) && model->flows[flow].backend)
			send_packet(model, flow);
		else
			open_flow(model, flow);
	}
}

/* The daemons. */

static void build(const struct model *model, uint16_t *owners)
{
	struct maglev_member members[INDEXES];
	size_t count = 0;

	for (uint16_t i = 1; i < INDEXES; i++)
		if (!model->drained[i])
			members[count++] = (struct maglev_member){
				.address = { .family = 4, .bytes = { 10, 0, 0, (uint8_t)i } },
				.index = i,
				.weight = 100,
			};
	assert_int_equal(maglev_build(members, count, SLOTS, 7, owners), 0);
}

static void spoil_change(struct model *model, struct poise_move *move)
{
	if (model->mutant == NO_EARLIER)
		move->earlier = 0;
	if (model->mutant == NO_ORDER)
		move->earlier &= POISE_MOVE_EARLIER;
	if (model->mutant == NAMES_ARE_DROPPED_BY_A_CHANGE) {
		move->previous = move->owner & POISE_MOVE_OWNER;
		move->earlier = 0;
	}
}

static void count_change(struct model *model, uint32_t slot)
{
	for (int b = 0; b < BALANCERS; b++)
		if (!is_recording(&model->balancers[b], slot))
			model->balancers[b].moved[slot] = model->changes[slot];
	model->changes[slot]++;
}

/* Owners that are to be now; all drained ones live, and the others take new connections. */
static void wait(struct model *model, const struct balancer *balancer, uint16_t *owners)
{
	uint8_t flags[INDEXES] = { 0 };

	if (model->rules != RING_NAMES || model->mutant == NO_WAITING)
		return;
	for (uint16_t i = 1; i < INDEXES; i++)
		flags[i] = model->drained[i] ? POISE_BACKEND_LIVE
					     : POISE_BACKEND_LIVE | POISE_BACKEND_ELIGIBLE;
	model->waited += ring_wait(&balancer->ring, owners, flags, now(model),
				   model->mutant == SHORT_WAITING ? SETTLE / 2 : SETTLE)
				 .slots;
}

static bool is_known(const struct balancer *balancer, uint32_t slot, uint16_t backend)
{
	uint16_t owner, names[RING_NAMES_MAX];
	struct poise_move move;

	owner = ring_read(&balancer->ring, slot, &move) & POISE_SLOT_OWNER;
	ring_names(owner, move, names);
	return backend == owner || backend == names[0] || backend == names[1];
}

/* The owner of a slot drains, so it changes to owner whoever that makes unknown. */
static void lose(struct model *model, uint32_t slot, uint16_t owner)
{
	const struct balancer *balancer = &model->balancers[0];
	struct poise_move move;
	uint16_t names[RING_NAMES_MAX];
	uint16_t before = ring_read(&balancer->ring, slot, &move) & POISE_SLOT_OWNER;

	if (!model->drained[before] || is_known(balancer, slot, owner) ||
	    ring_names(before, move, names) < RING_NAMES_MAX)
		return;
	for (size_t i = 0; i < FLOWS && model->rules == RING_NAMES; i++)
		if (model->flows[i].slot == slot && model->flows[i].backend == names[1])
			model->flows[i].lost = true;
}

static bool changes(const struct balancer *balancer, uint32_t slot, const uint16_t *owners)
{
	return (balancer->slots[slot] & POISE_SLOT_OWNER) != owners[slot];
}

static void change(struct model *model)
{
	uint16_t owners[BALANCERS][SLOTS], words[BALANCERS][SLOTS];

	for (int b = 0; b < BALANCERS; b++) {
		build(model, owners[b]);
		wait(model, &model->balancers[b], owners[b]);
	}
	/* after a switch one may still wait where the other one does not: that counts twice */
	for (uint32_t i = 0; i < SLOTS; i++)
		if (changes(&model->balancers[0], i, owners[0]) ||
		    (model->switches && changes(&model->balancers[1], i, owners[1]))) {
			lose(model, i, owners[0][i]);
			count_change(model, i);
		}
	for (int b = 0; b < BALANCERS; b++) {
		struct balancer *balancer = &model->balancers[b];

		memcpy(words[b], balancer->slots, sizeof(words[b]));
		ring_change(&balancer->ring, owners[b], now(model), model->rules);
		for (uint32_t i = 0; i < SLOTS; i++)
			if (balancer->slots[i] != words[b][i])
				spoil_change(model, &balancer->moves[i]);
	}
	check_torn(model, (const uint16_t(*)[SLOTS])words);
}

/* Flips one backend, as long as two are left. */
static void step_change(struct model *model)
{
	uint16_t index = (uint16_t)(1 + pick(model, INDEXES - 1));
	int left = 0;

	for (uint16_t i = 1; i < INDEXES; i++)
		left += !model->drained[i];
	if (left <= 2 && !model->drained[index])
		return;
	model->drained[index] = !model->drained[index];
	model->removed[index] = false; /* another backend, if it was */
	change(model);
}

/* What poised waits for before it removes a drained backend. */
static bool is_gone(const struct model *model, uint16_t index)
{
	for (int b = 0; b < BALANCERS; b++) {
		const struct balancer *balancer = &model->balancers[b];

		for (uint32_t i = 0; i < SLOTS; i++)
			if (is_recording(balancer, i) && balancer->moves[i].previous == index)
				return false;
		for (size_t i = 0; i < FLOWS; i++)
			if (find(model, balancer, i) == index)
				return false;
	}
	return true;
}

/* With the connections that are left. */
static void step_remove(struct model *model)
{
	uint16_t index = (uint16_t)(1 + pick(model, INDEXES - 1));

	if (!model->drained[index] || !is_gone(model, index))
		return;
	model->removed[index] = true;
	for (size_t i = 0; i < FLOWS; i++)
		if (model->flows[i].backend == index)
			model->flows[i].backend = 0;
	for (int b = 0; b < BALANCERS && model->mutant != REMOVED_BACKENDS_STAY_NAMED; b++)
		ring_forget_names(&model->balancers[b].ring, index);
	change(model); /* of slots that waited for that name */
}

/* Whoever gets its index next would be asked for connections that were never its own. */
static void check_removed(struct model *model)
{
	for (int b = 0; b < BALANCERS; b++)
		for (uint32_t i = 0; i < SLOTS && !model->error[0]; i++) {
			const struct balancer *balancer = &model->balancers[b];
			struct poise_move move;
			uint16_t word = ring_read(&balancer->ring, i, &move);

			if (model->removed[word & POISE_SLOT_OWNER] ||
			    model->removed[move.previous] ||
			    model->removed[move.earlier & POISE_MOVE_EARLIER])
				snprintf(model->error, sizeof(model->error),
					 "slot %u names a removed backend: word %#x, previous %u, "
					 "earlier %u, owner %#x",
					 i, word, move.previous, move.earlier, move.owner);
		}
}

static void settle(struct model *model, struct balancer *balancer)
{
	ring_settle(&balancer->ring, now(model), SETTLE, model->rules);
	for (uint32_t i = 0; i < SLOTS && model->mutant == SETTLING_GIVES_NAMES_UP; i++)
		if (balancer->moves[i].owner & POISE_MOVE_NAMED)
			balancer->slots[i] &= POISE_SLOT_OWNER;
}

static void step_time(struct model *model)
{
	model->time += pick(model, 2 * SETTLE);
	for (int b = 0; b < BALANCERS; b++)
		settle(model, &model->balancers[b]);
	change(model); /* of slots that waited */
}

static void step_switch(struct model *model)
{
	model->rules = model->rules == RING_NAMES ? RING_CHAINS : RING_NAMES;
	for (int b = 0; b < BALANCERS; b++)
		settle(model, &model->balancers[b]);
	change(model); /* of slots that waited */
}

/* The other one's slot keeps its owner for now: this one goes on with that. */
static bool waits(const struct model *model, const struct balancer *balancer, uint32_t slot,
		  uint16_t owner)
{
	return model->mutant != HISTORY_OF_OTHER_OWNERS && owner != balancer->slots[slot] &&
	       !model->drained[owner];
}

/* One begins with empty maps, and takes the other one's names. */
static void restart(struct model *model)
{
	uint32_t which = pick(model, BALANCERS);
	struct balancer *balancer = &model->balancers[which];
	const struct balancer *other = &model->balancers[!which];
	uint16_t owners[SLOTS];

	memset(balancer->records, 0, sizeof(balancer->records));
	memcpy(balancer->moved, other->moved, sizeof(balancer->moved));
	build(model, owners);
	ring_fill(&balancer->ring, owners);
	for (uint32_t i = 0; i < SLOTS && model->mutant != NO_HISTORY; i++) {
		struct poise_move move;
		uint16_t word = ring_read(&other->ring, i, &move);
		uint16_t owner = word & POISE_SLOT_OWNER;

		if (!(word & POISE_SLOT_MOVING))
			continue;
		if (!(move.owner & POISE_MOVE_NAMED))
			ring_record(&balancer->ring, i, move.previous, move.earlier, move.stamp);
		else if (waits(model, balancer, i, owner))
			ring_resume(&balancer->ring, i, owner, move.previous, move.earlier,
				    move.stamp);
		else
			ring_name(&balancer->ring, i, move.previous, move.earlier, move.stamp);
	}
	for (size_t i = 0; i < FLOWS && model->stays; i++)
		if (model->flows[i].home == (int)which)
			model->flows[i].lost = true;
	change(model);
}

#endif
