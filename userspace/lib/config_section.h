/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads mappings, lists and values as tables of fields describe them. The tables themselves (the
 * schema) are in config.c. Every read function reports what is wrong and then leaves 0 behind.
 */
#ifndef POISE_CONFIG_SECTION_H
#define POISE_CONFIG_SECTION_H

#include "config_errors.h"

struct config_writer; /* config_keys.h */

struct config_field {
	const char *key;
	void (*read)(struct config_report *report, const struct config_place *place,
		     const struct config_field *field, void *out);
	/* the other way round; standard: the member as it is when the key is absent */
	void (*write)(struct config_writer *writer, const struct config_field *field,
		      const void *value, const void *standard);
	size_t offset, size; /* of the member that out is */
	const void *rule;    /* for read, see there */
	bool required;
};

struct config_section {
	const struct config_field *fields;
	size_t count;
};

#define CONFIG_MEMBER(type, member) offsetof(type, member), sizeof(((type *)0)->member)
#define CONFIG_SECTION(array)                                                                      \
	{                                                                                          \
		array, sizeof(array) / sizeof((array)[0])                                          \
	}

struct config_list {
	size_t min, max, item_bytes;
	const char *items; /* what they are called */
	void (*read_item)(struct config_report *report, const struct config_place *place,
			  void *out);
};

/* Reads the mapping at place into the structure out. Of duplicate keys the first counts. */
void config_section_read(struct config_report *report, const struct config_place *place,
			 const struct config_section *section, void *out);

/* Reads the list at place; returns its items, zeroed before each was read, or NULL with count 0.
 * Nothing at all is an empty list. */
void *config_list_read(struct config_report *report, const struct config_place *place,
		       const struct config_list *list, size_t *count);

/* Read function; rule: the struct config_section of a mapping, or nothing, of the same structure
 * (offset 0). */
void config_read_section(struct config_report *report, const struct config_place *place,
			 const struct config_field *field, void *out);
void config_write_section(struct config_writer *writer, const struct config_field *field,
			  const void *value, const void *standard);

#endif
