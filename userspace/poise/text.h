/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Text for people: what came from elsewhere is cleaned before a terminal sees it, measured in
 * columns and shortened. Also the terminal's own properties.
 */
#ifndef POISE_TEXT_H
#define POISE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum color { COLOR_NONE, COLOR_GREEN, COLOR_RED, COLOR_YELLOW, COLOR_BOLD, COLOR_DIM };

void text_init(void); /* once, before all else here */

/* A copy to be free()d, in which control characters, marks of writing direction and what is not
 * valid become '?'. */
char *text_clean(const char *text);

/* Columns that clean text takes. */
size_t text_width(const char *clean);

/* A copy to be free()d, shortened with an ellipsis to at most width columns. */
char *text_shorten(const char *clean, size_t width);

/* The escape sequences of a color, "" where standard output shall have none. */
const char *text_color(enum color color);
const char *text_color_end(enum color color);

bool text_on_terminal(void); /* standard output is one */
size_t text_columns(void);   /* of COLUMNS or the terminal; (size_t)-1: no limit */

/* Prints to standard output, cleaned, but for a newline that ends the format. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "poise: ", the text, cleaned, and a newline to standard error. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Returns pointer, or ends the program if it is NULL: out of memory. */
void *require_memory(void *pointer);

/* As vasprintf(3), without failing. */
char *text_vformat(const char *format, __builtin_va_list arguments);
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
