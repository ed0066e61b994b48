/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The commands that are about the configuration as a whole. */
#include <string.h>

#include "commands_private.h"
#include "control.h"
#include "daemon.h"
#include "lines.h"
#include "request.h"

static json_t *list_of_lines(struct lines *lines)
{
	json_t *list = json_array();

	for (size_t i = 0; i < lines->count; i++)
		json_array_append_new(list, json_string(lines->text[i]));
	lines_free(lines);
	return list;
}

json_t *command_reload(const struct request *request)
{
	struct lines changes = {}, errors = {};
	json_t *result = NULL;

	if (daemon_reload(request->daemon, &changes, &errors) == 0) {
		result = json_pack("{s:o}", "changes", list_of_lines(&changes));
	} else {
		control_refuse(request->error, "'%s' was refused, nothing changed",
			       request->daemon->config_path);
		for (size_t i = 0; i < errors.count; i++)
			control_refuse_line(request->error, errors.text[i]);
	}
	lines_free(&changes);
	lines_free(&errors);
	return result;
}
