// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Mappings and lists of the configuration: known, unknown, duplicate and missing keys. */
#include "config_section.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yaml_tree.h"

enum {
	LONGEST_WORD = 32, /* that a known key is looked for */
	KEYS_BYTES = 256,  /* names of a section's keys in a message */
};

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Changes that make a of b: a character more, less or other, or two neighbours swapped (optimal
 * string alignment distance). Both at most LONGEST_WORD long.
 */
static size_t distance(const char *a, const char *b)
{
	size_t d[LONGEST_WORD + 1][LONGEST_WORD + 1];
	size_t m = strlen(a), n = strlen(b), i, j;

	for (i = 0; i <= m; i++)
		d[i][0] = i;
	for (j = 0; j <= n; j++)
		d[0][j] = j;
	for (i = 1; i <= m; i++) {
		for (j = 1; j <= n; j++) {
			d[i][j] = smaller(d[i - 1][j], d[i][j - 1]) + 1;
			d[i][j] = smaller(d[i][j], d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = smaller(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[m][n];
}

/* The known key that a word was meant to be: at most half of it differs. NULL: none. */
static const char *nearest_key(const struct config_section *section, const struct tree_node *word)
{
	size_t best = SIZE_MAX, length, far, i;
	const char *key = NULL;

	if (word->length > LONGEST_WORD || strlen(word->text) != word->length)
		return NULL;
	for (i = 0; i < section->count; i++) {
		far = distance(section->fields[i].key, word->text);
		length = strlen(section->fields[i].key);
		if (length < word->length)
			length = word->length;
		if (far < best && far <= length / 2) {
			best = far;
			key = section->fields[i].key;
		}
	}
	return key;
}

static const char *list_keys(const struct config_section *section, bool required_only,
			     char out[KEYS_BYTES])
{
	size_t used = 0, i;

	out[0] = '\0';
	for (i = 0; i < section->count && used < KEYS_BYTES; i++)
		if (section->fields[i].required || !required_only)
			used += (size_t)snprintf(out + used, KEYS_BYTES - used, "%s%s",
						 used ? ", " : "", section->fields[i].key);
	return out;
}

static const char *is_or_are(const char *keys)
{
	return strchr(keys, ',') ? "are" : "is";
}

static void report_unknown(struct config_report *report, const struct config_place *place,
			   const struct config_section *section, const struct tree_node *key)
{
	const char *nearest = nearest_key(section, key);
	char quoted[CONFIG_QUOTE_BYTES], keys[KEYS_BYTES];
	struct config_place at = { place, config_quote(key->text, key->length, quoted), 0, key };

	list_keys(section, false, keys);
	if (nearest)
		config_report_place(report, &at, "unknown key, did you mean '%s'? allowed %s %s",
				    nearest, is_or_are(keys), keys);
	else
		config_report_place(report, &at, "unknown key, allowed %s %s", is_or_are(keys),
				    keys);
}

/* Is the mapping's pair number i one whose key stands before? */
static const struct tree_node *earlier_key(const struct tree_node *mapping, size_t i)
{
	const struct tree_node *key = &mapping->items[i], *other;

	for (other = mapping->items; other < key; other += 2)
		if (other->length == key->length && !memcmp(other->text, key->text, key->length))
			return other;
	return NULL;
}

static void read_pair(struct config_report *report, const struct config_place *place,
		      const struct config_section *section, size_t i, char *out)
{
	const struct tree_node *key = &place->node->items[i];
	const struct tree_node *earlier = earlier_key(place->node, i);
	const struct config_field *field = section->fields;
	char quoted[CONFIG_QUOTE_BYTES];
	struct config_place at = { place, config_quote(key->text, key->length, quoted), 0, key };

	if (earlier) {
		config_report_place(report, &at, "found again, allowed is once: line %u has it",
				    earlier->line);
		return;
	}
	while (field < section->fields + section->count && !tree_is_text(key, field->key))
		field++;
	if (field == section->fields + section->count) {
		report_unknown(report, place, section, key);
		return;
	}
	at.node = key + 1;
	field->read(report, &at, field, out + field->offset);
}

void config_section_read(struct config_report *report, const struct config_place *place,
			 const struct config_section *section, void *out)
{
	char keys[KEYS_BYTES];
	size_t i;

	if (place->node->kind != TREE_MAPPING) {
		config_report_value(report, place, "allowed is a mapping of %s",
				    list_keys(section, false, keys));
		return;
	}
	for (i = 0; i < place->node->count; i += 2)
		read_pair(report, place, section, i, out);
	list_keys(section, true, keys);
	for (i = 0; i < section->count; i++)
		if (section->fields[i].required && !tree_get(place->node, section->fields[i].key))
			config_report_place(report, place, "key '%s' is missing, required %s %s",
					    section->fields[i].key, is_or_are(keys), keys);
}

void config_read_section(struct config_report *report, const struct config_place *place,
			 const struct config_field *field, void *out)
{
	if (!tree_is_null(place->node))
		config_section_read(report, place, field->rule, out);
}

static bool is_list(const struct config_place *place, const struct config_list *list)
{
	const struct tree_node *node = place->node;

	if (tree_is_null(node))
		return !list->min;
	return node->kind == TREE_LIST && node->count >= list->min && node->count <= list->max;
}

void *config_list_read(struct config_report *report, const struct config_place *place,
		       const struct config_list *list, size_t *count)
{
	struct config_place item;
	char *items;
	size_t i;

	*count = 0;
	if (!is_list(place, list)) {
		config_report_value(report, place, "allowed is a list of %zu to %zu %s", list->min,
				    list->max, list->items);
		return NULL;
	}
	if (!place->node->count)
		return NULL;
	items = calloc(place->node->count, list->item_bytes);
	if (!items) {
		config_report_nomem(report);
		return NULL;
	}
	for (i = 0; i < place->node->count; i++) {
		item = config_place_item(place, i);
		list->read_item(report, &item, items + i * list->item_bytes);
	}
	*count = place->node->count;
	return items;
}
