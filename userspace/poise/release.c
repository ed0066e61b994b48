/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "release.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "poise.h"
#include "poise_version.h"
#include "text.h"

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* Whether version is of an earlier release than this program's; one that cannot be read is not. */
static bool is_older(const char *version)
{
	unsigned theirs[3], ours[3];

	if (sscanf(version, "%3u.%3u.%3u", &theirs[0], &theirs[1], &theirs[2]) != 3 ||
	    sscanf(POISE_VERSION, "%3u.%3u.%3u", &ours[0], &ours[1], &ours[2]) != 3)
		return false;
	for (int i = 0; i < 3; i++)
		if (theirs[i] != ours[i])
			return theirs[i] < ours[i];
	return false;
}

static char *explain(const char *command, const char *error, const char *version)
{
	if (is_older(version))
		return text_format(
			"poised %s does not know \"%s\" as it was asked (%s): it is older "
			"than this poise (%s): restart poised, so that the release that "
			"is installed runs",
			version, command, error, POISE_VERSION);
	if (strcmp(version, POISE_VERSION) == 0)
		return text_format("poised %s does not know \"%s\" as it was asked (%s): it is of "
				   "another build than this poise: restart poised, so that the "
				   "one that is installed runs",
				   version, command, error);
	return text_format("poised %s does not know \"%s\" as it was asked (%s): this poise is of "
			   "another release (%s): use the poise that came with poised",
			   version, command, error, POISE_VERSION);
}

void release_explain(const char *socket_path, const char *command, struct client_answer *answer)
{
	struct client_answer about;
	const char *version;
	char *text;

	if (!answer->error || !strcmp(command, "version") ||
	    (!begins(answer->error, "unknown command '") &&
	     !begins(answer->error, "unknown argument '")))
		return;
	if (client_call(socket_path, "version", NULL, CLIENT_TIMEOUT_MS, &about) == EXIT_DONE) {
		version = json_string_value(json_object_get(about.result, "version"));
		if (version) {
			text = explain(command, answer->error, version);
			free(answer->error);
			answer->error = text;
		}
	}
	client_answer_free(&about);
}
