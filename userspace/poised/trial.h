/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Changes of backends tried on copies of the services' lists of them, one after the other: nothing
 * of what runs is touched.
 */
#ifndef POISE_TRIAL_H
#define POISE_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime.h"

struct config_backend;
struct service;
struct trial_service;

/* Zeroed before use; trial_clear() after. */
struct trial {
	struct trial_service *services;
	size_t added; /* backends that would need an entry of the data plane */
};

/* Each returns 0, and then later ones see the change; or a negative errno with error written.
 * service is the running one. */
int trial_add(struct trial *trial, const struct service *service,
	      const struct config_backend *wanted, char error[RUNTIME_ERROR_BYTES]);
int trial_remove(struct trial *trial, const struct service *service, const char *name, bool now,
		 char error[RUNTIME_ERROR_BYTES]);
int trial_change(struct trial *trial, const struct service *service, const char *name,
		 char error[RUNTIME_ERROR_BYTES]);
/* Is there such a backend, of that address, at this point? */
bool trial_has(struct trial *trial, const struct service *service,
	       const struct config_backend *wanted);
void trial_clear(struct trial *trial);

#endif
