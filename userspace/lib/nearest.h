/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Of many names the one that a mistyped word was probably meant to be. */
#ifndef POISE_NEAREST_H
#define POISE_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *text;
	size_t length;	  /* of text, in bytes */
	unsigned changes; /* of a letter, or of the order of two, less than so many make it the name
			   */
	const char *name; /* the nearest so far; NULL: none is near enough */
};

void nearest_begin(struct nearest *nearest, const char *text, size_t length);
void nearest_offer(struct nearest *nearest, const char *name); /* borrowed */

#endif
