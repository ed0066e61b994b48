/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health_state.h"

void health_row_add(struct health_row *row, bool passed)
{
	uint32_t *longer = passed ? &row->passed : &row->failed;

	if (*longer < UINT32_MAX)
		(*longer)++;
	*(passed ? &row->failed : &row->passed) = 0;
}

enum health_state health_state_after(enum health_state state, const struct health_row *row,
				     uint16_t rise, uint16_t fall)
{
	switch (state) {
	case HEALTH_UP:
		return row->failed >= fall ? HEALTH_DOWN : HEALTH_UP;
	case HEALTH_DOWN:
		return row->passed >= rise ? HEALTH_UP : HEALTH_DOWN;
	default:
		return row->passed ? HEALTH_UP : row->failed ? HEALTH_DOWN : HEALTH_UNKNOWN;
	}
}

bool health_state_is_doubted(enum health_state state, const struct health_row *row)
{
	switch (state) {
	case HEALTH_UP:
		return row->failed > 0;
	case HEALTH_DOWN:
		return row->passed > 0;
	default:
		return true;
	}
}

const char *health_state_text(enum health_state state)
{
	static const char *const texts[] = {
		[HEALTH_UNKNOWN] = "unknown",
		[HEALTH_UP] = "up",
		[HEALTH_DOWN] = "down",
	};

	return texts[state];
}
