// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The configuration's top level: which keys there are, what they become, what stands when they are
 * absent. Services are config_service.c's; how values are read is in config_fields.c, what must
 * hold between them in config_relations.c.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_errors.h"
#include "config_fields.h"
#include "config_keys.h"
#include "config_relations.h"
#include "config_section.h"
#include "config_service.h"
#include "config_values.h"
#include "yaml_tree.h"

#define DEFAULT_SOCKET	  "/run/poise/poised.sock"
#define DEFAULT_PIN_PATH  "/sys/fs/bpf/poise"
#define DEFAULT_STATE_DIR "/var/lib/poise"

enum {
	MAX_SOCKET_PATH = 107, /* sun_path without its final NUL */
	MAX_DIRECTORY = 255,
	MAX_ACCOUNT = 63,
	DEFAULT_SETTLE_MS = 15 * 60 * 1000,
	DEFAULT_GUE_PORT = 6080, /* IANA's for GUE */
	DEFAULT_RATE = 1000,
	MAX_RATE = 1000000,
	DEFAULT_FRAGMENT_MS = 30 * 1000,
	MIN_FRAGMENT_MS = 1000,
	MAX_FRAGMENT_MS = 120 * 1000,
};

static const struct config_range seed_range = { .min = 0, .max = UINT64_MAX, .hexadecimal = true };
static const struct config_range settle_range = { .min = CONFIG_MIN_SETTLE_MS,
						  .max = CONFIG_MAX_SETTLE_MS };
static const struct config_range echo_range = { .min = 1, .max = MAX_RATE };
static const struct config_range error_range = { .min = 0, .max = MAX_RATE };
static const struct config_range fragment_range = { .min = MIN_FRAGMENT_MS,
						    .max = MAX_FRAGMENT_MS };
static const struct config_range flow_range = { .min = POISE_MIN_FLOWS,
						.max = POISE_MAX_FLOWS,
						.kind = NUMBER_POWER_OF_TWO };

static const struct config_choice modes[] = {
	{ "auto", INTERFACE_AUTO },
	{ "native", INTERFACE_NATIVE },
	{ "generic", INTERFACE_GENERIC },
	{ 0 },
};

static const struct config_range mark_range = { .min = POISE_PROBE_INDEX + 1,
						.max = UINT32_MAX - POISE_PROBE_INDEX,
						.kind = NUMBER_MARK };

static const struct config_text interface_text = {
	IF_NAMESIZE - 1, config_is_interface, "an interface's name without '/', ':' and white space"
};
static const struct config_text socket_text = { MAX_SOCKET_PATH, config_is_absolute_path,
						"an absolute path" };
static const struct config_text directory_text = { MAX_DIRECTORY, config_is_absolute_path,
						   "an absolute path" };
static const struct config_text user_text = { MAX_ACCOUNT, config_is_account,
					      "a user's name or number" };
static const struct config_text group_text = { MAX_ACCOUNT, config_is_account,
					       "a group's name or number" };
static const struct config_prefix ipv4_source = { 4, 8, "172.16.0.0/16" };
static const struct config_prefix ipv6_source = { 6, 32, "100::/64" };

static CONFIG_READ(interfaces);
static CONFIG_WRITE(interfaces);

static const struct config_field interface_fields[] = {
	CONFIG_REQUIRED("name", name, config_interface, name, &interface_text),
	CONFIG_OPTIONAL("mode", choice, config_interface, mode, modes),
};
static const struct config_section interface_section = CONFIG_SECTION(interface_fields);

static const struct config_field tunnel_fields[] = {
	CONFIG_OPTIONAL("source_ipv4", prefix, config, source_ipv4, &ipv4_source),
	CONFIG_OPTIONAL("source_ipv6", prefix, config, source_ipv6, &ipv6_source),
	CONFIG_OPTIONAL("encapsulation", choice, config, encapsulation, config_encapsulations),
	CONFIG_OPTIONAL("gue_port", integer, config, gue_port, &config_port_range),
	CONFIG_OPTIONAL("oversize", choice, config, pass_oversize, config_drop_or_pass),
	CONFIG_OPTIONAL("decrement_ttl", choice, config, decrement_ttl, config_booleans),
};
static const struct config_section tunnel_section = CONFIG_SECTION(tunnel_fields);

static const struct config_field icmp_fields[] = {
	CONFIG_OPTIONAL("echo", choice, config, icmp.echo, config_booleans),
	CONFIG_OPTIONAL("echo_rate", integer, config, icmp.echo_rate, &echo_range),
	CONFIG_OPTIONAL("error_rate", integer, config, icmp.error_rate, &error_range),
};
static const struct config_section icmp_section = CONFIG_SECTION(icmp_fields);

static const struct config_field fragment_fields[] = {
	CONFIG_OPTIONAL("early", choice, config, fragments.pass_early, config_drop_or_pass),
	CONFIG_OPTIONAL("timeout", duration, config, fragments.timeout_ms, &fragment_range),
};
static const struct config_section fragment_section = CONFIG_SECTION(fragment_fields);

static const struct config_field probe_fields[] = {
	CONFIG_OPTIONAL("mark", integer, config, probe_mark, &mark_range),
};
static const struct config_section probe_section = CONFIG_SECTION(probe_fields);

static const struct config_field control_fields[] = {
	CONFIG_OPTIONAL("socket", string, config, control_socket, &socket_text),
	CONFIG_OPTIONAL("readers", string, config, control_readers, &group_text),
	CONFIG_OPTIONAL("writers", string, config, control_writers, &group_text),
};
static const struct config_section control_section = CONFIG_SECTION(control_fields);

static const struct config_field top_fields[] = {
	CONFIG_WHOLE("interfaces", interfaces, config, NULL, true),
	CONFIG_WHOLE("tunnel", section, config, &tunnel_section, false),
	CONFIG_WHOLE("icmp", section, config, &icmp_section, false),
	CONFIG_WHOLE("fragments", section, config, &fragment_section, false),
	CONFIG_WHOLE("probe", section, config, &probe_section, false),
	CONFIG_OPTIONAL("flows", integer, config, flow_entries, &flow_range),
	CONFIG_OPTIONAL("seed", integer, config, seed, &seed_range),
	CONFIG_WHOLE("control", section, config, &control_section, false),
	CONFIG_OPTIONAL("user", string, config, user, &user_text),
	CONFIG_OPTIONAL("pin_path", string, config, pin_path, &directory_text),
	CONFIG_OPTIONAL("state_dir", string, config, state_dir, &directory_text),
	CONFIG_OPTIONAL("settle", duration, config, settle_ms, &settle_range),
	CONFIG_WHOLE("services", services, config, NULL, false),
};
static const struct config_section top_section = CONFIG_SECTION(top_fields);

static void read_interface(struct config_report *report, const struct config_place *place,
			   void *out)
{
	config_section_read(report, place, &interface_section, out);
}

static const struct config_list interface_list = { 1, CONFIG_MAX_INTERFACES,
						   sizeof(struct config_interface), "interfaces",
						   read_interface };

static CONFIG_READ(interfaces)
{
	struct config *config = out;

	(void)field;
	config->interfaces =
		config_list_read(report, place, &interface_list, &config->interface_count);
}

static CONFIG_WRITE(interfaces)
{
	static const struct config_interface absent = { .mode = INTERFACE_AUTO };
	const struct config *config = value;
	struct config_node *outer = config_write_open(writer, field->key, NODE_LIST), *list;

	(void)standard;
	for (size_t i = 0; i < config->interface_count; i++) {
		list = config_write_open(writer, config->interfaces[i].name, NODE_MAPPING);
		config_section_write(writer, &interface_section, &config->interfaces[i], &absent);
		config_write_close(writer, list);
	}
	config_write_close(writer, outer);
}

static void set_standard(struct config *config)
{
	config->settle_ms = DEFAULT_SETTLE_MS;
	config->probe_mark = POISE_PROBE_MARK;
	config->flow_entries = POISE_DEFAULT_FLOWS;
	config->gue_port = DEFAULT_GUE_PORT;
	config->icmp = (struct config_icmp){ true, DEFAULT_RATE, DEFAULT_RATE };
	config->fragments.timeout_ms = DEFAULT_FRAGMENT_MS;
	prefix_parse(ipv4_source.example, &config->source_ipv4);
	prefix_parse(ipv6_source.example, &config->source_ipv6);
}

/* Reads the tree; whatever happens, config is one that config_free() takes. */
static void read_config(struct config_report *report, const struct tree_node *root,
			struct config *config)
{
	struct config_place top = { .node = root };

	set_standard(config);
	config_section_read(report, &top, &top_section, config);
	config_default_string(report, &config->control_socket, DEFAULT_SOCKET);
	config_default_string(report, &config->pin_path, DEFAULT_PIN_PATH);
	config_default_string(report, &config->state_dir, DEFAULT_STATE_DIR);
	config_service_inherit(config);
	config_relations_check(report, &top, config);
}

struct config_node *config_keys_build(const struct config *config, bool said_only)
{
	struct config_node *root = calloc(1, sizeof(*root));
	struct config_writer writer = { .at = root, .config = config, .said_only = said_only };
	struct config standard = { .control_socket = (char[]){ DEFAULT_SOCKET },
				   .pin_path = (char[]){ DEFAULT_PIN_PATH },
				   .state_dir = (char[]){ DEFAULT_STATE_DIR } };

	if (!root)
		return NULL;
	root->kind = NODE_MAPPING;
	set_standard(&standard);
	config_section_write(&writer, &top_section, config, &standard);
	if (!writer.failed)
		return root;
	config_keys_free(root);
	return NULL;
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
	config_check_free(&service->check);
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
	free(config->control_readers);
	free(config->control_writers);
	free(config->user);
	free(config->pin_path);
	free(config->state_dir);
	free(config);
}
