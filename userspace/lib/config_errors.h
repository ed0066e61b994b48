/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Collects what is wrong with a configuration, each error with its position and path. */
#ifndef POISE_CONFIG_ERRORS_H
#define POISE_CONFIG_ERRORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

struct tree_node;

/* A value's way up to the top level, linked through the stack of those who read it. */
struct config_place {
	const struct config_place *parent; /* NULL: the top level itself */
	const char *key;		   /* NULL: an item of a list */
	size_t index;			   /* of that item */
	const struct tree_node *node;	   /* the value, for its position */
};

struct config_report_entry {
	uint32_t line, column; /* line 0: about the file as a whole */
	size_t order;
	char *text;
};

/* Zeroed but for file; config_report_finish() ends it. */
struct config_report {
	const char *file;
	int status; /* 0, -EINVAL once anything was reported, -ENOMEM */
	size_t total;
	struct config_report_entry entries[CONFIG_MAX_ERRORS];
};

/* About the file as a whole. */
void config_report_file(struct config_report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* About a position; line and column from 1. */
void config_report_position(struct config_report *report, uint32_t line, uint32_t column,
			    const char *text);

/* About a place: its position and path are put in front. */
void config_report_place(struct config_report *report, const struct config_place *place,
			 const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same, with "found VALUE, " in front; format begins with "allowed". */
void config_report_value(struct config_report *report, const struct config_place *place,
			 const char *format, ...) __attribute__((format(printf, 3, 4)));

void config_report_nomem(struct config_report *report);

/* Hands over the errors in the order of their positions; returns the status. */
int config_report_finish(struct config_report *report, struct config_errors *errors);

/* The place of a mapping's value (of the mapping itself if it has no such key), of a list's item.
 */
struct config_place config_place_key(const struct config_place *mapping, const char *key);
struct config_place config_place_item(const struct config_place *list, size_t index);

/* Bytes of the control character (C0, DEL, C1 in UTF-8) that text begins with; 0: it is none. */
size_t config_control_length(const char *text, size_t length);

enum { CONFIG_QUOTE_BYTES = 200 };

/* Text of a stranger made fit for one line of a terminal: shortened, control characters as \xNN. */
const char *config_quote(const char *text, size_t length, char out[CONFIG_QUOTE_BYTES]);

#endif
