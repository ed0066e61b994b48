/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise detach, version: what concerns poised as a whole. */
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "offline.h"
#include "poise.h"
#include "poise_version.h"
#include "text.h"
#include "view.h"

/* Prints a list of strings, a line each, or the other text if it is empty. */
static bool say_list(const json_t *result, const char *name, const char *otherwise)
{
	const json_t *list = view_array(result, name);

	if (!list)
		return false;
	if (!view_say_lines(list, name, ""))
		return false;
	if (!json_array_size(list))
		say("%s\n", otherwise);
	return true;
}

static int show(const struct invocation *invocation, json_t *result, const char *name,
		const char *otherwise)
{
	if (invocation->json) {
		print_json(result);
		return EXIT_DONE;
	}
	return say_list(result, name, otherwise) ? EXIT_DONE : EXIT_UNREACHABLE;
}

/* Without poised: prints what is removed as the answer of poised would be printed. */
static int detach_offline(const struct invocation *invocation)
{
	char *text = NULL, *line, *rest;
	size_t length = 0;
	FILE *file = require_memory(open_memstream(&text, &length));
	json_t *removed = json_array(), *result;
	int code, error = offline_detach(invocation->pin_path, file);

	fclose(file);
	rest = require_memory(text);
	while ((line = strsep(&rest, "\n")))
		if (*line)
			json_array_append_new(removed, json_string(line));
	result = require_memory(json_pack("{s:o}", "removed", removed));
	code = show(invocation, result, "removed", "nothing was left to remove");
	json_decref(result);
	free(text);
	if (!error || error == -ENOENT) /* the directory of the pins is gone: so are they */
		return code;
	complain("removing what is pinned under \"%s\": %s", invocation->pin_path,
		 strerror(-error));
	return EXIT_REFUSED;
}

int cmd_detach(const struct invocation *invocation)
{
	struct client_answer answer;
	int code = client_call(invocation->socket, "detach", NULL, CLIENT_LONG_TIMEOUT_MS, &answer);

	if (code == EXIT_DONE) {
		code = show(invocation, answer.result, "removed", "nothing was left to remove");
	} else if (answer.absent) {
		complain("poised does not run on \"%s\": removing what is pinned under \"%s\"",
			 invocation->socket, invocation->pin_path);
		code = detach_offline(invocation);
	} else { /* a poised that is slow or odd still uses what is pinned */
		client_complain(&answer);
	}
	client_answer_free(&answer);
	return code;
}

int cmd_version(const struct invocation *invocation)
{
	const char *version;
	json_int_t abi;
	json_t *result;
	int code;

	if (!invocation->json)
		say("poise %s\n", POISE_VERSION);
	code = client_ask(invocation->socket, "version", NULL, &result);
	if (code)
		return code;
	if (invocation->json)
		print_json(result);
	else if (view_unpack(result, "version", "{s:s, s:I}", "version", &version, "abi", &abi))
		say("poised %s (ABI %lld)\n", version, (long long)abi);
	else
		code = EXIT_UNREACHABLE;
	json_decref(result);
	return code;
}
