// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of recorded flows as tests see and fill it. */
#include "flows.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"

struct poise_service flows_service(uint8_t scheduler, uint16_t idle_ticks,
				   const struct extent *schedule)
{
	struct poise_service service = { .port = htons(SERVICE_PORT),
					 .flags = POISE_SERVICE_RECORD,
					 .scheduler = scheduler,
					 .idle_ticks = idle_ticks };

	if (schedule) {
		service.schedule_segment = schedule->segment;
		service.schedule_base = schedule->base;
		service.schedule_size = schedule->size;
	}
	return service;
}

void flows_publish(struct fixture *fixture, int family, uint8_t protocol,
		   const struct poise_service *service)
{
	struct poise_service entry = *service;
	uint32_t index = family == 4 ? SERVICE4 : SERVICE6;

	if (protocol == IPPROTO_UDP)
		index = family == 4 ? UDP_SERVICE4 : UDP_SERVICE6;
	entry.protocol = protocol;
	fixture_publish(fixture, index, family == 4 ? VIP4 : VIP6, &entry);
}

void flows_fill(const struct fixture *fixture, const struct extent *schedule,
		const uint16_t *backends, size_t count)
{
	struct ring ring = maps_ring(fixture->maps, schedule);

	for (uint32_t i = 0; i < schedule->size; i++)
		ring.slots[i] = backends[i % count];
}

struct extent flows_schedule(const struct fixture *fixture, uint32_t size, const uint16_t *backends,
			     size_t count)
{
	struct extent extent;

	if (maps_ring_allocate(fixture->maps, size, &extent) || maps_rings_open(fixture->maps)) {
		printf("Bail out! no room for a schedule\n");
		exit(1);
	}
	flows_fill(fixture, &extent, backends, count);
	return extent;
}

uint32_t *flows_cursor(const struct fixture *fixture, uint32_t service)
{
	static uint64_t *cursors; /* an array's values are eight bytes apart at least */

	if (!cursors)
		cursors = fixture_map(fixture, "cursors");
	return (uint32_t *)&cursors[fixture->places[service]];
}

void flows_clear(const struct fixture *fixture)
{
	uint32_t buckets;
	struct poise_exception_bucket *table = maps_flows(fixture->maps, &buckets);

	memset(table, 0, buckets * sizeof(*table));
	flows_set_loads(fixture);
}

uint64_t flows_hash(const struct fixture *fixture, const struct packet *packet)
{
	return exceptions_hash(fixture, packet);
}

struct poise_exception_bucket *flows_bucket(const struct fixture *fixture, uint64_t hash)
{
	uint32_t buckets;
	struct poise_exception_bucket *table = maps_flows(fixture->maps, &buckets);

	return &table[hash % buckets];
}

size_t flows_count(const struct fixture *fixture, uint64_t *only)
{
	uint32_t buckets;
	const struct poise_exception_bucket *table = maps_flows(fixture->maps, &buckets);
	size_t count = 0;

	*only = 0;
	for (size_t i = 0; i < buckets; i++) {
		for (size_t way = 0; way < POISE_EXCEPTION_WAYS; way++) {
			if (!table[i].word[way])
				continue;
			*only = table[i].word[way];
			count++;
		}
	}
	return count;
}

/* Flows that have not ended, by backend. */
static void count_active(const struct fixture *fixture, uint32_t counts[BACKEND_COUNT])
{
	uint32_t buckets;
	const struct poise_exception_bucket *table = maps_flows(fixture->maps, &buckets);

	memset(counts, 0, BACKEND_COUNT * sizeof(*counts));
	for (size_t i = 0; i < buckets; i++) {
		for (size_t way = 0; way < POISE_EXCEPTION_WAYS; way++) {
			uint64_t word = table[i].word[way];

			if (word && poise_exception_state(word) != POISE_EXCEPTION_CLOSING)
				counts[poise_exception_backend(word) % BACKEND_COUNT]++;
		}
	}
}

void flows_set_loads(const struct fixture *fixture)
{
	uint32_t counts[BACKEND_COUNT];

	count_active(fixture, counts);
	for (uint32_t i = 0; i < BACKEND_COUNT; i++)
		maps_load(fixture->maps, i)->active = counts[i];
}

bool flows_loads_hold(const struct fixture *fixture, const char *name)
{
	uint32_t counts[BACKEND_COUNT];
	bool hold = true;

	count_active(fixture, counts);
	for (uint32_t i = 0; i < BACKEND_COUNT; i++) {
		uint32_t active = maps_load(fixture->maps, i)->active;

		if (active == counts[i])
			continue;
		tap_note("%s: backend %u: %u active flows counted, the table has %u", name, i,
			 active, counts[i]);
		hold = false;
	}
	return hold;
}
