/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise ring export, poise ring import: what slots name, from one balancer to another. */
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* A request is no longer than 20 MiB: each object of the list goes by itself, and none of them
 * counts before the last one. */
static json_t *piece_of(const json_t *history, size_t place)
{
	const json_t *services = json_object_get(history, "services");
	json_t *service = json_array_get(services, place);

	return require_memory(json_pack("{s:O?, s:O?, s:o, s:b}", "history",
					json_object_get(history, "history"), "seed",
					json_object_get(history, "seed"), "services",
					service ? json_pack("[O]", service) : json_array(), "more",
					place + 1 < json_array_size(services)));
}

/* Sends all of it over one connection. */
static int send_all(const struct invocation *invocation, const json_t *history, json_int_t *slots)
{
	size_t place = 0, count = json_array_size(json_object_get(history, "services"));
	int fd = client_connect(invocation->socket, CLIENT_TIMEOUT_MS), code;
	struct client_answer answer;

	do {
		code = client_call_on(fd, invocation->socket, "ring-import",
				      piece_of(history, place), CLIENT_LONG_TIMEOUT_MS, &answer);
		if (code)
			client_complain(&answer);
		else
			*slots = json_integer_value(json_object_get(answer.result, "slots"));
		client_answer_free(&answer);
	} while (!code && ++place < count);
	if (fd >= 0)
		close(fd);
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
