// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of which types of checks take which keys, and what is said of the others. */
#include "config_check_keys.h"

#include <stdio.h>
#include <string.h>

#include "yaml_tree.h"

enum { TYPES_BYTES = 128, ALL_TYPES = -1 };

const struct config_choice config_check_types[] = {
	{ "tcp", CHECK_TCP },
	{ "tls", CHECK_TLS },
	{ "http", CHECK_HTTP },
	{ "https", CHECK_HTTPS },
	{ "redis", CHECK_REDIS },
	{ "postgres", CHECK_POSTGRES },
	{ "mysql", CHECK_MYSQL },
	{ "grpc", CHECK_GRPC },
	{ "dns", CHECK_DNS },
	{ "udp", CHECK_UDP },
	{ "exec", CHECK_EXEC },
	{ "none", CHECK_NONE },
	{ 0 },
};

#define T CHECK_TYPE_BIT

/* Keys that stand nowhere here are taken by every type but 'none'. */
static const struct {
	const char *key;
	uint32_t types;
} keys[] = {
	{ "type", (uint32_t)ALL_TYPES },
	{ "via", ~(T(NONE) | T(EXEC)) },
	{ "probe_mtu", ~(T(NONE) | T(EXEC)) },
	{ "path", T(HTTP) | T(HTTPS) },
	{ "host", T(HTTP) | T(HTTPS) | T(GRPC) },
	{ "body", T(HTTP) | T(HTTPS) },
	{ "send", T(TCP) | T(TLS) | T(UDP) },
	{ "expect", T(TCP) | T(TLS) | T(HTTP) | T(HTTPS) | T(UDP) },
	{ "tls", T(TCP) | T(TLS) | T(HTTPS) | T(REDIS) | T(POSTGRES) | T(MYSQL) | T(GRPC) },
	{ "user", T(REDIS) | T(POSTGRES) | T(MYSQL) | T(EXEC) },
	{ "password_file", T(REDIS) | T(MYSQL) },
	{ "role", T(MYSQL) },
	{ "max_lag", T(MYSQL) },
	{ "service", T(GRPC) },
	{ "command", T(EXEC) },
	{ "query", T(DNS) },
	{ "query_type", T(DNS) },
	{ "rcode", T(DNS) },
};

#undef T

bool config_check_type_at(const struct config_place *place, enum check_type *out)
{
	const struct tree_node *node = tree_get(place->node, "type");
	const struct config_choice *choice;

	for (choice = config_check_types; node && choice->text; choice++) {
		if (tree_is_text(node, choice->text)) {
			*out = choice->value;
			return true;
		}
	}
	return false;
}

static uint32_t types_of(const struct tree_node *key)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (tree_is_text(key, keys[i].key))
			return keys[i].types;
	return (uint32_t)ALL_TYPES & ~CHECK_TYPE_BIT(NONE);
}

bool config_check_owns_key(enum check_type type, const char *key)
{
	const uint32_t common = CHECK_TYPE_BIT(TCP) | CHECK_TYPE_BIT(HTTP) | CHECK_TYPE_BIT(DNS);

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(keys[i].key, key))
			return (keys[i].types & common) != common && keys[i].types >> type & 1;
	return false;
}

/* "http", "http or https", "tcp, tls or udp". */
static const char *list_types(uint32_t types, char out[TYPES_BYTES])
{
	const struct config_choice *choice;
	size_t used = 0;

	out[0] = '\0';
	for (choice = config_check_types; choice->text && used < TYPES_BYTES; choice++) {
		uint32_t bit = UINT32_C(1) << choice->value;

		if (!(types & bit))
			continue;
		types &= ~bit;
		used += (size_t)snprintf(out + used, TYPES_BYTES - used, "%s%s",
					 !used	 ? ""
					 : types ? ", "
						 : " or ",
					 choice->text);
	}
	return out;
}

void config_check_refuse_keys(struct config_report *report, const struct config_place *place,
			      enum check_type type)
{
	char types[TYPES_BYTES], quoted[CONFIG_QUOTE_BYTES];
	const struct tree_node *key = place->node->items;

	for (size_t i = 0; i < place->node->count; i += 2) {
		uint32_t taken = types_of(&key[i]);
		struct config_place at = { place, NULL, 0, &key[i + 1] };

		if (taken & UINT32_C(1) << type)
			continue;
		at.key = config_quote(key[i].text, key[i].length, quoted);
		if (type == CHECK_NONE)
			config_report_place(report, &at,
					    "found in a check of type none, which takes no key "
					    "but 'type'");
		else
			config_report_place(report, &at,
					    "found in a check of type %s, allowed is %s only",
					    config_check_type_text(type), list_types(taken, types));
	}
}

void config_check_require(struct config_report *report, const struct config_place *place,
			  const char *key, const char *where)
{
	if (!tree_get(place->node, key))
		config_report_place(report, place, "key '%s' is missing, required %s", key, where);
}
