/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "audit.h"
#include "balancer.h"
#include "config_values.h"
#include "control.h"
#include "daemon.h"
#include "poise_version.h"
#include "report.h"
#include "report_backend.h"
#include "runtime.h"
#include "service_text.h"
#include "state.h"

struct request {
	struct daemon *daemon;
	json_t *arguments;
	struct control_error *error;
};

/* Arguments: each getter returns false after it refused. */

static bool get_text(const struct request *request, const char *key, const char **out)
{
	const json_t *value = json_object_get(request->arguments, key);

	*out = json_string_value(value);
	if (!*out)
		control_refuse(request->error, "%s: %s, allowed is a string", key,
			       value ? "found another type" : "missing");
	return *out != NULL;
}

static bool get_weight(const struct request *request, json_int_t standard, uint16_t *out)
{
	const json_t *value = json_object_get(request->arguments, "weight");
	json_int_t weight = value ? json_integer_value(value) : standard;

	if ((value && !json_is_integer(value)) || weight < 0 || weight > POISE_MAX_WEIGHT) {
		if (value && json_is_integer(value))
			control_refuse(request->error,
				       "weight: found %" JSON_INTEGER_FORMAT
				       ", allowed is an integer from 0 to %d",
				       weight, POISE_MAX_WEIGHT);
		else
			control_refuse(request->error,
				       "weight: %s, allowed is an integer from 0 to %d",
				       value ? "found another type" : "missing", POISE_MAX_WEIGHT);
		return false;
	}
	*out = weight;
	return true;
}

static bool get_flag(const struct request *request, const char *key, bool *out)
{
	const json_t *value = json_object_get(request->arguments, key);

	*out = json_is_true(value);
	if (!value || json_is_boolean(value))
		return true;
	control_refuse(request->error, "%s: found another type, allowed is true or false", key);
	return false;
}

/* Texts that may be missing: *out is NULL then. */
static bool get_optional_text(const struct request *request, const char *key, const char **out)
{
	*out = NULL;
	return !json_object_get(request->arguments, key) || get_text(request, key, out);
}

static bool get_encapsulation(const struct request *request, const struct service *service,
			      uint8_t *out)
{
	const char *text;

	if (!get_optional_text(request, "encapsulation", &text))
		return false;
	*out = service->config.encapsulation;
	if (!text || encapsulation_parse(text, out) == 0)
		return true;
	control_refuse(request->error,
		       "encapsulation: found '%.64s', allowed are ipip, gue, gre, l2", text);
	return false;
}

static bool get_server_id(const struct request *request, struct config_backend *out)
{
	const char *text;

	if (!get_optional_text(request, "server_id", &text))
		return false;
	if (!text || config_parse_server_id(text, out->server_id, &out->server_id_length) == 0)
		return true;
	control_refuse(request->error,
		       "server_id: found '%.64s', allowed are 2 to 30 hexadecimal digits", text);
	return false;
}

static bool get_service(const struct request *request, struct service **out)
{
	const char *name;

	if (!get_text(request, "service", &name))
		return false;
	*out = balancer_find(request->daemon->balancer, name);
	if (!*out)
		control_refuse(request->error, "there is no service '%.64s'", name);
	return *out != NULL;
}

static bool get_backend(const struct request *request, struct backend **out)
{
	struct service *service;
	const char *name;

	if (!get_service(request, &service) || !get_text(request, "name", &name))
		return false;
	*out = service_find(service, name);
	if (!*out)
		control_refuse(request->error, "service '%s' has no backend '%.64s'",
			       service->config.name, name);
	return *out != NULL;
}

static json_t *list_of_lines(struct lines *lines)
{
	json_t *list = json_array();

	for (size_t i = 0; i < lines->count; i++)
		json_array_append_new(list, json_string(lines->text[i]));
	lines_free(lines);
	return list;
}

static json_t *answer_backend(const struct request *request, struct backend *backend)
{
	return json_pack("{s:o}", "backend", report_backend(request->daemon->balancer, backend));
}

static json_t *handle_version(const struct request *request)
{
	(void)request;
	return json_pack("{s:s, s:i}", "version", POISE_VERSION, "abi", POISE_ABI_VERSION);
}

static json_t *all_services(struct balancer *balancer, bool with_backends)
{
	json_t *list = json_array();

	for (size_t i = 0; i < balancer->service_count; i++)
		json_array_append_new(
			list, report_service(balancer, balancer->services[i], with_backends));
	return list;
}

static json_t *handle_status(const struct request *request)
{
	struct daemon *daemon = request->daemon;
	const struct config *config = daemon->balancer->config;

	return json_pack("{s:s, s:i, s:I, s:s, s:s, s:I, s:{s:s, s:s?}, s:o, s:o, s:o}", "version",
			 POISE_VERSION, "abi", POISE_ABI_VERSION, "started_at",
			 (json_int_t)daemon->started_at, "config", daemon->config_path, "pin_path",
			 config->pin_path, "settle_ms", (json_int_t)config->settle_ms, "state",
			 "path", state_path(daemon->state), "problem", state_problem(daemon->state),
			 "interfaces", report_interfaces(daemon->loader), "flows",
			 report_flows(daemon->balancer), "services",
			 all_services(daemon->balancer, true));
}

static json_t *handle_service_list(const struct request *request)
{
	return json_pack("{s:o}", "services", all_services(request->daemon->balancer, false));
}

static json_t *handle_service_show(const struct request *request)
{
	struct service *service;

	if (!get_service(request, &service))
		return NULL;
	return json_pack("{s:o}", "service",
			 report_service(request->daemon->balancer, service, true));
}

static json_t *handle_backend_show(const struct request *request)
{
	struct backend *backend;

	if (!get_backend(request, &backend))
		return NULL;
	return report_backend_show(request->daemon->balancer, backend);
}

static json_t *handle_backend_list(const struct request *request)
{
	struct balancer *balancer = request->daemon->balancer;
	struct service *service;
	json_t *list;

	if (json_object_get(request->arguments, "service")) {
		if (!get_service(request, &service))
			return NULL;
		return json_pack("{s:o}", "backends", report_backends(balancer, service));
	}
	list = json_array();
	for (size_t i = 0; i < balancer->service_count; i++) {
		json_t *part = report_backends(balancer, balancer->services[i]);

		json_array_extend(list, part);
		json_decref(part);
	}
	return json_pack("{s:o}", "backends", list);
}

static json_t *handle_backend_add(const struct request *request)
{
	struct service *service;
	struct backend *backend;
	struct config_backend wanted = {};
	const char *name, *text;
	char why[RUNTIME_ERROR_BYTES];

	if (!get_service(request, &service) || !get_text(request, "name", &name) ||
	    !get_text(request, "address", &text) || !get_weight(request, 100, &wanted.weight) ||
	    !get_encapsulation(request, service, &wanted.encapsulation) ||
	    !get_server_id(request, &wanted))
		return NULL;
	if (config_check_name(name))
		return control_refuse(
			request->error,
			"name: found '%.64s', allowed are 1 to 63 letters, digits, '.', "
			"'_', '-', the first one a letter or digit",
			name);
	memcpy(wanted.name, name, strlen(name));
	if (address_parse(text, &wanted.address))
		return control_refuse(request->error,
				      "address: found '%.64s', allowed is an IPv4 or IPv6 address",
				      text);
	if (runtime_add(request->daemon->balancer, service, &wanted, &backend, why))
		return control_refuse(request->error, "%s", why);
	return answer_backend(request, backend);
}

static json_t *handle_backend_remove(const struct request *request)
{
	struct balancer *balancer = request->daemon->balancer;
	struct backend *backend;
	char why[RUNTIME_ERROR_BYTES];
	bool now, gone;
	json_t *last;

	if (!get_backend(request, &backend) || !get_flag(request, "now", &now))
		return NULL;
	last = report_backend(balancer, backend);
	if (runtime_remove(balancer, backend, now, &gone, why)) {
		json_decref(last);
		return control_refuse(request->error, "%s", why);
	}
	if (!gone) {
		json_decref(last);
		return answer_backend(request, backend);
	}
	json_object_set_new(last, "state", json_string("removed"));
	json_object_set_new(last, "reason", json_string("removed by command"));
	json_object_set_new(last, "gone", json_true());
	return json_pack("{s:o}", "backend", last);
}

static json_t *drain(const struct request *request, bool on)
{
	struct backend *backend;
	char why[RUNTIME_ERROR_BYTES];

	if (!get_backend(request, &backend))
		return NULL;
	if (runtime_drain(request->daemon->balancer, backend, on, why))
		return control_refuse(request->error, "%s", why);
	return answer_backend(request, backend);
}

static json_t *handle_backend_drain(const struct request *request)
{
	return drain(request, true);
}

static json_t *handle_backend_undrain(const struct request *request)
{
	return drain(request, false);
}

static json_t *handle_backend_weight(const struct request *request)
{
	struct backend *backend;
	char why[RUNTIME_ERROR_BYTES];
	uint16_t weight;

	if (!get_backend(request, &backend) || !get_weight(request, -1, &weight))
		return NULL;
	if (runtime_weight(request->daemon->balancer, backend, weight, why))
		return control_refuse(request->error, "%s", why);
	return answer_backend(request, backend);
}

static json_t *handle_stats(const struct request *request)
{
	return report_stats(request->daemon->balancer);
}

static json_t *handle_reload(const struct request *request)
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

static json_t *handle_detach(const struct request *request)
{
	json_t *removed = json_array();
	char *text = NULL, *line, *rest;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int err = out ? daemon_detach(request->daemon, out) : -ENOMEM;

	if (out)
		fclose(out);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		json_array_append_new(removed, json_string(line));
	free(text);
	if (!err)
		return json_pack("{s:o}", "removed", removed);
	json_decref(removed);
	return control_refuse(request->error, "not everything could be removed: %s",
			      strerror(-err));
}

enum { MAX_ARGUMENTS = 6 };

static const struct command {
	const char *name;
	enum access_right needs;
	json_t *(*handle)(const struct request *request);
	const char *arguments[MAX_ARGUMENTS + 1]; /* all that it knows */
} table[] = {
	{ "version", ACCESS_READ, handle_version, {} },
	{ "status", ACCESS_READ, handle_status, {} },
	{ "service-list", ACCESS_READ, handle_service_list, {} },
	{ "service-show", ACCESS_READ, handle_service_show, { "service" } },
	{ "backend-list", ACCESS_READ, handle_backend_list, { "service" } },
	{ "backend-show", ACCESS_READ, handle_backend_show, { "service", "name" } },
	{ "backend-add",
	  ACCESS_WRITE,
	  handle_backend_add,
	  { "service", "name", "address", "weight", "encapsulation", "server_id" } },
	{ "backend-remove", ACCESS_WRITE, handle_backend_remove, { "service", "name", "now" } },
	{ "backend-drain", ACCESS_WRITE, handle_backend_drain, { "service", "name" } },
	{ "backend-undrain", ACCESS_WRITE, handle_backend_undrain, { "service", "name" } },
	{ "backend-weight", ACCESS_WRITE, handle_backend_weight, { "service", "name", "weight" } },
	{ "stats", ACCESS_READ, handle_stats, {} },
	{ "reload", ACCESS_WRITE, handle_reload, {} },
	{ "detach", ACCESS_WRITE, handle_detach, {} },
};

/* An argument that the command does not know is more likely a slip than meant to be ignored. */
static bool check_arguments(const struct request *request, const char *const *known)
{
	const char *key;
	json_t *value;

	json_object_foreach (request->arguments, key, value) {
		int i = 0;

		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (known[i])
			continue;
		control_refuse(request->error, "unknown argument '%.64s'", key);
		return false;
	}
	return true;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

json_t *commands_handle(void *context, const struct peer *peer, const char *command,
			json_t *arguments, struct control_error *error)
{
	struct request request = { .daemon = context, .arguments = arguments, .error = error };
	const struct command *found = find_command(command);
	char why[ACCESS_ERROR_BYTES];
	json_t *result;

	if (!found)
		return control_refuse(error, "unknown command '%.64s'", command);
	if (!access_check(&request.daemon->access, peer, found->needs, found->name, why))
		return control_refuse(error, "%s", why);
	if (!check_arguments(&request, found->arguments))
		return NULL;
	audit_begin(peer);
	result = found->handle(&request);
	audit_end();
	if (!result && !error->text[0])
		control_refuse(error, "not enough memory");
	return result;
}
