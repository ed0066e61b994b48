// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "map_memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "file_text.h"
#include "memory_limit.h"

/* Of the kernel's own: a pointer to each CPU's value, the head of a table's entry, of a bucket. */
enum { WORD = 8, ENTRY = 48, BUCKET = 16, MIB = 1 << 20 };
/* Of what poised takes itself while it makes maps, and the kernel beside them. */
enum { MARGIN = 2 * MIB };

/* Of a key or value: the kernel keeps them in whole words. */
static uint64_t words(uint32_t bytes)
{
	return ((uint64_t)bytes + WORD - 1) / WORD * WORD;
}

static uint64_t least_of_hash(const struct bpf_map *map, uint64_t entries, uint64_t value)
{
	uint64_t buckets = 1;

	while (buckets < entries)
		buckets *= 2;
	if (bpf_map__map_flags(map) & BPF_F_NO_PREALLOC)
		return buckets * BUCKET; /* entries are made when they are needed */
	return buckets * BUCKET + entries * (ENTRY + words(bpf_map__key_size(map)) + value);
}

static uint64_t least_of(const struct bpf_map *map)
{
	uint64_t entries = bpf_map__max_entries(map), value = words(bpf_map__value_size(map));

	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_RINGBUF:
		return entries; /* bytes */
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
		return entries * value;
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		return entries * (WORD + value * (uint64_t)libbpf_num_possible_cpus());
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
		return least_of_hash(map, entries, value);
	default:
		return 0;
	}
}

uint64_t map_memory_least(const struct bpf_object *object)
{
	const struct bpf_map *map;
	uint64_t sum = 0;

	bpf_object__for_each_map (map, object)
		if (bpf_map__fd(map) < 0)
			sum += least_of(map);
	return sum;
}

int map_memory_check(const struct bpf_object *object, char error[LOADER_ERROR_BYTES])
{
	uint64_t least = map_memory_least(object);
	struct memory_limit limit;

	if (!memory_limit_find("/proc/self/cgroup", file_text_read, &limit) ||
	    least <= (uint64_t)limit.bytes)
		return 0;
	snprintf(error, LOADER_ERROR_BYTES,
		 "cannot load the BPF program: its maps take %.1f MiB at least, and the memory "
		 "limit of this cgroup, in '%.200s', is %.1f MiB: raise it (MemoryMax of a unit), "
		 "or lower 'flows'",
		 (double)least / MIB, limit.file, (double)limit.bytes / MIB);
	return -ENOMEM;
}

int map_memory_room(uint64_t bytes)
{
	struct memory_limit limit;

	if (!memory_limit_find("/proc/self/cgroup", file_text_read, &limit) || limit.used < 0 ||
	    (int64_t)bytes + MARGIN <= limit.bytes - (limit.used - limit.cache))
		return 0;
	return -ENOMEM;
}

const char *map_memory_why(char text[MAP_MEMORY_WHY_BYTES])
{
	struct memory_limit limit;

	if (memory_limit_find("/proc/self/cgroup", file_text_read, &limit))
		snprintf(text, MAP_MEMORY_WHY_BYTES,
			 "the memory limit of this cgroup, in '%.200s', is %.1f MiB: raise it "
			 "(MemoryMax of a unit)",
			 limit.file, (double)limit.bytes / MIB);
	else
		snprintf(text, MAP_MEMORY_WHY_BYTES, "%s", strerror(ENOMEM));
	return text;
}
