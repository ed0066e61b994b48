/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What parsing JSON text may cost, bounded before any of it is parsed. Judges no syntax. */
#ifndef POISE_JSON_BOUNDS_H
#define POISE_JSON_BOUNDS_H

#include <stddef.h>

/* An array of 2 bytes of text takes over 100 bytes of memory. */
struct json_bounds {
	unsigned depth;	    /* brackets within brackets */
	unsigned structure; /* brackets and commas */
};

enum json_excess { JSON_WITHIN, JSON_TOO_DEEP, JSON_TOO_MUCH };

enum json_excess json_bounds_check(const char *text, size_t length,
				   const struct json_bounds *bounds);

#endif
