// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The weight that a host asks for by its load: see load_weight.h. */
#include "load_weight.h"

#include <math.h>
#include <stdbool.h>

uint16_t load_weight(double load, double target, uint16_t said)
{
	double asked = load > target ? LOAD_WEIGHT_FULL * target / load : LOAD_WEIGHT_FULL;

	if (asked < LOAD_WEIGHT_LEAST)
		asked = LOAD_WEIGHT_LEAST;
	if (said && fabs(asked - said) < LOAD_WEIGHT_MARGIN)
		return said;
	return (uint16_t)(lround(asked / LOAD_WEIGHT_STEP) * LOAD_WEIGHT_STEP);
}
