/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "report_check.h"

#include "config.h"

static void add_text(json_t *out, const char *key, const char *text)
{
	if (text)
		json_object_set_new(out, key, json_string(text));
}

static json_t *report_command(char *const *command)
{
	json_t *list = json_array();

	for (; command && *command; command++)
		json_array_append_new(list, json_string(*command));
	return list;
}

static const char *role_text(enum mysql_role role)
{
	static const char *const texts[] = {
		[MYSQL_ANY] = "any",
		[MYSQL_PRIMARY] = "primary",
		[MYSQL_REPLICA] = "replica",
	};

	return texts[role];
}

void report_check_program(const struct config_check *check, json_t *out)
{
	if (check->type == CHECK_MYSQL) {
		add_text(out, "user", check->user);
		add_text(out, "password_file", check->password_file);
		add_text(out, "role", role_text(check->role));
		if (check->role == MYSQL_REPLICA)
			json_object_set_new(out, "max_lag_ms", json_integer(check->max_lag_ms));
	} else if (check->type == CHECK_GRPC) {
		add_text(out, "host", check->host);
		add_text(out, "service", check->grpc_service);
		json_object_set_new(out, "tls", json_boolean(check->tls.on));
	} else if (check->type == CHECK_EXEC) {
		add_text(out, "user", check->user ? check->user : "nobody");
		json_object_set_new(out, "command", report_command(check->command));
	}
}
