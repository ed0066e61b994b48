/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Read functions of single values, for tables of struct config_field (config_section.h). */
#ifndef POISE_CONFIG_FIELDS_H
#define POISE_CONFIG_FIELDS_H

#include "config_section.h"

/* Rule of integers (inclusive) and of durations (in milliseconds). */
struct config_range {
	uint64_t min, max;
	bool prime;
};

/* Rule of a word: an array of these that ends with a NULL text. */
struct config_choice {
	const char *text;
	unsigned int value;
};

/* Rule of text: 1 to max bytes, without control characters. */
struct config_text {
	size_t max;
	bool (*is_valid)(const char *text);
	const char *allowed; /* is_valid() in words */
};

/* Rule of addresses' prefixes. */
struct config_prefix {
	uint8_t family, min_length;
	const char *example;
};

#define CONFIG_READ(name)                                                                          \
	void config_read_##name(struct config_report *report, const struct config_place *place,    \
				const struct config_field *field, void *out)

CONFIG_READ(integer);  /* uint16_t, uint32_t or uint64_t; rule: struct config_range */
CONFIG_READ(duration); /* the same, milliseconds */
CONFIG_READ(choice);   /* uint8_t or an enum; rule: struct config_choice[] */
CONFIG_READ(name);     /* char[max + 1]; rule: struct config_text */
CONFIG_READ(string);   /* char *, allocated; rule: struct config_text */
CONFIG_READ(address);  /* struct address of a host; no rule */
CONFIG_READ(prefix);   /* struct prefix; rule: struct config_prefix */
CONFIG_READ(expect);   /* struct config_check, its expect and expect_count; no rule */

#endif
