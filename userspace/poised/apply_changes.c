/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "apply_changes.h"

#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "config_compare.h"
#include "log.h"

/* The two configurations, with those services alone that may differ, and without backends: building
 * the keys of thousands that are equal would take most of a reload's time. */
struct pair {
	struct config before, after;
};

/* May they differ? Padding, or a pointer that is compared, at worst says so too often. */
static bool may_differ(const struct config_service *before, const struct config_service *after)
{
	struct config_service a = *before, b = *after;

	if (!config_check_equal(&a.check, &b.check) || !config_agent_equal(&a.agent, &b.agent))
		return true;
	a.check = b.check;
	a.agent = b.agent;
	a.backends = b.backends;
	a.backend_count = b.backend_count;
	return memcmp(&a, &b, sizeof(a)) != 0;
}

static void append(struct config *config, const struct config_service *service)
{
	struct config_service *copy = &config->services[config->service_count++];

	*copy = *service;
	copy->backends = NULL;
	copy->backend_count = 0;
}

static bool take_pair(const struct balancer *balancer, const struct config *config,
		      struct pair *out)
{
	size_t room = balancer->service_count + 1;

	out->before = *balancer->config;
	out->after = *config;
	out->before.service_count = out->after.service_count = 0;
	out->before.services = calloc(room, sizeof(*out->before.services));
	out->after.services = calloc(room, sizeof(*out->after.services));
	if (!out->before.services || !out->after.services)
		return false;
	for (size_t i = 0; i < balancer->service_count; i++) {
		const struct service *running = balancer->services[i];

		if (!running->declared || !may_differ(&running->config, running->declared))
			continue;
		append(&out->before, &running->config);
		append(&out->after, running->declared);
	}
	return true;
}

static void tell(void *context, const struct config_difference *difference)
{
	const struct audit_change change = { .service = difference->service,
					     .what = difference->key,
					     .before = difference->before,
					     .after = difference->after };
	const char *before = change.before ? change.before : "(none)";
	const char *after = change.after ? change.after : "(none)";

	if (difference->change != CONFIG_CHANGED)
		return;
	if (change.service)
		audit_list_add(context, &change, "service '%s': %s %s -> %s", change.service,
			       change.what, before, after);
	else
		audit_list_add(context, &change, "%s %s -> %s", change.what, before, after);
}

void apply_changes_tell(const struct balancer *balancer, const struct config *config,
			struct audit_list *changes)
{
	struct pair pair;

	if (!take_pair(balancer, config, &pair) ||
	    config_compare(&pair.before, &pair.after, tell, changes))
		log_error("what the configuration changes is not told: not enough memory");
	free(pair.before.services);
	free(pair.after.services);
}
