/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A service's check as JSON: what every type has, and 'settings', the type's own keys as in a file.
 */
#include "config_check.h"
#include "config_check_keys.h"
#include "config_keys.h"
#include "report.h"

static json_t *report_node(const struct config_node *node)
{
	json_t *out;

	switch (node->kind) {
	case NODE_MAPPING:
		out = json_object();
		for (size_t i = 0; i < node->count; i++)
			json_object_set_new(out, node->items[i].key, report_node(&node->items[i]));
		return out;
	case NODE_VALUES:
		out = json_array();
		for (size_t i = 0; i < node->count; i++)
			json_array_append_new(out, report_node(&node->items[i]));
		return out;
	default:
		return json_string(node->text);
	}
}

static json_t *report_settings(const struct config_service *service)
{
	struct config_node *tree = config_check_tree(service);
	json_t *out = json_object();

	for (size_t i = 0; tree && i < tree->count; i++)
		if (config_check_owns_key(service->check.type, tree->items[i].key))
			json_object_set_new(out, tree->items[i].key, report_node(&tree->items[i]));
	config_keys_free(tree);
	return out;
}

/* These of http stood here before there were 'settings'. */
static void add_http(json_t *out, const json_t *settings)
{
	static const char *const keys[] = { "path", "expect", "host", "body" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *value = json_object_get(settings, keys[i]);

		if (value)
			json_object_set(out, keys[i], value);
	}
}

json_t *report_check(const struct config_service *service)
{
	const struct config_check *check = &service->check;
	json_t *out, *settings;

	if (check->type == CHECK_NONE)
		return json_null();
	settings = report_settings(service);
	out = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s, s:b}", "type",
			config_check_type_text(check->type), "port", check->port, "interval_ms",
			check->interval_ms, "fast_interval_ms", check->fast_interval_ms, "jitter",
			check->jitter, "timeout_ms", check->timeout_ms, "rise", check->rise, "fall",
			check->fall, "via", check->via == CHECK_TUNNEL ? "tunnel" : "direct",
			"probe_mtu", check->probe_mtu);
	if (check->type == CHECK_HTTP || check->type == CHECK_HTTPS)
		add_http(out, settings);
	json_object_set_new(out, "settings", settings);
	return out;
}
