// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The configuration's schema: which keys there are, what they become, what stands when they are
 * absent. How values are read is in config_fields.c, what must hold between them in
 * config_relations.c.
 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "config_relations.h"
#include "config_errors.h"
#include "config_fields.h"
#include "config_section.h"
#include "config_values.h"
#include "yaml_tree.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

enum {
	MAX_SOCKET_PATH = 107, /* sun_path without its final NUL */
	MAX_PIN_PATH = 255,
	MAX_HTTP_TEXT = 1024,
	MAX_HTTP_HOST = 255,
	DEFAULT_RING = 65537,
	DEFAULT_WEIGHT = 100,
	DEFAULT_SETTLE_MS = 15 * 60 * 1000,
	DEFAULT_INTERVAL_MS = 1000,
	DEFAULT_TIMEOUT_MS = 500,
	DEFAULT_RISE = 2,
	DEFAULT_FALL = 3,
	DEFAULT_STATUS_FIRST = 200,
	DEFAULT_STATUS_LAST = 399,
	MIN_INTERVAL_MS = 100,
	MAX_INTERVAL_MS = 3600 * 1000,
	MIN_TIMEOUT_MS = 10,
	MAX_RISE_FALL = 100,
};

static const struct config_range any_integer = { .min = 0, .max = UINT64_MAX };
static const struct config_range port_range = { .min = 1, .max = UINT16_MAX };
static const struct config_range weight_range = { .min = 0, .max = POISE_MAX_WEIGHT };
static const struct config_range rise_fall_range = { .min = 1, .max = MAX_RISE_FALL };
static const struct config_range ring_range = { .min = POISE_MIN_RING,
						.max = POISE_MAX_RING,
						.prime = true };
static const struct config_range settle_range = { .min = CONFIG_MIN_SETTLE_MS,
						  .max = CONFIG_MAX_SETTLE_MS };
static const struct config_range interval_range = { .min = MIN_INTERVAL_MS,
						    .max = MAX_INTERVAL_MS };
static const struct config_range timeout_range = { .min = MIN_TIMEOUT_MS, .max = MAX_INTERVAL_MS };

static const struct config_choice modes[] = {
	{ "auto", INTERFACE_AUTO },
	{ "native", INTERFACE_NATIVE },
	{ "generic", INTERFACE_GENERIC },
	{ 0 },
};
static const struct config_choice protocols[] = { { "tcp", IPPROTO_TCP }, { 0 } };
static const struct config_choice on_downs[] = {
	{ "rehash", ON_DOWN_REHASH },
	{ "keep", ON_DOWN_KEEP },
	{ 0 },
};
static const struct config_choice check_types[] = {
	{ "tcp", CHECK_TCP },
	{ "http", CHECK_HTTP },
	{ 0 },
};

static const struct config_text name_text = {
	POISE_NAME_BYTES - 1, config_is_name,
	"a name of letters, digits, '.', '_', '-' that begins with a letter or digit"
};
static const struct config_text interface_text = {
	IF_NAMESIZE - 1, config_is_interface, "an interface's name without '/', ':' and white space"
};
static const struct config_text socket_text = { MAX_SOCKET_PATH, config_is_absolute_path,
						"an absolute path" };
static const struct config_text pin_text = { MAX_PIN_PATH, config_is_absolute_path,
					     "an absolute path" };
static const struct config_text http_path_text = {
	MAX_HTTP_TEXT, config_is_http_path,
	"a path that begins with '/', of printable ASCII without spaces and '#'"
};
static const struct config_text http_host_text = {
	MAX_HTTP_HOST, config_is_http_host, "a host name or address, with a port or without"
};
static const struct config_text body_text = { MAX_HTTP_TEXT, config_is_any,
					      "text without control characters" };

static const char *const http_keys[] = { "path", "host", "body", "expect" };

static const struct config_prefix ipv4_source = { 4, 8, "172.16.0.0/16" };
static const struct config_prefix ipv6_source = { 6, 32, "100::/64" };

static CONFIG_READ(interfaces);
static CONFIG_READ(services);
static CONFIG_READ(backends);
static CONFIG_READ(check);

#define FIELD(key, reader, type, member, rule, required)                                           \
	{                                                                                          \
		key, config_read_##reader, CONFIG_MEMBER(struct type, member), rule, required      \
	}
#define REQUIRED(key, reader, type, member, rule) FIELD(key, reader, type, member, rule, true)
#define OPTIONAL(key, reader, type, member, rule) FIELD(key, reader, type, member, rule, false)
/* For those that fill several members. */
#define WHOLE(key, reader, type, rule, required)                                                   \
	{                                                                                          \
		key, config_read_##reader, 0, sizeof(struct type), rule, required                  \
	}

static const struct config_field interface_fields[] = {
	REQUIRED("name", name, config_interface, name, &interface_text),
	OPTIONAL("mode", choice, config_interface, mode, modes),
};
static const struct config_section interface_section = CONFIG_SECTION(interface_fields);

static const struct config_field check_fields[] = {
	REQUIRED("type", choice, config_check, type, check_types),
	OPTIONAL("port", integer, config_check, port, &port_range),
	OPTIONAL("path", string, config_check, path, &http_path_text),
	OPTIONAL("host", string, config_check, host, &http_host_text),
	OPTIONAL("body", string, config_check, body, &body_text),
	WHOLE("expect", expect, config_check, NULL, false),
	OPTIONAL("interval", duration, config_check, interval_ms, &interval_range),
	OPTIONAL("timeout", duration, config_check, timeout_ms, &timeout_range),
	OPTIONAL("rise", integer, config_check, rise, &rise_fall_range),
	OPTIONAL("fall", integer, config_check, fall, &rise_fall_range),
};
static const struct config_section check_section = CONFIG_SECTION(check_fields);

static const struct config_field backend_fields[] = {
	REQUIRED("name", name, config_backend, name, &name_text),
	REQUIRED("address", address, config_backend, address, NULL),
	OPTIONAL("weight", integer, config_backend, weight, &weight_range),
};
static const struct config_section backend_section = CONFIG_SECTION(backend_fields);

static const struct config_field service_fields[] = {
	REQUIRED("name", name, config_service, name, &name_text),
	REQUIRED("address", address, config_service, address, NULL),
	REQUIRED("port", integer, config_service, port, &port_range),
	OPTIONAL("protocol", choice, config_service, protocol, protocols),
	OPTIONAL("ring_size", integer, config_service, ring_size, &ring_range),
	OPTIONAL("on_down", choice, config_service, on_down, on_downs),
	OPTIONAL("check", check, config_service, check, NULL),
	WHOLE("backends", backends, config_service, NULL, false),
};
static const struct config_section service_section = CONFIG_SECTION(service_fields);

static const struct config_field tunnel_fields[] = {
	OPTIONAL("source_ipv4", prefix, config, source_ipv4, &ipv4_source),
	OPTIONAL("source_ipv6", prefix, config, source_ipv6, &ipv6_source),
};
static const struct config_section tunnel_section = CONFIG_SECTION(tunnel_fields);

static const struct config_field control_fields[] = {
	OPTIONAL("socket", string, config, control_socket, &socket_text),
};
static const struct config_section control_section = CONFIG_SECTION(control_fields);

static const struct config_field top_fields[] = {
	WHOLE("interfaces", interfaces, config, NULL, true),
	WHOLE("tunnel", section, config, &tunnel_section, false),
	OPTIONAL("seed", integer, config, seed, &any_integer),
	WHOLE("control", section, config, &control_section, false),
	OPTIONAL("pin_path", string, config, pin_path, &pin_text),
	OPTIONAL("settle", duration, config, settle_ms, &settle_range),
	WHOLE("services", services, config, NULL, false),
};
static const struct config_section top_section = CONFIG_SECTION(top_fields);

/* The string's default, unless the file set it. */
static void default_string(struct config_report *report, char **string, const char *value)
{
	if (*string)
		return;
	*string = strdup(value);
	if (!*string)
		config_report_nomem(report);
}

/* Keys that mean something for http alone, and what http has when they are absent. */
static void finish_check(struct config_report *report, const struct config_place *place,
			 struct config_check *check)
{
	struct config_place at;
	size_t i;

	for (i = 0; check->type == CHECK_TCP && i < ARRAY_SIZE(http_keys); i++) {
		at = config_place_key(place, http_keys[i]);
		if (at.node != place->node)
			config_report_place(report, &at,
					    "found in a check of type tcp, allowed is http only");
	}
	if (check->type != CHECK_HTTP)
		return;
	default_string(report, &check->path, "/");
	if (!check->expect_count) {
		check->expect[0] =
			(struct status_range){ DEFAULT_STATUS_FIRST, DEFAULT_STATUS_LAST };
		check->expect_count = 1;
	}
}

/* Without the key: the default, or the interval if that is less. */
static void finish_timeout(struct config_report *report, const struct config_place *place,
			   struct config_check *check)
{
	struct config_place at = config_place_key(place, "timeout");
	char interval[CONFIG_DURATION_BYTES];

	if (!check->interval_ms || check->timeout_ms <= check->interval_ms)
		return;
	if (at.node == place->node)
		check->timeout_ms = check->interval_ms;
	else
		config_report_value(report, &at, "allowed is at most the interval, %s",
				    config_format_duration(check->interval_ms, interval));
}

static CONFIG_READ(check)
{
	struct config_check *check = out;

	(void)field;
	*check = (struct config_check){ .interval_ms = DEFAULT_INTERVAL_MS,
					.timeout_ms = DEFAULT_TIMEOUT_MS,
					.rise = DEFAULT_RISE,
					.fall = DEFAULT_FALL };
	config_section_read(report, place, &check_section, check);
	finish_check(report, place, check);
	finish_timeout(report, place, check);
}

static void read_interface(struct config_report *report, const struct config_place *place,
			   void *out)
{
	config_section_read(report, place, &interface_section, out);
}

static void read_backend(struct config_report *report, const struct config_place *place, void *out)
{
	struct config_backend *backend = out;

	backend->weight = DEFAULT_WEIGHT;
	config_section_read(report, place, &backend_section, backend);
}

static void read_service(struct config_report *report, const struct config_place *place, void *out)
{
	struct config_service *service = out;

	service->protocol = IPPROTO_TCP;
	service->idle_ms = DEFAULT_SETTLE_MS;
	service->ring_size = DEFAULT_RING;
	service->on_down = ON_DOWN_REHASH;
	config_section_read(report, place, &service_section, service);
	service->prefix_length = service->address.family == 4 ? 32 : 128;
	service->last_port = service->port;
	if (service->check.type != CHECK_NONE && !service->check.port)
		service->check.port = service->port;
}

static const struct config_list interface_list = { 1, CONFIG_MAX_INTERFACES,
						   sizeof(struct config_interface), "interfaces",
						   read_interface };
static const struct config_list service_list = { 0, POISE_MAX_SERVICES,
						 sizeof(struct config_service), "services",
						 read_service };
static const struct config_list backend_list = { 0, POISE_MAX_BACKENDS - 1,
						 sizeof(struct config_backend), "backends",
						 read_backend };

static CONFIG_READ(interfaces)
{
	struct config *config = out;

	(void)field;
	config->interfaces =
		config_list_read(report, place, &interface_list, &config->interface_count);
}

static CONFIG_READ(services)
{
	struct config *config = out;

	(void)field;
	config->services = config_list_read(report, place, &service_list, &config->service_count);
}

static CONFIG_READ(backends)
{
	struct config_service *service = out;

	(void)field;
	service->backends = config_list_read(report, place, &backend_list, &service->backend_count);
}

/* Reads the tree; whatever happens, config is one that config_free() takes. */
static void read_config(struct config_report *report, const struct tree_node *root,
			struct config *config)
{
	struct config_place top = { .node = root };

	config->settle_ms = DEFAULT_SETTLE_MS;
	config->flow_entries = POISE_DEFAULT_FLOWS;
	config->gue_port = 6080;
	prefix_parse("172.16.0.0/16", &config->source_ipv4);
	prefix_parse("100::/64", &config->source_ipv6);
	config_section_read(report, &top, &top_section, config);
	default_string(report, &config->control_socket, "/run/poise/poised.sock");
	default_string(report, &config->pin_path, "/sys/fs/bpf/poise");
	config_relations_check(report, &top, config);
}

static void load_tree(struct config_report *report, const char *text, size_t length,
		      struct config *config)
{
	struct tree_node *root = NULL;
	struct tree_error error;
	int err;

	err = tree_parse(length ? text : "", length, &root, &error);
	if (err == -EINVAL)
		config_report_position(report, error.line, error.column, error.text);
	else if (err)
		config_report_nomem(report);
	else
		read_config(report, root, config);
	tree_free(root);
}

int config_load_text(const char *name, const char *text, size_t length, struct config **out,
		     struct config_errors *errors)
{
	struct config_report report = { .file = name };
	struct config *config = calloc(1, sizeof(*config));
	int err;

	if (!config)
		config_report_nomem(&report);
	else if (length > CONFIG_MAX_BYTES)
		config_report_file(&report, "found more than %d bytes, allowed are at most as many",
				   CONFIG_MAX_BYTES);
	else if (length && memchr(text, '\0', length))
		config_report_file(&report, "found a binary file, allowed is YAML text in UTF-8");
	else
		load_tree(&report, text, length, config);
	err = config_report_finish(&report, errors);
	if (err)
		config_free(config);
	else
		*out = config;
	return err;
}

static void free_service(struct config_service *service)
{
	free(service->check.path);
	free(service->check.host);
	free(service->check.body);
	free(service->backends);
}

void config_free(struct config *config)
{
	size_t i;

	if (!config)
		return;
	for (i = 0; i < config->service_count; i++)
		free_service(&config->services[i]);
	free(config->services);
	free(config->interfaces);
	free(config->control_socket);
	free(config->pin_path);
	free(config);
}
