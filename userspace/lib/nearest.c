/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "nearest.h"

#include <string.h>

enum { MAX_WORD_BYTES = 32 };

/* Changes of one letter, or of the order of two neighbours, that make one word of the other. */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned row[3][MAX_WORD_BYTES + 1];

	for (size_t j = 0; j <= b_length; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned *now = row[i % 3], *last = row[(i - 1) % 3], *before = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);

			best = last[j] + 1 < best ? last[j] + 1 : best;
			best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[a_length % 3][b_length];
}

void nearest_begin(struct nearest *nearest, const char *text, size_t length)
{
	/* with more changes it is a different word */
	*nearest = (struct nearest){ .text = text, .length = length, .changes = length / 3 + 2 };
	if (length > MAX_WORD_BYTES)
		nearest->changes = 0;
}

void nearest_offer(struct nearest *nearest, const char *name)
{
	size_t length = strlen(name);
	size_t apart =
		length > nearest->length ? length - nearest->length : nearest->length - length;
	unsigned changes;

	if (length > MAX_WORD_BYTES || apart >= nearest->changes)
		return;
	changes = distance(nearest->text, nearest->length, name, length);
	if (changes >= nearest->changes)
		return;
	nearest->changes = changes;
	nearest->name = name;
}
