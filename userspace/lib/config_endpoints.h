/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What must hold between the addresses and ports of services, and the addresses of backends. */
#ifndef POISE_CONFIG_ENDPOINTS_H
#define POISE_CONFIG_ENDPOINTS_H

#include "config_errors.h"

/* list: the place of config's services; what could not be read is 0 in it, and left out here. */
void config_endpoints_check(struct config_report *report, const struct config_place *list,
			    const struct config *config);

#endif
