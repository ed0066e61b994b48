/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "top_feed.h"

#include <stdlib.h>
#include <string.h>

#include "show.h"
#include "text.h"
#include "top_model.h"
#include "view.h"

static bool feed_service(struct top_list *list, json_t *json, double at)
{
	json_int_t packets, bytes, up = 0, total = 0;
	struct top_item *item;
	const char *name;
	int panic = 0;

	if (json_unpack(json, "{s:s, s:I, s:I, s?I, s?I, s?b}", "name", &name, "packets", &packets,
			"bytes", &bytes, "backends_up", &up, "backends_total", &total, "panic",
			&panic))
		return false;
	item = top_list_put(list, "", name);
	top_counter_feed(&item->counters[TOP_PACKETS], packets, at);
	top_counter_feed(&item->counters[TOP_BYTES], bytes, at);
	item->as_service.up = up;
	item->as_service.total = total;
	item->as_service.panic = panic;
	return true;
}

static bool feed_backend(struct top_list *list, json_t *json, double at)
{
	json_int_t packets, bytes, connections;
	const char *service, *name;
	struct top_item *item;

	if (json_unpack(json, "{s:s, s:s, s:I, s:I, s:I}", "service", &service, "name", &name,
			"packets", &packets, "bytes", &bytes, "connections", &connections))
		return false;
	item = top_list_put(list, service, name);
	top_counter_feed(&item->counters[TOP_PACKETS], packets, at);
	top_counter_feed(&item->counters[TOP_BYTES], bytes, at);
	top_counter_feed(&item->counters[TOP_CONNECTIONS], connections, at);
	return true;
}

static bool feed_reason(struct top_list *list, json_t *json, double at)
{
	const char *name, *meaning, *verdict = "event";
	struct top_item *item;
	json_int_t count;

	if (json_unpack(json, "{s:s, s:I, s:s, s:s}", "name", &name, "packets", &count, "meaning",
			&meaning, "verdict", &verdict) &&
	    json_unpack(json, "{s:s, s:I, s:s}", "name", &name, "count", &count, "meaning",
			&meaning))
		return false;
	/* a reason and an event may have the same name */
	item = top_list_put(list, strcmp(verdict, "event") ? "" : verdict, name);
	top_counter_feed(&item->counters[TOP_PACKETS], count, at);
	top_text_set(&item->as_event.verdict, verdict);
	top_text_set(&item->as_event.meaning, meaning);
	return true;
}

/* Puts all of an array; a list that is wrong somewhere keeps what came before that. */
static bool feed_all(struct top_list *list, const json_t *array, double at,
		     bool (*feed)(struct top_list *, json_t *, double))
{
	for (size_t i = 0; i < json_array_size(array); i++)
		if (!feed(list, json_array_get(array, i), at))
			return false;
	return json_is_array(array);
}

bool top_feed_stats(struct top_model *model, json_t *result, double at)
{
	struct top_list *lists = model->lists;
	bool understood;

	for (int kind = 0; kind < TOP_KINDS; kind++)
		top_list_begin(&lists[kind]);
	understood =
		feed_all(&lists[TOP_SERVICES], json_object_get(result, "services"), at,
			 feed_service) &&
		feed_all(&lists[TOP_BACKENDS], json_object_get(result, "backends"), at,
			 feed_backend) &&
		feed_all(&lists[TOP_EVENTS], json_object_get(result, "reasons"), at, feed_reason) &&
		feed_all(&lists[TOP_EVENTS], json_object_get(result, "events"), at, feed_reason);
	for (int kind = 0; kind < TOP_KINDS; kind++)
		top_list_end(&lists[kind]);
	top_model_sum_connections(model);
	return understood;
}

static bool feed_service_details(struct top_item *item, json_t *json)
{
	struct top_service *service = &item->as_service;
	struct view_service view = { .name = NULL };
	const char *udp;
	char *endpoint;

	if (json_unpack(json, "{s:s, s:s, s:s, s:I}", "address", &view.address, "ports",
			&view.ports, "protocol", &view.protocol, "moving_slots",
			&view.moving_slots))
		return false;
	endpoint = show_endpoint(&view);
	top_text_set(&service->endpoint, endpoint);
	top_text_set(&service->protocol, view.protocol);
	service->moving_slots = view.moving_slots;
	udp = json_string_value(json_object_get(json, "udp"));
	service->stateless = udp && !strcmp(udp, "stateless");
	free(endpoint);
	return true;
}

static bool feed_backend_details(struct top_item *item, json_t *json)
{
	struct top_backend *backend = &item->as_backend;
	json_int_t weight, effective = -1, active = -1, declared = -1, duration;
	const char *address, *state, *reason, *check;
	json_t *number;

	if (json_unpack(json, "{s:s, s:s, s:s, s:I, s?I, s:F, s:{s:s, s:I}}", "address", &address,
			"state", &state, "reason", &reason, "weight", &weight, "effective_weight",
			&effective, "share", &backend->share, "health", "state", &check,
			"last_duration_ms", &duration))
		return false;
	number = json_object_get(json, "active");
	active = json_is_integer(number) ? json_integer_value(number) : -1;
	number = json_object_get(json, "declared_weight");
	declared = json_is_integer(number) ? json_integer_value(number) : -1;
	top_text_set(&backend->address, address);
	top_text_set(&backend->state, state);
	top_text_set(&backend->reason, reason);
	top_text_set(&backend->check, check);
	backend->weight = weight;
	backend->effective_weight = effective < 0 ? weight : effective;
	backend->declared_weight = declared;
	backend->active = active;
	backend->duration_ms = duration;
	backend->known = true;
	return true;
}

/* Names that stats has not told so far are left to the next time. */
static bool feed_details(const struct top_list *list, const json_t *array, const char *service_key,
			 bool (*feed)(struct top_item *, json_t *))
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		json_t *json = json_array_get(array, i);
		const char *name = json_string_value(json_object_get(json, "name"));
		const char *service =
			service_key ? json_string_value(json_object_get(json, service_key)) : "";
		struct top_item *item = name && service ? top_list_find(list, service, name) : NULL;

		if (!name || !service || (item && !feed(item, json)))
			return false;
	}
	return json_is_array(array);
}

bool top_feed_services(struct top_model *model, json_t *result)
{
	return feed_details(&model->lists[TOP_SERVICES], json_object_get(result, "services"), NULL,
			    feed_service_details);
}

bool top_feed_backends(struct top_model *model, json_t *result)
{
	return feed_details(&model->lists[TOP_BACKENDS], json_object_get(result, "backends"),
			    "service", feed_backend_details);
}
