/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "help.h"

#include <string.h>

#include "poise.h"

enum { SUMMARY_COLUMN = 34, MAX_WORD_BYTES = 32 };

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

/* Changes of one letter, or of the order of two neighbours, that make one word of the other. */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned row[3][MAX_WORD_BYTES + 1];

	for (size_t j = 0; j <= b_length; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned *now = row[i % 3], *last = row[(i - 1) % 3], *before = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);

			best = last[j] + 1 < best ? last[j] + 1 : best;
			best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[a_length % 3][b_length];
}

const char *help_nearest(const char *text, size_t length, const char *const *names, size_t count)
{
	const char *nearest = NULL;
	unsigned least = length / 3 + 2; /* at least so many changes are a different word */

	if (length > MAX_WORD_BYTES)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		unsigned changes;

		if (strlen(names[i]) > MAX_WORD_BYTES)
			continue;
		changes = distance(text, length, names[i], strlen(names[i]));
		if (changes < least) {
			least = changes;
			nearest = names[i];
		}
	}
	return nearest;
}
