// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A tree of keys as YAML, by libyaml's emitter. */
#include "config_write.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "config_keys.h"

enum { INDENT = 2, UNBOUNDED = -1 };

/* Depth from which on a mapping stands on one line: a service's check and backends. */
enum { FLOW_DEPTH = 3 };

static bool emit(yaml_emitter_t *emitter, int made, yaml_event_t *event)
{
	return made && yaml_emitter_emit(emitter, event); /* which frees the event */
}

/* Without quotes where nobody could take it for anything but text. */
static bool is_plain(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "._-/";

	return text[0] && text[0] != '-' && !text[strspn(text, plain)] &&
	       strcasecmp(text, "null") != 0;
}

static bool emit_text(yaml_emitter_t *emitter, const char *text)
{
	yaml_scalar_style_t style =
		is_plain(text) ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	yaml_event_t event;
	int made = yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
						(int)strlen(text), 1, 1, style);

	return emit(emitter, made, &event);
}

/* Is there anything in it that has to be said? */
static bool speaks(const struct config_node *node)
{
	if (node->kind == NODE_VALUE)
		return !node->standard;
	for (size_t i = 0; i < node->count; i++)
		if (speaks(&node->items[i]))
			return true;
	return false;
}

static bool emit_node(yaml_emitter_t *emitter, const struct config_node *node, unsigned int depth);

static bool emit_items(yaml_emitter_t *emitter, const struct config_node *node, unsigned int depth)
{
	bool keys = node->kind == NODE_MAPPING, done = true;

	for (size_t i = 0; i < node->count && done; i++) {
		if (keys && !speaks(&node->items[i]))
			continue;
		if (keys)
			done = emit_text(emitter, node->items[i].key);
		done = done && emit_node(emitter, &node->items[i], depth + 1);
	}
	return done;
}

static bool emit_mapping(yaml_emitter_t *emitter, const struct config_node *node,
			 unsigned int depth)
{
	yaml_mapping_style_t style =
		depth < FLOW_DEPTH ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE;
	yaml_event_t event;
	bool done = emit(emitter, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style),
			 &event);

	return done && emit_items(emitter, node, depth) &&
	       emit(emitter, yaml_mapping_end_event_initialize(&event), &event);
}

static bool emit_list(yaml_emitter_t *emitter, const struct config_node *node, unsigned int depth)
{
	yaml_sequence_style_t style =
		node->kind == NODE_LIST ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE;
	yaml_event_t event;
	bool done =
		emit(emitter, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style),
		     &event);

	return done && emit_items(emitter, node, depth) &&
	       emit(emitter, yaml_sequence_end_event_initialize(&event), &event);
}

static bool emit_node(yaml_emitter_t *emitter, const struct config_node *node, unsigned int depth)
{
	switch (node->kind) {
	case NODE_VALUE:
		return emit_text(emitter, node->text);
	case NODE_MAPPING:
		return emit_mapping(emitter, node, depth);
	default:
		return emit_list(emitter, node, depth);
	}
}

static bool emit_document(yaml_emitter_t *emitter, const struct config_node *root)
{
	yaml_event_t event;

	return emit(emitter, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING),
		    &event) &&
	       emit(emitter, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1),
		    &event) &&
	       emit_node(emitter, root, 0) &&
	       emit(emitter, yaml_document_end_event_initialize(&event, 1), &event) &&
	       emit(emitter, yaml_stream_end_event_initialize(&event), &event);
}

static bool write_tree(FILE *out, const struct config_node *root)
{
	yaml_emitter_t emitter;
	bool done;

	if (!yaml_emitter_initialize(&emitter))
		return false;
	yaml_emitter_set_output_file(&emitter, out);
	yaml_emitter_set_indent(&emitter, INDENT);
	yaml_emitter_set_width(&emitter, UNBOUNDED);
	yaml_emitter_set_unicode(&emitter, 1);
	done = emit_document(&emitter, root);
	yaml_emitter_delete(&emitter);
	return done;
}

int config_write_text(const struct config *config, char **out, size_t *length)
{
	struct config_node *root = config_keys_build(config, true);
	FILE *file;
	bool done;

	*out = NULL;
	file = root ? open_memstream(out, length) : NULL;
	done = file && write_tree(file, root);
	if (file)
		done = !fclose(file) && done;
	config_keys_free(root);
	if (done)
		return 0;
	free(*out);
	*out = NULL;
	return -ENOMEM;
}
