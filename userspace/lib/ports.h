/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which of several overlapping port ranges a port belongs to: ranges cut up so that none overlap.
 */
#ifndef POISE_PORTS_H
#define POISE_PORTS_H

#include <stddef.h>
#include <stdint.h>

#include "poise_abi.h"

struct port_piece {
	uint16_t first, last; /* both included */
	uint32_t owner;	      /* the caller's number */
};

/* Sorted, none overlapping; zeroed at first. */
struct port_pieces {
	struct port_piece piece[POISE_MAX_RANGES];
	size_t count;
};

/* Lays a range over the pieces, of which it hides what it covers: the most specific range comes
 * last. 0; -ENOSPC if there would be too many pieces, and then nothing is changed. */
int ports_overlay(struct port_pieces *pieces, const struct port_piece *range);

#endif
