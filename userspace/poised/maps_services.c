/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What leads a packet to its service: the service table, prefixes, port ranges, and the server ids
 * of QUIC's connection ids.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "maps_private.h"
#include "fault.h"
#include "service_places.h"

/* The least reach that finds every listed entry whose home this is. */
static uint8_t reach_needed(const struct maps *maps, uint32_t home)
{
	for (uint32_t i = POISE_MAX_REACH; i > 0; i--) {
		const struct poise_service *entry =
			&maps->services[(home + i) & (POISE_SERVICE_ENTRIES - 1)];

		if ((entry->flags & POISE_SERVICE_LISTED) && service_home(entry) == home)
			return i;
	}
	return 0;
}

/* The reach is not the entry's own but its place's. */
void maps_service_write(struct maps *maps, uint32_t index, const struct poise_service *service)
{
	struct poise_service entry = *service;

	entry.flags &= ~(uint32_t)POISE_SERVICE_LISTED;
	entry.reach = maps->services[index].reach;
	maps->services[index] = entry;
}

void maps_service_publish(struct maps *maps, uint32_t index, const struct poise_service *service)
{
	uint32_t home = service_home(service), distance = service_distance(home, index);
	struct poise_service *entry = &maps->services[index];
	uint8_t *reach = &maps->services[home].reach;

	maps_service_write(maps, index, service);
	if (*reach < distance)
		__atomic_store_n(reach, distance, __ATOMIC_RELAXED);
	FAULT_POINT("service-reach-written");
	__atomic_store_n(&entry->flags, entry->flags | POISE_SERVICE_LISTED, __ATOMIC_RELEASE);
}

void maps_service_withdraw(struct maps *maps, uint32_t index)
{
	struct poise_service *entry = &maps->services[index];
	uint32_t home = service_home(entry);

	__atomic_store_n(&entry->flags, entry->flags & ~(uint32_t)POISE_SERVICE_LISTED,
			 __ATOMIC_RELAXED);
	FAULT_POINT("service-unlisted");
	__atomic_store_n(&maps->services[home].reach, reach_needed(maps, home), __ATOMIC_RELAXED);
}

const struct poise_service *maps_service(struct maps *maps, uint32_t index)
{
	return &maps->services[index];
}

bool maps_service_published(struct maps *maps, uint32_t index)
{
	return maps->services[index].flags & POISE_SERVICE_LISTED;
}

void maps_service_set_idle(struct maps *maps, uint32_t index, uint16_t ticks)
{
	__atomic_store_n(&maps->services[index].idle_ticks, ticks, __ATOMIC_RELAXED);
}

void maps_service_set_chain(struct maps *maps, uint32_t index, bool chain)
{
	__u32 flags = maps->services[index].flags & ~(__u32)POISE_SERVICE_CHAIN;

	__atomic_store_n(&maps->services[index].flags, flags | (chain ? POISE_SERVICE_CHAIN : 0),
			 __ATOMIC_RELAXED);
}

void maps_service_set_ranges(struct maps *maps, uint32_t index, int which, uint32_t ranges)
{
	__atomic_store_n(&maps->services[index].ranges[which], ranges, __ATOMIC_RELEASE);
}

static struct extent ranges_extent(uint32_t ranges)
{
	return (struct extent){ .base = ranges >> 8, .size = ranges & 0xff };
}

int maps_ranges_write(struct maps *maps, const struct poise_port_range *list, size_t count,
		      uint32_t *out)
{
	struct extent extent;
	int err;

	*out = 0;
	if (!count)
		return 0;
	if (count > POISE_MAX_RANGES)
		return -E2BIG;
	err = extents_allocate(&maps->ranges, count, &extent);
	if (err)
		return err;
	memcpy(&maps->port_ranges[extent.base], list, count * sizeof(*list));
	*out = extent.base << 8 | count;
	return 0;
}

int maps_ranges_adopt(struct maps *maps, uint32_t ranges)
{
	struct extent extent = ranges_extent(ranges);

	return extent.size ? extents_reserve(&maps->ranges, &extent) : 0;
}

void maps_ranges_release(struct maps *maps, uint32_t ranges)
{
	struct extent extent = ranges_extent(ranges);

	if (extent.size)
		extents_release(&maps->ranges, &extent);
}

const struct poise_port_range *maps_ranges(struct maps *maps, uint32_t ranges)
{
	return &maps->port_ranges[ranges >> 8];
}

size_t maps_ranges_used(const struct maps *maps)
{
	size_t used = 0;

	for (size_t i = 0; i < maps->ranges.count; i++)
		used += maps->ranges.list[i].size;
	return used;
}

static struct poise_prefix prefix_key(const struct poise_service *entry)
{
	struct poise_prefix key = { .length = POISE_PREFIX_FAMILY_BITS + entry->prefix,
				    .family = entry->family };

	memcpy(key.bytes, entry->address, sizeof(key.bytes));
	return key;
}

int maps_prefix_publish(struct maps *maps, uint32_t index, const struct poise_service *entry)
{
	struct poise_prefix key = prefix_key(entry);

	maps_service_write(maps, index, entry);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return bpf_map_update_elem(bpf_map__fd(maps->object->maps.prefixes), &key, &index, BPF_ANY);
}

void maps_prefix_withdraw(struct maps *maps, uint32_t index)
{
	struct poise_prefix key = prefix_key(&maps->services[index]);

	if (maps_prefix_published(maps, index))
		bpf_map_delete_elem(bpf_map__fd(maps->object->maps.prefixes), &key);
}

/* A trie answers with the longest prefix, but one key of it is of full length: its own. */
bool maps_prefix_published(struct maps *maps, uint32_t index)
{
	struct poise_prefix key = prefix_key(&maps->services[index]);
	uint32_t found = 0;

	return bpf_map_lookup_elem(bpf_map__fd(maps->object->maps.prefixes), &key, &found) == 0 &&
	       found == index;
}

int maps_quic_set(struct maps *maps, const struct poise_quic_server *server, uint32_t backend)
{
	return bpf_map_update_elem(bpf_map__fd(maps->object->maps.quic_servers), server, &backend,
				   BPF_ANY);
}

uint32_t maps_quic_get(struct maps *maps, const struct poise_quic_server *server)
{
	uint32_t backend = 0;

	bpf_map_lookup_elem(bpf_map__fd(maps->object->maps.quic_servers), server, &backend);
	return backend;
}

void maps_quic_delete(struct maps *maps, const struct poise_quic_server *server)
{
	bpf_map_delete_elem(bpf_map__fd(maps->object->maps.quic_servers), server);
}

bool maps_quic_next(struct maps *maps, const struct poise_quic_server *after,
		    struct poise_quic_server *out)
{
	return bpf_map_get_next_key(bpf_map__fd(maps->object->maps.quic_servers), after, out) == 0;
}
