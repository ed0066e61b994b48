/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The backends of a service become what the configuration declares; what was done by command stays.
 */
#ifndef POISE_APPLY_BACKENDS_H
#define POISE_APPLY_BACKENDS_H

#include "audit_list.h"

struct backend;
struct balancer;
struct config_service;
struct service;

/* Takes part in a commit that follows. What it changes is added to changes. */
void apply_backends(struct balancer *balancer, struct service *service,
		    const struct config_service *config, struct audit_list *changes);

/* Tells what was changed of the backend by command, if anything was: it counts no more. */
void apply_tell_overruled(struct audit_list *changes, const struct backend *backend);

#endif
