/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "trial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"

/* A service whose list of backends is a copy. */
struct trial_service {
	struct service copy;
	const struct service *running;
	struct trial_service *next;
};

static struct backend *append_copy(struct service *service, const struct backend *backend)
{
	struct backend *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *backend;
	copy->service = service;
	service_link_backend(service, copy);
	return copy;
}

static void free_service(struct trial_service *service)
{
	struct backend *next;

	for (struct backend *backend = service->copy.backends; backend; backend = next) {
		next = backend->next;
		free(backend);
	}
	service_drop_backends(&service->copy);
	free(service);
}

static struct trial_service *copy_service(const struct service *running)
{
	struct trial_service *service = calloc(1, sizeof(*service));

	if (!service)
		return NULL;
	service->copy = *running;
	service->copy.by_address = NULL; /* that is the running one's */
	service_drop_backends(&service->copy);
	service->running = running;
	for (const struct backend *b = running->backends; b; b = b->next)
		if (!append_copy(&service->copy, b)) {
			free_service(service);
			return NULL;
		}
	return service;
}

/* The copy, made when it is asked for first; NULL: no memory. */
static struct service *copy_of(struct trial *trial, const struct service *running)
{
	struct trial_service *service = trial->services;

	while (service && service->running != running)
		service = service->next;
	if (!service) {
		service = copy_service(running);
		if (!service)
			return NULL;
		service->next = trial->services;
		trial->services = service;
	}
	return &service->copy;
}

static int no_memory(char error[RUNTIME_ERROR_BYTES])
{
	snprintf(error, RUNTIME_ERROR_BYTES, "not enough memory");
	return -ENOMEM;
}

static struct backend *append_wanted(struct service *service, const struct config_backend *wanted)
{
	struct backend backend = { .address = wanted->address,
				   .declared_weight = -1,
				   .record = POISE_RECORD_RUNTIME,
				   .server_id_length = wanted->server_id_length };

	memcpy(backend.name, wanted->name, sizeof(backend.name));
	memcpy(backend.server_id, wanted->server_id, sizeof(backend.server_id));
	return append_copy(service, &backend);
}

int trial_add(struct trial *trial, const struct service *service,
	      const struct config_backend *wanted, char error[RUNTIME_ERROR_BYTES])
{
	struct service *copy = copy_of(trial, service);
	struct backend *backend;
	int err = copy ? runtime_check_add(copy, wanted, error) : no_memory(error);

	if (err)
		return err;
	backend = service_find_address(copy, &wanted->address);
	trial->added += !backend;
	if (!backend)
		backend = append_wanted(copy, wanted);
	if (!backend)
		return no_memory(error);
	backend->state = POISE_RECORD_ACTIVE;
	return 0;
}

/* 0 and the copy of the backend, or a negative errno. */
static int find(struct trial *trial, const struct service *service, const char *name,
		struct backend **out, char error[RUNTIME_ERROR_BYTES])
{
	struct service *copy = copy_of(trial, service);

	if (!copy)
		return no_memory(error);
	*out = service_find(copy, name);
	if (*out)
		return 0;
	snprintf(error, RUNTIME_ERROR_BYTES, "service '%s' has no backend '%.64s'",
		 copy->config.name, name);
	return -ENOENT;
}

int trial_remove(struct trial *trial, const struct service *service, const char *name, bool now,
		 char error[RUNTIME_ERROR_BYTES])
{
	struct backend *backend;
	int err = find(trial, service, name, &backend, error);

	if (!err)
		err = runtime_check_remove(backend, now, error);
	if (!err)
		backend->state = POISE_RECORD_REMOVING;
	return err;
}

int trial_change(struct trial *trial, const struct service *service, const char *name,
		 char error[RUNTIME_ERROR_BYTES])
{
	struct backend *backend;
	int err = find(trial, service, name, &backend, error);

	return err ? err : runtime_check_change(backend, error);
}

bool trial_has(struct trial *trial, const struct service *service,
	       const struct config_backend *wanted)
{
	const struct service *copy = copy_of(trial, service);
	const struct backend *backend = copy ? service_find(copy, wanted->name) : NULL;

	return backend && backend->state == POISE_RECORD_ACTIVE &&
	       address_equal(&backend->address, &wanted->address);
}

void trial_clear(struct trial *trial)
{
	while (trial->services) {
		struct trial_service *service = trial->services;

		trial->services = service->next;
		free_service(service);
	}
}
