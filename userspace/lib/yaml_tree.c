// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Builds the tree of yaml_tree.h from libyaml's events; the only file that parses with libyaml. */
#include "yaml_tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct builder {
	yaml_parser_t parser;
	const char *input;
	size_t length;
	struct tree_error *error;
	size_t nodes;
};

__attribute__((format(printf, 3, 4))) static int refuse(struct builder *b, const yaml_mark_t *mark,
							const char *format, ...)
{
	va_list arguments;

	b->error->line = (uint32_t)mark->line + 1;
	b->error->column = (uint32_t)mark->column + 1;
	va_start(arguments, format);
	vsnprintf(b->error->text, sizeof(b->error->text), format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* libyaml gives a byte's offset, but no line, when the text is not UTF-8. */
static int refuse_byte(struct builder *b)
{
	yaml_mark_t mark = { 0 };
	size_t i;

	for (i = 0; i + 1 < b->length && i < b->parser.problem_offset; i++) {
		if (b->input[i] == '\n') {
			mark.line++;
			mark.column = 0;
		} else if ((b->input[i] & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return refuse(b, &mark,
		      "found the byte 0x%02x, allowed is UTF-8 text without control "
		      "characters",
		      (unsigned char)b->input[i]);
}

static int parser_failed(struct builder *b)
{
	const yaml_parser_t *parser = &b->parser;

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR)
		return refuse_byte(b);
	if (!parser->context)
		return refuse(b, &parser->problem_mark, "YAML syntax: %s", parser->problem);
	return refuse(b, &parser->problem_mark,
		      "YAML syntax: %s, %s that begins at line %zu, column %zu", parser->problem,
		      parser->context, parser->context_mark.line + 1,
		      parser->context_mark.column + 1);
}

static int next_event(struct builder *b, yaml_event_t *event)
{
	return yaml_parser_parse(&b->parser, event) ? 0 : parser_failed(b);
}

static int build_scalar(const yaml_event_t *event, struct tree_node *node)
{
	node->kind = TREE_SCALAR;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->length = event->data.scalar.length;
	node->text = malloc(node->length + 1);
	if (!node->text)
		return -ENOMEM;
	memcpy(node->text, event->data.scalar.value, node->length);
	node->text[node->length] = '\0';
	return 0;
}

/* Adds a zeroed node to those of parent. */
static int append_node(struct tree_node *parent, struct tree_node **out)
{
	size_t count = parent->count;
	struct tree_node *items;

	if (!(count & (count - 1))) { /* full whenever it holds a power of two, or none */
		items = reallocarray(parent->items, count ? count * 2 : 1, sizeof(*items));
		if (!items)
			return -ENOMEM;
		parent->items = items;
	}
	*out = &parent->items[parent->count++];
	**out = (struct tree_node){ 0 };
	return 0;
}

static int build_node(struct builder *b, const yaml_event_t *event, unsigned int depth,
		      struct tree_node *node);

/* event: the next part of parent, whose key it is at every second place of a mapping. */
static int build_child(struct builder *b, const yaml_event_t *event, unsigned int depth,
		       struct tree_node *parent)
{
	bool key = parent->kind == TREE_MAPPING && parent->count % 2 == 0;
	struct tree_node *child;
	int err;

	if (key && event->type != YAML_SCALAR_EVENT && event->type != YAML_ALIAS_EVENT)
		return refuse(b, &event->start_mark,
			      "found a list or mapping as a key, allowed is a word");
	if (key && parent->count / 2 == TREE_MAX_KEYS)
		return refuse(b, &event->start_mark,
			      "found more than %d keys in one mapping, allowed are fewer",
			      TREE_MAX_KEYS);
	err = append_node(parent, &child);
	return err ? err : build_node(b, event, depth, child);
}

static int build_children(struct builder *b, unsigned int depth, struct tree_node *parent)
{
	yaml_event_t event;
	bool end;
	int err;

	do {
		err = next_event(b, &event);
		if (err)
			return err;
		end = event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT;
		if (!end)
			err = build_child(b, &event, depth, parent);
		yaml_event_delete(&event);
	} while (!end && !err);
	return err;
}

static int refuse_extras(struct builder *b, const yaml_mark_t *mark, const yaml_char_t *anchor,
			 const yaml_char_t *tag)
{
	if (anchor)
		return refuse(b, mark, "found an anchor ('&'), allowed are plain values");
	if (tag)
		return refuse(b, mark, "found a tag ('!'), allowed are plain values");
	return 0;
}

static int check_event(struct builder *b, const yaml_event_t *event, unsigned int depth)
{
	const yaml_mark_t *mark = &event->start_mark;

	if (++b->nodes > TREE_MAX_NODES)
		return refuse(b, mark, "found more than %d keys and values, allowed are fewer",
			      TREE_MAX_NODES);
	if (depth > TREE_MAX_DEPTH)
		return refuse(b, mark, "found more than %d levels of nesting, allowed are fewer",
			      TREE_MAX_DEPTH);
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return refuse_extras(b, mark, event->data.scalar.anchor, event->data.scalar.tag);
	case YAML_SEQUENCE_START_EVENT:
		return refuse_extras(b, mark, event->data.sequence_start.anchor,
				     event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return refuse_extras(b, mark, event->data.mapping_start.anchor,
				     event->data.mapping_start.tag);
	default:
		return refuse(b, mark, "found an alias ('*'), allowed are plain values");
	}
}

static int build_node(struct builder *b, const yaml_event_t *event, unsigned int depth,
		      struct tree_node *node)
{
	int err = check_event(b, event, depth);

	if (err)
		return err;
	node->line = (uint32_t)event->start_mark.line + 1;
	node->column = (uint32_t)event->start_mark.column + 1;
	if (event->type == YAML_SCALAR_EVENT)
		return build_scalar(event, node);
	node->kind = event->type == YAML_MAPPING_START_EVENT ? TREE_MAPPING : TREE_LIST;
	return build_children(b, depth + 1, node);
}

/* A stream without a document is a null at the very beginning. */
static int build_nothing(struct tree_node *root)
{
	root->plain = true;
	root->line = 1;
	root->column = 1;
	root->text = calloc(1, 1);
	return root->text ? 0 : -ENOMEM;
}

/*
 * The stream's events: its start, then one document's start, nodes and end, then its end.
 * Those of nodes are consumed by build_node().
 */
static int build_stream(struct builder *b, struct tree_node *root)
{
	unsigned int documents = 0;
	yaml_event_type_t type;
	yaml_event_t event;
	int err;

	do {
		err = next_event(b, &event);
		if (err)
			return err;
		type = event.type;
		if (type == YAML_DOCUMENT_START_EVENT && documents++)
			err = refuse(b, &event.start_mark,
				     "found a second document, allowed is one");
		else if (type == YAML_STREAM_END_EVENT && !documents)
			err = build_nothing(root);
		else if (type == YAML_SCALAR_EVENT || type == YAML_ALIAS_EVENT ||
			 type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT)
			err = build_node(b, &event, 1, root);
		yaml_event_delete(&event);
	} while (!err && type != YAML_STREAM_END_EVENT);
	return err;
}

int tree_parse(const char *text, size_t length, struct tree_node **out, struct tree_error *error)
{
	struct builder b = { .input = text, .length = length, .error = error };
	struct tree_node *root;
	int err;

	if (!yaml_parser_initialize(&b.parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, length);
	root = calloc(1, sizeof(*root));
	err = root ? build_stream(&b, root) : -ENOMEM;
	yaml_parser_delete(&b.parser);
	if (err)
		tree_free(root);
	else
		*out = root;
	return err;
}

/* Recursion: no deeper than TREE_MAX_DEPTH. */
static void free_children(struct tree_node *node)
{
	size_t i;

	for (i = 0; i < node->count; i++)
		free_children(&node->items[i]);
	free(node->items);
	free(node->text);
}

void tree_free(struct tree_node *root)
{
	if (!root)
		return;
	free_children(root);
	free(root);
}

/* The text may hold NULs. */
bool tree_is_text(const struct tree_node *node, const char *text)
{
	return node->kind == TREE_SCALAR && node->length == strlen(text) &&
	       !memcmp(node->text, text, node->length);
}

const struct tree_node *tree_get(const struct tree_node *mapping, const char *key)
{
	size_t i;

	if (mapping->kind != TREE_MAPPING)
		return NULL;
	for (i = 0; i + 1 < mapping->count; i += 2)
		if (tree_is_text(&mapping->items[i], key))
			return &mapping->items[i + 1];
	return NULL;
}

bool tree_is_null(const struct tree_node *node)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (node->plain && tree_is_text(node, words[i]))
			return true;
	return false;
}
