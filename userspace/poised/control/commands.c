/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "audit.h"
#include "balancer.h"
#include "boottime.h"
#include "commands_private.h"
#include "control.h"
#include "daemon.h"
#include "listing.h"
#include "poise_version.h"
#include "report.h"
#include "request.h"
#include "state.h"

static json_int_t uptime_ms(const struct daemon *daemon)
{
	return boottime_ms() - daemon->started_ms;
}

static json_t *handle_version(const struct request *request)
{
	const struct daemon *daemon = request->daemon;

	return json_pack("{s:s, s:i, s:I, s:I, s:s?}", "version", POISE_VERSION, "abi",
			 POISE_ABI_VERSION, "started_at", (json_int_t)daemon->started_at,
			 "uptime_ms", uptime_ms(daemon), "unsaved", state_problem(daemon->state));
}

static json_t *handle_status(const struct request *request)
{
	struct daemon *daemon = request->daemon;
	const struct config *config = daemon->balancer->config;

	json_t *head = json_pack(
		"{s:s, s:i, s:I, s:I, s:s, s:s, s:I, s:s?, s:{s:s, s:s?}, s:I, s:o, s:o}",
		"version", POISE_VERSION, "abi", POISE_ABI_VERSION, "started_at",
		(json_int_t)daemon->started_at, "uptime_ms", uptime_ms(daemon), "config",
		daemon->config_path, "pin_path", config->pin_path, "settle_ms",
		(json_int_t)config->settle_ms, "applied_from", daemon->applied_from, "state",
		"path", state_path(daemon->state), "problem", state_problem(daemon->state),
		"refused", (json_int_t)daemon->access.refused, "interfaces",
		report_interfaces(daemon->loader), "flows", report_flows(daemon->balancer));

	return listing_follow(request, head, LISTING_WITH_BACKENDS, NULL);
}

static json_t *handle_service_list(const struct request *request)
{
	return listing_follow(request, json_object(), LISTING_SERVICES, NULL);
}

static json_t *handle_service_show(const struct request *request)
{
	struct service *service;

	if (!request_service(request, &service))
		return NULL;
	return listing_follow(request, json_object(), LISTING_ONE, service);
}

static json_t *handle_stats(const struct request *request)
{
	return listing_follow(request, report_stats(request->daemon->balancer), LISTING_COUNTS,
			      NULL);
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

enum { MAX_ARGUMENTS = 12 };

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
	{ "backend-list", ACCESS_READ, command_backend_list, { "service" } },
	{ "backend-show", ACCESS_READ, command_backend_show, { "service", "name" } },
	{ "backend-add",
	  ACCESS_WRITE,
	  command_backend_add,
	  { "service", "name", "address", "weight", "encapsulation", "server_id", "if_missing" } },
	{ "backend-remove", ACCESS_WRITE, command_backend_remove, { "service", "name", "now" } },
	{ "backend-drain", ACCESS_WRITE, command_backend_drain, { "service", "name" } },
	{ "backend-undrain", ACCESS_WRITE, command_backend_undrain, { "service", "name" } },
	{ "backend-weight", ACCESS_WRITE, command_backend_weight, { "service", "name", "weight" } },
	{ "host-drain", ACCESS_WRITE, command_host_drain, { "address" } },
	{ "host-undrain", ACCESS_WRITE, command_host_undrain, { "address" } },
	{ "batch", ACCESS_WRITE, command_batch, { "commands" } },
	{ "stats", ACCESS_READ, handle_stats, {} },
	{ "explain",
	  ACCESS_READ,
	  command_explain,
	  { "protocol", "source", "source_port", "destination", "destination_port", "tcp_flags",
	    "payload", "length", "dont_fragment", "frame", "interface" } },
	{ "config", ACCESS_READ, command_config, {} },
	{ "capture",
	  ACCESS_WRITE,
	  command_capture,
	  { "drops", "all", "sent", "service", "sample", "bytes", "count", "seconds" } },
	{ "reload", ACCESS_WRITE, command_reload, { "dry_run" } },
	{ "apply", ACCESS_WRITE, command_apply, { "name", "text", "dry_run" } },
	{ "ring-export", ACCESS_READ, command_ring_export, { "services" } },
	{ "ring-import",
	  ACCESS_WRITE,
	  command_ring_import,
	  { "history", "seed", "services", "more", "dry_run" } },
	{ "detach", ACCESS_WRITE, handle_detach, {} },
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

/* Does a death leave all of it or nothing? */
static bool is_whole(const struct command *command)
{
	return command->handle == command_batch || command->handle == command_host_drain ||
	       command->handle == command_host_undrain;
}

/* A change that is to be whole waits until the earlier ones are saved, and later ones for it. */
static bool must_wait(const struct daemon *daemon, const struct command *command)
{
	if (command->needs != ACCESS_WRITE)
		return false;
	return control_is_behind(daemon->control) ||
	       (is_whole(command) && !state_is_settled(daemon->state));
}

/* The answer to a change says that it is on the disk. */
static json_t *make_change(const struct request *request, const struct command *command,
			   const struct peer *peer)
{
	const struct daemon *daemon = request->daemon;
	json_t *result;

	audit_begin(peer);
	if (is_whole(command))
		state_begin_batch(daemon->state);
	result = command->handle(request);
	if (is_whole(command))
		state_end_batch(daemon->state);
	audit_end();
	if (result && !state_is_settled(daemon->state))
		control_hold_answer(daemon->control, state_last_change(daemon->state));
	return result;
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
	if (!request_knows(&request, found->arguments))
		return NULL;
	if (must_wait(request.daemon, found)) {
		control_defer(request.daemon->control);
		return NULL;
	}
	result = found->needs == ACCESS_WRITE ? make_change(&request, found, peer)
					      : found->handle(&request);
	if (!result && !error->text[0])
		control_refuse(error, "not enough memory");
	return result;
}
