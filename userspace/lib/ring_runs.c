// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ring_runs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

int ring_runs_format(const struct ring_run *run, char out[RING_RUN_BYTES])
{
	return snprintf(out, RING_RUN_BYTES, "%" PRIu32 "-%" PRIu32 " %u %u %u %c %" PRIu32 ";",
			run->first, run->last, run->owner, run->previous, run->earlier,
			run->named   ? 'n'
			: run->older ? 'o'
				     : 'r',
			run->age_s);
}

/* A decimal number of at most max, and the character behind it. */
static bool take_number(const char **text, uint32_t max, char end, uint32_t *out)
{
	const char *at = *text;
	uint64_t value = 0;

	for (; *at >= '0' && *at <= '9' && value <= max; at++)
		value = value * 10 + (uint64_t)(*at - '0');
	if (at == *text || value > max || *at != end)
		return false;
	*out = (uint32_t)value;
	*text = at + 1;
	return true;
}

static bool take_backend(const char **text, const struct ring_runs_limits *limits, uint16_t *out)
{
	uint32_t place;

	if (!take_number(text, limits->backends, ' ', &place))
		return false;
	*out = (uint16_t)place;
	return true;
}

static bool take_state(const char **text, struct ring_run *run)
{
	run->named = **text == 'n';
	run->older = **text == 'o';
	if ((!run->named && !run->older && **text != 'r') || (*text)[1] != ' ')
		return false;
	*text += 2;
	return true;
}

int ring_runs_next(const char **text, const struct ring_runs_limits *limits, struct ring_run *out)
{
	struct ring_run run = { 0 };
	const char *begin = *text;

	if (!*begin)
		return 0;
	if (!limits->slots || !take_number(text, limits->slots - 1, '-', &run.first) ||
	    !take_number(text, limits->slots - 1, ' ', &run.last) ||
	    !take_backend(text, limits, &run.owner) || !take_backend(text, limits, &run.previous) ||
	    !take_backend(text, limits, &run.earlier) || !take_state(text, &run) ||
	    !take_number(text, RING_RUN_MAX_AGE_S, ';', &run.age_s))
		return -EINVAL;
	if (run.last < run.first || run.first < out->behind) {
		*text = begin;
		return -EINVAL;
	}
	run.behind = run.last + 1;
	*out = run;
	return 1;
}
