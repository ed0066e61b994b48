// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Maps and the helpers that look things up: see shim.h. Hashes are short lists that are searched
 * from end to end, which is enough for what one input puts into them.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf_helpers.h>

#include "shim.h"

enum {
	MAX_MAPS = 40,
	HASH_ENTRIES = 64, /* in any hash; an LRU hash gives up its oldest one then */
	JIFFY_NS = 4000000,
	PREFIX_KEY_WORD = 4, /* bytes before those of a trie's key, which say how many bits count */
};

struct shim_map {
	struct shim_map_shape shape;
	uint8_t *values;	     /* of an array */
	struct shim_map **inner;     /* of an array of maps */
	uint8_t *keys;		     /* of a hash, HASH_ENTRIES of each */
	uint64_t used[HASH_ENTRIES]; /* when; 0: free */
	uint64_t uses;
};

static struct shim_map maps[MAX_MAPS];
static size_t map_count;
static uint64_t clock_ns;

static void *allocate(size_t entries, size_t bytes)
{
	void *memory = calloc(entries, bytes);

	if (!memory)
		abort();
	return memory;
}

static bool is_array(const struct shim_map *map)
{
	return map->shape.type == BPF_MAP_TYPE_ARRAY ||
	       map->shape.type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static uint32_t stored_entries(const struct shim_map *map)
{
	return map->shape.folded ? map->shape.folded : map->shape.entries;
}

static void map_fill(struct shim_map *map, const struct shim_map_shape *shape)
{
	map->shape = *shape;
	if (shape->type == BPF_MAP_TYPE_ARRAY_OF_MAPS) {
		map->inner = allocate(shape->entries, sizeof(*map->inner));
	} else if (is_array(map)) {
		map->values = allocate(stored_entries(map), shape->value_bytes);
	} else {
		map->keys = allocate(HASH_ENTRIES, shape->key_bytes);
		map->values = allocate(HASH_ENTRIES, shape->value_bytes);
	}
}

void shim_map_open(void *variable, const struct shim_map_shape *shape)
{
	if (map_count == MAX_MAPS)
		abort();
	map_fill(&maps[map_count], shape);
	*(struct shim_map **)variable = &maps[map_count++];
}

/* Unlike strcmp(), this does not tell libFuzzer of words to try. */
static bool is_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static struct shim_map *map_named(const char *name)
{
	for (size_t i = 0; i < map_count; i++)
		if (is_same(maps[i].shape.name, name))
			return &maps[i];
	fprintf(stderr, "the shim has no map '%s'\n", name);
	abort();
}

/* The map behind a variable of the program, or behind an array of maps. */
static struct shim_map *map_of(void *variable)
{
	struct shim_map *map = *(struct shim_map **)variable;

	if (!map) {
		fprintf(stderr, "the program uses a map that the shim was not told of\n");
		abort();
	}
	return map;
}

void *shim_array(const char *name)
{
	return map_named(name)->values;
}

size_t shim_array_bytes(const char *name)
{
	const struct shim_map *map = map_named(name);

	return (size_t)stored_entries(map) * map->shape.value_bytes;
}

void *shim_inner_array(const char *name, uint32_t index)
{
	struct shim_map *map = map_named(name), *inner;
	struct shim_map_shape shape = { .name = name,
					.type = BPF_MAP_TYPE_ARRAY,
					.entries = 1,
					.key_bytes = sizeof(uint32_t),
					.value_bytes = map->shape.value_bytes };

	if (!map->inner[index]) {
		inner = allocate(1, sizeof(*inner));
		map_fill(inner, &shape);
		map->inner[index] = inner;
	}
	return map->inner[index]->values;
}

static void *array_look_up(struct shim_map *map, uint32_t index)
{
	if (index >= map->shape.entries)
		return NULL;
	if (map->inner)
		return map->inner[index] ? &map->inner[index] : NULL;
	if (map->shape.folded)
		index &= map->shape.folded - 1;
	return map->values + (size_t)index * map->shape.value_bytes;
}

static uint8_t *hash_key(const struct shim_map *map, size_t i)
{
	return map->keys + i * map->shape.key_bytes;
}

static uint8_t *hash_value(const struct shim_map *map, size_t i)
{
	return map->values + i * map->shape.value_bytes;
}

static int hash_find(const struct shim_map *map, const void *key)
{
	for (int i = 0; i < HASH_ENTRIES; i++)
		if (map->used[i] && !memcmp(hash_key(map, (size_t)i), key, map->shape.key_bytes))
			return i;
	return -1;
}

static bool prefix_matches(const uint8_t *prefix, const uint8_t *key, uint32_t bits)
{
	uint8_t mask = (uint8_t)(0xff00 >> bits % 8);

	return !memcmp(prefix, key, bits / 8) &&
	       !(bits % 8 && (prefix[bits / 8] ^ key[bits / 8]) & mask);
}

static int trie_find(const struct shim_map *map, const uint8_t *key)
{
	uint32_t wanted, bits, longest = 0;
	int found = -1;

	memcpy(&wanted, key, sizeof(wanted));
	for (int i = 0; i < HASH_ENTRIES; i++) {
		const uint8_t *own = hash_key(map, (size_t)i);

		memcpy(&bits, own, sizeof(bits));
		if (!map->used[i] || bits > wanted || (found >= 0 && bits < longest) ||
		    !prefix_matches(own + PREFIX_KEY_WORD, key + PREFIX_KEY_WORD, bits))
			continue;
		longest = bits;
		found = i;
	}
	return found;
}

void *bpf_map_lookup_elem(void *variable, const void *key)
{
	struct shim_map *map = map_of(variable);
	uint32_t index;
	int i;

	if (map->inner || is_array(map)) {
		memcpy(&index, key, sizeof(index));
		return array_look_up(map, index);
	}
	i = map->shape.type == BPF_MAP_TYPE_LPM_TRIE ? trie_find(map, key) : hash_find(map, key);
	if (i < 0)
		return NULL;
	map->used[i] = ++map->uses;
	return hash_value(map, (size_t)i);
}

static size_t hash_oldest(const struct shim_map *map)
{
	size_t oldest = 0;

	for (size_t i = 1; i < HASH_ENTRIES; i++)
		if (map->used[i] < map->used[oldest])
			oldest = i;
	return oldest;
}

static long hash_set(struct shim_map *map, const void *key, const void *value)
{
	int found = hash_find(map, key);
	size_t i = found < 0 ? hash_oldest(map) : (size_t)found;

	if (found < 0 && map->used[i] && map->shape.type != BPF_MAP_TYPE_LRU_HASH)
		return -E2BIG;
	memcpy(hash_key(map, i), key, map->shape.key_bytes);
	memcpy(hash_value(map, i), value, map->shape.value_bytes);
	map->used[i] = ++map->uses;
	return 0;
}

/* BPF_ANY alone. */
long bpf_map_update_elem(void *variable, const void *key, const void *value, __u64 flags)
{
	struct shim_map *map = map_of(variable);

	if (flags || map->inner || is_array(map))
		abort();
	return hash_set(map, key, value);
}

long bpf_map_delete_elem(void *variable, const void *key)
{
	struct shim_map *map = map_of(variable);
	int i = hash_find(map, key);

	if (i < 0)
		return -ENOENT;
	map->used[i] = 0;
	return 0;
}

long bpf_redirect_map(void *variable, __u64 key, __u64 flags)
{
	uint32_t ifindex = (uint32_t)key;

	return bpf_map_lookup_elem(variable, &ifindex) ? XDP_REDIRECT : (long)(flags & 3);
}

void shim_hash_set(const char *name, const void *key, const void *value)
{
	if (hash_set(map_named(name), key, value))
		abort();
}

void shim_hash_clear(const char *name)
{
	struct shim_map *map = map_named(name);

	memset(map->used, 0, sizeof(map->used));
	map->uses = 0;
}

void shim_clock_set(uint64_t ns)
{
	clock_ns = ns;
}

uint64_t shim_clock(void)
{
	return clock_ns;
}

__u64 bpf_ktime_get_coarse_ns(void)
{
	return clock_ns;
}

__u64 bpf_ktime_get_ns(void)
{
	return clock_ns;
}

__u64 bpf_jiffies64(void)
{
	return clock_ns / JIFFY_NS;
}

/* As good as any for a program that must be right for all of them, and the same in every run. */
__u32 bpf_get_prandom_u32(void)
{
	return (__u32)(clock_ns * 2654435761u >> 16);
}

__u32 bpf_get_smp_processor_id(void)
{
	return 0;
}
