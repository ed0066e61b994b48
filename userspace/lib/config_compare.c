// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Walks two trees of keys (config_keys.h) side by side: see config_compare.h. */
#include "config_compare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_keys.h"

enum { PATH_BYTES = 256 };

struct comparison {
	config_difference_fn found;
	void *context;
	const char *service, *backend;
	bool failed; /* no memory */
};

static void compare_nodes(struct comparison *comparison, const char *path,
			  const struct config_node *before, const struct config_node *after);

static const char *join(const char *path, const char *key, char out[PATH_BYTES])
{
	snprintf(out, PATH_BYTES, "%s%s%s", path, path[0] ? "." : "", key);
	return out;
}

static void report(const struct comparison *comparison, enum config_change change, const char *key,
		   const char *before, const char *after)
{
	struct config_difference difference = {
		change, comparison->service, comparison->backend, key, before, after
	};

	comparison->found(comparison->context, &difference);
}

/* A list of values as one text; of a value its own. To be freed; NULL for no node. */
static char *text_of(struct comparison *comparison, const struct config_node *node)
{
	char *text = NULL;
	size_t length;
	FILE *out;

	if (!node)
		return NULL;
	out = open_memstream(&text, &length);
	if (out && node->kind == NODE_VALUE)
		fputs(node->text, out);
	for (size_t i = 0; out && node->kind == NODE_VALUES && i < node->count; i++)
		fprintf(out, "%s\"%s\"", i ? " " : "", node->items[i].text);
	comparison->failed |= !out || fclose(out);
	return text;
}

static bool is_said(const struct config_node *node)
{
	return node && !node->standard;
}

static void compare_values(struct comparison *comparison, const char *path,
			   const struct config_node *before, const struct config_node *after)
{
	char *a, *b;

	if (!is_said(before) && !is_said(after))
		return;
	a = text_of(comparison, before);
	b = text_of(comparison, after);
	if (!comparison->failed && (!a || !b || strcmp(a, b) != 0))
		report(comparison, CONFIG_CHANGED, path, a, b);
	free(a);
	free(b);
}

static void describe(FILE *out, const struct config_node *node, const char *path)
{
	char longer[PATH_BYTES];

	for (size_t i = 0; i < node->count; i++) {
		const struct config_node *item = &node->items[i];

		if (item->kind == NODE_MAPPING)
			describe(out, item, join(path, item->key, longer));
		else if (item->kind == NODE_VALUE && !item->standard && strcmp(item->key, "name"))
			fprintf(out, "%s%s %s", ftell(out) ? ", " : "",
				join(path, item->key, longer), item->text);
	}
}

/* What is said of a service or backend, its name and what it holds apart. To be freed. */
static char *description_of(struct comparison *comparison, const struct config_node *node)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (out)
		describe(out, node, "");
	comparison->failed |= !out || fclose(out);
	return text;
}

/* An item that only one side has; of a service its backends, too. */
static void report_item(struct comparison *comparison, enum config_change change,
			const struct config_node *item)
{
	bool added = change == CONFIG_ADDED;
	const struct config_node *backends = config_keys_find(item, "backends", SIZE_MAX);
	char *text = comparison->service ? description_of(comparison, item) : strdup(item->key);

	comparison->failed |= !text;
	if (!comparison->failed)
		report(comparison, change, comparison->service ? NULL : "interface",
		       added ? NULL : text, added ? text : NULL);
	free(text);
	for (size_t i = 0; backends && i < backends->count; i++) {
		comparison->backend = backends->items[i].key;
		report_item(comparison, change, &backends->items[i]);
		comparison->backend = NULL;
	}
}

/* Whose item is it? */
static void enter(struct comparison *comparison, const char *list, const char *item)
{
	if (!strcmp(list, "services"))
		comparison->service = item;
	else if (!strcmp(list, "backends"))
		comparison->backend = item;
}

static void compare_item(struct comparison *comparison, const struct config_node *list,
			 const struct config_node *before, const struct config_node *after)
{
	const struct config_node *item = before ? before : after;
	char path[PATH_BYTES] = "";

	enter(comparison, list->key, item->key);
	if (!before || !after) {
		report_item(comparison, before ? CONFIG_REMOVED : CONFIG_ADDED, item);
	} else {
		if (!comparison->service)
			join(list->key, item->key, path);
		compare_nodes(comparison, path, before, after);
	}
	enter(comparison, list->key, NULL);
}

/* Items are the same by their names. Most stand at the same place in both. */
static void compare_lists(struct comparison *comparison, const struct config_node *before,
			  const struct config_node *after)
{
	for (size_t i = 0; i < before->count; i++)
		compare_item(comparison, before, &before->items[i],
			     config_keys_find(after, before->items[i].key, i));
	for (size_t i = 0; i < after->count; i++)
		if (!config_keys_find(before, after->items[i].key, i))
			compare_item(comparison, after, NULL, &after->items[i]);
}

static void compare_mappings(struct comparison *comparison, const char *path,
			     const struct config_node *before, const struct config_node *after)
{
	const struct config_node *other;
	char longer[PATH_BYTES];

	for (size_t i = 0; before && i < before->count; i++) {
		other = after ? config_keys_find(after, before->items[i].key, i) : NULL;
		compare_nodes(comparison, join(path, before->items[i].key, longer),
			      &before->items[i], other);
	}
	for (size_t i = 0; after && i < after->count; i++)
		if (!before || !config_keys_find(before, after->items[i].key, i))
			compare_nodes(comparison, join(path, after->items[i].key, longer), NULL,
				      &after->items[i]);
}

/* Either may be NULL: not there. A key that is a value on one side and a mapping on the other
 * ('tls: true') is there twice, so to speak. */
static void compare_nodes(struct comparison *comparison, const char *path,
			  const struct config_node *before, const struct config_node *after)
{
	enum config_node_kind kind = (before ? before : after)->kind;

	if (before && after && before->kind != after->kind) {
		compare_nodes(comparison, path, before, NULL);
		compare_nodes(comparison, path, NULL, after);
	} else if (kind == NODE_MAPPING) {
		compare_mappings(comparison, path, before, after);
	} else if (kind == NODE_LIST) {
		compare_lists(comparison, before, after); /* a configuration has all of its lists */
	} else {
		compare_values(comparison, path, before, after);
	}
}

int config_compare(const struct config *before, const struct config *after,
		   config_difference_fn found, void *context)
{
	struct comparison comparison = { .found = found, .context = context };
	struct config_node *a = config_keys_build(before, false),
			   *b = config_keys_build(after, false);

	comparison.failed = !a || !b;
	if (!comparison.failed)
		compare_nodes(&comparison, "", a, b);
	config_keys_free(a);
	config_keys_free(b);
	return comparison.failed ? -ENOMEM : 0;
}
