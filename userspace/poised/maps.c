/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "poise.skel.h"
#include "poise_flow.h"

struct segment {
	int ring_fd, move_fd; /* -1 while it is not there */
	struct poise_ring_segment *ring;
	struct poise_move_segment *move;
};

struct maps {
	struct poise_bpf *object;
	struct poise_settings *settings;
	struct poise_table_bucket *table;
	struct poise_service *services;
	struct poise_backend *backends, *next;
	struct poise_exception_bucket *exceptions, *flows;
	struct poise_backend_load *loads;
	struct segment segments[POISE_MAX_SEGMENTS];
	struct extents rings;
	void *per_cpu; /* room for one look-up in a per-CPU map */
	int cpus;
	bool next_in_use; /* readers of 'next' may still be under way */
};

static size_t page_align(size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

static void *map_share(struct bpf_map *map)
{
	size_t size = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);
	void *memory = mmap(NULL, page_align(size), PROT_READ | PROT_WRITE, MAP_SHARED,
			    bpf_map__fd(map), 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void map_unshare(void *memory, struct bpf_map *map)
{
	if (memory)
		munmap(memory,
		       page_align((size_t)bpf_map__value_size(map) * bpf_map__max_entries(map)));
}

static void *segment_share(int fd, size_t size)
{
	void *memory = mmap(NULL, page_align(size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void segment_close(struct segment *segment)
{
	if (segment->ring)
		munmap(segment->ring, page_align(sizeof(*segment->ring)));
	if (segment->move)
		munmap(segment->move, page_align(sizeof(*segment->move)));
	if (segment->ring_fd >= 0)
		close(segment->ring_fd);
	if (segment->move_fd >= 0)
		close(segment->move_fd);
	*segment = (struct segment){ .ring_fd = -1, .move_fd = -1 };
}

/* The inner map that is in an outer one already, or -ENOENT. */
static int inner_get(struct bpf_map *outer, uint32_t number)
{
	__u32 id;
	int err = bpf_map_lookup_elem(bpf_map__fd(outer), &number, &id);

	return err ? err : bpf_map_get_fd_by_id(id);
}

static int inner_make(const char *name, size_t size)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(__u32), size, 1, &options);
}

/* Opens a segment that is there, or makes it; the ring becomes visible after its moves. */
static int segment_open(struct maps *maps, uint32_t number)
{
	struct segment *segment = &maps->segments[number];
	bool made_ring = false, made_move = false;
	int err = -ENOMEM;

	if (segment->ring)
		return 0;
	segment->ring_fd = inner_get(maps->object->maps.rings, number);
	if (segment->ring_fd == -ENOENT) {
		segment->ring_fd = inner_make("ring_segment", sizeof(struct poise_ring_segment));
		made_ring = true;
	}
	segment->move_fd = inner_get(maps->object->maps.moves, number);
	if (segment->move_fd == -ENOENT) {
		segment->move_fd = inner_make("move_segment", sizeof(struct poise_move_segment));
		made_move = true;
	}
	if (segment->ring_fd < 0 || segment->move_fd < 0) {
		err = segment->ring_fd < 0 ? segment->ring_fd : segment->move_fd;
		goto err_close;
	}
	segment->ring = segment_share(segment->ring_fd, sizeof(*segment->ring));
	segment->move = segment_share(segment->move_fd, sizeof(*segment->move));
	if (!segment->ring || !segment->move)
		goto err_close;
	err = 0;
	if (made_move)
		err = bpf_map_update_elem(bpf_map__fd(maps->object->maps.moves), &number,
					  &segment->move_fd, BPF_ANY);
	if (!err && made_ring)
		err = bpf_map_update_elem(bpf_map__fd(maps->object->maps.rings), &number,
					  &segment->ring_fd, BPF_ANY);
	if (!err)
		return 0;
err_close:
	segment_close(segment);
	return err;
}

/* Rewrites a copy that no reader uses; its 'current' is 0 while that goes on. */
static void copy_entry(struct poise_backend *to, const struct poise_backend *from)
{
	struct poise_backend entry = *from;

	entry.flags = to->flags;
	entry.current = 0;
	*to = entry;
}

/* Finishes what a poised that died in maps_backends_write() began. An entry that was never written
 * has no family. */
static void finish_backends_write(struct maps *maps)
{
	bool unfinished = false;

	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++) {
		if (maps->backends[i].current || !maps->next[i].family)
			continue;
		copy_entry(&maps->backends[i], &maps->next[i]);
		unfinished = true;
	}
	if (!unfinished)
		return;
	maps_synchronize(maps);
	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++)
		if (maps->next[i].family)
			__atomic_store_n(&maps->backends[i].current, 1, __ATOMIC_RELEASE);
	maps->next_in_use = true;
}

int maps_new(struct poise_bpf *object, struct maps **out)
{
	struct maps *maps = calloc(1, sizeof(*maps));
	int err = -ENOMEM;

	if (!maps)
		return -ENOMEM;
	maps->object = object;
	for (int i = 0; i < POISE_MAX_SEGMENTS; i++)
		maps->segments[i] = (struct segment){ .ring_fd = -1, .move_fd = -1 };
	extents_init(&maps->rings, POISE_MAX_SEGMENTS, POISE_SEGMENT_SLOTS);
	maps->cpus = libbpf_num_possible_cpus();
	maps->per_cpu = calloc(maps->cpus, sizeof(struct poise_backend_count));
	maps->settings = map_share(object->maps.settings);
	maps->table = map_share(object->maps.service_table);
	maps->services = map_share(object->maps.services);
	maps->backends = map_share(object->maps.backends);
	maps->next = map_share(object->maps.backends_next);
	maps->exceptions = map_share(object->maps.exceptions);
	maps->flows = map_share(object->maps.flows);
	maps->loads = map_share(object->maps.backend_load);
	if (!maps->per_cpu || !maps->settings || !maps->table || !maps->services ||
	    !maps->backends || !maps->next || !maps->exceptions || !maps->flows || !maps->loads)
		goto err_free;
	err = segment_open(maps, 0); /* maps_synchronize() needs one */
	if (err)
		goto err_free;
	finish_backends_write(maps);
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
	for (int i = 0; i < POISE_MAX_SEGMENTS; i++)
		segment_close(&maps->segments[i]);
	map_unshare(maps->settings, maps->object->maps.settings);
	map_unshare(maps->table, maps->object->maps.service_table);
	map_unshare(maps->services, maps->object->maps.services);
	map_unshare(maps->backends, maps->object->maps.backends);
	map_unshare(maps->next, maps->object->maps.backends_next);
	map_unshare(maps->exceptions, maps->object->maps.exceptions);
	map_unshare(maps->flows, maps->object->maps.flows);
	map_unshare(maps->loads, maps->object->maps.backend_load);
	extents_free(&maps->rings);
	free(maps->per_cpu);
	free(maps);
}

struct poise_settings *maps_settings(struct maps *maps)
{
	return maps->settings;
}

/*
 * The kernel lets a change of a map of maps return only after an RCU grace period (so that a reader
 * never keeps a replaced inner map), and an XDP program runs inside one RCU read section.
 */
void maps_synchronize(struct maps *maps)
{
	__u32 zero = 0;

	bpf_map_update_elem(bpf_map__fd(maps->object->maps.rings), &zero,
			    &maps->segments[0].ring_fd, BPF_ANY);
}

struct ring maps_ring(struct maps *maps, const struct extent *extent)
{
	struct segment *segment = &maps->segments[extent->segment];

	return (struct ring){ .slots = &segment->ring->slot[extent->base],
			      .moves = &segment->move->move[extent->base],
			      .size = extent->size };
}

int maps_ring_allocate(struct maps *maps, uint32_t size, struct extent *out)
{
	int err = extents_allocate(&maps->rings, size, out);
	struct ring ring;

	if (err)
		return err;
	err = segment_open(maps, out->segment);
	if (err) {
		extents_release(&maps->rings, out);
		return err;
	}
	ring = maps_ring(maps, out);
	memset(ring.slots, 0, size * sizeof(*ring.slots));
	return 0;
}

int maps_ring_adopt(struct maps *maps, const struct extent *extent)
{
	int err = extents_reserve(&maps->rings, extent);

	return err ? err : segment_open(maps, extent->segment);
}

void maps_ring_release(struct maps *maps, const struct extent *extent)
{
	extents_release(&maps->rings, extent);
}

static uint64_t service_hash(const struct poise_service *service)
{
	__u64 address[2];

	memcpy(address, service->address, sizeof(address));
	if (service->family == 4)
		return poise_service_hash4((uint32_t)address[0], service->port, service->protocol);
	return poise_service_hash6(address, service->port, service->protocol);
}

/* The word of the table that names index, or NULL. */
static uint32_t *table_word(struct maps *maps, uint32_t index)
{
	uint64_t hash = service_hash(&maps->services[index]);
	struct poise_table_bucket *bucket = &maps->table[poise_service_bucket(hash)];

	for (int i = 0; i < POISE_TABLE_WAYS; i++)
		if ((bucket->word[i] & 0xffff) == index)
			return &bucket->word[i];
	return NULL;
}

int maps_service_publish(struct maps *maps, uint32_t index, const struct poise_service *service)
{
	uint64_t hash = service_hash(service);
	struct poise_table_bucket *bucket = &maps->table[poise_service_bucket(hash)];

	for (int i = 0; i < POISE_TABLE_WAYS; i++) {
		if (bucket->word[i])
			continue;
		maps->services[index] = *service;
		__atomic_store_n(&bucket->word[i], poise_service_tag(hash) << 16 | index,
				 __ATOMIC_RELEASE);
		return 0;
	}
	return -ENOSPC;
}

void maps_service_withdraw(struct maps *maps, uint32_t index)
{
	uint32_t *word = table_word(maps, index);

	if (word)
		__atomic_store_n(word, 0, __ATOMIC_RELEASE);
}

const struct poise_service *maps_service(struct maps *maps, uint32_t index)
{
	return &maps->services[index];
}

bool maps_service_published(struct maps *maps, uint32_t index)
{
	return table_word(maps, index) != NULL;
}

/*
 * Readers go from the first copy to the second, then back. Each step waits for the readers of what
 * is rewritten next, so that none ever sees a mixture, whatever order its CPU loads in.
 */
void maps_backends_write(struct maps *maps, const struct maps_backend_change *changes, size_t count)
{
	if (!count)
		return;
	if (maps->next_in_use)
		maps_synchronize(maps);
	for (size_t i = 0; i < count; i++)
		copy_entry(&maps->next[changes[i].index], &changes[i].entry);
	for (size_t i = 0; i < count; i++)
		__atomic_store_n(&maps->backends[changes[i].index].current, 0, __ATOMIC_RELEASE);
	maps_synchronize(maps);
	for (size_t i = 0; i < count; i++)
		copy_entry(&maps->backends[changes[i].index], &changes[i].entry);
	maps_synchronize(maps);
	for (size_t i = 0; i < count; i++)
		__atomic_store_n(&maps->backends[changes[i].index].current, 1, __ATOMIC_RELEASE);
	maps->next_in_use = true;
}

static void reset_per_cpu(struct maps *maps, struct bpf_map *map, uint32_t index)
{
	memset(maps->per_cpu, 0, maps->cpus * sizeof(struct poise_backend_count));
	bpf_map_update_elem(bpf_map__fd(map), &index, maps->per_cpu, BPF_ANY);
}

void maps_backend_init(struct maps *maps, uint32_t index, const struct poise_backend *entry)
{
	maps->backends[index] = *entry;
	maps->backends[index].current = 1;
	maps->next[index] = maps->backends[index];
	reset_per_cpu(maps, maps->object->maps.backend_count, index);
}

const struct poise_backend *maps_backend(struct maps *maps, uint32_t index)
{
	return maps->backends[index].current ? &maps->backends[index] : &maps->next[index];
}

void maps_backend_set_flags(struct maps *maps, uint32_t index, uint8_t flags)
{
	__atomic_store_n(&maps->next[index].flags, flags, __ATOMIC_RELEASE);
	__atomic_store_n(&maps->backends[index].flags, flags, __ATOMIC_RELEASE);
}

int maps_service_record_read(struct maps *maps, uint32_t index, struct poise_service_record *out)
{
	int err = bpf_map_lookup_elem(bpf_map__fd(maps->object->maps.service_record), &index, out);

	out->name[sizeof(out->name) - 1] = 0;
	return err;
}

int maps_service_record_write(struct maps *maps, uint32_t index,
			      const struct poise_service_record *record)
{
	return bpf_map_update_elem(bpf_map__fd(maps->object->maps.service_record), &index, record,
				   BPF_ANY);
}

int maps_backend_record_read(struct maps *maps, uint32_t index, struct poise_backend_record *out)
{
	int err = bpf_map_lookup_elem(bpf_map__fd(maps->object->maps.backend_record), &index, out);

	out->name[sizeof(out->name) - 1] = 0;
	return err;
}

int maps_backend_record_write(struct maps *maps, uint32_t index,
			      const struct poise_backend_record *record)
{
	return bpf_map_update_elem(bpf_map__fd(maps->object->maps.backend_record), &index, record,
				   BPF_ANY);
}

/* Adds up words 64-bit counters of every CPU. */
static void sum_per_cpu(struct maps *maps, struct bpf_map *map, uint32_t index, uint64_t *out,
			size_t words)
{
	const uint64_t *values = maps->per_cpu;

	memset(out, 0, words * sizeof(*out));
	if (bpf_map_lookup_elem(bpf_map__fd(map), &index, maps->per_cpu))
		return;
	for (int cpu = 0; cpu < maps->cpus; cpu++)
		for (size_t i = 0; i < words; i++)
			out[i] += values[cpu * words + i];
}

void maps_service_count(struct maps *maps, uint32_t index, struct poise_service_count *out)
{
	sum_per_cpu(maps, maps->object->maps.service_count, index, (uint64_t *)out,
		    sizeof(*out) / sizeof(uint64_t));
}

void maps_backend_count(struct maps *maps, uint32_t index, struct poise_backend_count *out)
{
	sum_per_cpu(maps, maps->object->maps.backend_count, index, (uint64_t *)out,
		    sizeof(*out) / sizeof(uint64_t));
}

uint64_t maps_reason_count(struct maps *maps, uint32_t reason)
{
	uint64_t count;

	sum_per_cpu(maps, maps->object->maps.reason_count, reason, &count, 1);
	return count;
}

uint64_t maps_event_count(struct maps *maps, uint32_t event)
{
	uint64_t count;

	sum_per_cpu(maps, maps->object->maps.event_count, event, &count, 1);
	return count;
}

void maps_service_count_reset(struct maps *maps, uint32_t index)
{
	reset_per_cpu(maps, maps->object->maps.service_count, index);
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

struct poise_backend_load *maps_load(struct maps *maps, uint32_t index)
{
	return &maps->loads[index];
}

int maps_egress_add(struct maps *maps, uint32_t ifindex)
{
	return bpf_map_update_elem(bpf_map__fd(maps->object->maps.egress), &ifindex, &ifindex,
				   BPF_ANY);
}
