/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kept_text.h"

#include <stdio.h>

const char *kept_text(const struct config_difference *difference, char text[KEPT_TEXT_BYTES])
{
	const char *service = difference->service, *backend = difference->backend;

	switch (difference->change) {
	case CONFIG_ADDED:
		snprintf(text, KEPT_TEXT_BYTES,
			 "backend %s/%s: removed by command, although the file declares it",
			 service, backend);
		break;
	case CONFIG_REMOVED:
		snprintf(text, KEPT_TEXT_BYTES,
			 "backend %s/%s: added by command, the file does not declare it", service,
			 backend);
		break;
	case CONFIG_CHANGED:
		snprintf(text, KEPT_TEXT_BYTES,
			 "backend %s/%s: %s %s by command stays over %s of the file", service,
			 backend, difference->key, difference->before, difference->after);
		break;
	}
	return text;
}
