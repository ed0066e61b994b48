/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "show.h"

#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "format.h"
#include "poise.h"
#include "table.h"
#include "text.h"
#include "view.h"

enum { NOTE_INDENT = 4 }; /* of the lines under a backend */

static const struct table_column columns[] = {
	{ .title = "SERVICE", .shrink_to = 8 },
	{ .title = "BACKEND", .shrink_to = 8 },
	{ .title = "ADDRESS", .shrink_to = 12 },
	{ .title = "WEIGHT", .right = true },
	{ .title = "STATE" },
	{ .title = "SHARE", .right = true },
	{ .title = "CONNS", .right = true },
	{ .title = "PACKETS", .right = true },
	{ .title = "CHECK" },
};

struct table *show_backend_table(bool with_service, size_t indent)
{
	size_t first = with_service ? 0 : 1;

	return table_new(columns + first, sizeof(columns) / sizeof(*columns) - first, indent);
}

static enum color state_color(const char *state)
{
	if (!strcmp(state, "up"))
		return COLOR_GREEN;
	if (!strcmp(state, "down"))
		return COLOR_RED;
	return COLOR_YELLOW;
}

static char *check_cell(const struct view_backend *backend)
{
	if (!strcmp(backend->health.state, "none"))
		return text_format("-");
	if (backend->health.failed > 0)
		return text_format("failed %lldx", (long long)backend->health.failed);
	if (!strcmp(backend->health.state, "unknown"))
		return text_format("waiting");
	return text_format("ok %lldms", (long long)backend->health.last_duration_ms);
}

/* "added by command, weight 50 by command (file: 100)" */
static char *describe_differences(const struct view_backend *backend)
{
	char *weight = NULL, *text;

	if (view_holds(backend->differs, "weight"))
		weight = text_format("weight set by command (%lld in the file)",
				     (long long)backend->declared_weight);
	text = text_format(
		"%s%s%s%s%s", view_holds(backend->differs, "added") ? ", added by command" : "",
		view_holds(backend->differs, "removed") ? ", removed by command" : "",
		view_holds(backend->differs, "drained") ? ", drained by command" : "",
		view_holds(backend->differs, "undrained") ? ", undrained by command" : "",
		weight ? ", " : "");
	if (weight) {
		char *whole = text_format("%s%s", text, weight);

		free(text);
		free(weight);
		return whole;
	}
	return text;
}

/* What only some backends have: "gue, server id 0a0b, 12 active flows". */
static void show_kind(struct table *table, const struct view_backend *backend, size_t indent)
{
	bool tunnel = strcmp(backend->encapsulation, "ipip") != 0, id = *backend->server_id;
	char count[FORMAT_BYTES];
	char *active = backend->active < 0 ? NULL
					   : text_format("%s active flows",
							 format_count(backend->active, count));

	if (tunnel || id || active)
		table_line(table, COLOR_NONE, indent, "%s%s%s%s%s%s",
			   tunnel ? backend->encapsulation : "", tunnel && id ? ", " : "",
			   id ? "server id " : "", backend->server_id,
			   active && (tunnel || id) ? ", " : "", active ? active : "");
	free(active);
}

char *show_agent(const struct view_backend *backend)
{
	char *said, *text;

	if (!backend->agent.health)
		return NULL;
	if (backend->agent.heard)
		said = text_format("%s, %s, %lld %%%s%s", backend->agent.health,
				   backend->agent.admin, (long long)backend->agent.percent,
				   *backend->agent.reason ? ": " : "", backend->agent.reason);
	else
		said = text_format("nothing heard so far");
	if (!*backend->agent.error)
		return said;
	text = text_format("%s (last question: %s)", said, backend->agent.error);
	free(said);
	return text;
}

static void show_agent_note(struct table *table, const struct view_backend *backend, size_t indent)
{
	char *text = show_agent(backend);

	if (text)
		table_line(table, *backend->agent.error ? COLOR_YELLOW : COLOR_NONE, indent,
			   "agent: %s", text);
	free(text);
}

static void show_what_is_left(struct table *table, const struct view_backend *backend,
			      size_t indent)
{
	char slots[FORMAT_BYTES], exceptions[FORMAT_BYTES], named[FORMAT_BYTES];

	format_count(backend->named_slots, named);
	if (backend->gone && backend->named_slots)
		table_line(table, COLOR_NONE, indent,
			   "no connection of it is known; %s slots name it, for those that are not",
			   named);
	else if (backend->gone)
		table_line(table, COLOR_NONE, indent, "nothing of it is left");
	else
		table_line(table, COLOR_NONE, indent,
			   "%s moving slots, %s recorded connections left%s%s%s",
			   format_count(backend->leaving_slots, slots),
			   format_count(backend->exceptions, exceptions),
			   backend->named_slots ? ", " : "", backend->named_slots ? named : "",
			   backend->named_slots ? " slots name it" : "");
}

static void show_notes(struct table *table, const struct view_backend *backend, size_t indent)
{
	bool leaving = !strcmp(backend->state, "draining") || !strcmp(backend->state, "removing");
	char *differences;

	if (*backend->reason)
		table_line(table, state_color(backend->state), indent, "%s: %s", backend->state,
			   backend->reason);
	show_kind(table, backend, indent);
	show_agent_note(table, backend, indent);
	if (*backend->health.error && !strstr(backend->reason, backend->health.error))
		table_line(table, COLOR_YELLOW, indent, "last failed check: %s",
			   backend->health.error);
	if (*backend->health.warning)
		table_line(table, COLOR_YELLOW, indent, "warning: %s", backend->health.warning);
	if (leaving)
		show_what_is_left(table, backend, indent);
	differences = describe_differences(backend);
	if (*differences)
		table_line(table, COLOR_NONE, indent, "* differs from the file: %s",
			   differences + strlen(", "));
	free(differences);
}

void show_backend(struct table *table, const struct view_backend *backend, bool with_service,
		  size_t indent)
{
	bool differs = json_array_size(backend->differs) > 0;
	char text[FORMAT_BYTES], *check = check_cell(backend);

	if (with_service)
		table_cell(table, COLOR_NONE, "%s", backend->service);
	table_cell(table, COLOR_NONE, "%s%s", backend->name, differs ? "*" : "");
	table_cell(table, COLOR_NONE, "%s", backend->address);
	if (backend->effective_weight == backend->weight)
		table_cell(table, COLOR_NONE, "%lld", (long long)backend->weight);
	else
		table_cell(table, COLOR_YELLOW, "%lld/%lld", (long long)backend->effective_weight,
			   (long long)backend->weight);
	table_cell(table, state_color(backend->state), "%s", backend->state);
	table_cell(table, COLOR_NONE, "%s", format_share(backend->share, text));
	table_cell(table, COLOR_NONE, "%s", format_count(backend->connections, text));
	table_cell(table, COLOR_NONE, "%s", format_count(backend->packets, text));
	table_cell(table, backend->health.failed > 0 ? COLOR_RED : COLOR_NONE, "%s", check);
	free(check);
	show_notes(table, backend, indent + NOTE_INDENT);
}

bool show_backends(struct table *table, const json_t *backends, bool with_service, size_t indent)
{
	struct view_backend backend;

	if (json_array_size(backends))
		table_titles(table);
	for (size_t i = 0; i < json_array_size(backends); i++) {
		if (!view_backend(json_array_get(backends, i), &backend))
			return false;
		show_backend(table, &backend, with_service, indent);
	}
	return true;
}

static bool say_backend(json_t *json)
{
	struct view_backend backend;

	if (!view_backend(json, &backend))
		return false;
	say("%s/%s %s: %s, weight %lld%s%s%s\n", backend.service, backend.name, backend.address,
	    backend.state, (long long)backend.weight, *backend.reason ? " (" : "", backend.reason,
	    *backend.reason ? ")" : "");
	return true;
}

bool show_changed(json_t *result)
{
	const json_t *backends = view_array(result, "backends");

	if (!backends)
		return false;
	for (size_t i = 0; i < json_array_size(backends); i++)
		if (!say_backend(json_array_get(backends, i)))
			return false;
	return true;
}

int show_answer(const struct invocation *invocation, const char *command, json_t *arguments,
		bool (*show)(json_t *result))
{
	json_t *result;
	int code = client_ask(invocation->socket, command, arguments, &result);

	if (code)
		return code;
	if (invocation->json)
		print_json(result);
	else if (!show(result))
		code = EXIT_UNREACHABLE;
	json_decref(result);
	return code;
}

void show_unsaved(const struct invocation *invocation)
{
	struct client_answer answer;
	const char *problem;

	if (client_call(invocation->socket, "version", NULL, CLIENT_TIMEOUT_MS, &answer) ==
	    EXIT_DONE) {
		problem = json_string_value(json_object_get(answer.result, "unsaved"));
		if (problem)
			complain("warning: this is in effect, but not saved, and a reboot would "
				 "undo it: %s",
				 problem);
	}
	client_answer_free(&answer);
}

int show_change(const struct invocation *invocation, const char *command, json_t *more, bool silent)
{
	json_t *arguments = more ? more : require_memory(json_object()), *result;
	int code;

	json_object_set_new(arguments, "service", json_string(invocation->operands[0]));
	json_object_set_new(arguments, "name", json_string(invocation->operands[1]));
	code = client_ask(invocation->socket, command, arguments, &result);
	if (code)
		return code;
	if (invocation->json && !silent)
		print_json(result);
	else if (!silent && !say_backend(json_object_get(result, "backend")))
		code = EXIT_UNREACHABLE;
	json_decref(result);
	show_unsaved(invocation);
	return code;
}

char *show_endpoint(const struct view_service *service)
{
	return text_format(strchr(service->address, ':') ? "[%s]:%s" : "%s:%s", service->address,
			   service->ports);
}

char *show_check(const struct view_service *service)
{
	const struct view_check *check = &service->check;
	char text[FORMAT_BYTES];

	if (!check->type)
		return text_format("none");
	return text_format("%s :%lld%s%s every %s", check->type, (long long)check->port,
			   check->path ? check->path : "", check->tunnel ? " via tunnel" : "",
			   format_ms(check->interval_ms, text));
}
