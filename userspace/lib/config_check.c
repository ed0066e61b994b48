// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A service's health check: its keys, what stands when they are absent, what they need. */
#include "config_check.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "config_values.h"
#include "yaml_tree.h"

enum {
	MAX_HTTP_TEXT = 1024,
	MAX_HTTP_HOST = 255,
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

static const struct config_choice types[] = {
	{ "tcp", CHECK_TCP },
	{ "http", CHECK_HTTP },
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

static const struct config_field check_fields[] = {
	CONFIG_REQUIRED("type", choice, config_check, type, types),
	CONFIG_OPTIONAL("port", integer, config_check, port, &config_port_range),
	CONFIG_OPTIONAL("path", string, config_check, path, &path_text),
	CONFIG_OPTIONAL("host", string, config_check, host, &host_text),
	CONFIG_OPTIONAL("body", string, config_check, body, &body_text),
	CONFIG_WHOLE("expect", expect, config_check, NULL, false),
	CONFIG_OPTIONAL("interval", duration, config_check, interval_ms, &interval_range),
	CONFIG_OPTIONAL("fast_interval", duration, config_check, fast_interval_ms, &interval_range),
	CONFIG_OPTIONAL("jitter", percent, config_check, jitter, &jitter_range),
	CONFIG_OPTIONAL("timeout", duration, config_check, timeout_ms, &timeout_range),
	CONFIG_OPTIONAL("rise", integer, config_check, rise, &rise_fall_range),
	CONFIG_OPTIONAL("fall", integer, config_check, fall, &rise_fall_range),
};
static const struct config_section check_section = CONFIG_SECTION(check_fields);

static const char *const http_keys[] = { "path", "host", "body", "expect" };

/* Keys that mean something for http alone, and what http has when they are absent. */
static void finish_check(struct config_report *report, const struct config_place *place,
			 struct config_check *check)
{
	struct config_place at;
	size_t i;

	for (i = 0; check->type == CHECK_TCP && i < sizeof(http_keys) / sizeof(http_keys[0]); i++) {
		at = config_place_key(place, http_keys[i]);
		if (at.node != place->node)
			config_report_place(report, &at,
					    "found in a check of type tcp, allowed is http only");
	}
	if (check->type != CHECK_HTTP)
		return;
	config_default_string(report, &check->path, "/");
	if (!check->expect_count) {
		check->expect[0] =
			(struct status_range){ DEFAULT_STATUS_FIRST, DEFAULT_STATUS_LAST };
		check->expect_count = 1;
	}
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
					.jitter = DEFAULT_JITTER };
	config_section_read(report, place, &check_section, check);
	finish_check(report, place, check);
	finish_fast_interval(report, place, check);
	finish_timeout(report, place, check);
}

/* The service's port, if it is one that a TCP connection can be made to. */
void config_check_finish(struct config_report *report, const struct config_place *service_place,
			 struct config_service *service)
{
	struct config_place at = config_place_key(service_place, "check");
	struct config_check *check = &service->check;

	if (check->type == CHECK_NONE || check->port || tree_get(at.node, "port"))
		return;
	if (service->protocol == IPPROTO_UDP)
		config_report_place(report, &at,
				    "key 'port' is missing, required in a check of a service of "
				    "protocol udp: a TCP port that the backends listen on");
	else if (service->last_port > service->port)
		config_report_place(report, &at,
				    "key 'port' is missing, required in a check of a service of "
				    "more than one port");
	else
		check->port = service->port;
}
