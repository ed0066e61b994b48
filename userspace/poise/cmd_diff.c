/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise diff: from the running state to a configuration file. */
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "config.h"
#include "difference.h"
#include "local_config.h"
#include "poise.h"
#include "text.h"
#include "view.h"

static const char *text_of(const json_t *entry, const char *name)
{
	return json_string_value(json_object_get(entry, name)); /* NULL where it is null */
}

/* "service web: ", "backend web/app-01: ", or "" for what concerns the whole. */
static char *describe_place(const json_t *entry)
{
	const char *service = text_of(entry, "service"), *backend = text_of(entry, "backend");

	if (!service)
		return text_format("%s", "");
	if (!backend)
		return text_format("service %s: ", service);
	return text_format("backend %s/%s: ", service, backend);
}

static void say_difference(const json_t *entry)
{
	const char *field = text_of(entry, "field"), *change = text_of(entry, "change");
	const char *running = text_of(entry, "running"), *file = text_of(entry, "file");
	char *place = describe_place(entry);
	enum color color = COLOR_YELLOW;
	char sign = '~';

	if (!strcmp(change, "added")) {
		color = COLOR_GREEN;
		sign = '+';
	} else if (!strcmp(change, "removed")) {
		color = COLOR_RED;
		sign = '-';
	}
	fputs(text_color(color), stdout);
	say("%c %s%s%s", sign, place, field ? field : "", field ? " " : "");
	if (sign == '~')
		say("%s -> %s", running ? running : "(none)", file ? file : "(none)");
	else
		say("%s", sign == '+' ? file : running);
	if (sign == '+' && running)
		say(" (%s)", running);
	fputs(text_color_end(color), stdout);
	say("\n");
	free(place);
}

static void say_differences(const json_t *list)
{
	if (!json_array_size(list)) {
		say("no differences\n");
		return;
	}
	for (size_t i = 0; i < json_array_size(list); i++)
		say_difference(json_array_get(list, i));
}

int cmd_diff(const struct invocation *invocation)
{
	struct config *config = local_config_load(invocation->operands[0]);
	json_t *status = NULL, *list = NULL;
	int code;

	if (!config)
		return EXIT_REFUSED;
	code = client_ask(invocation->socket, "status", NULL, &status);
	if (!code && !difference_list(status, config, &list))
		code = EXIT_UNREACHABLE;
	if (!code && invocation->json)
		print_json(list);
	else if (!code)
		say_differences(list);
	json_decref(list);
	json_decref(status);
	config_free(config);
	return code;
}
