/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tables for people: aligned columns, with lines of their own between the rows. Where they would
 * not fit, columns that may shrink do, the widest first; numbers are never shortened.
 */
#ifndef POISE_TABLE_H
#define POISE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "text.h"

struct table;

struct table_column {
	const char *title;
	bool right;	  /* aligned so, as numbers are */
	size_t shrink_to; /* columns of the terminal; 0: never shortened */
};

/* columns are kept by reference. */
struct table *table_new(const struct table_column *columns, size_t count, size_t indent);
void table_free(struct table *table); /* takes NULL */

void table_titles(struct table *table); /* a row of the titles */

/* The next cell: of the row that is not full so far, else of a new one. Text is cleaned. */
void table_cell(struct table *table, enum color color, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A line of its own between two rows. */
void table_line(struct table *table, enum color color, size_t indent, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

void table_print(const struct table *table, FILE *file);

#endif
