/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "state_restore.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "balancer.h"
#include "log.h"
#include "overlay.h"
#include "runtime.h"
#include "state_file.h"

/* Back to what the configuration declares. */
static void withdraw(struct balancer *balancer, struct backend *backend)
{
	struct config_backend declared = { .address = backend->address,
					   .weight = (uint16_t)backend->declared_weight,
					   .encapsulation = backend->encapsulation,
					   .server_id_length = backend->server_id_length };
	char error[RUNTIME_ERROR_BYTES];
	bool gone;

	memcpy(declared.name, backend->name, sizeof(declared.name));
	memcpy(declared.server_id, backend->server_id, sizeof(declared.server_id));
	if (backend->record & POISE_RECORD_RUNTIME) {
		runtime_remove(balancer, backend, false, &gone, error);
		return;
	}
	if (backend->record & POISE_RECORD_OUT)
		runtime_add(balancer, backend->service, &declared, &backend, error);
	runtime_drain(balancer, backend, backend->declared_drain, error);
	if (backend->record & POISE_RECORD_WEIGHT)
		runtime_weight(balancer, backend, declared.weight, error);
}

static void withdraw_all(struct balancer *balancer)
{
	for (size_t i = 0; i < balancer->service_count; i++)
		for (struct backend *b = balancer->services[i]->backends; b; b = b->next)
			if (overlay_has(b))
				withdraw(balancer, b);
}

/* One that was added by command is there, or declared meanwhile. */
static int find_or_add(struct balancer *balancer, struct service *service,
		       const struct state_change *change, struct backend **out,
		       char error[RUNTIME_ERROR_BYTES])
{
	*out = service_find_address(service, &change->backend.address);
	if (*out && (*out)->state == POISE_RECORD_ACTIVE)
		return 0;
	if (change->added)
		return runtime_add(balancer, service, &change->backend, out, error);
	snprintf(error, RUNTIME_ERROR_BYTES, "there is no such backend any more");
	return -ENOENT;
}

static int restore(struct balancer *balancer, const struct state_change *change,
		   char error[RUNTIME_ERROR_BYTES])
{
	struct service *service = balancer_find(balancer, change->service);
	struct backend *backend = NULL;
	bool gone;
	int err;

	if (!service) {
		snprintf(error, RUNTIME_ERROR_BYTES, "there is no such service any more");
		return -ENOENT;
	}
	err = find_or_add(balancer, service, change, &backend, error);
	if (!err && change->removed)
		return runtime_remove(balancer, backend, false, &gone, error);
	if (!err && change->has_weight && backend->weight != change->backend.weight)
		err = runtime_weight(balancer, backend, change->backend.weight, error);
	if (!err && change->has_drain)
		err = runtime_drain(balancer, backend, change->backend.drain, error);
	return err;
}

void state_restore(struct balancer *balancer, const struct state_changes *changes, const char *path)
{
	char error[RUNTIME_ERROR_BYTES];
	size_t failed = 0;

	balancer_hold(balancer);
	withdraw_all(balancer);
	for (size_t i = 0; i < changes->count; i++) {
		const struct state_change *change = &changes->list[i];

		if (!restore(balancer, change, error))
			continue;
		failed++;
		log_warning("state file '%s': what was changed of '%s/%s' is left out: %s", path,
			    change->service, change->backend.name, error);
	}
	balancer_release(balancer);
	if (changes->count)
		log_info("took up %zu changes by command from '%s'", changes->count - failed, path);
}
