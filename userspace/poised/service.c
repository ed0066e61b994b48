/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One service: its entries in the service table and its ring. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "log.h"
#include "maglev.h"
#include "maps.h"

enum { FILL_GRACE_MS = 1000 }; /* how long next hops may take before the first fill */

static char *copy_text(const char *text, bool *failed)
{
	char *copy = text ? strdup(text) : NULL;

	*failed |= text && !copy;
	return copy;
}

static void free_texts(struct config_check *check)
{
	free(check->path);
	free(check->host);
	free(check->body);
	check->path = check->host = check->body = NULL;
}

int service_set_config(struct service *service, const struct config_service *config)
{
	struct config_check check = config->check;
	bool failed = false;

	check.path = copy_text(config->check.path, &failed);
	check.host = copy_text(config->check.host, &failed);
	check.body = copy_text(config->check.body, &failed);
	if (failed) {
		free_texts(&check);
		return -ENOMEM;
	}
	free_texts(&service->config.check);
	service->config = *config;
	service->config.check = check;
	service->config.backends = NULL;
	service->config.backend_count = 0;
	return 0;
}

static int write_record(struct service *service, bool changing)
{
	struct poise_service_record record = { .state = POISE_RECORD_ACTIVE, .changing = changing };

	memcpy(record.name, service->config.name, sizeof(record.name));
	return maps_service_record_write(service->balancer->maps, service->index, &record);
}

void service_touch(struct service *service)
{
	if (service->dirty)
		return;
	service->dirty = true;
	if (service->published)
		write_record(service, true);
}

/* A name may be that of a backend and of earlier ones that leave: the one that counts most. */
static int name_rank(const struct backend *backend)
{
	switch (backend->state) {
	case POISE_RECORD_ACTIVE:
		return 3;
	case POISE_RECORD_REMOVED:
		return 2;
	default:
		return 1;
	}
}

struct backend *service_find(const struct service *service, const char *name)
{
	struct backend *found = NULL;

	for (struct backend *b = service->backends; b; b = b->next)
		if (strcmp(b->name, name) == 0 && (!found || name_rank(b) > name_rank(found)))
			found = b;
	return found;
}

struct backend *service_find_address(const struct service *service, const struct address *address)
{
	for (struct backend *b = service->backends; b; b = b->next)
		if (address_equal(&b->address, address))
			return b;
	return NULL;
}

/* The entry that says 'this address has a service'; made when it is the first one. */
static struct service_address *take_address(struct balancer *balancer,
					    const struct config_service *config)
{
	struct service_address *list = balancer->addresses;
	struct poise_service entry = { .family = config->address.family,
				       .prefix = config->prefix_length,
				       .flags = POISE_SERVICE_ADDRESS };
	uint16_t index;

	for (size_t i = 0; i < balancer->address_count; i++)
		if (address_equal(&list[i].address, &config->address))
			return &list[i];
	list = realloc(list, (balancer->address_count + 1) * sizeof(*list));
	if (!list)
		return NULL;
	balancer->addresses = list;
	index = balancer_take_service_index(balancer);
	if (!index)
		return NULL;
	memcpy(entry.address, config->address.bytes, sizeof(entry.address));
	if (maps_service_publish(balancer->maps, index, &entry)) {
		balancer->service_used[index] = false;
		return NULL;
	}
	list += balancer->address_count++;
	*list = (struct service_address){ .address = config->address, .index = index };
	return list;
}

static void release_address(struct balancer *balancer, uint16_t index)
{
	for (size_t i = 0; i < balancer->address_count; i++) {
		struct service_address *address = &balancer->addresses[i];

		if (address->index != index || --address->users)
			continue;
		maps_service_withdraw(balancer->maps, index);
		balancer->service_used[index] = false;
		*address = balancer->addresses[--balancer->address_count];
		return;
	}
}

static int append(struct balancer *balancer, struct service *service)
{
	struct service **list =
		realloc(balancer->services, (balancer->service_count + 1) * sizeof(*list));

	if (!list)
		return -ENOMEM;
	balancer->services = list;
	list[balancer->service_count++] = service;
	return 0;
}

int service_new(struct balancer *balancer, const struct config_service *config,
		struct service **out, char error[BALANCER_ERROR_BYTES])
{
	struct service *service = calloc(1, sizeof(*service));
	int err = -ENOMEM;

	if (!service || service_set_config(service, config))
		goto err_free;
	service->balancer = balancer;
	service->index = balancer_take_service_index(balancer);
	err = -ENOSPC;
	if (!service->index)
		goto err_free;
	err = maps_ring_allocate(balancer->maps, config->ring_size, &service->extent);
	if (err)
		goto err_index;
	service->ring = maps_ring(balancer->maps, &service->extent);
	maps_service_count_reset(balancer->maps, service->index);
	service->fill_by = balancer_now_ms() + config->check.timeout_ms + FILL_GRACE_MS;
	err = append(balancer, service);
	if (err)
		goto err_ring;
	*out = service;
	return 0;
err_ring:
	maps_ring_release(balancer->maps, &service->extent);
err_index:
	balancer->service_used[service->index] = false;
err_free:
	snprintf(error, BALANCER_ERROR_BYTES, "service '%s': no room for its ring of %u slots: %s",
		 config->name, config->ring_size, strerror(-err));
	if (service)
		free_texts(&service->config.check);
	free(service);
	return err;
}

int service_publish(struct balancer *balancer, struct service *service,
		    char error[BALANCER_ERROR_BYTES])
{
	const struct config_service *config = &service->config;
	struct poise_service entry = { .port = htons(config->port),
				       .protocol = config->protocol,
				       .family = config->address.family,
				       .prefix = config->prefix_length,
				       .segment = service->extent.segment,
				       .base = service->extent.base,
				       .size = service->extent.size };
	struct service_address *address = take_address(balancer, config);
	int err = -ENOSPC;

	if (!address)
		goto err_say;
	address->users++;
	service->address_index = address->index;
	err = write_record(service, true);
	if (err)
		goto err_say;
	memcpy(entry.address, config->address.bytes, sizeof(entry.address));
	err = maps_service_publish(balancer->maps, service->index, &entry);
	service->published = err == 0;
	if (!err)
		return 0;
err_say:
	snprintf(error, BALANCER_ERROR_BYTES, "service '%s': no room in the service table: %s",
		 config->name, strerror(-err));
	return err;
}

/* Services by which an earlier poised knew the address of a service that it left. */
static void adopt_address(struct balancer *balancer, struct service *service)
{
	for (size_t i = 0; i < balancer->address_count; i++) {
		struct service_address *address = &balancer->addresses[i];

		if (!address_equal(&address->address, &service->config.address))
			continue;
		address->users++;
		service->address_index = address->index;
	}
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
	service->extent = (struct extent){ entry->segment, entry->base, entry->size };
	memcpy(service->config.name, record.name, sizeof(record.name));
	service->config.address.family = entry->family;
	memcpy(service->config.address.bytes, entry->address, sizeof(entry->address));
	service->config.port = ntohs(entry->port);
	service->config.protocol = entry->protocol;
	service->config.ring_size = entry->size;
	err = maps_ring_adopt(balancer->maps, &service->extent);
	if (!err)
		err = append(balancer, service);
	if (err)
		goto err_free;
	service->ring = maps_ring(balancer->maps, &service->extent);
	service->filled = service->published = true;
	service->dirty = record.changing;
	balancer->service_used[index] = true;
	adopt_address(balancer, service);
	*out = service;
	return 0;
err_free:
	free(service);
	return err;
}

void service_withdraw(struct balancer *balancer, struct service *service)
{
	maps_service_withdraw(balancer->maps, service->index);
	for (struct backend *b = service->backends; b; b = b->next)
		maps_backend_set_flags(balancer->maps, b->index, 0);
	release_address(balancer, service->address_index);
}

void service_free(struct balancer *balancer, struct service *service)
{
	static const struct poise_service_record empty;

	while (service->backends)
		backend_free(balancer, service->backends);
	maps_service_record_write(balancer->maps, service->index, &empty);
	maps_ring_release(balancer->maps, &service->extent);
	balancer->service_used[service->index] = false;
	for (size_t i = 0; i < balancer->service_count; i++) {
		if (balancer->services[i] != service)
			continue;
		balancer->service_count--;
		memmove(&balancer->services[i], &balancer->services[i + 1],
			(balancer->service_count - i) * sizeof(service));
		break;
	}
	free_texts(&service->config.check);
	free(service);
}

void service_count_slots(struct balancer *balancer, struct service *service)
{
	ring_count(&service->ring, balancer->owned, balancer->leaving);
	for (struct backend *b = service->backends; b; b = b->next) {
		b->slots = balancer->owned[b->index];
		b->leaving = balancer->leaving[b->index];
		balancer->owned[b->index] = balancer->leaving[b->index] = 0;
	}
	balancer->owned[0] = balancer->leaving[0] = 0;
}

/* A first fill waits until it is known which backends are up: later ones would make slots move. */
static bool may_fill(const struct service *service)
{
	if (balancer_now_ms() >= service->fill_by)
		return true;
	for (const struct backend *b = service->backends; b; b = b->next)
		if (b->state == POISE_RECORD_ACTIVE && !backend_known(b))
			return false;
	return true;
}

static size_t collect_members(struct service *service, struct maglev_member *members)
{
	size_t count = 0;

	for (struct backend *b = service->backends; b; b = b->next) {
		if (!backend_eligible(b))
			continue;
		members[count++] = (struct maglev_member){ .address = b->address,
							   .index = b->index,
							   .weight = b->weight };
		b->exposed = true;
	}
	return count;
}

static void put_owners(struct balancer *balancer, struct service *service, const uint16_t *owners)
{
	uint32_t changed = service->ring.size;
	uint16_t now = balancer_clock();

	if (service->filled)
		changed = ring_change(&service->ring, owners, now);
	else
		ring_fill(&service->ring, owners);
	service->filled = true;
	service->moving =
		ring_settle(&service->ring, now, maps_settings(balancer->maps)->settle_ticks);
	service_count_slots(balancer, service);
	if (changed)
		log_info("service '%s': %u of %u slots have a new owner, %u are moving",
			 service->config.name, changed, service->ring.size, service->moving);
}

void service_build_ring(struct balancer *balancer, struct service *service)
{
	struct maglev_member *members;
	uint16_t *owners;
	size_t count = 0;
	int err = -ENOMEM;

	if (!service->filled && !may_fill(service))
		return;
	for (struct backend *b = service->backends; b; b = b->next)
		count++;
	members = calloc(count ? count : 1, sizeof(*members));
	owners = malloc(service->ring.size * sizeof(*owners));
	if (members && owners)
		err = maglev_build(members, collect_members(service, members), service->ring.size,
				   maps_settings(balancer->maps)->seed, owners);
	if (err)
		log_error("service '%s': cannot build its ring: %s", service->config.name,
			  strerror(-err));
	else
		put_owners(balancer, service, owners);
	service->dirty = err != 0;
	if (!err && service->published)
		write_record(service, false);
	free(members);
	free(owners);
}
