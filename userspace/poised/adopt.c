/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "adopt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "fault.h"
#include "log.h"
#include "maps.h"
#include "port_lists.h"
#include "ring_guess.h"
#include "sweep.h"

/* Does the data plane lead there? What only a port range leads to is there while its record is. */
static bool is_published(struct balancer *balancer, uint16_t index,
			 const struct poise_service *entry)
{
	struct prefix prefix = { { .family = entry->family }, entry->prefix };

	if (!entry->family)
		return false;
	if (entry->flags & POISE_SERVICE_ADDRESS)
		return prefix_is_address(&prefix) ? maps_service_published(balancer->maps, index)
						  : maps_prefix_published(balancer->maps, index);
	return !entry->port || maps_service_published(balancer->maps, index);
}

/* What has a record but is not published, or the other way round, was left by a death in between.
 */
static int adopt_service(struct balancer *balancer, uint16_t index)
{
	static const struct poise_service_record empty;
	const struct poise_service *entry = maps_service(balancer->maps, index);
	struct poise_service_record record;
	struct service *service;
	bool published = is_published(balancer, index, entry);
	int err = maps_service_record_read(balancer->maps, index, &record);

	if (err)
		return err;
	if (published && (entry->flags & POISE_SERVICE_ADDRESS))
		return addresses_adopt(balancer, index, entry);
	if (published && record.state == POISE_RECORD_ACTIVE)
		return service_adopt(balancer, index, &service);
	if (published && entry->port)
		maps_service_withdraw(balancer->maps, index);
	return record.state ? maps_service_record_write(balancer->maps, index, &empty) : 0;
}

static int adopt_backend(struct balancer *balancer, uint16_t index)
{
	static const struct poise_backend_record empty;
	struct poise_backend_record record;
	struct service *service;
	int err = maps_backend_record_read(balancer->maps, index, &record);

	if (err || record.state == POISE_RECORD_FREE)
		return err;
	service = record.service < POISE_SERVICE_ENTRIES ? balancer->service_at[record.service]
							 : NULL;
	if (service && (record.family == 4 || record.family == 6))
		return backend_adopt(service, balancer, index, &record) ? 0 : -ENOMEM;
	maps_backend_set_flags(balancer->maps, index, 0);
	return maps_backend_record_write(balancer->maps, index, &empty);
}

/* Exceptions of backends that are gone must not speak for those that get their indexes next, and
 * nobody else remembers which these are. */
static int sweep_unknown(struct balancer *balancer)
{
	maps_synchronize(balancer->maps); /* no packet is on its way to what was withdrawn here */
	sweep_all(balancer);
	return sweep_recount(balancer);
}

/* Server ids that a death left, of backends that are gone or have another one. */
static void drop_stale_server_ids(struct balancer *balancer)
{
	struct poise_quic_server server, next;
	bool more = maps_quic_next(balancer->maps, NULL, &next);

	while (more) {
		const struct backend *backend;

		server = next;
		more = maps_quic_next(balancer->maps, &server, &next);
		backend = balancer->by_index[maps_quic_get(balancer->maps, &server)];
		if (!backend || backend->service->index != server.service ||
		    backend->server_id_length != server.length ||
		    memcmp(backend->server_id, server.id, server.length) != 0)
			maps_quic_delete(balancer->maps, &server);
	}
}

void adopt_none(struct balancer *balancer)
{
	balancer->adopting = balancer->empty = true;
}

int adopt_all(struct balancer *balancer)
{
	size_t backends = 0;
	int err = 0;

	balancer->adopting = true;
	for (uint32_t i = 1; i < POISE_SERVICE_ENTRIES && !err; i++)
		err = adopt_service(balancer, i);
	FAULT_POINT("services-adopted");
	addresses_adopted(balancer);
	for (uint32_t i = 1; i < POISE_MAX_BACKENDS && !err; i++) {
		err = adopt_backend(balancer, i);
		backends += balancer->by_index[i] != NULL;
	}
	if (!err) {
		FAULT_POINT("backends-adopted");
		drop_stale_server_ids(balancer);
		err = sweep_unknown(balancer);
	}
	for (size_t i = 0; i < balancer->service_count; i++) {
		service_settle(balancer->services[i]);
		service_count_slots(balancer->services[i]);
		ring_guess_adopt(balancer->services[i]);
	}
	balancer->empty = !balancer->service_count;
	if (!err && balancer->service_count)
		log_info("took up %zu services and %zu backends from the pinned maps",
			 balancer->service_count, backends);
	return err;
}
