// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A service's health check: its keys, what stands when they are absent, what they need. */
#include "config_check.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "config_bytes.h"
#include "config_check_keys.h"
#include "config_check_tls.h"
#include "config_check_programs.h"
#include "config_keys.h"
#include "config_values.h"
#include "port_lists.h"
#include "yaml_tree.h"

enum {
	MAX_HTTP_TEXT = 1024,
	MAX_HTTP_HOST = 255,
	MAX_USER = 128,
	MAX_PATH = 4095,
	MAX_QUERY = 254, /* with the dot at its end */
	DNS_TYPE_NS = 2,
	DEFAULT_INTERVAL_MS = 1000,
	DEFAULT_TIMEOUT_MS = 500,
	DEFAULT_RISE = 2,
	DEFAULT_FALL = 3,
	DEFAULT_JITTER = 5,
	DEFAULT_STATUS_FIRST = 200,
	DEFAULT_STATUS_LAST = 399,
	MIN_INTERVAL_MS = 100,
	MAX_INTERVAL_MS = 3600 * 1000,
	MIN_TIMEOUT_MS = 10,
	MAX_RISE_FALL = 100,
	MAX_JITTER = 50,
};

static const struct config_range rise_fall_range = { .min = 1, .max = MAX_RISE_FALL };
static const struct config_range interval_range = { .min = MIN_INTERVAL_MS,
						    .max = MAX_INTERVAL_MS };
static const struct config_range timeout_range = { .min = MIN_TIMEOUT_MS, .max = MAX_INTERVAL_MS };

static const struct config_range jitter_range = { .min = 0, .max = MAX_JITTER };

/* Of RFC 1035 (3.2.2), RFC 3596, RFC 2782, RFC 8482. */
static const struct config_choice query_types[] = {
	{ "A", 1 },    { "NS", 2 },    { "CNAME", 5 }, { "SOA", 6 },   { "PTR", 12 }, { "MX", 15 },
	{ "TXT", 16 }, { "AAAA", 28 }, { "SRV", 33 },  { "ANY", 255 }, { 0 },
};
/* Of RFC 1035 (4.1.1). */
static const struct config_choice rcodes[] = {
	{ "NOERROR", 0 },
	{ "FORMERR", 1 },
	{ "SERVFAIL", 2 },
	{ "NXDOMAIN", 3 },
	{ "NOTIMP", 4 },
	{ "REFUSED", 5 },
	{ 0 },
};

static const struct config_choice vias[] = {
	{ "direct", CHECK_DIRECT },
	{ "tunnel", CHECK_TUNNEL },
	{ 0 },
};

static const struct config_text path_text = {
	MAX_HTTP_TEXT, config_is_http_path,
	"a path that begins with '/', of printable ASCII without spaces and '#'"
};
static const struct config_text host_text = { MAX_HTTP_HOST, config_is_http_host,
					      "a host name or address, with a port or without" };
static const struct config_text body_text = { MAX_HTTP_TEXT, config_is_any,
					      "text without control characters" };
static const struct config_text user_text = { MAX_USER, config_is_any,
					      "text without control characters" };
static const struct config_text file_text = { MAX_PATH, config_is_absolute_path,
					      "an absolute path" };
static const struct config_text query_text = { MAX_QUERY, config_is_dns_name,
					       "a domain name of labels of 1 to 63 letters, "
					       "digits, '-' and '_'" };

static CONFIG_READ(answer);
static CONFIG_WRITE(answer);

static const struct config_field check_fields[] = {
	CONFIG_REQUIRED("type", choice, config_check, type, config_check_types),
	CONFIG_OPTIONAL("port", integer, config_check, port, &config_port_range),
	CONFIG_OPTIONAL("via", choice, config_check, via, vias),
	CONFIG_OPTIONAL("probe_mtu", choice, config_check, probe_mtu, config_booleans),
	CONFIG_OPTIONAL("path", string, config_check, path, &path_text),
	CONFIG_OPTIONAL("host", string, config_check, host, &host_text),
	CONFIG_OPTIONAL("body", string, config_check, body, &body_text),
	CONFIG_OPTIONAL("send", bytes, config_check, send, NULL),
	CONFIG_WHOLE("expect", answer, config_check, NULL, false),
	CONFIG_OPTIONAL("tls", tls, config_check, tls, NULL),
	CONFIG_OPTIONAL("user", string, config_check, user, &user_text),
	CONFIG_OPTIONAL("password_file", string, config_check, password_file, &file_text),
	CONFIG_OPTIONAL("role", choice, config_check, role, config_mysql_roles),
	CONFIG_OPTIONAL("max_lag", duration, config_check, max_lag_ms, &config_lag_range),
	CONFIG_OPTIONAL("service", string, config_check, grpc_service, &config_grpc_service_text),
	CONFIG_OPTIONAL("command", command, config_check, command, NULL),
	CONFIG_OPTIONAL("query", string, config_check, query, &query_text),
	CONFIG_OPTIONAL("query_type", choice, config_check, query_type, query_types),
	CONFIG_OPTIONAL("rcode", choice, config_check, rcode, rcodes),
	CONFIG_OPTIONAL("interval", duration, config_check, interval_ms, &interval_range),
	CONFIG_OPTIONAL("fast_interval", duration, config_check, fast_interval_ms, &interval_range),
	CONFIG_OPTIONAL("jitter", percent, config_check, jitter, &jitter_range),
	CONFIG_OPTIONAL("timeout", duration, config_check, timeout_ms, &timeout_range),
	CONFIG_OPTIONAL("rise", integer, config_check, rise, &rise_fall_range),
	CONFIG_OPTIONAL("fall", integer, config_check, fall, &rise_fall_range),
};
static const struct config_section check_section = CONFIG_SECTION(check_fields);

static bool is_http(enum check_type type)
{
	return type == CHECK_HTTP || type == CHECK_HTTPS;
}

/* Status codes of HTTP, or bytes, as the type says, which may stand behind. */
static CONFIG_READ(answer)
{
	struct config_check *check = out;
	enum check_type type;

	if (!config_check_type_at(place->parent, &type))
		return;
	if (is_http(type))
		config_read_expect(report, place, field, out);
	else if (type == CHECK_TCP || type == CHECK_TLS || type == CHECK_UDP)
		config_read_bytes(report, place, field, &check->answer);
}

/* What a type needs, and what it has when keys are absent. */
static void finish_type(struct config_report *report, const struct config_place *place,
			struct config_check *check)
{
	if (is_http(check->type)) {
		config_default_string(report, &check->path, "/");
		if (!check->expect_count)
			check->expect[check->expect_count++] =
				(struct status_range){ DEFAULT_STATUS_FIRST, DEFAULT_STATUS_LAST };
	}
	if (check->type == CHECK_DNS) {
		config_default_string(report, &check->query, ".");
		if (!check->query_type)
			check->query_type = DNS_TYPE_NS;
	}
	if (check->type == CHECK_UDP) {
		config_check_require(report, place, "send", "in a check of type udp");
		config_check_require(report, place, "expect", "in a check of type udp");
	} else if (check->send.length && (check->type == CHECK_TCP || check->type == CHECK_TLS)) {
		config_check_require(report, place, "expect", "with 'send'");
	}
	if (check->type == CHECK_REDIS && check->user)
		config_check_require(report, place, "password_file", "with 'user'");
	config_check_programs_finish(report, place, check);
	config_check_tls_finish(report, place, check);
}

static void finish_way(struct config_report *report, const struct config_place *place,
		       const struct config_check *check)
{
	struct config_place at = config_place_key(place, "probe_mtu");

	if (check->probe_mtu && check->via == CHECK_DIRECT)
		config_report_value(report, &at, "allowed only with 'via: tunnel'");
}

/* Once every key was read. */
static void finish_check(struct config_report *report, const struct config_place *place,
			 struct config_check *check)
{
	enum check_type type;

	if (!config_check_type_at(place, &type))
		return;
	config_check_refuse_keys(report, place, type);
	finish_type(report, place, check);
	finish_way(report, place, check);
}

/* Without the key: the interval. */
static void finish_fast_interval(struct config_report *report, const struct config_place *place,
				 struct config_check *check)
{
	struct config_place at = config_place_key(place, "fast_interval");
	char interval[CONFIG_DURATION_BYTES];

	if (!check->interval_ms)
		return;
	if (at.node == place->node)
		check->fast_interval_ms = check->interval_ms;
	else if (check->fast_interval_ms > check->interval_ms)
		config_report_value(report, &at, "allowed is at most the interval, %s",
				    config_format_duration(check->interval_ms, interval));
}

/* Without the key: the default, or the shorter interval if that is less. */
static void finish_timeout(struct config_report *report, const struct config_place *place,
			   struct config_check *check)
{
	struct config_place at = config_place_key(place, "timeout");
	char interval[CONFIG_DURATION_BYTES];

	if (!check->fast_interval_ms || check->timeout_ms <= check->fast_interval_ms)
		return;
	if (at.node == place->node)
		check->timeout_ms = check->fast_interval_ms;
	else
		config_report_value(report, &at, "allowed is at most the %s, %s",
				    check->fast_interval_ms < check->interval_ms ? "fast_interval"
										 : "interval",
				    config_format_duration(check->fast_interval_ms, interval));
}

CONFIG_READ(check)
{
	struct config_check *check = out;

	(void)field;
	*check = (struct config_check){ .interval_ms = DEFAULT_INTERVAL_MS,
					.timeout_ms = DEFAULT_TIMEOUT_MS,
					.rise = DEFAULT_RISE,
					.fall = DEFAULT_FALL,
					.jitter = DEFAULT_JITTER,
					.tls.min_days = CONFIG_DEFAULT_MIN_DAYS };
	config_section_read(report, place, &check_section, check);
	finish_check(report, place, check);
	finish_fast_interval(report, place, check);
	finish_timeout(report, place, check);
}

/* IPPROTO_TCP or IPPROTO_UDP; 0: whichever the service has. */
static uint8_t transport(enum check_type type)
{
	return type == CHECK_UDP			 ? IPPROTO_UDP
	       : type == CHECK_DNS || type == CHECK_EXEC ? 0
							 : IPPROTO_TCP;
}

/* What a check of that type has whose optional keys are all absent; name: room for a text of it. */
static struct config_check standard_check(const struct config_service *service,
					  char name[CONFIG_SERVER_NAME_BYTES])
{
	const struct config_check *check = &service->check;
	uint8_t wanted = transport(check->type);
	struct config_check standard = { .interval_ms = DEFAULT_INTERVAL_MS,
					 .timeout_ms = DEFAULT_TIMEOUT_MS,
					 .rise = DEFAULT_RISE,
					 .fall = DEFAULT_FALL,
					 .jitter = DEFAULT_JITTER,
					 .fast_interval_ms = check->interval_ms,
					 .tls = config_check_tls_standard(check, name) };

	if ((!wanted || wanted == service->protocol) && service->last_port == service->port)
		standard.port = service->port;
	if (standard.timeout_ms > check->fast_interval_ms)
		standard.timeout_ms = check->fast_interval_ms;
	if (is_http(check->type)) {
		standard.path = (char *)"/";
		standard.expect[0] =
			(struct status_range){ DEFAULT_STATUS_FIRST, DEFAULT_STATUS_LAST };
		standard.expect_count = 1;
	}
	if (check->type == CHECK_DNS) {
		standard.query = (char *)".";
		standard.query_type = DNS_TYPE_NS;
	}
	return standard;
}

static CONFIG_WRITE(answer)
{
	const struct config_check *check = value, *absent = standard;

	if (check->answer.length)
		config_write_bytes(writer, field, &check->answer, &absent->answer);
	else
		config_write_expect(writer, field, value, standard);
}

CONFIG_WRITE(check)
{
	char name[CONFIG_SERVER_NAME_BYTES];
	struct config_check absent = standard_check(writer->service, name);
	struct config_node *outer;

	(void)standard;
	if (writer->service->check.type == CHECK_NONE)
		return;
	outer = config_write_open(writer, field->key, NODE_MAPPING);
	config_section_write(writer, &check_section, value, &absent);
	config_write_close(writer, outer);
}

struct config_node *config_check_tree(const struct config_service *service)
{
	struct config_node *root = calloc(1, sizeof(*root));
	struct config_writer writer = { .at = root, .service = service };
	char name[CONFIG_SERVER_NAME_BYTES];
	struct config_check absent = standard_check(service, name);

	if (!root)
		return NULL;
	root->kind = NODE_MAPPING;
	config_section_write(&writer, &check_section, &service->check, &absent);
	if (!writer.failed)
		return root;
	config_keys_free(root);
	return NULL;
}

/* A probe goes to one address. */
static void finish_tunnel(struct config_report *report, const struct config_place *place,
			  const struct config_service *service)
{
	struct config_place at = config_place_key(place, "via");
	const struct prefix prefix = { service->address, service->prefix_length };

	if (service->check.via == CHECK_TUNNEL && service->address.family &&
	    !prefix_is_address(&prefix))
		config_report_value(report, &at,
				    "allowed is direct in a check of a service of a prefix, which "
				    "has no address of its own");
}

/* The service's port, if it is one that the check can be sent to. */
void config_check_finish(struct config_report *report, const struct config_place *service_place,
			 struct config_service *service)
{
	struct config_place at = config_place_key(service_place, "check");
	struct config_check *check = &service->check;
	uint8_t wanted = transport(check->type);

	finish_tunnel(report, &at, service);
	if (check->type == CHECK_NONE || check->port || tree_get(at.node, "port"))
		return;
	if (wanted && service->protocol && wanted != service->protocol)
		config_report_place(report, &at,
				    "key 'port' is missing, required in a check of a service of "
				    "protocol %s: a %s port that the backends listen on",
				    wanted == IPPROTO_TCP ? "udp" : "tcp",
				    wanted == IPPROTO_TCP ? "TCP" : "UDP");
	else if (service->last_port > service->port)
		config_report_place(report, &at,
				    "key 'port' is missing, required in a check of a service of "
				    "more than one port");
	else
		check->port = service->port;
}
