// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counts brackets and commas outside of strings: see json_bounds.h. */
#include "json_bounds.h"

#include <stdbool.h>
#include <string.h>

enum json_excess json_bounds_check(const char *text, size_t length,
				   const struct json_bounds *bounds)
{
	unsigned depth = 0, structure = 0;
	bool quoted = false;

	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		if (quoted || !c || !strchr("[]{},", c))
			continue;
		if (c == '[' || c == '{')
			depth++;
		else if (c != ',' && depth)
			depth--;
		if (depth > bounds->depth)
			return JSON_TOO_DEEP;
		if (++structure > bounds->structure)
			return JSON_TOO_MUCH;
	}
	return JSON_WITHIN;
}
