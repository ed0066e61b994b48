/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The section 'check' of a service. */
#ifndef POISE_CONFIG_CHECK_H
#define POISE_CONFIG_CHECK_H

#include "config_fields.h"

CONFIG_BOTH(check); /* struct config_check; no rule */

/* The check of a service as the tree of its keys (config_keys.h), type, common keys and its own;
 * config_keys_free() releases it. NULL: no memory. */
struct config_node *config_check_tree(const struct config_service *service);

/* What the check takes from the rest of its service, all of which was read from the mapping at
 * service_place. */
void config_check_finish(struct config_report *report, const struct config_place *service_place,
			 struct config_service *service);

#endif
