/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Three digits that mean something, and a unit; whole is the largest number printed as it is. */
static const char *scaled(int64_t number, int64_t whole, double step, const char *const *units,
			  size_t unit_count, char text[FORMAT_BYTES])
{
	double value = number;
	size_t unit = 0;

	if (number <= whole) {
		snprintf(text, FORMAT_BYTES, "%" PRId64 "%s", number, units[0]);
		return text;
	}
	while (value >= (unit ? 999.5 : step) && unit + 1 < unit_count) {
		value /= step;
		unit++;
	}
	snprintf(text, FORMAT_BYTES, "%.*f%s",
		 value < 9.995	 ? 2
		 : value < 99.95 ? 1
				 : 0,
		 value, units[unit]);
	return text;
}

const char *format_count(int64_t count, char text[FORMAT_BYTES])
{
	static const char *const units[] = { "", "k", "M", "G", "T", "P", "E" };

	return scaled(count, 99999, 1000, units, sizeof(units) / sizeof(*units), text);
}

const char *format_bytes(int64_t bytes, char text[FORMAT_BYTES])
{
	static const char *const units[] = { " B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB" };

	return scaled(bytes, 1023, 1024, units, sizeof(units) / sizeof(*units), text);
}

const char *format_share(double share, char text[FORMAT_BYTES])
{
	snprintf(text, FORMAT_BYTES, "%.1f%%", share * 100);
	return text;
}

const char *format_age(int64_t seconds, char text[FORMAT_BYTES])
{
	static const struct {
		int64_t seconds;
		char name;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' } };

	if (seconds < 0)
		seconds = 0;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		int64_t below = i == 2 ? 1 : units[i + 1].seconds;

		if (seconds < units[i].seconds)
			continue;
		snprintf(text, FORMAT_BYTES, "%" PRId64 "%c %" PRId64 "%c",
			 seconds / units[i].seconds, units[i].name,
			 seconds % units[i].seconds / below, i == 2 ? 's' : units[i + 1].name);
		return text;
	}
	snprintf(text, FORMAT_BYTES, "%" PRId64 "s", seconds);
	return text;
}

const char *format_ms(int64_t ms, char text[FORMAT_BYTES])
{
	static const struct {
		int64_t ms;
		const char *name;
	} units[] = { { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" } };
	size_t i = 0;

	while (ms % units[i].ms || (!ms && units[i].ms > 1))
		i++;
	snprintf(text, FORMAT_BYTES, "%" PRId64 "%s", ms / units[i].ms, units[i].name);
	return text;
}

bool parse_number(const char *text, unsigned least, unsigned most, unsigned *out)
{
	unsigned long value;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || value < least || value > most)
		return false;
	*out = value;
	return true;
}
