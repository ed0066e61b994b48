/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Read and write functions of single values, for tables of struct config_field (config_section.h).
 */
#ifndef POISE_CONFIG_FIELDS_H
#define POISE_CONFIG_FIELDS_H

#include "config_section.h"

enum config_number { NUMBER_ANY, NUMBER_PRIME, NUMBER_POWER_OF_TWO, NUMBER_MARK };

/* Rule of integers (inclusive), of durations (in milliseconds) and of percentages. */
struct config_range {
	uint64_t min, max;
	enum config_number kind;
	bool hexadecimal; /* is how it is written */
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

enum { CONFIG_UNSET = 0xff }; /* an enum's value while its key was not read */

#define CONFIG_READ(name)                                                                          \
	void config_read_##name(struct config_report *report, const struct config_place *place,    \
				const struct config_field *field, void *out)

#define CONFIG_WRITE(name)                                                                         \
	void config_write_##name(struct config_writer *writer, const struct config_field *field,   \
				 const void *value, const void *standard)

/* Both of them: what is written is read again as the same value. */
#define CONFIG_BOTH(name)                                                                          \
	CONFIG_READ(name);                                                                         \
	CONFIG_WRITE(name)

CONFIG_BOTH(integer);	/* uint16_t, uint32_t or uint64_t; rule: struct config_range */
CONFIG_BOTH(duration);	/* the same, milliseconds */
CONFIG_BOTH(percent);	/* uint8_t; rule: struct config_range */
CONFIG_BOTH(choice);	/* uint8_t or an enum; rule: struct config_choice[] */
CONFIG_BOTH(name);	/* char[max + 1]; rule: struct config_text */
CONFIG_BOTH(string);	/* char *, allocated; rule: struct config_text */
CONFIG_BOTH(address);	/* struct address of a host; no rule */
CONFIG_BOTH(prefix);	/* struct prefix; rule: struct config_prefix */
CONFIG_BOTH(expect);	/* struct config_check, its expect and expect_count; no rule */
CONFIG_BOTH(ports);	/* struct config_service, its port and last_port; no rule */
CONFIG_BOTH(virtual);	/* struct config_service, its address and prefix_length; no rule */
CONFIG_BOTH(affinity);	/* uint8_t, bits or CONFIG_ALL_BITS; no rule */
CONFIG_BOTH(server_id); /* struct config_backend, its server_id and server_id_length; no rule */

/* The string's default, unless it was read. */
void config_default_string(struct config_report *report, char **string, const char *value);

/* Rules that several sections use. */
extern const struct config_range config_port_range;
extern const struct config_choice config_booleans[];
extern const struct config_choice config_switches[];	 /* written as on and off */
extern const struct config_choice config_drop_or_pass[]; /* false, true */
extern const struct config_choice config_encapsulations[];
extern const struct config_text config_name_text;

/* Rows of tables of fields: key, read function, structure, member, rule. */
#define CONFIG_FIELD(key, reader, type, member, rule, required)                                    \
	{                                                                                          \
		key, config_read_##reader, config_write_##reader,                                  \
			CONFIG_MEMBER(struct type, member), rule, required                         \
	}
#define CONFIG_REQUIRED(key, reader, type, member, rule)                                           \
	CONFIG_FIELD(key, reader, type, member, rule, true)
#define CONFIG_OPTIONAL(key, reader, type, member, rule)                                           \
	CONFIG_FIELD(key, reader, type, member, rule, false)
/* For those that fill several members. */
#define CONFIG_WHOLE(key, reader, type, rule, required)                                            \
	{                                                                                          \
		key, config_read_##reader, config_write_##reader, 0, sizeof(struct type), rule,    \
			required                                                                   \
	}

#endif
