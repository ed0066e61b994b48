/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise diff: from the running state to a configuration file. */
#include "commands.h"

#include "client.h"
#include "config.h"
#include "difference.h"
#include "local_config.h"
#include "poise.h"
#include "view.h"

int cmd_diff(const struct invocation *invocation)
{
	struct config *config = local_config_load(invocation->operands[0]);
	json_t *answer = NULL, *list = NULL;
	int code;

	if (!config)
		return EXIT_REFUSED;
	code = client_ask(invocation->socket, "config", NULL, &answer);
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
