/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "estimate.h"

#include <stdlib.h>
#include <string.h>

#include "backend_agent.h"
#include "balancer.h"
#include "maglev.h"
#include "maps.h"

enum { TIME_MS = 500 }; /* for which other events may wait */

/* The members that a ring would have, and whether they are others than now. */
struct members {
	struct maglev_member *list;
	size_t count;
	bool changed;
};

/* One that a reload removed comes back when it is declared again. */
static bool is_active_after(const struct backend *backend, const struct config_backend *declared)
{
	if (backend->state == POISE_RECORD_REMOVING && declared)
		return !(backend->record & POISE_RECORD_OUT);
	return backend->state == POISE_RECORD_ACTIVE;
}

/* The weight that a running backend would have in the ring; 0: it would not be in it. declared:
 * what the configuration says of it; NULL: nothing. */
static uint16_t weight_after(const struct backend *backend, const struct config_backend *declared)
{
	bool by_command = backend->record & POISE_RECORD_WEIGHT;
	bool drain = (backend->record & POISE_RECORD_DRAIN) || backend_agent_drains(backend);
	bool usable = backend_up(backend) || backend_eligible(backend); /* or in panic */

	if (!is_active_after(backend, declared) || !usable)
		return 0;
	if (!declared) /* one that was added by command stays, another one leaves */
		return backend_is_added(backend) && backend_eligible(backend)
			       ? backend_effective_weight(backend)
			       : 0;
	if (backend->record & POISE_RECORD_RUNTIME)
		by_command = true;
	if (declared->drain && !(backend->record & POISE_RECORD_UNDRAIN))
		drain = true;
	if (drain)
		return 0;
	if (by_command || declared->weight == backend->weight)
		return backend->weight ? backend_effective_weight(backend) : 0;
	return declared->weight;
}

static void add_running(struct members *members, const struct service *service)
{
	for (const struct backend *b = service->backends; b; b = b->next) {
		uint16_t now = backend_eligible(b) ? backend_effective_weight(b) : 0;
		uint16_t after = weight_after(b, b->declared);

		members->changed |= now != after;
		if (after)
			members->list[members->count++] = (struct maglev_member){
				.address = b->address, .index = b->index, .weight = after
			};
	}
}

/* Indexes from the top down mean nothing but that they are no running backend's. */
static void add_new(struct members *members, const struct service *service,
		    const struct config_service *config)
{
	uint16_t index = UINT16_MAX;

	for (size_t i = 0; i < config->backend_count; i++) {
		const struct config_backend *declared = &config->backends[i];

		if (service_find_address(service, &declared->address) || declared->drain ||
		    !declared->weight)
			continue;
		members->changed = true;
		members->list[members->count++] = (struct maglev_member){
			.address = declared->address, .index = index--, .weight = declared->weight
		};
	}
}

static uint32_t count_moves(const struct service *service, const uint16_t *owners)
{
	uint32_t moves = 0;

	for (uint32_t i = 0; i < service->ring.size; i++)
		moves += owners[i] != (service->ring.slots[i] & POISE_SLOT_OWNER);
	return moves;
}

/* -1: no memory. */
static int64_t moves_of(const struct balancer *balancer, const struct service *service,
			const struct members *members)
{
	uint32_t size = service->ring.size;
	uint16_t *owners = malloc(size * sizeof(*owners));
	int64_t moves = -1;

	if (owners && maglev_build(members->list, members->count, size,
				   maps_settings(balancer->maps)->seed, owners) == 0)
		moves = count_moves(service, owners);
	free(owners);
	return moves;
}

/* False: no memory. */
static bool estimate_service(const struct balancer *balancer, struct service *service,
			     const struct config_service *config, bool late, size_t *left_out,
			     json_t *list)
{
	struct members members = { 0 };
	int64_t moves = 0;

	members.list =
		calloc(service->backend_count + config->backend_count + 1, sizeof(*members.list));
	if (!members.list)
		return false;
	service_match_backends(service, config);
	add_running(&members, service);
	add_new(&members, service, config);
	if (members.changed && late)
		++*left_out;
	else if (members.changed)
		moves = moves_of(balancer, service, &members);
	free(members.list);
	if (moves > 0)
		json_array_append_new(list,
				      json_pack("{s:s, s:I, s:I}", "service", service->config.name,
						"slots", (json_int_t)service->ring.size, "moves",
						(json_int_t)moves));
	return moves >= 0;
}

json_t *estimate_moves(const struct balancer *balancer, const struct config *config,
		       size_t *left_out)
{
	int64_t end = balancer_now_ms() + TIME_MS;
	json_t *list = json_array();
	bool done = true;

	*left_out = 0;
	for (size_t i = 0; i < config->service_count && done; i++) {
		const struct config_service *declared = &config->services[i];
		struct service *service = balancer_continued(balancer, declared);

		if (service)
			done = estimate_service(balancer, service, declared,
						balancer_now_ms() > end, left_out, list);
	}
	if (done)
		return list;
	json_decref(list);
	return NULL;
}
