/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "adopt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "log.h"
#include "maps.h"
#include "upkeep.h"

static int adopt_address(struct balancer *balancer, uint16_t index,
			 const struct poise_service *entry)
{
	struct service_address *list =
		realloc(balancer->addresses, (balancer->address_count + 1) * sizeof(*list));
	struct service_address address = { .index = index };

	if (!list)
		return -ENOMEM;
	balancer->addresses = list;
	address.address.family = entry->family;
	memcpy(address.address.bytes, entry->address, sizeof(entry->address));
	list[balancer->address_count++] = address;
	balancer->service_used[index] = true;
	return 0;
}

/* Published is what the table names; a record without that was left by a death in between. */
static int adopt_service(struct balancer *balancer, uint16_t index)
{
	static const struct poise_service_record empty;
	const struct poise_service *entry = maps_service(balancer->maps, index);
	struct poise_service_record record;
	struct service *service;
	bool published = entry->family && maps_service_published(balancer->maps, index);
	int err = maps_service_record_read(balancer->maps, index, &record);

	if (err)
		return err;
	if (published && (entry->flags & POISE_SERVICE_ADDRESS))
		return adopt_address(balancer, index, entry);
	if (published && record.state == POISE_RECORD_ACTIVE)
		return service_adopt(balancer, index, &service);
	if (published)
		maps_service_withdraw(balancer->maps, index);
	return record.state ? maps_service_record_write(balancer->maps, index, &empty) : 0;
}

static struct service *find_index(const struct balancer *balancer, uint16_t index)
{
	for (size_t i = 0; i < balancer->service_count; i++)
		if (balancer->services[i]->index == index)
			return balancer->services[i];
	return NULL;
}

static int adopt_backend(struct balancer *balancer, uint16_t index)
{
	static const struct poise_backend_record empty;
	struct poise_backend_record record;
	struct service *service;
	int err = maps_backend_record_read(balancer->maps, index, &record);

	if (err || record.state == POISE_RECORD_FREE)
		return err;
	service = find_index(balancer, record.service);
	if (service && (record.family == 4 || record.family == 6))
		return backend_adopt(service, balancer, index, &record) ? 0 : -ENOMEM;
	maps_backend_set_flags(balancer->maps, index, 0);
	return maps_backend_record_write(balancer->maps, index, &empty);
}

/* A death between a service's removal and its address's leaves that without a service. */
static void drop_unused_addresses(struct balancer *balancer)
{
	for (size_t i = balancer->address_count; i-- > 0;) {
		struct service_address *address = &balancer->addresses[i];

		if (address->users)
			continue;
		maps_service_withdraw(balancer->maps, address->index);
		balancer->service_used[address->index] = false;
		*address = balancer->addresses[--balancer->address_count];
	}
}

/* Exceptions of backends that are gone must not speak for those that get their indexes next, and
 * nobody else remembers which these are. */
static void sweep_unknown(struct balancer *balancer)
{
	maps_synchronize(balancer->maps); /* no packet is on its way to what was withdrawn here */
	upkeep_sweep(balancer);
}

int adopt_all(struct balancer *balancer)
{
	size_t backends = 0;
	int err = 0;

	balancer->adopting = true;
	/* addresses first: services are joined to theirs */
	for (uint32_t pass = 0; pass < 2; pass++)
		for (uint32_t i = 1; i < POISE_SERVICE_ENTRIES && !err; i++) {
			bool address =
				maps_service(balancer->maps, i)->flags & POISE_SERVICE_ADDRESS;

			if (address == (pass == 0))
				err = adopt_service(balancer, i);
		}
	for (uint32_t i = 1; i < POISE_MAX_BACKENDS && !err; i++) {
		err = adopt_backend(balancer, i);
		backends += balancer->by_index[i] != NULL;
	}
	if (!err) {
		drop_unused_addresses(balancer);
		sweep_unknown(balancer);
	}
	for (size_t i = 0; i < balancer->service_count; i++) {
		struct service *service = balancer->services[i];

		service_count_slots(balancer, service);
		service->moving = ring_settle(&service->ring, balancer_clock(),
					      maps_settings(balancer->maps)->settle_ticks);
	}
	if (!err && balancer->service_count)
		log_info("took up %zu services and %zu backends from the pinned maps",
			 balancer->service_count, backends);
	return err;
}
