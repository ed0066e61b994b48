/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise service list, poise service show. */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "poise.h"
#include "show.h"
#include "table.h"
#include "text.h"
#include "view.h"

static const struct table_column columns[] = {
	{ .title = "SERVICE", .shrink_to = 8 },
	{ .title = "ADDRESS", .shrink_to = 16 },
	{ .title = "PROTOCOL" },
	{ .title = "SCHEDULER" },
	{ .title = "UP", .right = true },
	{ .title = "OF", .right = true },
	{ .title = "MOVING", .right = true },
	{ .title = "PACKETS", .right = true },
	{ .title = "BYTES", .right = true },
	{ .title = "CHECK", .shrink_to = 6 },
};

static void add_row(struct table *table, const struct view_service *service)
{
	char text[FORMAT_BYTES], *endpoint = show_endpoint(service), *check = show_check(service);

	table_cell(table, COLOR_NONE, "%s", service->name);
	table_cell(table, COLOR_NONE, "%s", endpoint);
	table_cell(table, COLOR_NONE, "%s", service->protocol);
	table_cell(table, COLOR_NONE, "%s", service->scheduler);
	table_cell(table,
		   service->backends_up == 0			    ? COLOR_RED
		   : service->backends_up < service->backends_total ? COLOR_YELLOW
								    : COLOR_GREEN,
		   "%lld", (long long)service->backends_up);
	table_cell(table, COLOR_NONE, "%lld", (long long)service->backends_total);
	table_cell(table, COLOR_NONE, "%s", format_count(service->moving_slots, text));
	table_cell(table, COLOR_NONE, "%s", format_count(service->packets, text));
	table_cell(table, COLOR_NONE, "%s", format_bytes(service->bytes, text));
	table_cell(table, COLOR_NONE, "%s", check);
	free(endpoint);
	free(check);
}

static bool show_list(json_t *result)
{
	const json_t *services = view_array(result, "services");
	struct table *table;
	struct view_service service;

	if (!services)
		return false;
	table = table_new(columns, sizeof(columns) / sizeof(*columns), 0);
	table_titles(table);
	for (size_t i = 0; i < json_array_size(services); i++) {
		if (!view_service(json_array_get(services, i), &service)) {
			table_free(table);
			return false;
		}
		add_row(table, &service);
	}
	table_print(table, stdout);
	table_free(table);
	return true;
}

/* Each on a line, those within others by their whole way: "tls.ca_file /etc/ca.pem". */
static void say_settings(const json_t *settings, const char *outer)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)settings, key, value) {
		if (json_is_object(value)) {
			say_settings(value, key);
			continue;
		}
		say("             %s%s%s", outer, *outer ? "." : "", key);
		for (size_t i = 0; i < json_array_size(value); i++)
			say(" %s", json_string_value(json_array_get(value, i)));
		say("%s%s\n", json_is_string(value) ? " " : "",
		    json_is_string(value) ? json_string_value(value) : "");
	}
}

static void say_check(const struct view_check *check)
{
	char interval[FORMAT_BYTES], timeout[FORMAT_BYTES];

	if (!check->type) {
		say("check        none: its backends count as up\n");
		return;
	}
	say("check        %s port %lld every %s, timeout %s, rise %lld, fall %lld\n", check->type,
	    (long long)check->port, format_ms(check->interval_ms, interval),
	    format_ms(check->timeout_ms, timeout), (long long)check->rise, (long long)check->fall);
	if (check->tunnel)
		say("             via tunnel%s\n",
		    check->probe_mtu ? ", probe_mtu: with a packet of full size" : "");
	if (check->settings) {
		say_settings(check->settings, "");
		return;
	}
	if (check->path)
		say("             path %s\n", check->path);
	if (check->expect)
		say("             expects status %s\n", check->expect);
	if (check->host)
		say("             host %s\n", check->host);
	if (check->body)
		say("             body holds \"%s\"\n", check->body);
}

static void say_ring(const struct view_service *service)
{
	char text[FORMAT_BYTES];

	say("ring         %lld slots, %lld moving", (long long)service->ring_size,
	    (long long)service->moving_slots);
	if (service->named_slots)
		say(", %lld name other backends", (long long)service->named_slots);
	say("\n");
	if (service->waiting_slots)
		say("waiting      %lld slots keep their owner for up to %s, for connections that "
		    "are young\n",
		    (long long)service->waiting_slots,
		    format_age((service->waiting_ms + 999) / 1000, text));
	if (service->second_chance)
		say("moves        second chance, exceptions %s\n",
		    service->exceptions ? "on" : "off");
	else if (!service->exceptions)
		say("moves        exceptions off: connections break\n");
}

static void say_choice(const struct view_service *service)
{
	char text[FORMAT_BYTES];

	say("scheduler    %s%s%s\n", service->scheduler,
	    strcmp(service->affinity, "none") ? ", affinity " : "",
	    strcmp(service->affinity, "none") ? service->affinity : "");
	if (service->udp)
		say("udp          %s\n", service->udp);
	if (service->idle_ms >= 0)
		say("flows        recorded, forgotten when idle for %s\n",
		    format_ms(service->idle_ms, text));
	if (service->quic_length)
		say("quic         config %lld, server ids of %lld bytes\n",
		    (long long)service->quic_config, (long long)service->quic_length);
	say("tunnel       %s\n", service->encapsulation);
}

static void say_availability(const struct view_service *service)
{
	char text[FORMAT_BYTES];

	if (service->slow_start_ms)
		say("slow start   %s\n", format_ms(service->slow_start_ms, text));
	if (service->panic)
		say("panic        now: fewer than %lld%% of the backends are up, all are used\n",
		    (long long)service->panic_threshold);
	else if (service->panic_threshold)
		say("panic        no: with fewer than %lld%% up all would be used\n",
		    (long long)service->panic_threshold);
}

static bool show_one(json_t *result)
{
	struct view_service service;
	char *endpoint, text[FORMAT_BYTES];
	struct table *table;
	bool understood;

	if (!view_service(json_object_get(result, "service"), &service))
		return false;
	table = show_backend_table(false, 0);
	understood = show_backends(table, service.backends, false, 0);
	if (understood) {
		endpoint = show_endpoint(&service);
		say("service      %s\n", service.name);
		say("address      %s %s\n", endpoint, service.protocol);
		say_ring(&service);
		say_choice(&service);
		say("on down      %s\n", service.on_down);
		say_check(&service.check);
		say("backends     %lld of %lld up\n", (long long)service.backends_up,
		    (long long)service.backends_total);
		say_availability(&service);
		say("packets      %lld\n", (long long)service.packets);
		say("bytes        %s\n", format_bytes(service.bytes, text));
		if (json_array_size(service.backends))
			say("\n");
		table_print(table, stdout);
		free(endpoint);
	}
	table_free(table);
	return understood;
}

int cmd_service_list(const struct invocation *invocation)
{
	return show_answer(invocation, "service-list", NULL, show_list);
}

int cmd_service_show(const struct invocation *invocation)
{
	return show_answer(invocation, "service-show",
			   json_pack("{s:s}", "service", invocation->operands[0]), show_one);
}
