/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "maps_private.h"

static size_t page_align(size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

void *maps_share(int fd, size_t size)
{
	void *memory = mmap(NULL, page_align(size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void maps_unshare(void *memory, size_t size)
{
	if (memory)
		munmap(memory, page_align(size));
}

static size_t map_size(const struct bpf_map *map)
{
	return (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);
}

/* The maps that poised shares with the data plane, and where each is. */
static int share_all(struct maps *maps, bool share)
{
	const struct {
		struct bpf_map *map;
		void **memory;
	} all[] = {
		{ maps->object->maps.settings, (void **)&maps->settings },
		{ maps->object->maps.services, (void **)&maps->services },
		{ maps->object->maps.port_ranges, (void **)&maps->port_ranges },
		{ maps->object->maps.backends, (void **)&maps->backends },
		{ maps->object->maps.backends_next, (void **)&maps->next },
		{ maps->object->maps.backend_load, (void **)&maps->loads },
		{ maps->object->maps.exceptions, (void **)&maps->exceptions },
		{ maps->object->maps.flows, (void **)&maps->flows },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!share)
			maps_unshare(*all[i].memory, map_size(all[i].map));
		else if (!(*all[i].memory =
				   maps_share(bpf_map__fd(all[i].map), map_size(all[i].map))))
			return -ENOMEM;
	}
	return 0;
}

int maps_new(struct poise_bpf *object, struct maps **out)
{
	struct maps *maps = calloc(1, sizeof(*maps));
	int err = -ENOMEM;

	if (!maps)
		return -ENOMEM;
	maps->object = object;
	maps_shelf_init(&maps->slots, object->maps.rings, "ring_segment",
			sizeof(struct poise_ring_segment));
	maps_shelf_init(&maps->moves, object->maps.moves, "move_segment",
			sizeof(struct poise_move_segment));
	extents_init(&maps->rings, POISE_MAX_SEGMENTS, POISE_SEGMENT_SLOTS);
	extents_init(&maps->ranges, 1, POISE_RANGE_ENTRIES);
	maps->cpus = libbpf_num_possible_cpus();
	maps->per_cpu = calloc(maps->cpus, sizeof(struct poise_backend_count));
	if (!maps->per_cpu)
		goto err_free;
	err = share_all(maps, true);
	if (!err)
		err = maps_segment_open(maps, 0); /* maps_synchronize() needs one */
	if (err)
		goto err_free;
	maps_backends_finish(maps);
	*out = maps;
	return 0;
err_free:
	maps_free(maps);
	return err;
}

void maps_free(struct maps *maps)
{
	if (!maps)
		return;
	maps_shelf_close(&maps->slots);
	maps_shelf_close(&maps->moves);
	share_all(maps, false);
	extents_free(&maps->rings);
	extents_free(&maps->ranges);
	free(maps->per_cpu);
	free(maps);
}

int maps_lend(const struct maps *maps, struct bpf_object *object)
{
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map (map, object) {
		struct bpf_map *same =
			bpf_object__find_map_by_name(maps->object->obj, bpf_map__name(map));

		if (!err && !bpf_map__is_internal(map))
			err = same ? bpf_map__reuse_fd(map, bpf_map__fd(same)) : -ENOENT;
	}
	return err;
}

struct poise_settings *maps_settings(struct maps *maps)
{
	return maps->settings;
}

int maps_answer(struct maps *maps)
{
	struct poise_settings settings;
	__u32 zero = 0;
	int err = bpf_map_lookup_elem(bpf_map__fd(maps->object->maps.settings), &zero, &settings);

	return err ? err : settings.abi_version == POISE_ABI_VERSION ? 0 : -EPROTO;
}

/*
 * The kernel lets a change of a map of maps return only after an RCU grace period (so that a reader
 * never keeps a replaced inner map), and an XDP program runs inside one RCU read section.
 */
void maps_synchronize(struct maps *maps)
{
	__u32 zero = 0;

	bpf_map_update_elem(bpf_map__fd(maps->object->maps.rings), &zero, &maps->slots.parts[0].fd,
			    BPF_ANY);
}

struct poise_exception_bucket *maps_exceptions(struct maps *maps)
{
	return maps->exceptions;
}

struct poise_exception_bucket *maps_flows(struct maps *maps, uint32_t *buckets)
{
	*buckets = bpf_map__max_entries(maps->object->maps.flows);
	return maps->flows;
}

int maps_egress_add(struct maps *maps, uint32_t ifindex)
{
	return bpf_map_update_elem(bpf_map__fd(maps->object->maps.egress), &ifindex, &ifindex,
				   BPF_ANY);
}
