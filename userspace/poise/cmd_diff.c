/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise diff: from the running state to a configuration file, poised's own if none is named. */
#include "commands.h"

#include "client.h"
#include "config.h"
#include "difference.h"
#include "local_config.h"
#include "poise.h"
#include "text.h"
#include "view.h"

/* NULL, after a complaint, if that file is not to be had. */
static struct config *load(const struct invocation *invocation, const json_t *answer)
{
	const char *path = json_string_value(json_object_get(answer, "file"));

	if (invocation->operand_count)
		path = invocation->operands[0];
	if (path)
		return local_config_load(path);
	complain("poised does not tell its configuration file: name one");
	return NULL;
}

int cmd_diff(const struct invocation *invocation)
{
	struct config *config = NULL;
	json_t *answer = NULL, *list = NULL;
	int code = client_ask(invocation->socket, "config", NULL, &answer);

	if (!code) {
		config = load(invocation, answer);
		if (!config)
			code = EXIT_REFUSED;
	}
	if (!code && !difference_list(answer, config, &list))
		code = EXIT_UNREACHABLE;
	if (!code && invocation->json)
		print_json(list);
	else if (!code)
		difference_say(list);
	json_decref(list);
	json_decref(answer);
	config_free(config);
	return code;
}
