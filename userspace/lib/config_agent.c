// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How a service's backends are asked for their own word on themselves. */
#include "config_agent.h"

#include "config_keys.h"
#include "config_values.h"
#include "yaml_tree.h"

enum {
	DEFAULT_INTERVAL_MS = 2000,
	DEFAULT_TIMEOUT_MS = 500,
	MIN_INTERVAL_MS = 100,
	MAX_INTERVAL_MS = 3600 * 1000,
	MIN_TIMEOUT_MS = 10,
};

static const struct config_range interval_range = { .min = MIN_INTERVAL_MS,
						    .max = MAX_INTERVAL_MS };
static const struct config_range timeout_range = { .min = MIN_TIMEOUT_MS, .max = MAX_INTERVAL_MS };

static const struct config_field agent_fields[] = {
	CONFIG_REQUIRED("port", integer, config_agent, port, &config_port_range),
	CONFIG_OPTIONAL("interval", duration, config_agent, interval_ms, &interval_range),
	CONFIG_OPTIONAL("timeout", duration, config_agent, timeout_ms, &timeout_range),
};
static const struct config_section agent_section = CONFIG_SECTION(agent_fields);

static struct config_agent standard_agent(uint32_t interval_ms)
{
	return (struct config_agent){ .interval_ms = DEFAULT_INTERVAL_MS,
				      .timeout_ms = interval_ms && interval_ms < DEFAULT_TIMEOUT_MS
							    ? interval_ms
							    : DEFAULT_TIMEOUT_MS };
}

/* Without the key: the default, or the interval if that is less. */
static void finish_timeout(struct config_report *report, const struct config_place *place,
			   struct config_agent *agent)
{
	struct config_place at = config_place_key(place, "timeout");
	char interval[CONFIG_DURATION_BYTES];

	if (!agent->interval_ms || agent->timeout_ms <= agent->interval_ms)
		return;
	if (at.node == place->node)
		agent->timeout_ms = agent->interval_ms;
	else
		config_report_value(report, &at, "allowed is at most the interval, %s",
				    config_format_duration(agent->interval_ms, interval));
}

CONFIG_READ(agent)
{
	struct config_agent *agent = out;

	(void)field;
	*agent = standard_agent(0);
	config_section_read(report, place, &agent_section, agent);
	finish_timeout(report, place, agent);
}

CONFIG_WRITE(agent)
{
	const struct config_agent *agent = value;
	struct config_agent absent = standard_agent(agent->interval_ms);
	struct config_node *outer;

	(void)standard;
	if (!agent->port)
		return;
	outer = config_write_open(writer, field->key, NODE_MAPPING);
	config_section_write(writer, &agent_section, agent, &absent);
	config_write_close(writer, outer);
}

bool config_agent_equal(const struct config_agent *a, const struct config_agent *b)
{
	return a->port == b->port && a->interval_ms == b->interval_ms &&
	       a->timeout_ms == b->timeout_ms;
}
