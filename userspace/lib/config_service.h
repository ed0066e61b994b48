/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The section 'services' with its backends. */
#ifndef POISE_CONFIG_SERVICE_H
#define POISE_CONFIG_SERVICE_H

#include "config_fields.h"

CONFIG_BOTH(services); /* struct config, its services and service_count; no rule */

/* Services without an encapsulation of their own take the tunnel's, backends their service's: when
 * all is read. */
void config_service_inherit(struct config *config);

#endif
