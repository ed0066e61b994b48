/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise batch: lines of standard input, each a change of a backend, as one change. */
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend_arguments.h"
#include "client.h"
#include "options.h"
#include "poise.h"
#include "show.h"
#include "text.h"
#include "view.h"

enum { MAX_LINE_WORDS = 24, MAX_LINES = 4096 };

#define BLANKS " \t\r\n"

struct line {
	size_t number;
	char *words[MAX_LINE_WORDS + 1]; /* [0] is what argv[0] is */
	int count;
};

/* Takes the line apart, in place. False, after a complaint, if it has too many words. */
static bool split(char *text, struct line *line)
{
	static char program[] = "poise";
	char *rest, *word;

	line->words[0] = program;
	line->count = 1;
	for (word = strtok_r(text, BLANKS, &rest); word && *word != '#';
	     word = strtok_r(NULL, BLANKS, &rest)) {
		if (line->count == MAX_LINE_WORDS) {
			complain("line %zu: too many words", line->number);
			return false;
		}
		line->words[line->count++] = word;
	}
	return true;
}

/* Where the line's command stands: the word 'backend' may stand before it. */
static size_t command_place(const struct invocation *invocation)
{
	return invocation->word_count > 1 && !strcmp(invocation->words[0], "backend");
}

/* The command of 'poise backend' that the line begins with. */
static const struct command *find_command(struct invocation *invocation)
{
	size_t first = command_place(invocation);
	char *name = text_format("backend %s", invocation->words[first]);
	const struct command *found = NULL;

	for (size_t i = 0; i < command_count; i++)
		if (!strcmp(commands[i].name, name))
			found = &commands[i];
	free(name);
	invocation->operands = invocation->words + first + 1;
	invocation->operand_count = invocation->word_count - first - 1;
	return found;
}

/* "backend drain" as "backend-drain", if it is of those that change something. */
static char *protocol_name(const struct command *command)
{
	static const char *const changes[] = { "backend add", "backend remove", "backend drain",
					       "backend undrain", "backend weight" };
	char *name;

	for (size_t i = 0; command && i < sizeof(changes) / sizeof(*changes); i++) {
		if (strcmp(command->name, changes[i]))
			continue;
		name = require_memory(strdup(command->name));
		*strchr(name, ' ') = '-';
		return name;
	}
	return NULL;
}

static json_t *request_of(const struct invocation *invocation, const char *name)
{
	json_t *arguments = backend_arguments(invocation, name);

	if (!arguments)
		return NULL;
	json_object_set_new(arguments, "service", json_string(invocation->operands[0]));
	json_object_set_new(arguments, "name", json_string(invocation->operands[1]));
	return require_memory(json_pack("{s:s, s:o}", "command", name, "arguments", arguments));
}

static json_t *understand(struct line *line)
{
	struct invocation invocation = { .socket = NULL };
	const struct command *command;
	json_t *request = NULL;
	char *name = NULL;

	if (!options_parse(line->count, line->words, &invocation) || !invocation.word_count)
		return NULL;
	command = find_command(&invocation);
	name = protocol_name(command);
	if (!name)
		complain("\"%s\": allowed are add, remove, drain, undrain and weight, as behind "
			 "\"poise backend\"",
			 invocation.words[command_place(&invocation)]);
	else if (invocation.given & OPTION_WAIT)
		complain("a batch does not wait for connections to end");
	else if (options_suit(command, &invocation))
		request = request_of(&invocation, name);
	free(name);
	return request;
}

/* Reads every line, so that each wrong one is complained of. NULL: there were such. */
static json_t *read_lines(FILE *file)
{
	json_t *list = require_memory(json_array()), *request;
	struct line line = { .number = 0 };
	char *text = NULL;
	size_t size = 0;
	bool right = true;

	while (getline(&text, &size, file) >= 0) {
		line.number++;
		if (!split(text, &line)) {
			right = false;
		} else if (line.count > 1) {
			request = understand(&line);
			if (request)
				json_array_append_new(list, request);
			else
				complain("line %zu is wrong", line.number);
			right = right && request;
		}
	}
	free(text);
	if (ferror(file)) {
		complain("reading the commands: %s", strerror(errno));
		right = false;
	}
	if (right)
		return list;
	json_decref(list);
	return NULL;
}

static int send_batch(const struct invocation *invocation, json_t *list)
{
	struct client_answer answer;
	int code = client_call(invocation->socket, "batch", json_pack("{s:O}", "commands", list),
			       CLIENT_LONG_TIMEOUT_MS, &answer);

	if (code)
		client_complain(&answer);
	else if (invocation->json)
		print_json(answer.result);
	else if (!show_changed(answer.result))
		code = EXIT_UNREACHABLE;
	client_answer_free(&answer);
	if (code == EXIT_DONE)
		show_unsaved(invocation);
	return code;
}

int cmd_batch(const struct invocation *invocation)
{
	json_t *list = read_lines(stdin);
	int code = EXIT_USAGE;

	if (list && json_array_size(list) > MAX_LINES)
		complain("%zu commands, allowed are %d at a time", json_array_size(list),
			 MAX_LINES);
	else if (list && !json_array_size(list))
		complain("there is no command on standard input");
	else if (list)
		code = send_batch(invocation, list);
	json_decref(list);
	return code;
}
