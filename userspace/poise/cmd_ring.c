/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise ring export, poise ring import: what slots name, from one balancer to another. */
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "json_bounds.h"
#include "poise.h"
#include "text.h"
#include "view.h"

enum { MAX_BYTES = 256 << 20, PIECE_BYTES = 1 << 16, DEPTH = 8, STRUCTURE = 16 << 20 };

int cmd_ring_export(const struct invocation *invocation)
{
	json_t *names = require_memory(json_array()), *result;
	int code;

	for (size_t i = 0; i < invocation->operand_count; i++)
		json_array_append_new(names, json_string(invocation->operands[i]));
	code = client_ask(invocation->socket, "ring-export", json_pack("{s:o}", "services", names),
			  &result);
	if (code)
		return code;
	json_dumpf(result, stdout, JSON_ENSURE_ASCII | JSON_INDENT(1));
	putchar('\n');
	json_decref(result);
	return code;
}

/* All of the file, at most MAX_BYTES; NULL after a complaint. */
static char *read_text(const char *path, FILE *file, size_t *length)
{
	char *text = NULL;
	size_t got;

	*length = 0;
	do {
		text = require_memory(realloc(text, *length + PIECE_BYTES));
		got = fread(text + *length, 1, PIECE_BYTES, file);
		*length += got;
	} while (got == PIECE_BYTES && *length <= MAX_BYTES);
	if (!ferror(file) && *length <= MAX_BYTES)
		return text;
	complain("reading \"%s\": %s", path,
		 ferror(file) ? strerror(errno) : "it is larger than 256 MiB");
	free(text);
	return NULL;
}

static json_t *parse(const char *path, const char *text, size_t length)
{
	static const struct json_bounds bounds = { DEPTH, STRUCTURE };
	json_t *history = NULL;
	json_error_t error;
	char *why;

	if (json_bounds_check(text, length, &bounds) != JSON_WITHIN) {
		complain("\"%s\": nested too deep, or too much of it", path);
		return NULL;
	}
	history = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	if (history && json_is_array(json_object_get(history, "services")))
		return history;
	why = text_clean(history ? "no list of services in it" : error.text);
	complain("\"%s\" line %d: %s", path, history ? 1 : error.line, why);
	free(why);
	json_decref(history);
	return NULL;
}

static json_t *read_history(const char *path)
{
	bool standard = !strcmp(path, "-");
	FILE *file = standard ? stdin : fopen(path, "re");
	json_t *history = NULL;
	size_t length;
	char *text;

	if (!file) {
		complain("reading \"%s\": %s", path, strerror(errno));
		return NULL;
	}
	text = read_text(path, file, &length);
	if (text)
		history = parse(path, text, length);
	free(text);
	if (!standard)
		fclose(file);
	return history;
}

/* Sends one object of the list by itself, for a request is no longer than 20 MiB. */
static int send_one(const struct invocation *invocation, const json_t *history, size_t place,
		    bool dry_run, json_int_t *slots)
{
	json_t *service = json_array_get(json_object_get(history, "services"), place);
	json_t *arguments = require_memory(json_pack(
		"{s:O?, s:O?, s:[O], s:b}", "history", json_object_get(history, "history"), "seed",
		json_object_get(history, "seed"), "services", service, "dry_run", dry_run));
	struct client_answer answer;
	int code = client_call(invocation->socket, "ring-import", arguments, CLIENT_TIMEOUT_MS,
			       &answer);

	if (code) {
		complain("\"%s\", services[%zu] of the file:", invocation->operands[0], place);
		client_complain(&answer);
	} else {
		*slots += json_integer_value(json_object_get(answer.result, "slots"));
	}
	client_answer_free(&answer);
	return code;
}

/* All of it is tried before any of it is taken. */
static int send_all(const struct invocation *invocation, const json_t *history, json_int_t *slots)
{
	size_t count = json_array_size(json_object_get(history, "services"));
	int code = EXIT_DONE;

	for (size_t i = 0; i < count && !code; i++)
		code = send_one(invocation, history, i, true, slots);
	for (size_t i = 0; i < count && !code; i++)
		code = send_one(invocation, history, i, false, slots);
	return code;
}

int cmd_ring_import(const struct invocation *invocation)
{
	json_t *history = read_history(invocation->operands[0]), *result;
	json_int_t slots = 0;
	int code;

	if (!history)
		return EXIT_REFUSED;
	code = send_all(invocation, history, &slots);
	json_decref(history);
	if (code)
		return code;
	if (!invocation->json) {
		say("%lld slots name backends as the file says\n", (long long)slots);
		return code;
	}
	result = require_memory(json_pack("{s:I}", "slots", slots));
	print_json(result);
	json_decref(result);
	return code;
}
