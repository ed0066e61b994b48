// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the packet tests print: TAP lines, and hex diffs of packets. */
#include "hex.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { ROW_BYTES = 16 };

static unsigned int tests, failures;

bool tap_ok(bool passed, const char *format, ...)
{
	va_list arguments;

	printf("%sok %u - ", passed ? "" : "not ", ++tests);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
	failures += !passed;
	return passed;
}

void tap_skip(const char *name, const char *why)
{
	printf("ok %u - %s # SKIP %s\n", ++tests, name, why);
	fflush(stdout);
}

void tap_note(const char *format, ...)
{
	va_list arguments;

	printf("# ");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

int tap_done(void)
{
	printf("1..%u\n", tests);
	return failures ? 1 : 0;
}

/* One row of one packet; bytes that are not those of other stand in brackets. */
static void print_row(char sign, const uint8_t *bytes, size_t length, const uint8_t *other,
		      size_t other_length, size_t row)
{
	printf("# %c %04zx ", sign, row);
	for (size_t i = row; i < row + ROW_BYTES && i < length; i++) {
		bool same = i < other_length && other[i] == bytes[i];

		printf(same ? " %02x " : "[%02x]", bytes[i]);
	}
	putchar('\n');
}

static bool row_equal(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length,
		      size_t row)
{
	size_t a_end = a_length < row + ROW_BYTES ? a_length : row + ROW_BYTES;
	size_t b_end = b_length < row + ROW_BYTES ? b_length : row + ROW_BYTES;

	return a_end == b_end && !memcmp(a + row, b + row, a_end - row);
}

bool packet_equal(const char *name, const void *expected, size_t expected_length, const void *got,
		  size_t got_length)
{
	size_t longest = expected_length > got_length ? expected_length : got_length;

	if (expected_length == got_length && !memcmp(expected, got, got_length))
		return true;
	tap_note("%s: expected (-) %zu bytes, got (+) %zu", name, expected_length, got_length);
	for (size_t row = 0; row < longest; row += ROW_BYTES) {
		if (row < expected_length && row < got_length &&
		    row_equal(expected, expected_length, got, got_length, row))
			continue;
		print_row('-', expected, expected_length, got, got_length, row);
		print_row('+', got, got_length, expected, expected_length, row);
	}
	return false;
}
