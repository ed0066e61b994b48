/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The commands that are about the configuration as a whole. */
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "commands_private.h"
#include "config_write.h"
#include "control.h"
#include "daemon.h"
#include "lines.h"
#include "overlay.h"
#include "request.h"

static json_t *list_of_lines(struct lines *lines)
{
	json_t *list = json_array();

	for (size_t i = 0; i < lines->count; i++)
		json_array_append_new(list, json_string(lines->text[i]));
	lines_free(lines);
	return list;
}

static json_t *text_of_config(const struct config *config)
{
	json_t *string = NULL;
	size_t length;
	char *text;

	if (config && config_write_text(config, &text, &length) == 0) {
		string = json_stringn(text, length);
		free(text);
	}
	return string;
}

json_t *command_config(const struct request *request)
{
	const struct balancer *balancer = request->daemon->balancer;
	struct config *running = overlay_config(balancer);
	json_t *result =
		json_pack("{s:s, s:o, s:o}", "file", request->daemon->config_path, "declared",
			  text_of_config(balancer->config), "running", text_of_config(running));

	overlay_config_free(running);
	return result;
}

static json_t *list_of_kept(const struct balancer *balancer)
{
	struct lines kept = {};

	overlay_describe(balancer, &kept);
	return list_of_lines(&kept);
}

json_t *command_reload(const struct request *request)
{
	struct lines changes = {}, errors = {};
	json_t *result = NULL;

	if (daemon_reload(request->daemon, &changes, &errors) == 0) {
		result = json_pack("{s:o, s:o}", "changes", list_of_lines(&changes), "kept",
				   list_of_kept(request->daemon->balancer));
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
