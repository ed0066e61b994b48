/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise save: what runs, with what was changed by command, as a configuration file. */
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "config.h"
#include "file_replace.h"
#include "local_config.h"
#include "poise.h"
#include "text.h"
#include "view.h"

enum { FILE_MODE = 0644, TIME_BYTES = 32 };

static char *text_with_head(const char *text)
{
	char when[TIME_BYTES] = "";
	time_t now = time(NULL);
	struct tm parts;

	if (gmtime_r(&now, &parts))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &parts);
	return text_format("# Written by 'poise save' at %s: the declared configuration of poised, "
			   "and\n# what was changed by command. Keys with their default are left "
			   "out.\n%s",
			   when, text);
}

static int save(const struct invocation *invocation, const char *path, const char *text)
{
	int error;

	if (access(path, F_OK) == 0 && !(invocation->given & OPTION_FORCE)) {
		complain("\"%s\" exists, and its comments would be lost: give --force, or another "
			 "name",
			 path);
		return EXIT_REFUSED;
	}
	error = file_replace(path, text, strlen(text), FILE_MODE, FILE_MODE_KEEP);
	if (error) {
		complain("writing \"%s\": %s", path,
			 error == -EINVAL ? "it is no regular file" : strerror(-error));
		return EXIT_REFUSED;
	}
	if (!invocation->json)
		say("saved in %s\n", path);
	return EXIT_DONE;
}

static int save_answer(const struct invocation *invocation, const json_t *answer)
{
	const char *path = invocation->operand_count
				   ? invocation->operands[0]
				   : json_string_value(json_object_get(answer, "file"));
	struct config *config = local_config_of(answer, "running"); /* never what cannot be read */
	char *text;
	int code = EXIT_DONE;

	if (!config || !path) {
		config_free(config);
		return EXIT_UNREACHABLE;
	}
	config_free(config);
	text = text_with_head(json_string_value(json_object_get(answer, "running")));
	if (!strcmp(path, "-"))
		fputs(text, stdout); /* a valid configuration holds no control characters */
	else
		code = save(invocation, path, text);
	free(text);
	return code;
}

int cmd_save(const struct invocation *invocation)
{
	json_t *answer;
	int code = client_ask(invocation->socket, "config", NULL, &answer);

	if (code)
		return code;
	code = save_answer(invocation, answer);
	json_decref(answer);
	return code;
}
