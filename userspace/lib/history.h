/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The last changes of one backend, oldest first. Memory is had as they come, for at most
 * HISTORY_EVENTS of them; an event for which there is none is lost.
 */
#ifndef POISE_HISTORY_H
#define POISE_HISTORY_H

#include <stddef.h>
#include <stdint.h>

enum { HISTORY_EVENTS = 32, HISTORY_TEXT_BYTES = 96 };

/* What changed: X(name, word of the control protocol). */
#define HISTORY_KINDS(X)                                                                           \
	X(LIFE, "life")                                                                            \
	X(HEALTH, "health")                                                                        \
	X(NEXT_HOP, "next_hop")                                                                    \
	X(DRAIN, "drain")                                                                          \
	X(WEIGHT, "weight")                                                                        \
	X(DAMPING, "damping")                                                                      \
	X(SLOW_START, "slow_start")                                                                \
	X(PANIC, "panic")                                                                          \
	X(AGENT, "agent")

enum history_kind {
#define HISTORY_KIND_ENUM(name, word) HISTORY_##name,
	HISTORY_KINDS(HISTORY_KIND_ENUM)
#undef HISTORY_KIND_ENUM
};

struct history_event {
	int64_t at; /* Unix seconds */
	char *text;
	uint8_t kind; /* enum history_kind */
};

struct history {
	struct history_event *events;
	uint8_t room, count, oldest;
};

/* Adds an event; text is copied, and cut to HISTORY_TEXT_BYTES at the end of a character. */
void history_add(struct history *history, enum history_kind kind, int64_t at, const char *text);
/* i: 0 for the oldest, up to count - 1. */
const struct history_event *history_get(const struct history *history, size_t i);
const char *history_kind_text(enum history_kind kind);
void history_free(struct history *history); /* what it points to; it is empty then */

#endif
