/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A check's key 'tls'. */
#ifndef POISE_CONFIG_CHECK_TLS_H
#define POISE_CONFIG_CHECK_TLS_H

#include "config_fields.h"

enum {
	CONFIG_DEFAULT_MIN_DAYS = 14,
	CONFIG_SERVER_NAME_BYTES = 254, /* with its final NUL */
};

CONFIG_BOTH(tls); /* struct config_check_tls, with the defaults in it; no rule */

/* What stands when the key or a part of it is absent, once the check's type is known. */
void config_check_tls_finish(struct config_report *report, const struct config_place *check_place,
			     struct config_check *check);

/* What such a check has without the key; name: room for the name that it takes from 'host'. */
struct config_check_tls config_check_tls_standard(const struct config_check *check,
						  char name[CONFIG_SERVER_NAME_BYTES]);

#endif
