// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The errors of one configuration: their texts, their order and their number. See config_errors.h.
 */
#include "config_errors.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yaml_tree.h"

enum {
	PATH_BYTES = 512,
	QUOTED_BYTES = 40, /* of the text, at most; each may become four */
};

size_t config_control_length(const char *text, size_t length)
{
	const unsigned char *c = (const unsigned char *)text;

	if (!length)
		return 0;
	if (c[0] < 0x20 || c[0] == 0x7f)
		return 1;
	return length > 1 && c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0 ? 2 : 0;
}

const char *config_quote(const char *text, size_t length, char out[CONFIG_QUOTE_BYTES])
{
	size_t end = length, control = 0, used = 0, i;

	if (end > QUOTED_BYTES)
		for (end = QUOTED_BYTES; end && ((unsigned char)text[end] & 0xc0) == 0x80;)
			end--; /* never within a character */
	for (i = 0; i < end; i++) {
		if (!control)
			control = config_control_length(text + i, end - i);
		if (control) {
			used += (size_t)sprintf(out + used, "\\x%02x", (unsigned char)text[i]);
			control--;
		} else {
			out[used++] = text[i];
		}
	}
	strcpy(out + used, end < length ? "..." : "");
	return out;
}

/* Numbers and addresses stand for themselves, all other text in quotes. */
static bool is_bare(const struct tree_node *node)
{
	size_t i;

	if (!isdigit((unsigned char)node->text[0]))
		return false;
	for (i = 0; i < node->length; i++)
		if (!isalnum((unsigned char)node->text[i]) && !strchr(".:/-", node->text[i]))
			return false;
	return true;
}

static const char *describe(const struct tree_node *node, char out[CONFIG_QUOTE_BYTES + 2])
{
	char quoted[CONFIG_QUOTE_BYTES];
	const char *quote;

	if (node->kind == TREE_MAPPING)
		return "a mapping";
	if (node->kind == TREE_LIST) {
		snprintf(out, CONFIG_QUOTE_BYTES + 2, "a list of %zu", node->count);
		return out;
	}
	if (tree_is_null(node))
		return "nothing";
	quote = is_bare(node) ? "" : "'";
	config_quote(node->text, node->length, quoted);
	snprintf(out, CONFIG_QUOTE_BYTES + 2, "%s%s%s", quote, quoted, quote);
	return out;
}

/* Writes "services[0].check"; recursion as deep as the schema. Returns the length. */
static size_t format_path(const struct config_place *place, char out[PATH_BYTES])
{
	size_t used;
	int n;

	if (!place->parent) {
		out[0] = '\0';
		return 0;
	}
	used = format_path(place->parent, out);
	if (place->key)
		n = snprintf(out + used, PATH_BYTES - used, "%s%s", used ? "." : "",
			     place->key[0] ? place->key : "''");
	else
		n = snprintf(out + used, PATH_BYTES - used, "[%zu]", place->index);
	used += (size_t)n;
	return used < PATH_BYTES ? used : PATH_BYTES - 1;
}

/* Takes text over; NULL is a failed allocation. */
static void add_entry(struct config_report *report, uint32_t line, uint32_t column, char *text)
{
	if (!text) {
		config_report_nomem(report);
		return;
	}
	report->entries[report->total] = (struct config_report_entry){
		.line = line, .column = column, .order = report->total, .text = text
	};
	report->total++;
}

/* Counts an error; false if it is one that need not be worded any more. */
static bool begin_entry(struct config_report *report)
{
	if (report->status != -ENOMEM)
		report->status = -EINVAL;
	if (report->total < CONFIG_MAX_ERRORS)
		return true;
	report->total++;
	return false;
}

void config_report_nomem(struct config_report *report)
{
	report->status = -ENOMEM;
}

void config_report_file(struct config_report *report, const char *format, ...)
{
	char *message = NULL, *line = NULL;
	va_list arguments;

	if (!begin_entry(report))
		return;
	va_start(arguments, format);
	if (vasprintf(&message, format, arguments) < 0)
		message = NULL;
	va_end(arguments);
	if (message && asprintf(&line, "%s: %s", report->file, message) < 0)
		line = NULL;
	free(message);
	add_entry(report, 0, 0, line);
}

void config_report_position(struct config_report *report, uint32_t line, uint32_t column,
			    const char *text)
{
	char *out;

	if (!begin_entry(report))
		return;
	if (asprintf(&out, "%s:%u:%u: %s", report->file, line, column, text) < 0)
		out = NULL;
	add_entry(report, line, column, out);
}

/* found: NULL, or what stands there. */
__attribute__((format(printf, 4, 0))) static void report_at(struct config_report *report,
							    const struct config_place *place,
							    const char *found, const char *format,
							    va_list arguments)
{
	char *message = NULL, *line = NULL;
	char path[PATH_BYTES];

	if (vasprintf(&message, format, arguments) < 0)
		message = NULL;
	format_path(place, path);
	if (message &&
	    asprintf(&line, "%s:%u:%u: %s%s%s%s%s%s", report->file, place->node->line,
		     place->node->column, path, path[0] ? ": " : "", found ? "found " : "",
		     found ? found : "", found ? ", " : "", message) < 0)
		line = NULL;
	free(message);
	add_entry(report, place->node->line, place->node->column, line);
}

void config_report_place(struct config_report *report, const struct config_place *place,
			 const char *format, ...)
{
	va_list arguments;

	if (!begin_entry(report))
		return;
	va_start(arguments, format);
	report_at(report, place, NULL, format, arguments);
	va_end(arguments);
}

void config_report_value(struct config_report *report, const struct config_place *place,
			 const char *format, ...)
{
	char found[CONFIG_QUOTE_BYTES + 2];
	va_list arguments;

	if (!begin_entry(report))
		return;
	va_start(arguments, format);
	report_at(report, place, describe(place->node, found), format, arguments);
	va_end(arguments);
}

static int compare_entries(const void *a, const void *b)
{
	const struct config_report_entry *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static int hand_over(struct config_report *report, size_t kept, struct config_errors *errors)
{
	size_t i;

	errors->lines = calloc(kept + 1, sizeof(*errors->lines));
	if (!errors->lines)
		return -ENOMEM;
	if (report->total > kept) {
		if (asprintf(&errors->lines[kept], "%s: and %zu more", report->file,
			     report->total - kept) < 0)
			return -ENOMEM;
		errors->count = 1;
	}
	for (i = 0; i < kept; i++) {
		errors->lines[i] = report->entries[i].text;
		report->entries[i].text = NULL;
	}
	errors->count += kept;
	return report->status;
}

int config_report_finish(struct config_report *report, struct config_errors *errors)
{
	size_t kept = report->total < CONFIG_MAX_ERRORS ? report->total : CONFIG_MAX_ERRORS;
	size_t i;

	qsort(report->entries, kept, sizeof(report->entries[0]), compare_entries);
	if (report->status == -EINVAL)
		report->status = hand_over(report, kept, errors);
	for (i = 0; i < kept; i++)
		free(report->entries[i].text);
	if (report->status == -ENOMEM)
		config_errors_free(errors);
	return report->status;
}

void config_errors_free(struct config_errors *errors)
{
	size_t i;

	for (i = 0; i < errors->count; i++)
		free(errors->lines[i]);
	free(errors->lines);
	*errors = (struct config_errors){ 0 };
}

struct config_place config_place_key(const struct config_place *mapping, const char *key)
{
	const struct tree_node *node = tree_get(mapping->node, key);

	return (struct config_place){ mapping, key, 0, node ? node : mapping->node };
}

struct config_place config_place_item(const struct config_place *list, size_t index)
{
	return (struct config_place){ list, NULL, index, &list->node->items[index] };
}
