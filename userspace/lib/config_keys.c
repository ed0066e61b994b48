// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Builds the tree of config_keys.h: its nodes, and the walk along the tables of fields. */
#include "config_keys.h"

#include <stdlib.h>
#include <string.h>

#include "config_fields.h"

static void free_items(struct config_node *node)
{
	for (size_t i = 0; i < node->count; i++)
		free_items(&node->items[i]);
	free(node->items);
	free(node->text);
}

void config_keys_free(struct config_node *root)
{
	if (!root)
		return;
	free_items(root);
	free(root);
}

/* Adds an empty item to what is being filled; NULL: no memory. Its address lasts until the next. */
static struct config_node *append(struct config_writer *writer)
{
	struct config_node *at = writer->at, *more;
	size_t room = at->count & (at->count - 1) ? 0 : at->count ? at->count * 2 : 1;

	if (room) {
		more = realloc(at->items, room * sizeof(*more));
		if (!more) {
			writer->failed = true;
			return NULL;
		}
		at->items = more;
	}
	at->items[at->count] = (struct config_node){ 0 };
	return &at->items[at->count++];
}

struct config_node *config_write_open(struct config_writer *writer, const char *key,
				      enum config_node_kind kind)
{
	struct config_node *outer = writer->at, *node = writer->failed ? NULL : append(writer);

	if (!node)
		return outer;
	node->kind = kind;
	node->key = key;
	writer->at = node;
	return outer;
}

void config_write_close(struct config_writer *writer, struct config_node *opened)
{
	writer->at = opened;
}

void config_write_value(struct config_writer *writer, const struct config_field *field,
			const char *text, const char *standard)
{
	bool said = text && (!field || field->required || !standard || strcmp(text, standard));
	struct config_node *node;

	if (writer->failed || !text || (writer->said_only && !said))
		return;
	node = append(writer);
	if (!node)
		return;
	node->key = field ? field->key : NULL;
	node->text = strdup(text);
	node->standard = !said;
	writer->failed |= !node->text;
}

void config_section_write(struct config_writer *writer, const struct config_section *section,
			  const void *value, const void *standard)
{
	const struct config_field *field;

	for (field = section->fields; field < section->fields + section->count; field++)
		field->write(writer, field, (const char *)value + field->offset,
			     (const char *)standard + field->offset);
}

CONFIG_WRITE(section)
{
	struct config_node *opened = config_write_open(writer, field->key, NODE_MAPPING);

	config_section_write(writer, field->rule, value, standard);
	config_write_close(writer, opened);
}

static bool is_key(const struct config_node *node, const char *key)
{
	return node->key && !strcmp(node->key, key);
}

const struct config_node *config_keys_find(const struct config_node *node, const char *key,
					   size_t hint)
{
	if (hint < node->count && is_key(&node->items[hint], key))
		return &node->items[hint];
	for (size_t i = 0; i < node->count; i++)
		if (is_key(&node->items[i], key))
			return &node->items[i];
	return NULL;
}
