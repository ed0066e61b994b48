/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the results of checks add up to. */
#ifndef POISE_HEALTH_STATE_H
#define POISE_HEALTH_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum health_state { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN };

/* Results in a row; one of them is 0. */
struct health_row {
	uint32_t passed, failed;
};

void health_row_add(struct health_row *row, bool passed);

/* From UNKNOWN the first result decides at once, whatever rise and fall are. */
enum health_state health_state_after(enum health_state state, const struct health_row *row,
				     uint16_t rise, uint16_t fall);

/* Whether the last result speaks against the state, so that it may be changing. */
bool health_state_is_doubted(enum health_state state, const struct health_row *row);

const char *health_state_text(enum health_state state); /* "unknown", "up", "down" */

#endif
