/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Poise as it is measured: the real program with one service and many backends, set up through the
 * modules that poised uses. Each subject has maps of its own.
 */
#ifndef POISE_BENCH_SUBJECT_H
#define POISE_BENCH_SUBJECT_H

#include <stdint.h>

#include "poise_abi.h"

enum { SUBJECT_BACKENDS = 100, SUBJECT_SLOTS = 65537 };

struct subject;

/* What Poise counted so far. */
struct subject_count {
	uint64_t sent;
	uint64_t refused; /* for whatever reason */
	uint64_t events[POISE_EVENT_COUNT];
};

/*
 * Loads Poise with a service of this family (4 or 6), backends of the same that are reached through
 * the interface ifindex, and a settled ring. 0 or a negative errno with the reason on stderr.
 */
int subject_new(uint8_t family, uint32_t ifindex, struct subject **out);
void subject_free(struct subject *subject); /* takes NULL */
int subject_program_fd(const struct subject *subject);

/* Gives every slot a new owner. 0, or -EINVAL when a slot kept its own. */
int subject_move(struct subject *subject);

void subject_count(struct subject *subject, struct subject_count *out);

#endif
