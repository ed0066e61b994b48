/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "apply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply_backends.h"
#include "apply_changes.h"
#include "apply_check.h"
#include "availability.h"
#include "balancer.h"
#include "config_warnings.h"
#include "fault.h"
#include "log.h"
#include "map_memory.h"
#include "maps.h"
#include "probe.h"
#include "settings.h"
#include "sweep.h"

/* Starts what is not running: checks of adopted backends, or anew after the check changed. */
static void start_backends(struct balancer *balancer, struct service *service, bool anew)
{
	for (struct backend *b = service->backends; b; b = b->next) {
		if (b->state == POISE_RECORD_REMOVED || (b->health && !anew))
			continue;
		if (backend_start(balancer, b))
			log_event(LOG_LEVEL_ERROR,
				  &(struct log_fields){ .service = service->config.name,
							.backend = b->name },
				  "cannot be checked: not enough memory");
		backend_refresh(balancer, b);
	}
}

static void change_service(struct balancer *balancer, struct service *service,
			   const struct config_service *config, struct audit_list *changes)
{
	bool check_changed = !config_check_equal(&service->config.check, &config->check);
	bool on_down_changed = service->config.on_down != config->on_down;
	uint16_t idle = balancer_settle_ticks(config->idle_ms);
	uint32_t slow_start_ms = service->config.slow_start_ms;
	bool chain_changed = service->config.second_chance != config->second_chance;
	bool agent_changed = !config_agent_equal(&service->config.agent, &config->agent);
	bool idle_changed = maps_service(balancer->maps, service->index)->idle_ticks != idle;

	if (service_set_config(service, config)) {
		log_event(LOG_LEVEL_ERROR, &(struct log_fields){ .service = config->name },
			  "not changed: not enough memory");
		return;
	}
	availability_set_slow_start(service, slow_start_ms);
	service->undecided = true;
	if (idle_changed)
		maps_service_set_idle(balancer->maps, service->index, idle);
	if (chain_changed)
		service_end_chains(service);
	if (balancer->adopting && !service->filled)
		service_await_fill(service);
	start_backends(balancer, service, check_changed && !balancer->adopting);
	if (agent_changed && !balancer->adopting)
		backend_agents_restart(service);
	if (on_down_changed || idle_changed || chain_changed)
		for (struct backend *b = service->backends; b; b = b->next)
			backend_refresh(balancer, b);
	apply_backends(balancer, service, config, changes);
	service_retry(service); /* 'settle' and 'exceptions' say how long slots wait */
}

/* Which of the services that run go on, and as what. */
static void match_services(struct balancer *balancer, const struct config *config)
{
	for (size_t i = 0; i < balancer->service_count; i++)
		balancer->services[i]->declared = NULL;
	for (size_t i = 0; i < config->service_count; i++) {
		struct service *running = balancer_continued(balancer, &config->services[i]);

		if (running)
			running->declared = &config->services[i];
	}
}

/* New services first, for they alone can fail; those made so far are then taken back. */
static int add_services(struct balancer *balancer, const struct config *config,
			struct lines *errors, size_t *made)
{
	char error[BALANCER_ERROR_BYTES];

	for (size_t i = 0; i < config->service_count; i++) {
		struct service *service;

		if (balancer_continued(balancer, &config->services[i]))
			continue;
		if (service_new(balancer, &config->services[i], &service, error)) {
			lines_add(errors, "%s", error);
			return -EINVAL;
		}
		service->declared = &config->services[i];
		++*made;
	}
	return 0;
}

static void tell_overruled(struct audit_list *changes, const struct service *service)
{
	for (const struct backend *b = service->backends; b; b = b->next)
		apply_tell_overruled(changes, b);
}

static void tell_service(struct audit_list *changes, const struct service *service,
			 const char *what)
{
	const char *name = service->config.name;

	audit_list_add(changes, &(struct audit_change){ .service = name, .what = what },
		       "service '%s' %s", name, what);
}

/* Nothing leads to what is withdrawn here once the plan is closed. Returns whether there is any. */
static bool withdraw_services(struct balancer *balancer, struct audit_list *changes)
{
	bool any = false;

	for (size_t i = 0; i < balancer->service_count; i++) {
		if (balancer->services[i]->declared)
			continue;
		tell_overruled(changes, balancer->services[i]);
		tell_service(changes, balancer->services[i], "removed");
		service_withdraw(balancer, balancer->services[i]);
		any = true;
	}
	return any;
}

static void free_withdrawn(struct balancer *balancer)
{
	size_t before = balancer->service_count;

	for (size_t i = before; i-- > 0;)
		if (!balancer->services[i]->declared)
			service_free(balancer, balancer->services[i]);
	/* exceptions of theirs must not speak for connections of what may take their place */
	if (balancer->service_count < before)
		sweep_all(balancer);
}

/*
 * From the services as they were to those of the configuration; those from first on are new. What
 * takes a place over is there before the other leaves it.
 */
static void exchange_services(struct balancer *balancer, struct address_plan *plan, size_t first,
			      struct audit_list *changes)
{
	for (size_t i = first; i < balancer->service_count; i++)
		apply_backends(balancer, balancer->services[i], balancer->services[i]->declared,
			       changes);
	FAULT_POINT("new-services-filled");
	addresses_open(balancer, plan);
	FAULT_POINT("addresses-opened");
	for (size_t i = first; i < balancer->service_count; i++)
		service_publish(balancer->services[i]);
	addresses_close(balancer, plan, withdraw_services(balancer, changes));
	FAULT_POINT("addresses-closed");
	free_withdrawn(balancer);
}

static void refresh_all(struct balancer *balancer)
{
	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++)
		if (balancer->by_index[i] && balancer->by_index[i]->state != POISE_RECORD_REMOVED)
			backend_refresh(balancer, balancer->by_index[i]);
}

static bool any_idle_grows(const struct balancer *balancer)
{
	for (size_t i = 0; i < balancer->service_count; i++) {
		const struct service *service = balancer->services[i];

		if (service->published && service->declared &&
		    balancer_settle_ticks(service->declared->idle_ms) >
			    maps_service(balancer->maps, service->index)->idle_ticks)
			return true;
	}
	return false;
}

static void apply_globals(struct balancer *balancer, struct config *config,
			  struct audit_list *changes)
{
	struct poise_settings *settings = maps_settings(balancer->maps);
	uint16_t settle = balancer_settle_ticks(config->settle_ms);
	struct config *before = balancer->config;

	if (before)
		apply_changes_tell(balancer, config, changes);
	/* a longer time must not find exceptions, or recorded flows, that have expired */
	if (settle > settings->settle_ticks || any_idle_grows(balancer))
		sweep_all(balancer);
	__atomic_store_n(&settings->settle_ticks, settle, __ATOMIC_RELAXED);
	settings_write(settings, config);
	probes_set_mark(balancer->probes, config->probe_mark);
	balancer->config = config;
	if (before)
		refresh_all(balancer); /* entries hold what is of the tunnel */
}

/* The services that there will be: those that go on, and the new ones. */
static int plan_addresses(struct balancer *balancer, struct address_plan **out,
			  struct lines *errors)
{
	struct service **after = calloc(balancer->service_count + 1, sizeof(*after));
	size_t count = 0;
	int err = -ENOMEM;

	for (size_t i = 0; after && i < balancer->service_count; i++)
		if (balancer->services[i]->declared)
			after[count++] = balancer->services[i];
	if (after)
		err = addresses_plan(balancer, after, count, out, errors);
	else
		lines_add(errors, "services: not enough memory");
	free(after);
	return err;
}

static int open_rings(struct balancer *balancer, struct lines *errors)
{
	int err = maps_rings_open(balancer->maps);
	char why[MAP_MEMORY_WHY_BYTES];

	if (err)
		lines_add(errors, "services: no memory for their rings: %s",
			  err == -ENOMEM ? map_memory_why(why) : strerror(-err));
	return err;
}

/* All that may fail, and that packets do not notice. On an error all is as before. */
static int prepare(struct balancer *balancer, const struct config *config,
		   struct address_plan **plan, size_t *first, struct lines *errors)
{
	size_t made = 0;
	int err;

	match_services(balancer, config);
	err = add_services(balancer, config, errors, &made);
	*first = balancer->service_count - made;
	*plan = NULL;
	if (!err)
		err = plan_addresses(balancer, plan, errors);
	if (!err)
		err = open_rings(balancer, errors);
	for (size_t i = *first; i < balancer->service_count && !err; i++) {
		err = service_prepare(balancer->services[i]);
		if (err)
			lines_add(errors, "service '%s': cannot be kept for a restart: %s",
				  balancer->services[i]->config.name, strerror(-err));
	}
	if (!err)
		return 0;
	addresses_cancel(balancer, *plan);
	while (balancer->service_count > *first)
		service_free(balancer, balancer->services[balancer->service_count - 1]);
	return err;
}

static int compare_positions(const void *left, const void *right)
{
	const struct service *const *a = left, *const *b = right;

	return (*a)->position < (*b)->position ? -1 : (*a)->position > (*b)->position;
}

/* People find the services in the order in which they wrote them. */
static void sort_services(struct balancer *balancer, const struct config *config)
{
	for (size_t i = 0; i < config->service_count; i++)
		balancer_continued(balancer, &config->services[i])->position = i;
	if (balancer->service_count)
		qsort(balancer->services, balancer->service_count, sizeof(*balancer->services),
		      compare_positions);
}

static void warn(const struct config *config)
{
	struct lines warnings = { 0 };

	config_warnings(config, &warnings);
	for (size_t i = 0; i < warnings.count; i++)
		log_warning("%s", warnings.text[i]);
	lines_free(&warnings);
}

int balancer_apply(struct balancer *balancer, struct config *config, struct audit_list *changes,
		   struct lines *errors)
{
	struct config *before = balancer->config;
	struct address_plan *plan;
	size_t first;
	int err = apply_check(balancer, config, errors);

	if (!err)
		err = prepare(balancer, config, &plan, &first, errors);
	if (err)
		return err;
	FAULT_POINT("services-prepared");
	for (size_t i = first; i < balancer->service_count; i++)
		tell_service(changes, balancer->services[i], "added");
	apply_globals(balancer, config, changes);
	FAULT_POINT("globals-written");
	for (size_t i = 0; i < first; i++) {
		struct service *running = balancer->services[i];

		if (running->declared)
			change_service(balancer, running, running->declared, changes);
	}
	FAULT_POINT("services-changed");
	exchange_services(balancer, plan, first, changes);
	FAULT_POINT("services-exchanged");
	sort_services(balancer, config);
	config_free(before);
	balancer->adopting = false;
	balancer_commit(balancer);
	FAULT_POINT("committed");
	warn(config);
	balancer_notify(balancer);
	return 0;
}
