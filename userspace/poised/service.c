/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One service: its identity, its entry, and its life. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "availability.h"
#include "balancer.h"
#include "fault.h"
#include "log.h"
#include "maps.h"
#include "probe.h"
#include "port_lists.h"
#include "ring_guess.h"
#include "ring_stage.h"

enum { FILL_GRACE_MS = 1000 }; /* how long next hops may take before the first fill */

int service_set_config(struct service *service, const struct config_service *config)
{
	struct config_check check;

	if (config_check_copy(&config->check, &check))
		return -ENOMEM;
	config_check_free(&service->config.check);
	service->config = *config;
	service->config.check = check;
	service->config.backends = NULL;
	service->config.backend_count = 0;
	return 0;
}

int service_write_record(struct service *service, bool changing)
{
	struct poise_service_record record = { .state = POISE_RECORD_ACTIVE,
					       .changing = changing,
					       .port = service->config.port,
					       .last_port = service->config.last_port };

	memcpy(record.name, service->config.name, sizeof(record.name));
	return maps_service_record_write(service->balancer->maps, service->index, &record);
}

void service_touch(struct service *service)
{
	if (service->dirty)
		return;
	service->dirty = true;
	if (service->published)
		service_write_record(service, true);
}

bool service_is_exact(const struct service *service)
{
	const struct config_service *config = &service->config;
	struct prefix prefix = { config->address, config->prefix_length };

	return config->port == config->last_port && prefix_is_address(&prefix);
}

bool service_has_identity(const struct service *service, const struct config_service *config)
{
	return strcmp(service->config.name, config->name) == 0 &&
	       address_equal(&service->config.address, &config->address) &&
	       service->config.prefix_length == config->prefix_length &&
	       service->config.port == config->port &&
	       service->config.last_port == config->last_port &&
	       service->config.protocol == config->protocol;
}

static enum poise_scheduler scheduler_of(const struct config_service *config)
{
	switch (config->scheduler) {
	case SCHEDULER_ROUNDROBIN:
		return POISE_SCHEDULER_ROUNDROBIN;
	case SCHEDULER_LEASTCONN:
		return POISE_SCHEDULER_LEASTCONN;
	default: /* source is a ring with affinity */
		return POISE_SCHEDULER_RING;
	}
}

struct poise_service service_describe(const struct config_service *config)
{
	struct poise_service entry = { .protocol = config->protocol,
				       .family = config->address.family,
				       .size = config->ring_size,
				       .affinity = config->affinity,
				       .scheduler = scheduler_of(config),
				       .quic_config = config->quic.config_id,
				       .quic_length = config->quic.server_id_length,
				       .idle_ticks = balancer_settle_ticks(config->idle_ms),
				       .prefix = config->prefix_length };

	memcpy(entry.address, config->address.bytes, sizeof(entry.address));
	if (config->scheduler == SCHEDULER_SOURCE && !entry.affinity)
		entry.affinity = config->address.family == 4 ? 32 : 128;
	if (entry.affinity)
		entry.flags |= POISE_SERVICE_AFFINITY;
	if (entry.quic_length)
		entry.flags |= POISE_SERVICE_QUIC;
	if (config->udp == UDP_STICKY || entry.scheduler != POISE_SCHEDULER_RING)
		entry.flags |= POISE_SERVICE_RECORD;
	if (config->second_chance)
		entry.flags |= POISE_SERVICE_CHAIN;
	return entry;
}

struct poise_service service_entry(const struct service *service)
{
	struct poise_service entry = service_describe(&service->config);

	if (service_is_exact(service))
		entry.port = htons(service->config.port);
	entry.segment = service->extent.segment;
	entry.base = service->extent.base;
	entry.size = service->extent.size;
	entry.schedule_segment = service->schedule_extent.segment;
	entry.schedule_base = service->schedule_extent.base;
	entry.schedule_size = service->schedule_extent.size;
	return entry;
}

/* Slots that name others settle before nobody names them any more. */
void service_end_chains(struct service *service)
{
	if (service->config.second_chance || !(service->flags & POISE_SERVICE_CHAIN))
		return;
	ring_guess_end(service);
	ring_stage_end(service);
	service->flags &= ~(uint32_t)POISE_SERVICE_CHAIN;
	service_settle(service);
	FAULT_POINT("chains-settled");
	maps_service_set_chain(service->balancer->maps, service->index, false);
	service->balancer->chains_ended = true;
}

/* Its entry as packets see it may be of a poised before, while its way is looked for. */
static bool keeps_room(const struct backend *backend)
{
	return !backend->dirty && !(backend->watch && backend->entry.ifindex &&
				    nexthop_get(backend->watch)->state == NEXTHOP_RESOLVING);
}

void service_begin_chains(struct service *service)
{
	if (!service->config.second_chance || (service->flags & POISE_SERVICE_CHAIN))
		return;
	for (const struct backend *b = service->backends; b; b = b->next)
		if (!keeps_room(b))
			return;
	FAULT_POINT("chains-fit");
	maps_service_set_chain(service->balancer->maps, service->index, true);
	service->flags |= POISE_SERVICE_CHAIN;
	service_settle(service);
}

static void release_rings(struct balancer *balancer, struct service *service)
{
	if (service->extent.size)
		maps_ring_release(balancer->maps, &service->extent);
	if (service->schedule_extent.size)
		maps_ring_release(balancer->maps, &service->schedule_extent);
}

/* A schedule has as many slots as the ring: any weight's share is right to one of them. */
static int allocate_rings(struct balancer *balancer, struct service *service)
{
	uint32_t size = service->config.ring_size;
	int err = maps_ring_allocate(balancer->maps, size, &service->extent);

	if (err || scheduler_of(&service->config) == POISE_SCHEDULER_RING)
		return err;
	return maps_ring_allocate(balancer->maps, size, &service->schedule_extent);
}

static int take_index(struct balancer *balancer, struct service *service,
		      char error[BALANCER_ERROR_BYTES])
{
	struct poise_service entry = service_entry(service);

	service->index = balancer_take_service_index(balancer, &entry, service_is_exact(service));
	if (service->index)
		return 0;
	snprintf(error, BALANCER_ERROR_BYTES,
		 "service '%s': no room in the service table: too many others have the same place "
		 "by chance; another address or port has another",
		 service->config.name);
	return -ENOSPC;
}

int service_new(struct balancer *balancer, const struct config_service *config,
		struct service **out, char error[BALANCER_ERROR_BYTES])
{
	struct service *service = calloc(1, sizeof(*service));
	int err = -ENOMEM;

	snprintf(error, BALANCER_ERROR_BYTES, "service '%s': not enough memory", config->name);
	if (!service || service_set_config(service, config))
		goto err_free;
	service->balancer = balancer;
	service->flags = service_describe(config).flags;
	service->stage.wanted = balancer->empty;
	service->stage.since_ms = balancer_now_ms();
	err = take_index(balancer, service, error);
	if (err)
		goto err_free;
	err = allocate_rings(balancer, service);
	if (!err)
		err = balancer_append(balancer, service);
	if (err)
		goto err_rings;
	maps_service_count_reset(balancer->maps, service->index);
	*out = service;
	return 0;
err_rings:
	snprintf(error, BALANCER_ERROR_BYTES, "service '%s': no room for its ring of %u slots: %s",
		 config->name, config->ring_size, strerror(-err));
	release_rings(balancer, service);
	balancer->service_used[service->index] = false;
err_free:
	if (service)
		config_check_free(&service->config.check);
	free(service);
	return err;
}

int service_prepare(struct service *service)
{
	struct poise_service entry = service_entry(service);
	struct maps *maps = service->balancer->maps;

	service->ring = maps_ring(maps, &service->extent);
	if (service->schedule_extent.size)
		service->schedule = maps_ring(maps, &service->schedule_extent);
	/* the entry first: a record means that it is there */
	maps_service_write(service->balancer->maps, service->index, &entry);
	FAULT_POINT("service-entry-written");
	return service_write_record(service, true);
}

void service_publish(struct service *service)
{
	struct poise_service entry = service_entry(service);

	if (service_is_exact(service))
		maps_service_publish(service->balancer->maps, service->index, &entry);
	service->published = true;
	FAULT_POINT("service-published");
	service_await_fill(service);
}

void service_await_fill(struct service *service)
{
	/* first checks and next hops have hardly begun */
	service->fill_by = balancer_now_ms() + service->config.check.timeout_ms + FILL_GRACE_MS;
}

/* The configuration that an entry and a record stand for, as far as they tell. */
static void adopt_config(struct config_service *config, const struct poise_service *entry,
			 const struct poise_service_record *record)
{
	memcpy(config->name, record->name, sizeof(record->name));
	config->address.family = entry->family;
	memcpy(config->address.bytes, entry->address, sizeof(entry->address));
	config->prefix_length = entry->prefix;
	config->port = record->port;
	config->last_port = record->last_port;
	config->protocol = entry->protocol;
	config->ring_size = entry->size;
	config->scheduler = entry->scheduler == POISE_SCHEDULER_ROUNDROBIN  ? SCHEDULER_ROUNDROBIN
			    : entry->scheduler == POISE_SCHEDULER_LEASTCONN ? SCHEDULER_LEASTCONN
									    : SCHEDULER_MAGLEV;
	config->affinity = entry->affinity;
	if ((entry->flags & POISE_SERVICE_RECORD) && config->scheduler == SCHEDULER_MAGLEV)
		config->udp = UDP_STICKY;
	config->quic.config_id = entry->quic_config;
	config->quic.server_id_length = entry->quic_length;
	config->second_chance = entry->flags & POISE_SERVICE_CHAIN;
	config->exceptions = true; /* unknown; no owner changes before the configuration says it */
	config->slow_start_ms = AVAILABILITY_ADOPTED_MS;
}

static int adopt_rings(struct balancer *balancer, struct service *service,
		       const struct poise_service *entry)
{
	struct extent ring = { entry->segment, entry->base, entry->size };
	struct extent schedule = { entry->schedule_segment, entry->schedule_base,
				   entry->schedule_size };
	int err = maps_ring_adopt(balancer->maps, &ring);

	if (err)
		return err;
	service->extent = ring;
	service->ring = maps_ring(balancer->maps, &ring);
	if (!schedule.size)
		return 0;
	err = maps_ring_adopt(balancer->maps, &schedule);
	if (err)
		return err;
	service->schedule_extent = schedule;
	service->schedule = maps_ring(balancer->maps, &schedule);
	return 0;
}

int service_adopt(struct balancer *balancer, uint16_t index, struct service **out)
{
	const struct poise_service *entry = maps_service(balancer->maps, index);
	struct service *service = calloc(1, sizeof(*service));
	struct poise_service_record record;
	int err = -ENOMEM;

	if (!service)
		return err;
	err = maps_service_record_read(balancer->maps, index, &record);
	if (err)
		goto err_free;
	service->balancer = balancer;
	service->index = index;
	service->flags = entry->flags;
	adopt_config(&service->config, entry, &record);
	err = adopt_rings(balancer, service, entry);
	if (!err)
		err = balancer_append(balancer, service);
	if (err)
		goto err_free;
	service->filled = service->published = service->undecided = true;
	service->dirty = record.changing;
	ring_stage_adopt(service, record.changing);
	balancer->service_used[index] = true;
	*out = service;
	return 0;
err_free:
	release_rings(balancer, service);
	free(service);
	return err;
}

void service_withdraw(struct balancer *balancer, struct service *service)
{
	if (service_is_exact(service))
		maps_service_withdraw(balancer->maps, service->index);
	for (struct backend *b = service->backends; b; b = b->next)
		maps_backend_set_flags(balancer->maps, b->index, 0);
}

void service_free(struct balancer *balancer, struct service *service)
{
	static const struct poise_service_record empty;

	while (service->backends)
		backend_free(balancer, service->backends);
	FAULT_POINT("service-backends-freed");
	maps_service_record_write(balancer->maps, service->index, &empty);
	ring_guess_end(service);
	ring_stage_drop(service);
	release_rings(balancer, service);
	balancer->service_used[service->index] = false;
	balancer_drop(balancer, service);
	probe_route_free(service->probes);
	config_check_free(&service->config.check);
	service_drop_backends(service);
	free(service);
}
