/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise reload and apply: a configuration becomes what runs, or is only compared with it. */
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "config.h"
#include "difference.h"
#include "format.h"
#include "local_config.h"
#include "poise.h"
#include "text.h"
#include "view.h"

static bool say_changes(const json_t *result)
{
	const json_t *changes = view_array(result, "changes");

	if (!changes || !view_say_lines(changes, "changes", ""))
		return false;
	if (!json_array_size(changes))
		say("nothing has changed\n");
	/* an older poised keeps nothing */
	return view_say_lines(json_object_get(result, "kept"), "kept", "kept: ");
}

static bool say_moves(const json_t *moves)
{
	for (size_t i = 0; i < json_array_size(moves); i++) {
		json_int_t slots, count;
		const char *service;
		char share[FORMAT_BYTES];

		if (!view_unpack(json_array_get(moves, i), "moves", "{s:s, s:I, s:I}", "service",
				 &service, "slots", &slots, "moves", &count) ||
		    slots <= 0)
			return false;
		say("service %s: about %lld of %lld slots would move (%s)\n", service,
		    (long long)count, (long long)slots,
		    format_share((double)count / (double)slots, share));
	}
	if (!json_array_size(moves))
		say("no slot would move\n");
	return true;
}

static bool say_dry_run(const json_t *result, const json_t *differences)
{
	const json_t *moves = view_array(result, "moves");
	json_int_t left_out = json_integer_value(json_object_get(result, "left_out"));

	if (!moves)
		return false;
	difference_say_applied(differences);
	if (!say_moves(moves))
		return false;
	if (left_out > 0)
		say("and those of %lld more services, which were not counted\n",
		    (long long)left_out);
	say("this was a dry run: nothing has changed\n");
	return true;
}

static int show_dry_run(const struct invocation *invocation, json_t *result)
{
	struct config *config = local_config_of(result, "config");
	json_t *differences = NULL;
	int code = EXIT_UNREACHABLE;

	if (config && difference_list(result, config, &differences)) {
		if (invocation->json) {
			json_object_set(result, "differences", differences);
			print_json(result);
			code = EXIT_DONE;
		} else if (say_dry_run(result, differences)) {
			code = EXIT_DONE;
		}
	}
	json_decref(differences);
	config_free(config);
	return code;
}

/* Takes the reference to arguments. applied: the path of what is sent; NULL: poised's own file. */
static int run(const struct invocation *invocation, const char *command, json_t *arguments,
	       const char *applied)
{
	struct client_answer answer;
	const char *file;
	int code;

	if (invocation->dry_run)
		json_object_set_new(arguments, "dry_run", json_true());
	code = client_call(invocation->socket, command, arguments, CLIENT_LONG_TIMEOUT_MS, &answer);
	file = json_string_value(json_object_get(answer.result, "file"));
	if (code)
		client_complain(&answer);
	else if (invocation->dry_run)
		code = show_dry_run(invocation, answer.result);
	else if (invocation->json)
		print_json(answer.result);
	else if (!say_changes(answer.result))
		code = EXIT_UNREACHABLE;
	else if (applied && file && strcmp(applied, file))
		say("the next reload or start of poised comes back to %s: copy the file there to "
		    "keep it\n",
		    file);
	client_answer_free(&answer);
	return code;
}

int cmd_reload(const struct invocation *invocation)
{
	return run(invocation, "reload", require_memory(json_object()), NULL);
}

/* The text of a file, as it is; NULL after a complaint. */
static json_t *read_text(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = file ? require_memory(malloc(CONFIG_MAX_BYTES + 1)) : NULL;
	size_t length = file ? fread(text, 1, CONFIG_MAX_BYTES + 1, file) : 0;
	bool failed = !file || ferror(file);
	json_t *string = NULL;

	if (failed)
		complain("reading \"%s\": %s", path, strerror(errno));
	else if (length > CONFIG_MAX_BYTES)
		complain("%s: allowed are at most %d bytes", path, CONFIG_MAX_BYTES);
	else if (memchr(text, '\0', length) || !(string = json_stringn(text, length)))
		complain("%s: allowed is YAML text in UTF-8", path);
	if (file)
		fclose(file);
	free(text);
	return string;
}

int cmd_apply(const struct invocation *invocation)
{
	const char *path = invocation->operands[0];
	json_t *text = read_text(path), *arguments;
	char *name;
	int code;

	if (!text)
		return EXIT_REFUSED;
	name = realpath(path, NULL);
	arguments =
		require_memory(json_pack("{s:s, s:o}", "name", name ? name : path, "text", text));
	code = run(invocation, "apply", arguments, name ? name : path);
	free(name);
	return code;
}
