/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise check: validates a configuration file, here, without poised. */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_warnings.h"
#include "local_config.h"
#include "poise.h"
#include "text.h"
#include "view.h"

static size_t count_backends(const struct config *config)
{
	size_t count = 0;

	for (size_t i = 0; i < config->service_count; i++)
		count += config->services[i].backend_count;
	return count;
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

/* A list of the configuration's warnings, which may be NULL. */
static json_t *list_warnings(const struct config *config)
{
	json_t *list = require_memory(json_array());
	struct lines warnings = { 0 };

	if (config)
		config_warnings(config, &warnings);
	for (size_t i = 0; i < warnings.count; i++)
		json_array_append_new(list, json_string(warnings.text[i]));
	lines_free(&warnings);
	return list;
}

static int check_json(const char *path)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	int error = config_load_file(path, &config, &errors);
	json_t *lines = require_memory(json_array()), *result;

	for (size_t i = 0; i < errors.count; i++) {
		char *line = text_clean(errors.lines[i]);

		json_array_append_new(lines, json_string(line));
		free(line);
	}
	result = require_memory(
		json_pack("{s:s, s:b, s:o, s:o, s:I, s:I, s:I}", "file", path, "valid", !error,
			  "errors", lines, "warnings", list_warnings(config), "interfaces",
			  (json_int_t)(config ? config->interface_count : 0), "services",
			  (json_int_t)(config ? config->service_count : 0), "backends",
			  (json_int_t)(config ? count_backends(config) : 0)));
	print_json(result);
	json_decref(result);
	config_free(config);
	config_errors_free(&errors);
	return error ? EXIT_REFUSED : EXIT_DONE;
}

int cmd_check(const struct invocation *invocation)
{
	const char *path = invocation->operands[0];
	struct config *config;
	json_t *warnings;
	size_t backends;

	if (invocation->json)
		return check_json(path);
	config = local_config_load(path);
	if (!config)
		return EXIT_REFUSED;
	backends = count_backends(config);
	say("%s: valid: %zu interface%s, %zu service%s, %zu backend%s\n", path,
	    config->interface_count, plural(config->interface_count), config->service_count,
	    plural(config->service_count), backends, plural(backends));
	warnings = list_warnings(config);
	view_say_lines(warnings, "warnings", "warning: ");
	json_decref(warnings);
	config_free(config);
	return EXIT_DONE;
}
