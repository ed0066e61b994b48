/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise stats: every counter, in full. */
#include "commands.h"

#include <string.h>

#include "poise.h"
#include "show.h"
#include "table.h"
#include "text.h"
#include "view.h"

static const struct table_column service_columns[] = {
	{ .title = "SERVICE", .shrink_to = 8 },
	{ .title = "PACKETS", .right = true },
	{ .title = "BYTES", .right = true },
};

static const struct table_column backend_columns[] = {
	{ .title = "SERVICE", .shrink_to = 8 },	   { .title = "BACKEND", .shrink_to = 8 },
	{ .title = "PACKETS", .right = true },	   { .title = "BYTES", .right = true },
	{ .title = "CONNECTIONS", .right = true },
};

static const struct table_column reason_columns[] = {
	{ .title = "REASON" },
	{ .title = "VERDICT" },
	{ .title = "PACKETS", .right = true },
	{ .title = "MEANING", .shrink_to = 12 },
};

static const struct table_column event_columns[] = {
	{ .title = "EVENT" },
	{ .title = "COUNT", .right = true },
	{ .title = "MEANING", .shrink_to = 12 },
};

static void add_number(struct table *table, json_int_t number)
{
	table_cell(table, COLOR_NONE, "%lld", (long long)number);
}

static bool add_service(struct table *table, json_t *json)
{
	const char *name;
	json_int_t packets, bytes;

	if (!view_unpack(json, "services", "{s:s, s:I, s:I}", "name", &name, "packets", &packets,
			 "bytes", &bytes))
		return false;
	table_cell(table, COLOR_NONE, "%s", name);
	add_number(table, packets);
	add_number(table, bytes);
	return true;
}

static bool add_backend(struct table *table, json_t *json)
{
	const char *service, *name;
	json_int_t packets, bytes, connections;

	if (!view_unpack(json, "backends", "{s:s, s:s, s:I, s:I, s:I}", "service", &service, "name",
			 &name, "packets", &packets, "bytes", &bytes, "connections", &connections))
		return false;
	table_cell(table, COLOR_NONE, "%s", service);
	table_cell(table, COLOR_NONE, "%s", name);
	add_number(table, packets);
	add_number(table, bytes);
	add_number(table, connections);
	return true;
}

static bool add_reason(struct table *table, json_t *json)
{
	const char *name, *verdict, *meaning;
	json_int_t packets;
	enum color color = COLOR_NONE;

	if (!view_unpack(json, "reasons", "{s:s, s:s, s:I, s:s}", "name", &name, "verdict",
			 &verdict, "packets", &packets, "meaning", &meaning))
		return false;
	if (packets > 0 && !strcmp(verdict, "drop"))
		color = COLOR_YELLOW;
	table_cell(table, color, "%s", name);
	table_cell(table, COLOR_NONE, "%s", verdict);
	add_number(table, packets);
	table_cell(table, COLOR_NONE, "%s", meaning);
	return true;
}

static bool add_event(struct table *table, json_t *json)
{
	const char *name, *meaning;
	json_int_t count;

	if (!view_unpack(json, "events", "{s:s, s:I, s:s}", "name", &name, "count", &count,
			 "meaning", &meaning))
		return false;
	table_cell(table, COLOR_NONE, "%s", name);
	add_number(table, count);
	table_cell(table, COLOR_NONE, "%s", meaning);
	return true;
}

static const struct section {
	const char *name;
	const struct table_column *columns;
	size_t column_count;
	bool (*add)(struct table *table, json_t *json);
} sections[] = {
#define SECTION(name, columns, add)                                                                \
	{                                                                                          \
		name, columns, sizeof(columns) / sizeof(*columns), add                             \
	}
	SECTION("services", service_columns, add_service),
	SECTION("backends", backend_columns, add_backend),
	SECTION("reasons", reason_columns, add_reason),
	SECTION("events", event_columns, add_event),
};

static bool show_section(const struct section *section, const json_t *result)
{
	const json_t *list = view_array(result, section->name);
	struct table *table;
	bool understood = true;

	if (!list)
		return false;
	table = table_new(section->columns, section->column_count, 0);
	table_titles(table);
	for (size_t i = 0; i < json_array_size(list) && understood; i++)
		understood = section->add(table, json_array_get(list, i));
	if (understood)
		table_print(table, stdout);
	table_free(table);
	return understood;
}

static bool show_flows(const json_t *result)
{
	json_int_t entries, used;

	if (!view_unpack(json_object_get(result, "flows"), "flows", "{s:I, s:I}", "entries",
			 &entries, "used", &used))
		return false;
	say("\n");
	say("recorded flows: %lld of %lld places in use\n", (long long)used, (long long)entries);
	return true;
}

static bool show_all(json_t *result)
{
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		if (i)
			say("\n");
		if (!show_section(&sections[i], result))
			return false;
	}
	return show_flows(result);
}

int cmd_stats(const struct invocation *invocation)
{
	return show_answer(invocation, "stats", NULL, show_all);
}
