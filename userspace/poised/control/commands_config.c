/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The commands that are about the configuration as a whole. */
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "commands_private.h"
#include "config_write.h"
#include "control.h"
#include "daemon.h"
#include "estimate.h"
#include "lines.h"
#include "overlay.h"
#include "request.h"

enum { CONFIG_NAME_BYTES = 4096 }; /* of what a text is called */

static json_t *list_of_lines(struct lines *lines)
{
	json_t *list = json_array();

	for (size_t i = 0; i < lines->count; i++)
		json_array_append_new(list, json_string(lines->text[i]));
	lines_free(lines);
	return list;
}

static json_t *list_of_changes(const struct audit_list *changes)
{
	json_t *list = json_array();

	for (size_t i = 0; i < changes->count; i++)
		json_array_append_new(list, json_string(changes->changes[i].text));
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

static json_t *text_of_running(const struct balancer *balancer)
{
	struct config *running = overlay_config(balancer);
	json_t *text = text_of_config(running);

	overlay_config_free(running);
	return text;
}

json_t *command_config(const struct request *request)
{
	const struct balancer *balancer = request->daemon->balancer;
	json_t *declared = text_of_config(balancer->config);
	json_t *running =
		overlay_has_any(balancer) ? text_of_running(balancer) : json_incref(declared);

	return json_pack("{s:s, s:o, s:o}", "file", request->daemon->config_path, "declared",
			 declared, "running", running);
}

static json_t *list_of_kept(const struct balancer *balancer)
{
	struct lines kept = {};

	overlay_describe(balancer, &kept);
	return list_of_lines(&kept);
}

static json_t *refuse_lines(const struct request *request, const char *name,
			    const struct lines *errors)
{
	control_refuse(request->error, "'%.256s' was refused, nothing changed", name);
	for (size_t i = 0; i < errors->count; i++)
		control_refuse_line(request->error, errors->text[i]);
	return NULL;
}

/* The configuration as 'config' tells it, what it would be, and how many slots that moves. */
static json_t *answer_try(const struct request *request, const struct config *config)
{
	size_t left_out = 0;
	json_t *moves = estimate_moves(request->daemon->balancer, config, &left_out);
	json_t *result = command_config(request);

	json_object_set_new(result, "config", text_of_config(config));
	json_object_set_new(result, "moves", moves);
	json_object_set_new(result, "left_out", json_integer(left_out));
	return result;
}

static json_t *try_config(const struct request *request, const char *name, const char *text,
			  size_t length)
{
	struct config *config = NULL;
	struct lines errors = {};
	json_t *result;

	if (daemon_try(request->daemon, name, text, length, &config, &errors))
		result = refuse_lines(request, name, &errors);
	else
		result = answer_try(request, config);
	config_free(config);
	lines_free(&errors);
	return result;
}

static json_t *answer_applied(const struct request *request, const char *name, int err,
			      struct audit_list *changes, struct lines *errors)
{
	const struct daemon *daemon = request->daemon;
	json_t *result;

	if (err)
		result = refuse_lines(request, name, errors);
	else
		result =
			json_pack("{s:s, s:o, s:o}", "file", daemon->config_path, "changes",
				  list_of_changes(changes), "kept", list_of_kept(daemon->balancer));
	audit_list_free(changes);
	lines_free(errors);
	return result;
}

json_t *command_reload(const struct request *request)
{
	const char *path = request->daemon->config_path;
	struct audit_list changes = {};
	struct lines errors = {};
	bool dry_run;
	int err;

	if (!request_flag(request, "dry_run", &dry_run))
		return NULL;
	if (dry_run)
		return try_config(request, path, NULL, 0);
	err = daemon_reload(request->daemon, &changes, &errors);
	return answer_applied(request, path, err, &changes, &errors);
}

json_t *command_apply(const struct request *request)
{
	const char *name, *text;
	struct audit_list changes = {};
	struct lines errors = {};
	bool dry_run;
	int err;

	if (!request_text(request, "name", &name) || !request_text(request, "text", &text) ||
	    !request_flag(request, "dry_run", &dry_run))
		return NULL;
	if (strlen(name) > CONFIG_NAME_BYTES)
		return control_refuse(request->error, "name: allowed are at most %d bytes",
				      CONFIG_NAME_BYTES);
	if (dry_run)
		return try_config(request, name, text, strlen(text));
	err = daemon_apply(request->daemon, name, text, strlen(text), &changes, &errors);
	return answer_applied(request, name, err, &changes, &errors);
}
