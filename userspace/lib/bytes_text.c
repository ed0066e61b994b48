// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bytes_text.h"

#include <errno.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

static int digit(char c)
{
	const char *found;

	if (c >= 'A' && c <= 'F')
		c = (char)(c - 'A' + 'a');
	found = c ? strchr(digits, c) : NULL;
	return found ? (int)(found - digits) : -1;
}

ssize_t bytes_parse(const char *text, uint8_t *out, size_t size)
{
	size_t length = strlen(text);

	if (length % 2)
		return -EINVAL;
	if (length / 2 > size)
		return -E2BIG;
	for (size_t i = 0; i < length / 2; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return (ssize_t)(length / 2);
}

char *bytes_format(const uint8_t *bytes, size_t count, char *text)
{
	for (size_t i = 0; i < count; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * count] = 0;
	return text;
}
