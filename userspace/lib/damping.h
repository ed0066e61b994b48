/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Damping of a backend that goes up and down: the damping of routes (RFC 2439) made simple. Each
 * time it goes down adds to a penalty, which halves every DAMPING_HALF_LIFE_MS. Above one limit it
 * is held down, until the penalty is below another one. Times are of any clock that only grows.
 */
#ifndef POISE_DAMPING_H
#define POISE_DAMPING_H

#include <stdbool.h>
#include <stdint.h>

enum {
	DAMPING_PENALTY = 1000,
	DAMPING_LIMIT = 3600, /* above it: held down. Four in quick succession, or five in 2 min */
	DAMPING_REUSE = 1000, /* below it: released */
	DAMPING_FORGET = 500, /* below it: as if it had never been down */
	DAMPING_HALF_LIFE_MS = 120 * 1000,
	DAMPING_CEILING = 32000,     /* of the penalty, */
	DAMPING_MAX_MS = 600 * 1000, /* from which it takes so long to be released */
	DAMPING_STORED_UNIT = 128,   /* of a penalty in one byte */
};

struct damping {
	double penalty; /* at the time at_ms */
	int64_t at_ms;
	int64_t since_ms; /* when the first of the changes was */
	uint16_t changes; /* from up to down, that the penalty remembers */
	bool held;
};

/* It went down. Returns whether that made it held. */
bool damping_count(struct damping *damping, int64_t now_ms);

/* To be called now and then: forgets and releases. Returns whether it is released now. */
bool damping_decay(struct damping *damping, int64_t now_ms);

/* Forgets everything: an operator vouches for it. */
void damping_reset(struct damping *damping);

double damping_penalty(const struct damping *damping, int64_t now_ms);

/* How long until it is released, if it does not go down meanwhile; 0: it is not held. */
int64_t damping_hold_ms(const struct damping *damping, int64_t now_ms);

/* The penalty in a byte, rounded up, and back; 'changes' and 'since_ms' are lost. */
uint8_t damping_store(const struct damping *damping, int64_t now_ms);
void damping_restore(struct damping *damping, uint8_t stored, bool held, int64_t at_ms);

#endif
