/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The weight that a host asks for by its load. Every change of a weight moves slots of rings, so
 * that what is said keeps still while the load only trembles.
 */
#ifndef POISE_LOAD_WEIGHT_H
#define POISE_LOAD_WEIGHT_H

#include <stdint.h>

enum {
	LOAD_WEIGHT_FULL = 100, /* percent */
	LOAD_WEIGHT_LEAST = 10, /* an overloaded host still takes a share: it is not down */
	LOAD_WEIGHT_STEP = 10,	/* what is said is a multiple of it */
	LOAD_WEIGHT_MARGIN = 8, /* what is said stays while the load asks for no more difference */
};

/*
 * load: tasks that run or wait to, a CPU; target: at most so many are welcome, above 0. The weight
 * is 100 % up to the target, and above falls in proportion: 50 % at twice the target. said: what
 * was said last, 0: nothing yet. Returns percent, from 10 to 100.
 */
uint16_t load_weight(double load, double target, uint16_t said);

#endif
