/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * YAML text as a tree of nodes that know where they stand. Knows nothing of any schema. Takes the
 * plain part of YAML: one document; anchors, aliases and tags are refused. Bounded in every way.
 */
#ifndef POISE_YAML_TREE_H
#define POISE_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TREE_MAX_DEPTH = 16,
	TREE_MAX_NODES = 1 << 19,
	TREE_MAX_KEYS = 64, /* of one mapping, so that looking them up may be linear */
};

enum tree_kind { TREE_SCALAR, TREE_LIST, TREE_MAPPING };

struct tree_node {
	enum tree_kind kind;
	bool plain;		 /* a scalar without quotes */
	uint32_t line;		 /* from 1 */
	uint32_t column;	 /* from 1, in characters */
	size_t length;		 /* bytes of text, which may hold NULs */
	char *text;		 /* of a scalar, with a final NUL */
	size_t count;		 /* nodes in items */
	struct tree_node *items; /* of a list; of a mapping: key, value, key, value, ... */
};

struct tree_error {
	uint32_t line, column; /* from 1 */
	char text[256];
};

/* Parses length bytes. 0 and a tree that tree_free() releases (empty text: a null scalar);
 * -EINVAL with error filled; -ENOMEM. */
int tree_parse(const char *text, size_t length, struct tree_node **out, struct tree_error *error);
void tree_free(struct tree_node *root); /* takes NULL */

/* The value of a mapping's first key of that name; NULL if there is none, or no mapping. */
const struct tree_node *tree_get(const struct tree_node *mapping, const char *key);

/* Is node a scalar of just this text? */
bool tree_is_text(const struct tree_node *node, const char *text);

/* YAML's null: nothing at all, or a plain "~" or "null". */
bool tree_is_null(const struct tree_node *node);

#endif
