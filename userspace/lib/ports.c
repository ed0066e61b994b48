// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Overlapping port ranges, cut up: see ports.h. */
#include "ports.h"

#include <errno.h>

/* An overlay adds at most two pieces: itself, and one that it cuts in two. */
struct cut {
	struct port_piece piece[POISE_MAX_RANGES + 2];
	size_t count;
};

static void append(struct cut *cut, uint32_t first, uint32_t last, uint32_t owner)
{
	if (first <= last)
		cut->piece[cut->count++] =
			(struct port_piece){ (uint16_t)first, (uint16_t)last, owner };
}

/* What a range leaves of a piece on its left, and on its right. */
static void append_left(struct cut *cut, const struct port_piece *piece,
			const struct port_piece *range)
{
	uint32_t last = piece->last < range->first ? piece->last : range->first - 1U;

	if (piece->first < range->first)
		append(cut, piece->first, last, piece->owner);
}

static void append_right(struct cut *cut, const struct port_piece *piece,
			 const struct port_piece *range)
{
	uint32_t first = piece->first > range->last ? piece->first : range->last + 1U;

	if (piece->last > range->last)
		append(cut, first, piece->last, piece->owner);
}

int ports_overlay(struct port_pieces *pieces, const struct port_piece *range)
{
	struct cut cut = { .count = 0 };
	size_t i;

	for (i = 0; i < pieces->count; i++)
		append_left(&cut, &pieces->piece[i], range);
	append(&cut, range->first, range->last, range->owner);
	for (i = 0; i < pieces->count; i++)
		append_right(&cut, &pieces->piece[i], range);
	if (cut.count > POISE_MAX_RANGES)
		return -ENOSPC;
	for (i = 0; i < cut.count; i++)
		pieces->piece[i] = cut.piece[i];
	pieces->count = cut.count;
	return 0;
}
