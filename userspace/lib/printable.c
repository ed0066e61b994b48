/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "printable.h"

void printable_copy(const char *text, size_t length, char *out, size_t size)
{
	size_t used = 0;

	while (length > 0 && (*text == ' ' || *text == '\t')) {
		text++;
		length--;
	}
	for (; used < length && used < size - 1; used++) {
		if (text[used] == '\n' || text[used] == '\r' || text[used] == '\0')
			break;
		out[used] = text[used] >= ' ' && text[used] <= '~' ? text[used] : '?';
	}
	while (used > 0 && out[used - 1] == ' ')
		used--;
	out[used] = '\0';
}
