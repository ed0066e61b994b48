/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static bool complain_of(const char *what, const char *why)
{
	complain("poised's answer is not understood (%s: %s): are poise and poised of the same "
		 "release?",
		 what, why);
	return false;
}

bool view_unpack(json_t *json, const char *what, const char *format, ...)
{
	json_error_t error;
	va_list arguments;
	int result;

	va_start(arguments, format);
	result = json_vunpack_ex(json, &error, 0, format, arguments);
	va_end(arguments);
	return result == 0 || complain_of(what, error.text);
}

json_t *view_array(const json_t *object, const char *name)
{
	json_t *array = json_object_get(object, name);

	if (json_is_array(array))
		return array;
	complain_of(name, "not a list");
	return NULL;
}

bool view_holds(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *item = json_string_value(json_array_get(list, i));

		if (item && !strcmp(item, text))
			return true;
	}
	return false;
}

/* Text that may be missing or null. */
static const char *optional(const json_t *object, const char *name, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : otherwise;
}

/* A number that an older poised does not tell. */
static json_int_t number(const json_t *object, const char *name, json_int_t otherwise)
{
	const json_t *value = json_object_get(object, name);

	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

/* A number, or null for -1. */
static bool number_or_null(const json_t *object, const char *name, json_int_t *out)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_integer(value) && !json_is_null(value))
		return complain_of(name, "neither a number nor null");
	*out = json_is_null(value) ? -1 : json_integer_value(value);
	return true;
}

/* What a poised that asks no agents leaves out counts as none. */
static bool view_agent(json_t *json, struct view_backend *out)
{
	int heard;

	out->agent.health = NULL;
	if (!json || json_is_null(json))
		return true;
	if (!view_unpack(json, "agent", "{s:b, s:s, s:s, s:I, s:s, s:s}", "heard", &heard, "health",
			 &out->agent.health, "admin", &out->agent.admin, "percent",
			 &out->agent.percent, "reason", &out->agent.reason, "error",
			 &out->agent.error))
		return false;
	out->agent.heard = heard;
	return true;
}

bool view_backend(json_t *json, struct view_backend *out)
{
	json_t *next_hop, *differs, *health;
	int gone;

	if (!view_unpack(json, "backend",
			 "{s:s, s:s, s:s, s:I, s:s, s:s, s:o, s:o, s:o, s:I, s:F, s:I, s:I,"
			 " s:b, s:I, s:I, s:I, s:s, s:s}",
			 "service", &out->service, "name", &out->name, "address", &out->address,
			 "weight", &out->weight, "state", &out->state, "reason", &out->reason,
			 "differs", &differs, "health", &health, "next_hop", &next_hop, "slots",
			 &out->slots, "share", &out->share, "leaving_slots", &out->leaving_slots,
			 "exceptions", &out->exceptions, "gone", &gone, "packets", &out->packets,
			 "bytes", &out->bytes, "connections", &out->connections, "encapsulation",
			 &out->encapsulation, "server_id", &out->server_id))
		return false;
	if (!view_agent(json_object_get(json, "agent"), out))
		return false;
	out->named_slots = number(json, "named_slots", 0);
	if (!number_or_null(json, "declared_weight", &out->declared_weight) ||
	    !number_or_null(json, "active", &out->active))
		return false;
	if (!view_unpack(health, "health", "{s:s, s:I, s:I, s:s, s:I, s:I, s:I}", "state",
			 &out->health.state, "passed", &out->health.passed, "failed",
			 &out->health.failed, "error", &out->health.error, "checked_at",
			 &out->health.checked_at, "changed_at", &out->health.changed_at,
			 "last_duration_ms", &out->health.last_duration_ms))
		return false;
	out->health.warning = optional(health, "warning", "");
	if (!view_unpack(next_hop, "next_hop", "{s:s, s:s}", "state", &out->next_hop.state, "text",
			 &out->next_hop.text))
		return false;
	if (!json_is_array(differs))
		return complain_of("differs", "not a list");
	out->effective_weight = number(json, "effective_weight", out->weight);
	out->differs = differs;
	out->gone = gone;
	out->next_hop.interface = optional(next_hop, "interface", "");
	out->next_hop.gateway = optional(next_hop, "gateway", "");
	out->next_hop.mac = optional(next_hop, "mac", "");
	out->next_hop.mtu = json_integer_value(json_object_get(next_hop, "mtu"));
	return true;
}

bool view_check(json_t *json, struct view_check *out)
{
	*out = (struct view_check){ .type = NULL };
	if (json_is_null(json))
		return true;
	if (!view_unpack(json, "check", "{s:s, s:I, s:I, s:I, s:I, s:I}", "type", &out->type,
			 "port", &out->port, "interval_ms", &out->interval_ms, "timeout_ms",
			 &out->timeout_ms, "rise", &out->rise, "fall", &out->fall))
		return false;
	out->path = optional(json, "path", NULL);
	out->host = optional(json, "host", NULL);
	out->body = optional(json, "body", NULL);
	out->expect = optional(json, "expect", NULL);
	out->tunnel = strcmp(optional(json, "via", "direct"), "tunnel") == 0;
	out->probe_mtu = json_is_true(json_object_get(json, "probe_mtu"));
	out->settings = json_object_get(json, "settings");
	return !out->settings || json_is_object(out->settings) ||
	       complain_of("settings", "not an object");
}

static bool view_quic(json_t *json, struct view_service *out)
{
	out->quic_config = out->quic_length = 0;
	return json_is_null(json) ||
	       view_unpack(json, "quic", "{s:I, s:I}", "config_id", &out->quic_config,
			   "server_id_length", &out->quic_length);
}

bool view_service(json_t *json, struct view_service *out)
{
	json_t *check, *quic;

	if (!view_unpack(json, "service",
			 "{s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:s, s:s,"
			 " s:s, s:o}",
			 "name", &out->name, "address", &out->address, "ports", &out->ports,
			 "protocol", &out->protocol, "ring_size", &out->ring_size, "on_down",
			 &out->on_down, "moving_slots", &out->moving_slots, "backends_up",
			 &out->backends_up, "backends_total", &out->backends_total, "packets",
			 &out->packets, "bytes", &out->bytes, "check", &check, "scheduler",
			 &out->scheduler, "affinity", &out->affinity, "encapsulation",
			 &out->encapsulation, "quic", &quic) ||
	    !number_or_null(json, "idle_ms", &out->idle_ms) || !view_quic(quic, out))
		return false;
	out->udp = optional(json, "udp", NULL);
	out->named_slots = number(json, "named_slots", 0);
	out->waiting_slots = number(json, "waiting_slots", 0);
	out->waiting_ms = number(json, "waiting_ms", 0);
	out->second_chance = json_is_true(json_object_get(json, "second_chance"));
	out->exceptions = !json_is_false(json_object_get(json, "exceptions"));
	out->panic = json_is_true(json_object_get(json, "panic"));
	out->panic_threshold = number(json, "panic_threshold", 0);
	out->slow_start_ms = number(json, "slow_start_ms", 0);
	out->backends = json_object_get(json, "backends");
	if (out->backends && !json_is_array(out->backends))
		return complain_of("backends", "not a list");
	return view_check(check, &out->check);
}

bool view_interface(json_t *json, struct view_interface *out)
{
	int attached;

	if (!view_unpack(json, "interface", "{s:s, s:s, s:s, s:b}", "name", &out->name, "mode",
			 &out->mode, "chain", &out->chain, "attached", &attached))
		return false;
	out->attached = attached;
	out->problem = json_string_value(json_object_get(json, "problem"));
	out->renamed = json_string_value(json_object_get(json, "renamed"));
	out->configured = !json_is_false(json_object_get(json, "configured"));
	return true;
}

json_int_t view_uptime_ms(const json_t *answer)
{
	const json_t *uptime = json_object_get(answer, "uptime_ms");

	return json_is_integer(uptime) ? json_integer_value(uptime) : -1;
}

bool view_status(json_t *json, struct view_status *out)
{
	if (!view_unpack(json, "status", "{s:s, s:I, s:s, s:s, s:I, s:{s:I, s:I}}", "version",
			 &out->version, "abi", &out->abi, "config", &out->config, "pin_path",
			 &out->pin_path, "settle_ms", &out->settle_ms, "flows", "entries",
			 &out->flow_entries, "used", &out->flows_used))
		return false;
	out->uptime_ms = view_uptime_ms(json);
	out->applied_from = json_string_value(json_object_get(json, "applied_from"));
	out->state_problem =
		json_string_value(json_object_get(json_object_get(json, "state"), "problem"));
	out->interfaces = view_array(json, "interfaces");
	out->services = view_array(json, "services");
	return out->interfaces && out->services;
}

bool view_say_lines(const json_t *list, const char *name, const char *prefix)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *line;

		if (!view_unpack(json_array_get(list, i), name, "s", &line))
			return false;
		say("%s%s\n", prefix, line);
	}
	return true;
}

void print_json(const json_t *value)
{
	/* Escaped to ASCII, so that no sequence in a text reaches the terminal. */
	json_dumpf(value, stdout,
		   JSON_ENSURE_ASCII | (text_on_terminal() ? JSON_INDENT(2) : JSON_COMPACT));
	putchar('\n');
}
