/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A service's ring and schedule: who owns their slots, and when they are filled first. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "log.h"
#include "maglev.h"
#include "maps.h"
#include "schedule.h"

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
bool service_may_fill(const struct service *service)
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
		b->ring_weight = backend_effective_weight(b);
		members[count++] = (struct maglev_member){ .address = b->address,
							   .index = b->index,
							   .weight = b->ring_weight };
		b->exposed = true;
	}
	return count;
}

static void put_owners(struct balancer *balancer, struct service *service, const uint16_t *owners)
{
	uint32_t changed = service->ring.size;
	uint16_t now = balancer_clock();

	/* flows that are all recorded need no slots to be led by */
	if (service->filled && !(service->flags & POISE_SERVICE_RECORD))
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

static int build_owners(struct balancer *balancer, struct service *service,
			const struct maglev_member *members, size_t count)
{
	uint16_t *owners = malloc(service->ring.size * sizeof(*owners));
	int err = owners ? maglev_build(members, count, service->ring.size,
					maps_settings(balancer->maps)->seed, owners)
			 : -ENOMEM;

	if (!err)
		put_owners(balancer, service, owners);
	free(owners);
	return err;
}

/* Packets walk it meanwhile, a slot at a time. */
static int build_schedule(struct service *service, const struct maglev_member *members,
			  size_t count)
{
	uint16_t *slots;
	int err;

	if (!service->schedule.size)
		return 0;
	slots = malloc(service->schedule.size * sizeof(*slots));
	err = slots ? schedule_build(members, count, service->schedule.size, slots) : -ENOMEM;
	if (!err)
		ring_fill(&service->schedule, slots);
	free(slots);
	return err;
}

void service_build_ring(struct balancer *balancer, struct service *service)
{
	struct maglev_member *members;
	size_t count = 0;
	int err = -ENOMEM;

	if (!service->filled && !service_may_fill(service))
		return;
	for (struct backend *b = service->backends; b; b = b->next)
		count++;
	members = calloc(count + 1, sizeof(*members));
	if (members) {
		count = collect_members(service, members);
		err = build_owners(balancer, service, members, count);
		if (!err)
			err = build_schedule(service, members, count);
	}
	if (err)
		log_error("service '%s': cannot build its ring: %s", service->config.name,
			  strerror(-err));
	service->dirty = err != 0;
	if (!err && service->published)
		service_write_record(service, false);
	free(members);
}
