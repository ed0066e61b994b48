/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ring.h"

#include <stdbool.h>
#include <string.h>

#include "fault.h"
#include "poise_flow.h"

/* The data plane reads each of these words whole, on other CPUs, at any time. */
static uint16_t load(const uint16_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* A reader that sees the slot's new word sees what was stored to its move before. */
static void publish(uint16_t *slot, uint16_t word)
{
	__atomic_store_n(slot, word, __ATOMIC_RELEASE);
}

static struct poise_move load_move(const struct poise_move *place)
{
	struct poise_move move;
	uint64_t word;

	__atomic_load((const uint64_t *)(const void *)place, &word, __ATOMIC_RELAXED);
	memcpy(&move, &word, sizeof(move));
	return move;
}

/* All of it, for it is of now: a stamp that the data plane stores meanwhile is no newer. */
static void store_move(struct poise_move *place, struct poise_move move)
{
	uint64_t word;

	memcpy(&word, &move, sizeof(word));
	__atomic_store_n((uint64_t *)(void *)place, word, __ATOMIC_RELAXED);
}

static void store(uint16_t *word, uint16_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static bool is_named(struct poise_move move)
{
	return move.owner & POISE_MOVE_NAMED;
}

static bool is_recorded(uint16_t word, struct poise_move move)
{
	return (word & POISE_SLOT_MOVING) && !is_named(move);
}

/* Four words in one store: each is read whole as before. */
static void publish_four(uint16_t *slots, const uint16_t *owners)
{
	uint64_t words;

	memcpy(&words, owners, sizeof(words));
	__atomic_store_n((uint64_t *)(void *)slots, words, __ATOMIC_RELEASE);
}

static void fill_part(struct ring *ring, const uint16_t *owners, uint32_t begin, uint32_t end)
{
	uint32_t i = begin;

	for (; i < end && (uintptr_t)&ring->slots[i] % sizeof(uint64_t); i++)
		publish(&ring->slots[i], owners[i]);
	for (; i + 4 <= end; i += 4)
		publish_four(&ring->slots[i], &owners[i]);
	for (; i < end; i++)
		publish(&ring->slots[i], owners[i]);
}

void ring_fill(struct ring *ring, const uint16_t *owners)
{
	fill_part(ring, owners, 0, ring->size / 2);
	FAULT_POINT("ring-half-filled");
	fill_part(ring, owners, ring->size / 2, ring->size);
}

static bool is_same(struct poise_move a, struct poise_move b)
{
	b.stamp = a.stamp;
	return memcmp(&a, &b, sizeof(a)) == 0;
}

void ring_show(struct ring *live, const struct ring *staged)
{
	struct poise_move move, before;

	for (uint32_t i = 0; i < live->size; i++) {
		uint16_t word = ring_read(staged, i, &move);

		if (i == live->size / 2)
			FAULT_POINT("ring-half-shown");
		if (word == ring_read(live, i, &before) && is_same(move, before))
			continue;
		if (word & POISE_SLOT_MOVING)
			store_move(&live->moves[i], move);
		publish(&live->slots[i], word);
	}
}

/* Of candidates, the latest one first, those that say something: not the owner, none, or there
 * already. */
static int pick_names(uint16_t owner, const uint16_t *candidates, int count,
		      uint16_t names[RING_NAMES_MAX])
{
	int found = 0;

	memset(names, 0, RING_NAMES_MAX * sizeof(*names));
	for (int i = 0; i < count && found < RING_NAMES_MAX; i++)
		if (candidates[i] && candidates[i] != owner && candidates[i] != names[0])
			names[found++] = candidates[i];
	return found;
}

/* What owned a RECORDED slot last may stand in either place. */
int ring_names(uint16_t owner, struct poise_move move, uint16_t names[RING_NAMES_MAX])
{
	uint16_t earlier = move.earlier & POISE_MOVE_EARLIER;
	uint16_t candidates[] = { move.previous, earlier };

	if (!is_named(move) && !(move.earlier & POISE_MOVE_OLDER)) {
		candidates[0] = earlier;
		candidates[1] = move.previous;
	}
	return pick_names(owner, candidates, 2, names);
}

/* NAMED, after the owner changed from before; move: as it was, all 0 of a settled slot. */
static struct poise_move move_by_name(uint16_t before, uint16_t owner, struct poise_move move)
{
	uint16_t candidates[1 + RING_NAMES_MAX] = { before }, names[RING_NAMES_MAX];

	ring_names(before, move, &candidates[1]);
	pick_names(owner, candidates, 1 + RING_NAMES_MAX, names);
	return (struct poise_move){ .previous = names[0],
				    .earlier = names[1],
				    .owner = owner | POISE_MOVE_NAMED };
}

/* RECORDED from now on: nothing is recorded so far, so what is unrecorded is the last owner's. */
static struct poise_move move_first(uint16_t before, uint16_t owner, struct poise_move move)
{
	move = move_by_name(before, owner, move);
	move.owner = owner;
	if (move.earlier)
		move.earlier |= POISE_MOVE_OLDER;
	if (!move.previous)
		move.previous = owner;
	return move;
}

/* RECORDED already: what is unrecorded belongs to the same backend as before. */
static struct poise_move move_on(uint16_t before, uint16_t owner, struct poise_move move)
{
	uint16_t earlier = move.earlier & POISE_MOVE_EARLIER, names[RING_NAMES_MAX], third;

	pick_names(move.previous, (const uint16_t[]){ before, earlier }, 2, names);
	third = names[0] == owner ? names[1] : names[0];
	return (struct poise_move){ .previous = move.previous,
				    .earlier = third == earlier && third != before ? move.earlier
										   : third,
				    .owner = owner };
}

static struct poise_move move_after(uint16_t before, uint16_t owner, uint16_t word,
				    struct poise_move move, enum ring_rules rules)
{
	bool recorded = is_recorded(word, move);

	if (rules == RING_RECORDS || rules == RING_AT_ONCE)
		return (struct poise_move){ .previous = recorded ? move.previous : before };
	if (rules == RING_NAMES)
		return move_by_name(before, owner, move);
	return recorded ? move_on(before, owner, move) : move_first(before, owner, move);
}

static void change_slot(struct ring *ring, uint32_t i, uint16_t owner, uint16_t now,
			enum ring_rules rules)
{
	struct poise_move move;
	uint16_t word = load(&ring->slots[i]);

	ring_read(ring, i, &move);
	if (word == 0 || (rules == RING_AT_ONCE && !is_recorded(word, move))) {
		publish(&ring->slots[i], owner);
		return;
	}
	move = move_after(word & POISE_SLOT_OWNER, owner, word, move, rules);
	if (is_named(move) && !move.previous) {
		publish(&ring->slots[i], owner);
		return;
	}
	move.stamp = now;
	store_move(&ring->moves[i], move);
	publish(&ring->slots[i], owner | POISE_SLOT_MOVING);
}

uint32_t ring_change(struct ring *ring, const uint16_t *owners, uint16_t now, enum ring_rules rules)
{
	uint32_t changed = 0;

	for (uint32_t i = 0; i < ring->size; i++) {
		if ((load(&ring->slots[i]) & POISE_SLOT_OWNER) == owners[i])
			continue;
		if (++changed == ring->size / 64)
			FAULT_POINT("ring-half-changed");
		change_slot(ring, i, owners[i], now, rules);
	}
	return changed;
}

/* move: the owner's index, previous, earlier, the stamp, and POISE_MOVE_GUESSED or not. */
static void put_names(struct ring *ring, uint32_t slot, struct poise_move move)
{
	uint16_t owner = move.owner, names[RING_NAMES_MAX];
	uint16_t candidates[] = { move.previous, move.earlier & POISE_MOVE_EARLIER };

	if (!pick_names(owner, candidates, 2, names)) {
		publish(&ring->slots[slot], owner);
		return;
	}
	move.owner = owner | POISE_MOVE_NAMED;
	move.previous = names[0];
	move.earlier = names[1] | (move.earlier & POISE_MOVE_GUESSED);
	store_move(&ring->moves[slot], move);
	publish(&ring->slots[slot], owner | POISE_SLOT_MOVING);
}

void ring_resume(struct ring *ring, uint32_t slot, uint16_t owner, uint16_t previous,
		 uint16_t earlier, uint16_t stamp)
{
	put_names(ring, slot,
		  (struct poise_move){ .owner = owner,
				       .previous = previous,
				       .earlier = earlier & POISE_MOVE_EARLIER,
				       .stamp = stamp });
}

void ring_name(struct ring *ring, uint32_t slot, uint16_t previous, uint16_t earlier, uint16_t now)
{
	ring_resume(ring, slot, load(&ring->slots[slot]) & POISE_SLOT_OWNER, previous, earlier,
		    now);
}

void ring_guess(struct ring *ring, uint32_t slot, uint16_t previous, uint16_t earlier, uint16_t now)
{
	put_names(ring, slot,
		  (struct poise_move){ .owner = load(&ring->slots[slot]) & POISE_SLOT_OWNER,
				       .previous = previous,
				       .earlier = earlier | POISE_MOVE_GUESSED,
				       .stamp = now });
}

bool ring_is_guess(struct poise_move move)
{
	return is_named(move) && (move.earlier & POISE_MOVE_GUESSED);
}

void ring_record(struct ring *ring, uint32_t slot, uint16_t previous, uint16_t earlier,
		 uint16_t now)
{
	uint16_t owner = load(&ring->slots[slot]) & POISE_SLOT_OWNER;
	struct poise_move move = {
		.previous = previous, .stamp = now, .earlier = earlier, .owner = owner
	};

	store_move(&ring->moves[slot], move);
	publish(&ring->slots[slot], owner | POISE_SLOT_MOVING);
}

/* A slot whose exceptions are over. */
static void end_records(struct ring *ring, uint32_t slot, struct poise_move move, uint16_t now,
			enum ring_rules rules)
{
	uint16_t owner = load(&ring->slots[slot]) & POISE_SLOT_OWNER, names[RING_NAMES_MAX] = { 0 };

	if (rules == RING_CHAINS || rules == RING_NAMES)
		ring_names(owner, move, names);
	ring_name(ring, slot, names[0], names[1], now);
}

static void settle_slot(struct ring *ring, uint32_t slot, uint16_t now, uint16_t settle_ticks,
			enum ring_rules rules)
{
	bool chains = rules == RING_CHAINS || rules == RING_NAMES;
	struct poise_move move;

	ring_read(ring, slot, &move);
	if (is_named(move) ? !chains : poise_age(now, move.stamp) >= settle_ticks)
		end_records(ring, slot, move, now, rules);
}

struct ring_moving ring_settle(struct ring *ring, uint16_t now, uint16_t settle_ticks,
			       enum ring_rules rules)
{
	struct ring_moving moving = { 0 };

	for (uint32_t i = 0; i < ring->size; i++) {
		if (!(load(&ring->slots[i]) & POISE_SLOT_MOVING))
			continue;
		settle_slot(ring, i, now, settle_ticks, rules);
		if (!(load(&ring->slots[i]) & POISE_SLOT_MOVING))
			continue;
		if (is_named(load_move(&ring->moves[i])))
			moving.named++;
		else
			moving.recorded++;
	}
	return moving;
}

static void forget_name(struct ring *ring, uint32_t slot, struct poise_move move, uint16_t index)
{
	if (!is_named(move)) {
		store(&ring->moves[slot].earlier, 0); /* alone: the stamp may be of now */
		return;
	}
	if (move.previous == index)
		move.previous = 0;
	if ((move.earlier & POISE_MOVE_EARLIER) == index)
		move.earlier &= POISE_MOVE_GUESSED;
	move.owner = load(&ring->slots[slot]) & POISE_SLOT_OWNER;
	put_names(ring, slot, move);
}

void ring_forget_names(struct ring *ring, uint16_t index)
{
	struct poise_move move;

	for (uint32_t i = 0; i < ring->size; i++) {
		ring_read(ring, i, &move);
		if ((move.earlier & POISE_MOVE_EARLIER) == index ||
		    (is_named(move) && move.previous == index))
			forget_name(ring, i, move, index);
	}
}

void ring_forget(struct ring *ring, uint16_t index)
{
	struct poise_move move;

	ring_forget_names(ring, index);
	for (uint32_t i = 0; i < ring->size; i++) {
		uint16_t word = ring_read(ring, i, &move);

		if ((word & POISE_SLOT_MOVING) && move.previous == index)
			store(&ring->moves[i].previous, word & POISE_SLOT_OWNER);
	}
}

uint16_t ring_read(const struct ring *ring, uint32_t slot, struct poise_move *move)
{
	uint16_t word = load(&ring->slots[slot]);

	*move = (struct poise_move){ 0 };
	if (word & POISE_SLOT_MOVING)
		*move = load_move(&ring->moves[slot]);
	return word;
}

void ring_count(const struct ring *ring, struct ring_count *counts)
{
	uint16_t names[RING_NAMES_MAX];
	struct poise_move move;

	for (uint32_t i = 0; i < ring->size; i++) {
		uint16_t word = ring_read(ring, i, &move), owner = word & POISE_SLOT_OWNER;

		counts[owner].owned++;
		if (!(word & POISE_SLOT_MOVING))
			continue;
		ring_names(owner, move, names);
		for (int n = 0; n < RING_NAMES_MAX && names[n]; n++)
			if (!is_named(move) && names[n] == move.previous)
				counts[names[n]].leaving++;
			else
				counts[names[n]].named++;
	}
}
