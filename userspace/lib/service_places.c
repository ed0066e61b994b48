// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "service_places.h"

#include <string.h>

#include "poise_flow.h"

uint32_t service_home(const struct poise_service *entry)
{
	__u64 address[2];

	memcpy(address, entry->address, sizeof(address));
	return poise_service_home(
		entry->family == 4
			? poise_service_hash4((uint32_t)address[0], entry->port, entry->protocol)
			: poise_service_hash6(address, entry->port, entry->protocol));
}

uint32_t service_distance(uint32_t home, uint32_t index)
{
	return (index - home) & (POISE_SERVICE_ENTRIES - 1);
}

uint16_t service_place(const struct poise_service *entry, bool listed, const bool *used)
{
	uint32_t home = service_home(entry);
	uint32_t farthest = listed ? POISE_MAX_REACH : POISE_SERVICE_ENTRIES - 1;

	for (uint32_t i = 0; i <= farthest; i++) {
		uint32_t index = (home + i) & (POISE_SERVICE_ENTRIES - 1);

		if (index && !used[index])
			return index;
	}
	return 0;
}
