/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "apply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "balancer.h"
#include "log.h"
#include "maps.h"
#include "upkeep.h"

/* The running service that a configured one continues: the same name, address, port, protocol. */
static struct service *continues(const struct balancer *balancer,
				 const struct config_service *config)
{
	struct service *service = balancer_find(balancer, config->name);

	if (!service || !service->published ||
	    !address_equal(&service->config.address, &config->address) ||
	    service->config.port != config->port || service->config.protocol != config->protocol)
		return NULL;
	return service;
}

static const struct config_backend *find_declared(const struct config_service *config,
						  const struct address *address)
{
	for (size_t i = 0; i < config->backend_count; i++)
		if (address_equal(&config->backends[i].address, address))
			return &config->backends[i];
	return NULL;
}

static void check_service(const struct service *service, const struct config_service *config,
			  size_t *new_backends, struct lines *errors)
{
	if (service->config.ring_size != config->ring_size)
		lines_add(errors,
			  "services.%s.ring_size: found %u, but the running ring has %u slots: "
			  "another "
			  "size would break every connection; keep it, or give the service a new "
			  "name",
			  config->name, config->ring_size, service->config.ring_size);
	for (size_t i = 0; i < config->backend_count; i++) {
		const struct config_backend *declared = &config->backends[i];
		struct backend *same_name = service_find(service, declared->name);

		if (!service_find_address(service, &declared->address))
			++*new_backends;
		if (same_name && (same_name->record & POISE_RECORD_RUNTIME) &&
		    same_name->state == POISE_RECORD_ACTIVE &&
		    !address_equal(&same_name->address, &declared->address))
			lines_add(errors,
				  "services.%s.backends: the name '%s' belongs to another address, "
				  "added "
				  "by command; remove that first: poise backend remove %s %s",
				  config->name, declared->name, config->name, declared->name);
	}
}

static int check(const struct balancer *balancer, const struct config *config, struct lines *errors)
{
	size_t new_backends = 0;

	if (balancer->config && balancer->config->seed != config->seed)
		lines_add(errors,
			  "seed: found 0x%llx, but the running rings have 0x%llx: another seed "
			  "would break every connection",
			  (unsigned long long)config->seed,
			  (unsigned long long)balancer->config->seed);
	if (balancer->config &&
	    strcmp(balancer->config->control_socket, config->control_socket) != 0)
		lines_add(errors,
			  "control.socket: found '%s', but poised listens on '%s'; restart it "
			  "to change that",
			  config->control_socket, balancer->config->control_socket);
	if (balancer->config && strcmp(balancer->config->pin_path, config->pin_path) != 0)
		lines_add(errors,
			  "pin_path: found '%s', but '%s' is in use; it changes only after "
			  "'poise detach'",
			  config->pin_path, balancer->config->pin_path);
	for (size_t i = 0; i < config->service_count; i++) {
		const struct config_service *declared = &config->services[i];
		const struct service *service = continues(balancer, declared);

		if (service)
			check_service(service, declared, &new_backends, errors);
		else
			new_backends += declared->backend_count;
	}
	if (new_backends > balancer_free_indexes(balancer))
		lines_add(errors,
			  "services: %zu new backends, but only %zu of the data plane's entries "
			  "are free (those of removed backends are free a few seconds after)",
			  new_backends, balancer_free_indexes(balancer));
	return errors->count ? -EINVAL : 0;
}

static void add_backend(struct balancer *balancer, struct service *service,
			const struct config_backend *declared, struct lines *changes)
{
	struct backend_spec spec = { .name = declared->name,
				     .address = declared->address,
				     .weight = declared->weight,
				     .declared_weight = declared->weight };

	if (backend_new(service, balancer, &spec))
		lines_add(changes, "service '%s': backend '%s' added", service->config.name,
			  declared->name);
	else
		log_error("backend '%s/%s': cannot be added: not enough memory",
			  service->config.name, declared->name);
}

static void return_backend(struct balancer *balancer, struct backend *backend,
			   struct lines *changes)
{
	if (backend->state != POISE_RECORD_REMOVING || (backend->record & POISE_RECORD_OUT))
		return;
	backend->state = POISE_RECORD_ACTIVE;
	backend_refresh(balancer, backend);
	lines_add(changes, "service '%s': backend '%s' is back", backend->service->config.name,
		  backend->name);
}

/* What a declaration changes in a running backend; what was set by command stays. */
static void change_backend(struct balancer *balancer, struct backend *backend,
			   const struct config_backend *declared, struct lines *changes)
{
	const char *service = backend->service->config.name;

	if (strcmp(backend->name, declared->name) != 0) {
		lines_add(changes, "service '%s': backend '%s' is now called '%s'", service,
			  backend->name, declared->name);
		snprintf(backend->name, sizeof(backend->name), "%s", declared->name);
	}
	backend->declared_weight = declared->weight;
	if (backend->record & POISE_RECORD_RUNTIME) {
		backend->record &= ~POISE_RECORD_RUNTIME;
		if (backend->weight != declared->weight)
			backend->record |= POISE_RECORD_WEIGHT;
		lines_add(changes, "service '%s': backend '%s', added by command, is declared now",
			  service, backend->name);
	}
	return_backend(balancer, backend, changes);
	if (backend->weight == declared->weight) {
		backend->record &= ~POISE_RECORD_WEIGHT;
	} else if (!(backend->record & POISE_RECORD_WEIGHT)) {
		lines_add(changes, "service '%s': backend '%s' has weight %u, was %u", service,
			  backend->name, declared->weight, backend->weight);
		backend->weight = declared->weight;
		service_touch(backend->service);
		backend_refresh(balancer, backend); /* weight 0 takes no new connection */
	}
	backend_write_record(balancer, backend);
}

/* The configuration does not declare this one. */
static void undeclare_backend(struct balancer *balancer, struct backend *backend,
			      struct lines *changes)
{
	backend->declared_weight = -1;
	if (backend->record & POISE_RECORD_RUNTIME)
		return;
	backend->record &= ~POISE_RECORD_OUT;
	if (backend->state == POISE_RECORD_REMOVED) {
		backend_retire(balancer, backend);
	} else if (backend->state == POISE_RECORD_ACTIVE) {
		lines_add(changes, "service '%s': backend '%s' removed",
			  backend->service->config.name, backend->name);
		backend_leave(balancer, backend);
	} else {
		backend_write_record(balancer, backend);
	}
}

static void change_backends(struct balancer *balancer, struct service *service,
			    const struct config_service *config, struct lines *changes)
{
	struct backend *next;

	for (struct backend *b = service->backends; b; b = next) {
		next = b->next;
		if (!find_declared(config, &b->address))
			undeclare_backend(balancer, b, changes);
	}
	for (size_t i = 0; i < config->backend_count; i++) {
		const struct config_backend *declared = &config->backends[i];
		struct backend *running = service_find_address(service, &declared->address);

		if (running)
			change_backend(balancer, running, declared, changes);
		else
			add_backend(balancer, service, declared, changes);
	}
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_check(const struct config_check *a, const struct config_check *b)
{
	return a->type == b->type && a->port == b->port && a->interval_ms == b->interval_ms &&
	       a->timeout_ms == b->timeout_ms && a->rise == b->rise && a->fall == b->fall &&
	       same_text(a->path, b->path) && same_text(a->host, b->host) &&
	       same_text(a->body, b->body) && a->expect_count == b->expect_count &&
	       memcmp(a->expect, b->expect, a->expect_count * sizeof(*a->expect)) == 0;
}

/* Starts what is not running: checks of adopted backends, or anew after the check changed. */
static void start_backends(struct balancer *balancer, struct service *service, bool anew)
{
	for (struct backend *b = service->backends; b; b = b->next) {
		if (b->state == POISE_RECORD_REMOVED || (b->health && !anew))
			continue;
		if (backend_start(balancer, b))
			log_error("backend '%s/%s': cannot be checked: not enough memory",
				  service->config.name, b->name);
		backend_refresh(balancer, b);
	}
}

static void change_service(struct balancer *balancer, struct service *service,
			   const struct config_service *config, struct lines *changes)
{
	bool check_changed = !same_check(&service->config.check, &config->check);
	bool on_down_changed = service->config.on_down != config->on_down;

	if (service_set_config(service, config)) {
		log_error("service '%s': not changed: not enough memory", config->name);
		return;
	}
	if (check_changed && !balancer->adopting)
		lines_add(changes, "service '%s': the health check changed", config->name);
	if (on_down_changed && !balancer->adopting)
		lines_add(changes, "service '%s': on_down changed", config->name);
	start_backends(balancer, service, check_changed && !balancer->adopting);
	if (on_down_changed)
		for (struct backend *b = service->backends; b; b = b->next)
			backend_refresh(balancer, b);
	change_backends(balancer, service, config, changes);
}

/* New services first, for they alone can fail; those made so far are then taken back. */
static int add_services(struct balancer *balancer, const struct config *config,
			struct lines *errors, size_t *made)
{
	char error[BALANCER_ERROR_BYTES];

	for (size_t i = 0; i < config->service_count; i++) {
		struct service *service;

		if (continues(balancer, &config->services[i]))
			continue;
		if (service_new(balancer, &config->services[i], &service, error)) {
			lines_add(errors, "%s", error);
			return -EINVAL;
		}
		++*made;
	}
	return 0;
}

static bool is_declared(const struct config *config, const struct service *service)
{
	for (size_t i = 0; i < config->service_count; i++) {
		const struct config_service *declared = &config->services[i];

		if (strcmp(declared->name, service->config.name) == 0 &&
		    address_equal(&declared->address, &service->config.address) &&
		    declared->port == service->config.port &&
		    declared->protocol == service->config.protocol)
			return true;
	}
	return false;
}

static void remove_services(struct balancer *balancer, const struct config *config,
			    struct lines *changes)
{
	size_t removed = 0;

	for (size_t i = 0; i < balancer->service_count; i++) {
		struct service *service = balancer->services[i];

		if (is_declared(config, service))
			continue;
		lines_add(changes, "service '%s' removed", service->config.name);
		service_withdraw(balancer, service);
		removed++;
	}
	if (!removed)
		return;
	maps_synchronize(balancer->maps); /* once for all of them: it takes milliseconds */
	for (size_t i = balancer->service_count; i-- > 0;)
		if (!is_declared(config, balancer->services[i]))
			service_free(balancer, balancer->services[i]);
	/* exceptions of theirs must not speak for connections of what may take their place */
	upkeep_sweep(balancer);
}

/* Services [first, count) are new: their backends, then they are open to packets. */
static void open_services(struct balancer *balancer, const struct config *config, size_t first,
			  struct lines *changes)
{
	char error[BALANCER_ERROR_BYTES];

	for (size_t i = first; i < balancer->service_count; i++) {
		struct service *service = balancer->services[i];

		for (size_t j = 0; j < config->service_count; j++)
			if (strcmp(config->services[j].name, service->config.name) == 0)
				change_backends(balancer, service, &config->services[j], changes);
		if (service_publish(balancer, service, error))
			log_error("%s", error);
	}
}

static void apply_globals(struct balancer *balancer, struct config *config, struct lines *changes)
{
	struct config *before = balancer->config;
	uint16_t settle = balancer_settle_ticks(config->settle_ms);

	if (before && before->settle_ms != config->settle_ms)
		lines_add(changes, "settle changed");
	/* a longer time must not find exceptions that have expired */
	if (settle > maps_settings(balancer->maps)->settle_ticks)
		upkeep_sweep(balancer);
	__atomic_store_n(&maps_settings(balancer->maps)->settle_ticks, settle, __ATOMIC_RELAXED);
	balancer->config = config;
	if (!before ||
	    (memcmp(&before->source_ipv4, &config->source_ipv4, sizeof(config->source_ipv4)) == 0 &&
	     memcmp(&before->source_ipv6, &config->source_ipv6, sizeof(config->source_ipv6)) == 0))
		return;
	lines_add(changes, "the tunnel's source changed");
	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++)
		if (balancer->by_index[i])
			backend_refresh(balancer, balancer->by_index[i]);
}

int balancer_apply(struct balancer *balancer, struct config *config, struct lines *changes,
		   struct lines *errors)
{
	struct config *before = balancer->config;
	size_t first, made = 0;
	int err = check(balancer, config, errors);

	if (err)
		return err;
	err = add_services(balancer, config, errors, &made);
	first = balancer->service_count - made;
	if (err) {
		while (made--)
			service_free(balancer, balancer->services[balancer->service_count - 1]);
		return err;
	}
	for (size_t i = first; i < balancer->service_count; i++)
		lines_add(changes, "service '%s' added", balancer->services[i]->config.name);
	apply_globals(balancer, config, changes);
	for (size_t i = 0; i < config->service_count; i++) {
		struct service *running = continues(balancer, &config->services[i]);

		if (running)
			change_service(balancer, running, &config->services[i], changes);
	}
	remove_services(balancer, config, changes);
	first = balancer->service_count - made;
	open_services(balancer, config, first, changes);
	config_free(before);
	balancer->adopting = false;
	balancer_commit(balancer);
	return 0;
}
