/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise status: the page that an operator lives on. */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "format.h"
#include "poise.h"
#include "show.h"
#include "table.h"
#include "text.h"
#include "view.h"

enum { INDENT = 2 };

static void add_attached(struct table *table, const struct view_interface *interface)
{
	const char *chain = strcmp(interface->chain, "dispatcher")
				    ? "chain single: Poise's program alone"
				    : "chain dispatcher";

	table_line(table, strcmp(interface->mode, "native") ? COLOR_YELLOW : COLOR_NONE, 0,
		   "interface %s: %s mode, %s", interface->name, interface->mode, chain);
	if (interface->problem)
		table_line(table, COLOR_YELLOW, INDENT, "%s", interface->problem);
}

static bool add_interfaces(struct table *table, const json_t *interfaces)
{
	struct view_interface interface;

	for (size_t i = 0; i < json_array_size(interfaces); i++) {
		if (!view_interface(json_array_get(interfaces, i), &interface))
			return false;
		if (!interface.attached)
			table_line(table, COLOR_RED, 0, "interface %s: not attached%s%s",
				   interface.name, interface.problem ? ": " : "",
				   interface.problem ? interface.problem : "");
		else
			add_attached(table, &interface);
	}
	return true;
}

/* ", 1 draining": of those that are up, some take no new connection. */
static char *draining_text(const struct view_service *service)
{
	size_t count = 0, i;
	const json_t *backend;

	json_array_foreach (service->backends, i, backend) {
		const char *state = json_string_value(json_object_get(backend, "state"));

		count += state && !strcmp(state, "draining") &&
			 !json_is_false(json_object_get(backend, "up"));
	}
	return count ? text_format(", %zu draining", count) : require_memory(strdup(""));
}

/* Backends may be up and yet drain, or have no weight. */
static bool takes_none(const struct view_service *service)
{
	const json_t *backend;
	size_t i;

	json_array_foreach (service->backends, i, backend)
		if (json_integer_value(json_object_get(backend, "slots")) > 0)
			return false;
	return json_array_size(service->backends) > 0;
}

static void add_service_line(struct table *table, const struct view_service *service)
{
	char *endpoint = show_endpoint(service), *draining = draining_text(service);
	char packets[FORMAT_BYTES], moving[FORMAT_BYTES], share[FORMAT_BYTES];
	enum color color = COLOR_BOLD;

	if (service->backends_up == 0)
		color = COLOR_RED;
	table_line(table, COLOR_NONE, 0, "%s", "");
	table_line(table, color, 0, "%s  %s %s  %lld of %lld backends up%s  %s packets",
		   service->name, endpoint, service->protocol, (long long)service->backends_up,
		   (long long)service->backends_total, draining,
		   format_count(service->packets, packets));
	if (service->backends_up > 0 && takes_none(service))
		table_line(table, COLOR_RED, INDENT,
			   "no backend takes new connections: they are dropped");
	if (service->panic)
		table_line(table, COLOR_RED, INDENT,
			   "panic: fewer than %lld%% of the backends are up, all are used",
			   (long long)service->panic_threshold);
	if (service->moving_slots > 0 && service->ring_size > 0)
		table_line(table, COLOR_YELLOW, INDENT, "moving: %s of %lld slots (%s)",
			   format_count(service->moving_slots, moving),
			   (long long)service->ring_size,
			   format_share((double)service->moving_slots / service->ring_size, share));
	if (service->named_slots > 0)
		table_line(table, COLOR_NONE, INDENT, "%s slots name other backends",
			   format_count(service->named_slots, moving));
	if (service->waiting_slots > 0)
		table_line(table, COLOR_YELLOW, INDENT,
			   "%s slots keep their owner for up to %s, for connections that are young",
			   format_count(service->waiting_slots, moving),
			   format_age((service->waiting_ms + 999) / 1000, share));
	free(draining);
	free(endpoint);
}

static bool add_services(struct table *table, const json_t *services)
{
	struct view_service service;

	if (!json_array_size(services))
		table_line(table, COLOR_NONE, 0, "no services");
	for (size_t i = 0; i < json_array_size(services); i++) {
		if (!view_service(json_array_get(services, i), &service))
			return false;
		add_service_line(table, &service);
		if (!show_backends(table, service.backends, false, INDENT))
			return false;
	}
	return true;
}

/* A poised of an earlier version may not say how long it has run. */
static void add_headline(struct table *table, const struct view_status *status)
{
	char up[FORMAT_BYTES], settle[FORMAT_BYTES];
	bool known = status->uptime_ms >= 0;

	table_line(table, COLOR_BOLD, 0, "poised %s%s%s  settle %s  %s", status->version,
		   known ? "  up " : "", known ? format_age(status->uptime_ms / 1000, up) : "",
		   format_ms(status->settle_ms, settle), status->config);
}

static bool show_status(json_t *result)
{
	struct view_status status;
	struct table *table;
	bool understood;

	if (!view_status(result, &status))
		return false;
	table = show_backend_table(false, INDENT);
	add_headline(table, &status);
	if (status.applied_from)
		table_line(table, COLOR_YELLOW, 0,
			   "the configuration was applied by command, from %s: the next reload or "
			   "start comes back to %s",
			   status.applied_from, status.config);
	if (status.state_problem)
		table_line(table, COLOR_RED, 0, "runtime changes are not saved: %s",
			   status.state_problem);
	understood =
		add_interfaces(table, status.interfaces) && add_services(table, status.services);
	if (understood)
		table_print(table, stdout);
	table_free(table);
	return understood;
}

/* Whether the program is missing on an interface of the configuration. */
static bool lost_interface(const json_t *result)
{
	const json_t *interface;
	size_t i;

	json_array_foreach (json_object_get(result, "interfaces"), i, interface)
		if (json_is_false(json_object_get(interface, "attached")))
			return true;
	return false;
}

int cmd_status(const struct invocation *invocation)
{
	json_t *result;
	int code = client_ask(invocation->socket, "status", NULL, &result);

	if (code)
		return code;
	if (invocation->json)
		print_json(result);
	else if (!show_status(result))
		code = EXIT_UNREACHABLE;
	if (!code && !invocation->lenient && lost_interface(result))
		code = EXIT_LOST;
	json_decref(result);
	return code;
}
