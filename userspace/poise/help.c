/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "help.h"

#include <string.h>

#include "nearest.h"
#include "poise.h"

enum { SUMMARY_COLUMN = 34 };

static void summarize(const struct command *command, FILE *file)
{
	int length = fprintf(file, "  %s%s%s", command->name, *command->operands ? " " : "",
			     command->operands);

	if (length >= SUMMARY_COLUMN)
		fprintf(file, "\n%*s", SUMMARY_COLUMN, "");
	else
		fprintf(file, "%*s", SUMMARY_COLUMN - length, "");
	fprintf(file, "%s\n", command->summary);
}

static void list(const char *group, FILE *file)
{
	size_t length = strlen(group);

	for (size_t i = 0; i < command_count; i++)
		if (!length ||
		    (!strncmp(commands[i].name, group, length) && commands[i].name[length] == ' '))
			summarize(&commands[i], file);
}

void help_all(FILE *file)
{
	fputs("usage: poise [--socket PATH] [--json] COMMAND ...\n\n", file);
	list("", file);
	fputs("\n"
	      "  -s, --socket PATH   the socket of poised (default /run/poise/poised.sock)\n"
	      "  -j, --json          print the answer as JSON\n"
	      "  -h, --help          describe a command\n"
	      "  -V, --version       print the version of poise itself\n"
	      "\n"
	      "exit codes: 0 done, 1 refused, 2 wrong usage, 3 poised not reachable\n",
	      file);
}

void help_group(const char *group, FILE *file)
{
	fprintf(file, "usage: poise %s COMMAND ...\n\n", group);
	list(group, file);
}

void help_command(const struct command *command, FILE *file)
{
	fprintf(file, "usage: poise %s%s%s\n\n%s\n", command->name, *command->operands ? " " : "",
		command->operands, command->text);
}

const char *help_nearest(const char *text, size_t length, const char *const *names, size_t count)
{
	struct nearest nearest;

	nearest_begin(&nearest, text, length);
	for (size_t i = 0; i < count; i++)
		nearest_offer(&nearest, names[i]);
	return nearest.name;
}
