/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "table.h"

#include <stdarg.h>
#include <stdlib.h>

enum { GAP = 2, MAX_COLUMNS = 16 };

struct cell {
	char *text; /* clean; NULL: none so far */
	enum color color;
};

struct row {
	bool line; /* cells[0] alone, at this indent */
	size_t indent;
	struct cell cells[]; /* one a column */
};

struct table {
	const struct table_column *columns;
	size_t column_count, indent;
	struct row **rows;
	size_t row_count, room;
	size_t filled; /* cells of the last row */
};

struct table *table_new(const struct table_column *columns, size_t count, size_t indent)
{
	struct table *table = require_memory(calloc(1, sizeof(*table)));

	table->columns = columns;
	table->column_count = table->filled = count;
	table->indent = indent;
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->row_count; i++) {
		for (size_t j = 0; j < table->column_count; j++)
			free(table->rows[i]->cells[j].text);
		free(table->rows[i]);
	}
	free(table->rows);
	free(table);
}

static struct row *add_row(struct table *table)
{
	struct row *row =
		require_memory(calloc(1, sizeof(*row) + table->column_count * sizeof(struct cell)));

	if (table->row_count == table->room) {
		table->room = table->room ? table->room * 2 : 16;
		table->rows =
			require_memory(realloc(table->rows, table->room * sizeof(*table->rows)));
	}
	table->rows[table->row_count++] = row;
	return row;
}

static void set_cell(struct cell *cell, enum color color, char *text)
{
	*cell = (struct cell){ .text = text_clean(text), .color = color };
	free(text);
}

void table_cell(struct table *table, enum color color, const char *format, ...)
{
	va_list arguments;

	if (table->filled == table->column_count) {
		add_row(table);
		table->filled = 0;
	}
	va_start(arguments, format);
	set_cell(&table->rows[table->row_count - 1]->cells[table->filled++], color,
		 text_vformat(format, arguments));
	va_end(arguments);
}

void table_titles(struct table *table)
{
	for (size_t i = 0; i < table->column_count; i++)
		table_cell(table, COLOR_DIM, "%s", table->columns[i].title);
}

void table_line(struct table *table, enum color color, size_t indent, const char *format, ...)
{
	struct row *row = add_row(table);
	va_list arguments;

	row->line = true;
	row->indent = indent;
	va_start(arguments, format);
	set_cell(&row->cells[0], color, text_vformat(format, arguments));
	va_end(arguments);
}

static void measure(const struct table *table, size_t *widths)
{
	for (size_t i = 0; i < table->row_count; i++) {
		const struct row *row = table->rows[i];

		for (size_t j = 0; j < table->column_count && !row->line; j++) {
			size_t width = row->cells[j].text ? text_width(row->cells[j].text) : 0;

			if (width > widths[j])
				widths[j] = width;
		}
	}
}

/* Takes columns away from the widest that may still shrink, until the table fits or none may. */
static void shrink(const struct table *table, size_t *widths, size_t limit)
{
	size_t total = table->indent;

	for (size_t i = 0; i < table->column_count; i++)
		total += widths[i] + (i ? GAP : 0);
	for (; total > limit; total--) {
		size_t widest = table->column_count;

		for (size_t i = 0; i < table->column_count; i++)
			if (table->columns[i].shrink_to &&
			    widths[i] > table->columns[i].shrink_to &&
			    (widest == table->column_count || widths[i] > widths[widest]))
				widest = i;
		if (widest == table->column_count)
			return;
		widths[widest]--;
	}
}

static void print_cell(const struct cell *cell, size_t width, bool right, bool last, FILE *file)
{
	char *text = text_shorten(cell->text ? cell->text : "", width);
	size_t taken = text_width(text);
	int padding = taken < width ? width - taken : 0;

	if (right)
		fprintf(file, "%*s", padding, "");
	fprintf(file, "%s%s%s", text_color(cell->color), text, text_color_end(cell->color));
	if (!right && !last)
		fprintf(file, "%*s", padding, "");
	if (!last)
		fprintf(file, "%*s", GAP, "");
	free(text);
}

static size_t used_cells(const struct table *table, const struct row *row)
{
	size_t used = table->column_count;

	while (used > 1 && (!row->cells[used - 1].text || !*row->cells[used - 1].text))
		used--;
	return used; /* so that no line ends in spaces */
}

static void print_row(const struct table *table, const struct row *row, const size_t *widths,
		      FILE *file)
{
	size_t used = used_cells(table, row);

	fprintf(file, "%*s", (int)table->indent, "");
	for (size_t i = 0; i < used; i++)
		print_cell(&row->cells[i], widths[i], table->columns[i].right, i + 1 == used, file);
	fputc('\n', file);
}

static void print_line(const struct row *row, size_t limit, FILE *file)
{
	size_t room = limit == (size_t)-1 || limit < row->indent ? limit : limit - row->indent;

	if (*row->cells[0].text)
		fprintf(file, "%*s", (int)row->indent, "");
	print_cell(&row->cells[0], room, false, true, file);
	fputc('\n', file);
}

void table_print(const struct table *table, FILE *file)
{
	size_t widths[MAX_COLUMNS] = { 0 }, limit = text_columns();

	measure(table, widths);
	if (limit != (size_t)-1)
		shrink(table, widths, limit);
	for (size_t i = 0; i < table->row_count; i++) {
		if (table->rows[i]->line)
			print_line(table->rows[i], limit, file);
		else
			print_row(table, table->rows[i], widths, file);
	}
}
