/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void lines_add(struct lines *lines, const char *format, ...)
{
	char **text = realloc(lines->text, (lines->count + 1) * sizeof(*text));
	va_list arguments;
	int length;

	if (!text)
		return;
	lines->text = text;
	va_start(arguments, format);
	length = vasprintf(&text[lines->count], format, arguments);
	va_end(arguments);
	if (length >= 0)
		lines->count++;
}

void lines_free(struct lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		free(lines->text[i]);
	free(lines->text);
	*lines = (struct lines){};
}
