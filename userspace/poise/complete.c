/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Completes a command line by the tables of commands and options, so that it cannot differ from
 * them, and by the names that poised tells. Whatever fails, nothing is said. */
#include "complete.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "options.h"
#include "poise.h"
#include "text.h"

enum { TIMEOUT_MS = 1000, TOKEN_BYTES = 64 };

struct line {
	const char *socket;
	const char *typed;	      /* what the word so far begins with */
	const char *words[MAX_WORDS]; /* before it, without options */
	size_t count;
	const char *option; /* whose value is being typed, or NULL */
};

static void offer(const struct line *line, const char *text, size_t length)
{
	size_t typed = strlen(line->typed);

	if (length >= typed && strncmp(text, line->typed, typed) == 0)
		printf("%.*s\n", (int)length, text);
}

static void offer_files(void)
{
	puts(COMPLETE_FILES);
}

/* The members called key of the objects in the list of that name. */
static void offer_members(const struct line *line, const json_t *result, const char *list,
			  const char *key)
{
	const json_t *items = json_object_get(result, list);

	for (size_t i = 0; i < json_array_size(items); i++) {
		const char *text =
			json_string_value(json_object_get(json_array_get(items, i), key));

		if (text)
			offer(line, text, strlen(text));
	}
}

/* service: whose backends; NULL: of all. */
static void ask(const struct line *line, const char *command, const char *service, const char *list,
		const char *key)
{
	json_t *arguments = service ? json_pack("{s:s}", "service", service) : NULL;
	struct client_answer answer;

	if (client_call(line->socket, command, arguments, TIMEOUT_MS, &answer) == EXIT_DONE)
		offer_members(line, answer.result, list, key);
	client_answer_free(&answer);
}

static void offer_services(const struct line *line)
{
	ask(line, "service-list", NULL, "services", "name");
}

/* The words between separators, of which each is a character. */
static void offer_words(const struct line *line, const char *text, const char *separators)
{
	while (*text) {
		size_t length = strcspn(text, separators);

		if (length)
			offer(line, text, length);
		text += length + (text[length] != 0);
	}
}

static void offer_value(const struct line *line)
{
	static const char *const files[] = { "--socket", "-s",	     "--write",
					     "-w",	 "--config", "--pin-path" };

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (!strcmp(line->option, files[i]))
			offer_files();
	if (!strcmp(line->option, "--service"))
		offer_services(line);
	else if (!strcmp(line->option, "--host"))
		ask(line, "backend-list", NULL, "backends", "address");
	else if (!strcmp(line->option, "--encapsulation"))
		offer_words(line, "ipip gue gre l2", " ");
}

/* The words that may come next in a command's name; used: how many words of it are there. */
static void offer_commands(const struct line *line, const char *const *words, size_t count)
{
	const char *last = "";

	for (size_t i = 0; i < command_count; i++) {
		const char *name = commands[i].name, *space = strchr(name, ' ');
		size_t first = space ? (size_t)(space - name) : strlen(name);

		if (!count && (strlen(last) < first || strncmp(last, name, first) != 0))
			offer(line, name, first);
		if (count == 1 && space && strlen(words[0]) == first &&
		    strncmp(words[0], name, first) == 0)
			offer(line, space + 1, strlen(space + 1));
		last = name;
	}
}

/* The command that the words name, and how many of them do. */
static const struct command *find(const struct line *line, size_t *used)
{
	for (size_t i = 0; i < command_count; i++) {
		const char *name = commands[i].name, *space = strchr(name, ' ');
		size_t first = space ? (size_t)(space - name) : strlen(name);

		*used = space ? 2 : 1;
		if (line->count >= *used && strlen(line->words[0]) == first &&
		    !strncmp(name, line->words[0], first) &&
		    (!space || !strcmp(space + 1, line->words[1])))
			return &commands[i];
	}
	return NULL;
}

static void offer_options(const struct line *line, const struct command *command)
{
	struct option_facts option;

	for (size_t i = 0; options_describe(i, &option); i++)
		if (!option.bit || (command && (option.bit & command->options)))
			offer(line, option.name, strlen(option.name));
}

/* The operand of that number as the usage calls it, without brackets; false: it has none. */
static bool name_operand(const struct command *command, size_t number, char out[TOKEN_BYTES])
{
	const char *text = command->operands;

	for (;; number--) {
		size_t length;

		text += strspn(text, " []");
		length = strcspn(text, " []");
		if (!length || *text == '-' || *text == '|' || length >= TOKEN_BYTES)
			return false;
		if (!number) {
			snprintf(out, TOKEN_BYTES, "%.*s", (int)length, text);
			return true;
		}
		text += length;
	}
}

static void offer_operand(const struct line *line, const struct command *command, size_t used)
{
	char name[TOKEN_BYTES];

	if (!strcmp(command->name, "help"))
		offer_commands(line, line->words + used, line->count - used);
	else if (!name_operand(command, line->count - used, name))
		return;
	else if (!strcmp(name, "SERVICE"))
		offer_services(line);
	else if (!strcmp(name, "NAME") && strcmp(command->name, "backend add") != 0)
		ask(line, "backend-list", line->words[used], "backends", "name");
	else if (!strcmp(name, "FILE"))
		offer_files();
	else if (strchr(name, '|'))
		offer_words(line, name, "|");
}

/* Whether that option is followed by a value of its own. */
static bool takes_value(const char *word)
{
	struct option_facts option;

	for (size_t i = 0; options_describe(i, &option); i++)
		if (!strcmp(word, option.name) ||
		    (option.short_name && !strcmp(word, option.short_name)))
			return option.has_value;
	return false;
}

static void take_value(struct line *line, const char *option, const char *value)
{
	if (!strcmp(option, "--socket") || !strcmp(option, "-s"))
		line->socket = value;
}

/* Takes the words before the one that is being typed apart; false: there are too many. */
static bool take_words(struct line *line, char *const *words, int count)
{
	for (int i = 0; i < count; i++) {
		if (words[i][0] != '-') {
			if (line->count == MAX_WORDS)
				return false;
			line->words[line->count++] = words[i];
		} else if (!strncmp(words[i], "--socket=", strlen("--socket="))) {
			line->socket = words[i] + strlen("--socket=");
		} else if (takes_value(words[i])) {
			if (i + 1 == count)
				line->option = words[i];
			else
				take_value(line, words[i], words[i + 1]);
			i++;
		}
	}
	return true;
}

void complete(char *const *words, int count, const char *default_socket)
{
	struct line line = { .socket = default_socket, .typed = count ? words[count - 1] : "" };
	const struct command *command;
	size_t used;

	if (count && !take_words(&line, words, count - 1))
		return;
	command = find(&line, &used);
	if (line.option)
		offer_value(&line);
	else if (line.typed[0] == '-')
		offer_options(&line, command);
	else if (command)
		offer_operand(&line, command, used);
	else
		offer_commands(&line, line.words, line.count);
}
