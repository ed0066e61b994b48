/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "text.h"

#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "poise.h"

static bool utf8;   /* what the locale prints; otherwise ASCII */
static bool colors; /* on standard output */

void text_init(void)
{
	const char *no_color = getenv("NO_COLOR");

	setlocale(LC_CTYPE, "");
	utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	colors = text_on_terminal() && !(no_color && *no_color);
}

void *require_memory(void *pointer)
{
	if (pointer)
		return pointer;
	fputs("poise: out of memory\n", stderr);
	exit(EXIT_REFUSED);
}

/* Marks that change the direction of the text behind them, and line separators. */
static bool is_deceiving(wchar_t c)
{
	return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0x61c;
}

/* Decodes one character. Returns its bytes; *width is -1 if it must not be printed. */
static size_t decode(const char *text, int *width)
{
	mbstate_t state = { 0 };
	wchar_t c = 0;
	size_t bytes;

	if ((unsigned char)*text < 0x80) {
		*width = *text >= ' ' && *text < 0x7f ? 1 : -1;
		return 1;
	}
	if (!utf8) {
		*width = -1;
		for (bytes = 1; ((unsigned char)text[bytes] & 0xc0) == 0x80; bytes++)
			;
		return bytes;
	}
	bytes = mbrtowc(&c, text, strlen(text), &state);
	if (bytes == (size_t)-1 || bytes == (size_t)-2) {
		*width = -1;
		return 1;
	}
	*width = is_deceiving(c) ? -1 : wcwidth(c);
	return bytes;
}

char *text_clean(const char *text)
{
	char *clean = require_memory(malloc(strlen(text) + 1)), *end = clean;
	size_t bytes;
	int width;

	for (; *text; text += bytes) {
		bytes = decode(text, &width);
		if (width < 0)
			*end++ = '?';
		else
			end = mempcpy(end, text, bytes);
	}
	*end = '\0';
	return clean;
}

size_t text_width(const char *clean)
{
	size_t columns = 0;
	int width;

	while (*clean) {
		clean += decode(clean, &width);
		columns += width > 0 ? width : 0;
	}
	return columns;
}

char *text_shorten(const char *clean, size_t width)
{
	const char *ellipsis = utf8 ? "\u2026" : "...";
	size_t dots = utf8 ? 1 : 3, columns = 0, bytes = 0, next;
	int one;

	if (text_width(clean) <= width)
		return require_memory(strdup(clean));
	if (width < dots)
		return text_format("%.*s", (int)width, "...");
	for (; clean[bytes]; bytes += next, columns += one) {
		next = decode(clean + bytes, &one);
		if (columns + one > width - dots)
			break;
	}
	return text_format("%.*s%s", (int)bytes, clean, ellipsis);
}

const char *text_color(enum color color)
{
	static const char *const sequences[] = { "",	     "\033[32m", "\033[31m",
						 "\033[33m", "\033[1m",	 "\033[2m" };

	return colors ? sequences[color] : "";
}

const char *text_color_end(enum color color)
{
	return colors && color != COLOR_NONE ? "\033[0m" : "";
}

bool text_on_terminal(void)
{
	return isatty(STDOUT_FILENO);
}

size_t text_columns(void)
{
	const char *variable = getenv("COLUMNS");
	struct winsize size;
	unsigned long columns = variable ? strtoul(variable, NULL, 10) : 0;

	if (columns > 0 && columns < 10000)
		return columns;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return (size_t)-1;
}

char *text_vformat(const char *format, va_list arguments)
{
	char *text;

	return require_memory(vasprintf(&text, format, arguments) < 0 ? NULL : text);
}

char *text_format(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = text_vformat(format, arguments);
	va_end(arguments);
	return text;
}

/* Takes text. A newline in it is as unwelcome as any control character: it would forge a line. */
static void print_clean(FILE *file, char *text, const char *after)
{
	char *clean = text_clean(text);

	fprintf(file, "%s%s", clean, after);
	free(clean);
	free(text);
}

void say(const char *format, ...)
{
	size_t length = strlen(format);
	bool line = length && format[length - 1] == '\n';
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = text_vformat(format, arguments);
	va_end(arguments);
	if (line)
		text[strlen(text) - 1] = '\0';
	print_clean(stdout, text, line ? "\n" : "");
}

void complain(const char *format, ...)
{
	va_list arguments;

	fflush(stdout);
	fputs("poise: ", stderr);
	va_start(arguments, format);
	print_clean(stderr, text_vformat(format, arguments), "\n");
	va_end(arguments);
}
