/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control_message.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_bounds.h"
#include "poise_version.h"

/* Text may hold a peer's bytes, or be cut within a character: what is not UTF-8 becomes '?'. */
static json_t *string_of(const char *text)
{
	json_t *string = json_string(text);
	char *copy;

	if (string || !(copy = strdup(text)))
		return string;
	for (char *c = copy; *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	string = json_string(copy);
	free(copy);
	return string;
}

json_t *control_refuse(struct control_error *error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	return NULL;
}

void control_refuse_line(struct control_error *error, const char *line)
{
	if (!error->lines)
		error->lines = json_array();
	json_array_append_new(error->lines, string_of(line));
}

static json_t *check_structure(const char *line, size_t length, struct control_error *error)
{
	static const struct json_bounds bounds = { CONTROL_MAX_DEPTH, CONTROL_MAX_STRUCTURE };

	switch (json_bounds_check(line, length, &bounds)) {
	case JSON_TOO_DEEP:
		return control_refuse(error, "the request nests deeper than %d brackets",
				      CONTROL_MAX_DEPTH);
	case JSON_TOO_MUCH:
		return control_refuse(error, "the request has more than %d brackets and commas",
				      CONTROL_MAX_STRUCTURE);
	default:
		return json_true();
	}
}

/* Returns the request, an object, or NULL with the error's text. */
static json_t *parse(const char *line, size_t length, struct control_error *error)
{
	json_error_t where;
	json_t *request;

	if (memchr(line, 0, length))
		return control_refuse(error, "the request holds a NUL byte");
	if (!check_structure(line, length, error))
		return NULL;
	request = json_loadb(line, length, JSON_REJECT_DUPLICATES, &where);
	if (!request)
		return control_refuse(error, "the request is not JSON: byte %d: %s", where.position,
				      where.text);
	if (!json_is_object(request)) {
		json_decref(request);
		return control_refuse(error, "the request is not a JSON object");
	}
	return request;
}

static bool known_keys(json_t *request, struct control_error *error)
{
	for (void *i = json_object_iter(request); i; i = json_object_iter_next(request, i)) {
		const char *key = json_object_iter_key(i);

		if (strcmp(key, "version") && strcmp(key, "command") && strcmp(key, "arguments")) {
			control_refuse(error,
				       "unknown key \"%.64s\" in the request: allowed are "
				       "\"version\", \"command\" and \"arguments\"",
				       key);
			return false;
		}
	}
	return true;
}

static json_t *answer(json_t *request, const struct control_dispatch *dispatch,
		      struct control_error *error)
{
	json_t *version = json_object_get(request, "version");
	json_t *command = json_object_get(request, "command");
	json_t *arguments = json_object_get(request, "arguments");
	json_t *result;

	if (!json_is_integer(version))
		return control_refuse(error, "the request has no \"version\" (a number)");
	if (json_integer_value(version) != CONTROL_VERSION)
		return control_refuse(error,
				      "protocol version %lld is not known: poised %s speaks "
				      "version %d: use the poise that came with it",
				      (long long)json_integer_value(version), POISE_VERSION,
				      CONTROL_VERSION);
	if (!json_is_string(command))
		return control_refuse(error, "the request has no \"command\" (a string)");
	if (arguments && !json_is_object(arguments))
		return control_refuse(error, "\"arguments\" is not an object");
	if (!known_keys(request, error))
		return NULL;
	arguments = arguments ? json_incref(arguments) : json_object();
	if (!arguments)
		return control_refuse(error, "out of memory");
	result = dispatch->handler(dispatch->context, dispatch->peer, json_string_value(command),
				   arguments, error);
	json_decref(arguments);
	if (!result && !error->text[0])
		control_refuse(error, "refused without a reason: a defect, report it");
	return result;
}

/* Takes the reference to answer, which may be NULL. */
static char *line_of(json_t *answer, size_t *length)
{
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	char *line = NULL;

	json_decref(answer);
	if (!text)
		return NULL;
	*length = strlen(text) + 1;
	line = realloc(text, *length + 1);
	if (!line) {
		free(text);
		return NULL;
	}
	memcpy(line + *length - 1, "\n", 2);
	return line;
}

/* Takes the reference to the error's lines. */
static json_t *refusal(struct control_error *error)
{
	json_t *text = string_of(error->text);

	if (error->lines)
		return json_pack("{s:i, s:b, s:o, s:o}", "version", CONTROL_VERSION, "ok", 0,
				 "error", text, "errors", error->lines);
	return json_pack("{s:i, s:b, s:o}", "version", CONTROL_VERSION, "ok", 0, "error", text);
}

char *control_message_answer(const char *line, size_t length,
			     const struct control_dispatch *dispatch, size_t *answer_length)
{
	struct control_error error = { .lines = NULL };
	json_t *request = parse(line, length, &error), *result = NULL;
	char *text;

	if (request)
		result = answer(request, dispatch, &error);
	json_decref(request);
	if (!result)
		return line_of(refusal(&error), answer_length);
	json_decref(error.lines);
	text = line_of(
		json_pack("{s:i, s:b, s:o}", "version", CONTROL_VERSION, "ok", 1, "result", result),
		answer_length);
	return text ? text : control_message_refuse("out of memory", answer_length);
}

size_t control_message_open(char *answer, size_t length)
{
	static const char accepted[] = "{\"version\":1,\"ok\":true,\"result\":{";
	size_t end = strlen(CONTROL_MESSAGE_END);

	_Static_assert(CONTROL_VERSION == 1, "as an accepted answer begins");
	if (length < strlen(accepted) + end || memcmp(answer, accepted, strlen(accepted)) != 0)
		return 0;
	length -= end;
	if (answer[length - 1] != '{')
		answer[length++] = ',';
	return length;
}

char *control_message_refuse(const char *text, size_t *answer_length)
{
	struct control_error error = { .lines = NULL };

	control_refuse(&error, "%s", text);
	return line_of(refusal(&error), answer_length);
}
