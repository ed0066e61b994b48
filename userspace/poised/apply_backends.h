/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The backends of a service become what the configuration declares; what was done by command stays.
 */
#ifndef POISE_APPLY_BACKENDS_H
#define POISE_APPLY_BACKENDS_H

#include "lines.h"

struct balancer;
struct config_service;
struct service;

/* Takes part in a commit that follows. A line of changes for each change. */
void apply_backends(struct balancer *balancer, struct service *service,
		    const struct config_service *config, struct lines *changes);

#endif
