/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ring_ahead.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config.h"
#include "poise_abi.h"

enum {
	MAX_BYTES = 128 << 20, /* of all rings */
	MAX_MEMBERS = 255,     /* so that a slot is a byte: its owner's place, from 1 on; 0: none */
	NICENESS = 19,	       /* takes what the first thread and other processes leave */
};

struct built_ring {
	struct maglev_member *members; /* their index is their place */
	size_t count;
	uint32_t size;
	uint8_t *slots; /* NULL: not built */
};

struct ring_ahead {
	pthread_t thread;
	bool running;
	atomic_bool stop;
	atomic_size_t made; /* the place of the first ring that is; those behind it are, too */
	uint64_t seed;
	uint8_t *memory; /* of slots */
	size_t count;
	struct built_ring rings[];
};

static bool has_second_cpu(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 1;
}

static void foresee(const struct config_service *service, struct built_ring *ring)
{
	if (service->backend_count > MAX_MEMBERS)
		return;
	ring->members = calloc(service->backend_count + 1, sizeof(*ring->members));
	ring->size = service->ring_size;
	for (size_t i = 0; i < service->backend_count && ring->members; i++) {
		const struct config_backend *backend = &service->backends[i];

		if (backend->drain)
			continue;
		ring->members[ring->count] = (struct maglev_member){ .address = backend->address,
								     .index = ring->count + 1,
								     .weight = backend->weight };
		ring->count++;
	}
}

static void build(struct ring_ahead *ahead, struct built_ring *ring, uint16_t *owners,
		  uint8_t *slots)
{
	if (!ring->members ||
	    maglev_build(ring->members, ring->count, ring->size, ahead->seed, owners))
		return;
	ring->slots = slots;
	for (uint32_t i = 0; i < ring->size; i++)
		slots[i] = owners[i];
}

/* The last ones first, for the first ones are filled first. */
static void *build_all(void *context)
{
	struct ring_ahead *ahead = context;
	uint16_t *owners = malloc(POISE_MAX_RING * sizeof(*owners));
	size_t bytes = 0;

	setpriority(PRIO_PROCESS, gettid(), NICENESS);
	for (size_t i = ahead->count; i-- > 0 && owners && !atomic_load(&ahead->stop);) {
		size_t begin = bytes;

		bytes += ahead->rings[i].size;
		if (bytes > MAX_BYTES)
			break;
		build(ahead, &ahead->rings[i], owners, ahead->memory + begin);
		atomic_store(&ahead->made, i);
	}
	free(owners);
	return NULL;
}

/* In large pages, where there are any: small ones cost more time than is won. */
static bool map_memory(struct ring_ahead *ahead)
{
	void *memory = mmap(NULL, MAX_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return false;
	madvise(memory, MAX_BYTES, MADV_HUGEPAGE);
	ahead->memory = memory;
	return true;
}

/* Signals are the first thread's. */
static bool start(struct ring_ahead *ahead)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ahead->running = pthread_create(&ahead->thread, NULL, build_all, ahead) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ahead->running;
}

struct ring_ahead *ring_ahead_begin(const struct config *config)
{
	struct ring_ahead *ahead;

	if (!has_second_cpu())
		return NULL;
	ahead = calloc(1, sizeof(*ahead) + config->service_count * sizeof(*ahead->rings));
	if (!ahead)
		return NULL;
	ahead->seed = config->seed;
	ahead->count = ahead->made = config->service_count;
	for (size_t i = 0; i < ahead->count; i++)
		foresee(&config->services[i], &ahead->rings[i]);
	if (map_memory(ahead) && start(ahead))
		return ahead;
	ring_ahead_free(ahead);
	return NULL;
}

void ring_ahead_stop(struct ring_ahead *ahead)
{
	if (!ahead || !ahead->running)
		return;
	atomic_store(&ahead->stop, true);
	pthread_join(ahead->thread, NULL);
	ahead->running = false;
}

void ring_ahead_free(struct ring_ahead *ahead)
{
	ring_ahead_stop(ahead);
	for (size_t i = 0; ahead && i < ahead->count; i++)
		free(ahead->rings[i].members);
	if (ahead && ahead->memory)
		munmap(ahead->memory, MAX_BYTES);
	free(ahead);
}

size_t ring_ahead_made(struct ring_ahead *ahead)
{
	return ahead->count - atomic_load(&ahead->made);
}

static bool is_foreseen(const struct built_ring *ring, const struct maglev_member *members,
			size_t count)
{
	if (ring->count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!address_equal(&ring->members[i].address, &members[i].address) ||
		    ring->members[i].weight != members[i].weight)
			return false;
	return true;
}

bool ring_ahead_take(struct ring_ahead *ahead, size_t place, struct maglev_member *members,
		     size_t count, uint32_t size, uint64_t seed, uint16_t *owners)
{
	uint16_t index[MAX_MEMBERS + 1] = { 0 };
	struct built_ring *ring;

	if (!ahead || place >= ahead->count || seed != ahead->seed)
		return false;
	if (place < atomic_load(&ahead->made)) {
		if (place + 1 >= atomic_load(&ahead->made)) /* both have met */
			atomic_store(&ahead->stop, true);
		return false;
	}
	ring = &ahead->rings[place];
	if (!ring->slots || ring->size != size || !is_foreseen(ring, members, count))
		return false;
	for (size_t i = 0; i < count; i++) {
		index[i + 1] = members[i].index;
		members[i].slots = ring->members[i].slots;
	}
	for (uint32_t i = 0; i < size; i++)
		owners[i] = index[ring->slots[i]];
	return true;
}
