/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A service's backends: a list in the order in which they came, and a hash table of the addresses
 * that they are known by. */
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "poise_wire.h"

enum { FEW = 16 }; /* so many need no table */

/* FNV-1a, 32 bits. */
static size_t bucket_of(const struct service *service, const struct address *address)
{
	uint32_t hash = 2166136261;

	for (size_t i = 0; i < sizeof(address->bytes); i++)
		hash = (hash ^ address->bytes[i]) * 16777619;
	return hash & (service->bucket_count - 1);
}

static void put(struct service *service, struct backend *backend)
{
	struct backend **bucket = &service->by_address[bucket_of(service, &backend->address)];

	backend->next_hashed = *bucket;
	*bucket = backend;
}

/* Without memory for a larger table the smaller one goes on serving, or none. */
static void grow(struct service *service)
{
	size_t count = service->bucket_count ? 4 * service->bucket_count : 4 * FEW;
	struct backend **table;

	if (service->backend_count <= (service->bucket_count ? service->bucket_count : FEW))
		return;
	table = calloc(count, sizeof(struct backend *));
	if (!table)
		return;
	free(service->by_address);
	service->by_address = table;
	service->bucket_count = count;
	for (struct backend *b = service->backends; b; b = b->next)
		put(service, b);
}

void service_link_backend(struct service *service, struct backend *backend)
{
	backend->next = NULL;
	backend->previous = service->last_backend;
	if (backend->previous)
		backend->previous->next = backend;
	else
		service->backends = backend;
	service->last_backend = backend;
	service->backend_count++;
	service->tunnels6 |= backend->address.family == 6;
	if (service->by_address)
		put(service, backend);
	grow(service);
}

void service_unlink_backend(struct service *service, struct backend *backend)
{
	struct backend **place;

	if (backend->previous)
		backend->previous->next = backend->next;
	else
		service->backends = backend->next;
	if (backend->next)
		backend->next->previous = backend->previous;
	else
		service->last_backend = backend->previous;
	service->backend_count--;
	if (!service->by_address)
		return;
	place = &service->by_address[bucket_of(service, &backend->address)];
	while (*place != backend)
		place = &(*place)->next_hashed;
	*place = backend->next_hashed;
}

void service_drop_backends(struct service *service)
{
	free(service->by_address);
	service->by_address = NULL;
	service->bucket_count = service->backend_count = 0;
	service->backends = service->last_backend = NULL;
}

uint16_t service_chain_room(const struct service *service, uint8_t family)
{
	if (!service->config.second_chance)
		return 0;
	if (family == 6)
		return POISE_CHAIN_MAX_BYTES;
	return service->tunnels6 ? POISE_CHAIN_MIXED_BYTES : POISE_CHAIN_MAX_BYTES4;
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
	struct backend *b;

	if (!service->by_address) {
		for (b = service->backends; b && !address_equal(&b->address, address);)
			b = b->next;
		return b;
	}
	b = service->by_address[bucket_of(service, address)];
	while (b && !address_equal(&b->address, address))
		b = b->next_hashed;
	return b;
}

void service_match_backends(struct service *service, const struct config_service *config)
{
	for (struct backend *b = service->backends; b; b = b->next)
		b->declared = NULL;
	for (size_t i = 0; i < config->backend_count; i++) {
		struct backend *b = service_find_address(service, &config->backends[i].address);

		if (b)
			b->declared = &config->backends[i];
	}
}
