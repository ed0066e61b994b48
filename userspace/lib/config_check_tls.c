// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How a check speaks TLS: 'tls: true', or a mapping of what the certificate must be. */
#include "config_check_tls.h"

#include <stdlib.h>
#include <string.h>

#include "config_keys.h"
#include "config_values.h"
#include "yaml_tree.h"

enum { MAX_SERVER_NAME = CONFIG_SERVER_NAME_BYTES - 1, MAX_PATH = 4095, MAX_MIN_DAYS = 3650 };

static const struct config_range min_days_range = { .max = MAX_MIN_DAYS };
static const struct config_text server_name_text = { MAX_SERVER_NAME, config_is_server_name,
						     "a host name or IP address" };
static const struct config_text ca_file_text = { MAX_PATH, config_is_absolute_path,
						 "an absolute path" };

static const struct config_field tls_fields[] = {
	CONFIG_OPTIONAL("server_name", string, config_check_tls, server_name, &server_name_text),
	CONFIG_OPTIONAL("ca_file", string, config_check_tls, ca_file, &ca_file_text),
	CONFIG_OPTIONAL("insecure", choice, config_check_tls, insecure, config_booleans),
	CONFIG_OPTIONAL("min_days", integer, config_check_tls, min_days, &min_days_range),
};
static const struct config_section tls_section = CONFIG_SECTION(tls_fields);

static void read_mapping(struct config_report *report, const struct config_place *place,
			 struct config_check_tls *tls)
{
	struct config_place at = config_place_key(place, "ca_file");

	tls->on = true;
	config_section_read(report, place, &tls_section, tls);
	if (tls->insecure && tls->ca_file)
		config_report_place(report, &at,
				    "found with 'insecure: true', which looks at no certificate");
}

CONFIG_READ(tls)
{
	struct config_check_tls *tls = out;

	(void)field;
	if (place->node->kind == TREE_MAPPING)
		read_mapping(report, place, tls);
	else if (tree_is_text(place->node, "true"))
		tls->on = true;
	else if (!tree_is_text(place->node, "false"))
		config_report_value(report, place,
				    "allowed is true, false or a mapping of server_name, ca_file, "
				    "insecure, min_days");
}

static bool is_always_tls(enum check_type type)
{
	return type == CHECK_TLS || type == CHECK_HTTPS;
}

/* The name in a Host header, without its port; false: there is none that TLS can ask for. */
static bool name_of_host(const char *host, char name[CONFIG_SERVER_NAME_BYTES])
{
	const char *begin = host + (host[0] == '[');
	size_t length = host[0] == '[' ? strcspn(begin, "]") : strcspn(begin, ":");

	if (!length || length >= CONFIG_SERVER_NAME_BYTES)
		return false;
	memcpy(name, begin, length);
	name[length] = '\0';
	return config_is_server_name(name);
}

/* By the name that is asked for, unless another one is given. */
static void default_server_name(struct config_report *report, struct config_check *check)
{
	char name[CONFIG_SERVER_NAME_BYTES];

	if (check->tls.on && check->host && name_of_host(check->host, name))
		config_default_string(report, &check->tls.server_name, name);
}

void config_check_tls_finish(struct config_report *report, const struct config_place *check_place,
			     struct config_check *check)
{
	struct config_place at = config_place_key(check_place, "tls");

	if (is_always_tls(check->type)) {
		if (at.node != check_place->node && tree_is_text(at.node, "false"))
			config_report_value(report, &at,
					    "allowed is true or a mapping in a check of type %s",
					    config_check_type_text(check->type));
		check->tls.on = true;
	}
	if (!check->tls.on)
		check->tls.min_days = 0;
	default_server_name(report, check);
}

struct config_check_tls config_check_tls_standard(const struct config_check *check,
						  char name[CONFIG_SERVER_NAME_BYTES])
{
	struct config_check_tls standard = { .on = is_always_tls(check->type) };

	if (check->tls.on)
		standard.min_days = CONFIG_DEFAULT_MIN_DAYS;
	if (check->tls.on && check->host && name_of_host(check->host, name))
		standard.server_name = name;
	return standard;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

CONFIG_WRITE(tls)
{
	const struct config_check_tls *tls = value, *absent = standard;
	struct config_node *outer;

	if (!tls->on)
		return;
	if (same_text(tls->server_name, absent->server_name) && !tls->ca_file && !tls->insecure &&
	    tls->min_days == absent->min_days) {
		config_write_value(writer, field, "true", absent->on ? "true" : NULL);
		return;
	}
	outer = config_write_open(writer, field->key, NODE_MAPPING);
	config_section_write(writer, &tls_section, tls, absent);
	config_write_close(writer, outer);
}
