/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "top_columns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BITS = 8, MS_IN_FULL = 9999, ANY_WIDTH = 500 };
static const double MAX_RATE = 9e18; /* of what fits an int64_t */

const char *top_rate_format(double rate, char text[FORMAT_BYTES])
{
	if (isnan(rate))
		return "-";
	if (rate > 0 && rate < 0.05)
		return "<0.1";
	if (rate > 0 && rate < 9.95)
		snprintf(text, FORMAT_BYTES, "%.1f", rate);
	else
		format_count(rate < MAX_RATE ? (int64_t)(rate + 0.5) : INT64_MAX, text);
	return text;
}

static struct top_key text_key(const char *text)
{
	return (struct top_key){ .text = text, .number = NAN };
}

static struct top_key number_key(double number)
{
	return (struct top_key){ .number = number };
}

/* Of texts and numbers that only a second answer tells. */
static const char *or_dash(const char *text)
{
	return text ? text : "-";
}

static struct top_key name_key(const struct top_item *item)
{
	return text_key(item->name);
}

static const char *name_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	(void)text;
	return item->name;
}

static struct top_key packets_key(const struct top_item *item)
{
	return number_key(item->counters[TOP_PACKETS].rate);
}

static const char *packets_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	return top_rate_format(item->counters[TOP_PACKETS].rate, text);
}

static struct top_key bits_key(const struct top_item *item)
{
	return number_key(item->counters[TOP_BYTES].rate);
}

static const char *bits_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	return top_rate_format(item->counters[TOP_BYTES].rate * BITS, text);
}

static struct top_key connections_key(const struct top_item *item)
{
	return number_key(item->counters[TOP_CONNECTIONS].rate);
}

static const char *connections_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	return top_rate_format(item->counters[TOP_CONNECTIONS].rate, text);
}

/* Services. */

static struct top_key endpoint_key(const struct top_item *item)
{
	return text_key(item->as_service.endpoint);
}

static const char *endpoint_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	(void)text;
	return or_dash(item->as_service.endpoint);
}

static struct top_key protocol_key(const struct top_item *item)
{
	return text_key(item->as_service.protocol);
}

static const char *protocol_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	(void)text;
	return or_dash(item->as_service.protocol);
}

static struct top_key up_key(const struct top_item *item)
{
	const struct top_service *service = &item->as_service;

	return number_key(service->total ? (double)service->up / service->total : NAN);
}

static const char *up_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	snprintf(text, FORMAT_BYTES, "%ld/%ld", (long)item->as_service.up,
		 (long)item->as_service.total);
	return text;
}

static struct top_key moving_key(const struct top_item *item)
{
	return number_key(item->as_service.endpoint ? (double)item->as_service.moving_slots : NAN);
}

static const char *moving_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	return item->as_service.endpoint ? format_count(item->as_service.moving_slots, text) : "-";
}

static struct top_key panic_key(const struct top_item *item)
{
	return number_key(item->as_service.panic);
}

static const char *panic_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	(void)text;
	return item->as_service.panic ? "PANIC" : "";
}

/* Backends. */

static struct top_key service_key(const struct top_item *item)
{
	return text_key(item->service);
}

static const char *service_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	(void)text;
	return item->service;
}

static struct top_key state_key(const struct top_item *item)
{
	return text_key(item->as_backend.state);
}

static const char *state_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	(void)text;
	return or_dash(item->as_backend.state);
}

static double known(const struct top_item *item, double number)
{
	return item->as_backend.known ? number : NAN;
}

static struct top_key weight_key(const struct top_item *item)
{
	return number_key(known(item, item->as_backend.effective_weight));
}

static const char *weight_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	const struct top_backend *backend = &item->as_backend;

	if (!backend->known)
		return "-";
	if (backend->effective_weight == backend->weight)
		snprintf(text, FORMAT_BYTES, "%ld", (long)backend->weight);
	else
		snprintf(text, FORMAT_BYTES, "%ld/%ld", (long)backend->effective_weight,
			 (long)backend->weight);
	return text;
}

static struct top_key share_key(const struct top_item *item)
{
	return number_key(known(item, item->as_backend.share));
}

static const char *share_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	return item->as_backend.known ? format_share(item->as_backend.share, text) : "-";
}

static struct top_key active_key(const struct top_item *item)
{
	return number_key(item->as_backend.active < 0 ? NAN : known(item, item->as_backend.active));
}

static const char *active_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	if (!item->as_backend.known || item->as_backend.active < 0)
		return "-";
	return format_count(item->as_backend.active, text);
}

static struct top_key check_key(const struct top_item *item)
{
	return number_key(known(item, item->as_backend.duration_ms));
}

static const char *check_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	const struct top_backend *backend = &item->as_backend;

	if (!backend->known || !strcmp(backend->check, "unknown"))
		return "-";
	if (!strcmp(backend->check, "none"))
		return "none";
	if (!strcmp(backend->check, "down"))
		return "failed";
	if (backend->duration_ms > MS_IN_FULL)
		return format_age(backend->duration_ms / 1000, text);
	snprintf(text, FORMAT_BYTES, "%ldms", (long)backend->duration_ms);
	return text;
}

static struct top_key reason_key(const struct top_item *item)
{
	return text_key(item->as_backend.reason);
}

static const char *reason_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	(void)text;
	return item->as_backend.reason ? item->as_backend.reason : "";
}

/* What is counted. */

static struct top_key verdict_key(const struct top_item *item)
{
	return text_key(item->as_event.verdict);
}

static const char *verdict_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	(void)text;
	return or_dash(item->as_event.verdict);
}

static struct top_key count_key(const struct top_item *item)
{
	return number_key(item->counters[TOP_PACKETS].value);
}

static const char *count_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	return format_count(item->counters[TOP_PACKETS].value, text);
}

static struct top_key meaning_key(const struct top_item *item)
{
	return text_key(item->as_event.meaning);
}

static const char *meaning_cell(const struct top_item *item, char text[FORMAT_BYTES])
{
	(void)text;
	return or_dash(item->as_event.meaning);
}

static const struct top_column service_columns[] = {
	{ "SERVICE", 11, 32, false, false, name_key, name_cell },
	{ "ADDRESS", 18, 56, false, false, endpoint_key, endpoint_cell },
	{ "PROTO", 5, 5, false, false, protocol_key, protocol_cell },
	{ "UP", 9, 11, true, false, up_key, up_cell },
	{ "PKT/S", 6, 6, true, true, packets_key, packets_cell },
	{ "BIT/S", 6, 6, true, true, bits_key, bits_cell },
	{ "CONN/S", 6, 6, true, true, connections_key, connections_cell },
	{ "MOVING", 6, 6, true, true, moving_key, moving_cell },
	{ "PANIC", 5, 5, false, true, panic_key, panic_cell },
};

/* The first one is left out where they are all of one service. */
static const struct top_column backend_columns[] = {
	{ "SERVICE", 9, 32, false, false, service_key, service_cell },
	{ "BACKEND", 9, 32, false, false, name_key, name_cell },
	{ "STATE", 8, 8, false, false, state_key, state_cell },
	{ "WEIGHT", 9, 9, true, true, weight_key, weight_cell },
	{ "SHARE", 6, 6, true, true, share_key, share_cell },
	{ "PKT/S", 6, 6, true, true, packets_key, packets_cell },
	{ "BIT/S", 6, 6, true, true, bits_key, bits_cell },
	{ "CONN/S", 6, 6, true, true, connections_key, connections_cell },
	{ "ACTIVE", 6, 6, true, true, active_key, active_cell },
	{ "CHECK", 6, 6, true, true, check_key, check_cell },
	{ "REASON", 12, ANY_WIDTH, false, false, reason_key, reason_cell },
};

static const struct top_column event_columns[] = {
	{ "NAME", 26, 40, false, false, name_key, name_cell },
	{ "VERDICT", 7, 7, false, false, verdict_key, verdict_cell },
	{ "PER S", 6, 6, true, true, packets_key, packets_cell },
	{ "COUNT", 6, 6, true, true, count_key, count_cell },
	{ "MEANING", 20, ANY_WIDTH, false, false, meaning_key, meaning_cell },
};

#define TABLE(columns, skip, usual)                                                                \
	{                                                                                          \
		(columns) + (skip), sizeof(columns) / sizeof(*(columns)) - (skip), usual           \
	}

const struct top_table *top_table(enum top_kind kind, bool one_service)
{
	static const struct top_table of_one = TABLE(backend_columns, 1, 4);
	static const struct top_table tables[TOP_KINDS] = {
		TABLE(service_columns, 0, 4),
		TABLE(backend_columns, 0, 5),
		TABLE(event_columns, 0, 2),
	};

	return kind == TOP_BACKENDS && one_service ? &of_one : &tables[kind];
}

static bool holds(const char *text, const char *filter)
{
	return text && top_text_holds(text, filter);
}

bool top_item_holds_service(const struct top_item *item, const char *filter)
{
	return holds(item->name, filter) || holds(item->as_service.endpoint, filter) ||
	       holds(item->as_service.protocol, filter) ||
	       (item->as_service.panic && holds("panic", filter));
}

bool top_item_holds_backend(const struct top_item *item, const char *filter)
{
	const struct top_backend *backend = &item->as_backend;

	return holds(item->service, filter) || holds(item->name, filter) ||
	       holds(backend->address, filter) || holds(backend->state, filter) ||
	       holds(backend->reason, filter);
}

bool top_item_holds_event(const struct top_item *item, const char *filter)
{
	return holds(item->name, filter) || holds(item->as_event.verdict, filter) ||
	       holds(item->as_event.meaning, filter);
}

static enum color backend_color(const struct top_backend *backend)
{
	if (!backend->state || !strcmp(backend->state, "up"))
		return COLOR_NONE;
	return strcmp(backend->state, "down") ? COLOR_YELLOW : COLOR_RED;
}

enum color top_item_color(enum top_kind kind, const struct top_item *item)
{
	const struct top_service *service = &item->as_service;

	if (kind == TOP_BACKENDS)
		return backend_color(&item->as_backend);
	if (kind == TOP_EVENTS)
		return !strcmp(item->as_event.verdict, "drop") &&
				       item->counters[TOP_PACKETS].rate > 0
			       ? COLOR_YELLOW
			       : COLOR_NONE;
	if (service->panic || (service->total > 0 && service->up == 0))
		return COLOR_RED;
	return service->up < service->total ? COLOR_YELLOW : COLOR_NONE;
}
