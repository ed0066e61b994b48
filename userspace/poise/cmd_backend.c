/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise backend list, add, remove, undrain, weight (drain: cmd_drain.c). */
#include "commands.h"

#include <string.h>

#include "backend_arguments.h"
#include "format.h"
#include "poise.h"
#include "poise_abi.h"
#include "show.h"
#include "table.h"
#include "text.h"
#include "view.h"

static bool show_list(json_t *result)
{
	const json_t *backends = view_array(result, "backends");
	struct table *table;
	bool understood;

	if (!backends)
		return false;
	if (!json_array_size(backends)) {
		say("no backends\n");
		return true;
	}
	table = show_backend_table(true, 0);
	understood = show_backends(table, backends, true, 0);
	if (understood)
		table_print(table, stdout);
	table_free(table);
	return understood;
}

int cmd_backend_list(const struct invocation *invocation)
{
	json_t *arguments = require_memory(json_object());

	if (invocation->operand_count)
		json_object_set_new(arguments, "service", json_string(invocation->operands[0]));
	return show_answer(invocation, "backend-list", arguments, show_list);
}

static json_t *arguments_of_add(const struct invocation *invocation)
{
	json_t *arguments = require_memory(json_object());

	json_object_set_new(arguments, "address", json_string(invocation->operands[2]));
	if (invocation->given & OPTION_WEIGHT)
		json_object_set_new(arguments, "weight", json_integer(invocation->weight));
	if (invocation->encapsulation)
		json_object_set_new(arguments, "encapsulation",
				    json_string(invocation->encapsulation));
	if (invocation->server_id)
		json_object_set_new(arguments, "server_id", json_string(invocation->server_id));
	if (invocation->if_missing)
		json_object_set_new(arguments, "if_missing", json_true());
	return arguments;
}

static json_t *arguments_of_weight(const struct invocation *invocation)
{
	json_t *arguments;
	unsigned weight;

	if (!parse_number(invocation->operands[2], 0, POISE_MAX_WEIGHT, &weight)) {
		complain("weight \"%s\": allowed is a whole number from 0 to %d",
			 invocation->operands[2], POISE_MAX_WEIGHT);
		return NULL;
	}
	arguments = require_memory(json_object());
	json_object_set_new(arguments, "weight", json_integer(weight));
	return arguments;
}

json_t *backend_arguments(const struct invocation *invocation, const char *command)
{
	json_t *arguments;

	if (!strcmp(command, "backend-add"))
		return arguments_of_add(invocation);
	if (!strcmp(command, "backend-weight"))
		return arguments_of_weight(invocation);
	arguments = require_memory(json_object());
	if (invocation->now)
		json_object_set_new(arguments, "now", json_true());
	return arguments;
}

static int change(const struct invocation *invocation, const char *command)
{
	json_t *arguments = backend_arguments(invocation, command);

	return arguments ? show_change(invocation, command, arguments, false) : EXIT_USAGE;
}

int cmd_backend_add(const struct invocation *invocation)
{
	return change(invocation, "backend-add");
}

int cmd_backend_remove(const struct invocation *invocation)
{
	return change(invocation, "backend-remove");
}

int cmd_backend_undrain(const struct invocation *invocation)
{
	return change(invocation, "backend-undrain");
}

int cmd_backend_weight(const struct invocation *invocation)
{
	return change(invocation, "backend-weight");
}
