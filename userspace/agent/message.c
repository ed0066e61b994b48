// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the command says on stderr: see message.h. */
#include "message.h"

#include <stdarg.h>
#include <stdio.h>

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "options.h"

static void say(const char *prefix, const char *format, va_list arguments)
{
	fprintf(stderr, "poise-agent: %s", prefix);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

int refuse(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("", format, arguments);
	va_end(arguments);
	return EXIT_REFUSED;
}

int usage_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("", format, arguments);
	va_end(arguments);
	return EXIT_USAGE;
}

void inform(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("", format, arguments);
	va_end(arguments);
}

void warn_about(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("warning: ", format, arguments);
	va_end(arguments);
}

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	return vfprintf(stderr, format, arguments);
}

static int print_libxdp(enum libxdp_print_level level, const char *format, va_list arguments)
{
	(void)level;
	return vfprintf(stderr, format, arguments);
}

void message_library_log(bool verbose)
{
	libbpf_set_print(verbose ? print_libbpf : NULL);
	libxdp_set_print(verbose ? print_libxdp : NULL);
}
