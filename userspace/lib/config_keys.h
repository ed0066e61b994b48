/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A configuration as a tree of its keys: what every table of fields (config_section.h) says, with
 * the text that each value would have in a file. Writing a file and comparing two configurations
 * both walk this tree, so that a key needs its row in a table and nothing else.
 *
 * To add a key: give it a row with CONFIG_REQUIRED, CONFIG_OPTIONAL or CONFIG_WHOLE. The row's
 * reader names the pair config_read_NAME and config_write_NAME; those of config_fields.h serve most
 * values. What stands in its place when it is absent belongs into the section's standard: the
 * set_standard() of config.c, config_service.c or config_check.c.
 */
#ifndef POISE_CONFIG_KEYS_H
#define POISE_CONFIG_KEYS_H

#include "config_section.h"

enum config_node_kind {
	NODE_VALUE,
	NODE_MAPPING, /* of keys */
	NODE_LIST,    /* of mappings that have a name, which is their key here */
	NODE_VALUES,  /* a list of values, without keys */
};

struct config_node {
	enum config_node_kind kind;
	const char *key; /* NULL: the top level, or one of NODE_VALUES. Borrowed: the tables' or the
			  * configuration's */
	char *text;	 /* of a value */
	bool standard;	 /* the value is what stands there when the key is absent */
	struct config_node *items; /* in the order of the tables, or of the list */
	size_t count;
};

/* The tree of a whole configuration (which must outlive it), released by config_keys_free(); NULL:
 * no memory. said_only: without the standard values. */
struct config_node *config_keys_build(const struct config *config, bool said_only);
void config_keys_free(struct config_node *root); /* takes NULL */

/* The item with that key; NULL: none. hint: where it may be, 0 if nothing is known. */
const struct config_node *config_keys_find(const struct config_node *node, const char *key,
					   size_t hint);

/* What the write functions of rows (config_fields.h) work on. */
struct config_writer {
	struct config_node *at; /* the mapping or list that is being filled */
	const struct config *config;
	const struct config_service *service; /* whose keys are being written */
	bool said_only;			      /* standard values are left out */
	bool failed;			      /* no memory */
};

/* Begins an item of what is being filled; what it returns is for config_write_close(). */
struct config_node *config_write_open(struct config_writer *writer, const char *key,
				      enum config_node_kind kind);
void config_write_close(struct config_writer *writer, struct config_node *opened);

/* A value. text NULL: the key would mean nothing. standard: its text when absent, or NULL. */
void config_write_value(struct config_writer *writer, const struct config_field *field,
			const char *text, const char *standard);

/* Every field of a structure; standard: the structure as it is when no key is written. */
void config_section_write(struct config_writer *writer, const struct config_section *section,
			  const void *value, const void *standard);

#endif
