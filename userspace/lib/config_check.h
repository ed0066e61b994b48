/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The section 'check' of a service. */
#ifndef POISE_CONFIG_CHECK_H
#define POISE_CONFIG_CHECK_H

#include "config_fields.h"

CONFIG_BOTH(check); /* struct config_check; no rule */

/* What the check takes from the rest of its service, all of which was read from the mapping at
 * service_place. */
void config_check_finish(struct config_report *report, const struct config_place *service_place,
			 struct config_service *service);

#endif
