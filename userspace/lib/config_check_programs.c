// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What checks that log in, call or run something need: types mysql, grpc and exec. */
#include "config_check_programs.h"

#include <stdlib.h>
#include <string.h>

#include "config_check_keys.h"
#include "config_keys.h"
#include "config_values.h"
#include "grpc_health.h"
#include "yaml_tree.h"

enum { MIN_LAG_MS = 1000, MAX_LAG_MS = 24 * 3600 * 1000 };

const struct config_choice config_mysql_roles[] = {
	{ "any", MYSQL_ANY },
	{ "primary", MYSQL_PRIMARY },
	{ "replica", MYSQL_REPLICA },
	{ 0 },
};
const struct config_range config_lag_range = { .min = MIN_LAG_MS, .max = MAX_LAG_MS };
const struct config_text config_grpc_service_text = { GRPC_MAX_SERVICE, config_is_any,
						      "text without control characters" };

static const struct config_text argument_text = { CONFIG_MAX_ARGUMENT, config_is_any,
						  "text without control characters" };
static const struct config_text program_text = { CONFIG_MAX_ARGUMENT, config_is_absolute_path,
						 "an absolute path" };

static bool is_empty(const struct tree_node *node)
{
	return node->kind == TREE_SCALAR && !node->plain && node->length == 0;
}

/* The first one is the program. Others may be empty, as other texts of a configuration may not. One
 * that is wrong leaves an empty one behind, for NULL would be the list's end. */
static void read_argument(struct config_report *report, const struct config_place *place, void *out)
{
	const struct config_field field = { .rule = place->index ? &argument_text : &program_text };

	if (!place->index || !is_empty(place->node))
		config_read_string(report, place, &field, out);
	config_default_string(report, out, "");
}

static const struct config_list arguments = { 1, CONFIG_MAX_COMMAND, sizeof(char *), "arguments",
					      read_argument };

CONFIG_READ(command)
{
	char ***command = out, **items, **ended;
	size_t count = 0;

	(void)field;
	items = config_list_read(report, place, &arguments, &count);
	if (!items)
		return;
	ended = reallocarray(items, count + 1, sizeof(*items));
	if (!ended) {
		config_report_nomem(report);
		ended = items; /* the last argument makes way, for the list is not used */
		free(ended[--count]);
	}
	ended[count] = NULL;
	*command = ended;
}

CONFIG_WRITE(command)
{
	char *const *const *command = value;
	struct config_node *outer;

	(void)standard;
	if (!*command)
		return;
	outer = config_write_open(writer, field->key, NODE_VALUES);
	for (size_t i = 0; (*command)[i]; i++)
		config_write_value(writer, NULL, (*command)[i], NULL);
	config_write_close(writer, outer);
}

static void finish_mysql(struct config_report *report, const struct config_place *place,
			 const struct config_check *check)
{
	struct config_place at = config_place_key(place, "max_lag");

	if (check->password_file)
		config_check_require(report, place, "user", "with 'password_file'");
	if (check->tls.on)
		config_check_require(report, place, "user", "with 'tls'");
	if (check->role != MYSQL_ANY)
		config_check_require(report, place, "user", "with 'role'");
	if (check->max_lag_ms && check->role != MYSQL_REPLICA)
		config_report_place(report, &at,
				    "found without 'role: replica', allowed is with that only");
}

static void finish_exec(struct config_report *report, const struct config_place *place,
			const struct config_check *check)
{
	struct config_place at = config_place_key(place, "user");

	config_check_require(report, place, "command", "in a check of type exec");
	if (check->user && strcmp(check->user, "root") == 0)
		config_report_value(report, &at, "allowed is any user but root");
}

void config_check_programs_finish(struct config_report *report,
				  const struct config_place *check_place,
				  const struct config_check *check)
{
	if (check->type == CHECK_MYSQL)
		finish_mysql(report, check_place, check);
	else if (check->type == CHECK_EXEC)
		finish_exec(report, check_place, check);
}
