// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config_warnings.h"

void config_warnings(const struct config *config, struct lines *out)
{
	for (size_t i = 0; i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];

		if (!service->exceptions && !service->second_chance)
			lines_add(out,
				  "services.%s.exceptions: off without second_chance: whenever a "
				  "slot's owner changes, its connections break",
				  service->name);
		if (service->check.role == MYSQL_PRIMARY && service->panic_threshold)
			lines_add(out,
				  "services.%s.panic_threshold: with check.role primary the other "
				  "backends are always down: in a panic clients reach them",
				  service->name);
	}
}
