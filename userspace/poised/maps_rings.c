/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ring slots: segments of them, made as they are needed, and what each ring has of them. The kernel
 * clears a segment's memory, and lets a map be put into an outer one only after an RCU grace
 * period, but many at once after one. So rings' segments are made together, and those of moves when
 * a slot begins to move, or before, when there is time.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "map_memory.h"
#include "maps_private.h"
#include "parallel.h"

enum { MOVES_AHEAD = 4 }; /* segments at a time: some milliseconds each */

/* Inner maps that are opened together. */
struct opening {
	struct shelf *shelf;
	uint32_t count;
	__u32 numbers[POISE_MAX_SEGMENTS];
	bool made[POISE_MAX_SEGMENTS];
};

void maps_shelf_init(struct shelf *shelf, struct bpf_map *outer, const char *name, size_t size)
{
	*shelf = (struct shelf){ .outer = outer, .name = name, .size = size };
	for (int i = 0; i < POISE_MAX_SEGMENTS; i++)
		shelf->parts[i].fd = -1;
}

static void part_close(struct shelf *shelf, uint32_t number)
{
	struct part *part = &shelf->parts[number];

	maps_unshare(part->memory, shelf->size);
	if (part->fd >= 0)
		close(part->fd);
	*part = (struct part){ .fd = -1 };
}

void maps_shelf_close(struct shelf *shelf)
{
	for (uint32_t i = 0; i < POISE_MAX_SEGMENTS && shelf->outer; i++)
		part_close(shelf, i);
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

/* Opens one that is there, or makes it; several threads do so at the same time. */
static void part_open(void *context, size_t number)
{
	struct opening *opening = context;
	struct shelf *shelf = opening->shelf;
	struct part *part = &shelf->parts[opening->numbers[number]];

	part->fd = inner_get(shelf->outer, opening->numbers[number]);
	if (part->fd == -ENOENT) {
		part->fd = inner_make(shelf->name, shelf->size);
		opening->made[number] = true;
	}
	if (part->fd >= 0)
		part->memory = maps_share(part->fd, shelf->size);
}

/* Linux before 5.14 takes one at a time. */
static int outer_put(struct bpf_map *outer, const __u32 *numbers, const __u32 *fds, uint32_t count)
{
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	__u32 done = count;
	int err = 0;

	if (count > 1 &&
	    bpf_map_update_batch(bpf_map__fd(outer), numbers, fds, &done, &options) == 0)
		return 0;
	for (uint32_t i = 0; i < count && !err; i++)
		err = bpf_map_update_elem(bpf_map__fd(outer), &numbers[i], &fds[i], BPF_ANY);
	return err;
}

static int put_made(const struct opening *opening)
{
	__u32 numbers[POISE_MAX_SEGMENTS], fds[POISE_MAX_SEGMENTS];
	uint32_t count = 0;

	for (uint32_t i = 0; i < opening->count; i++) {
		if (!opening->made[i])
			continue;
		numbers[count] = opening->numbers[i];
		fds[count++] = opening->shelf->parts[opening->numbers[i]].fd;
	}
	return outer_put(opening->shelf->outer, numbers, fds, count);
}

/* All of them, or on an error none. 0 or a negative errno. */
static int open_parts(struct opening *opening)
{
	int err = 0;

	parallel_run(opening->count, INT_MAX, part_open, opening);
	for (uint32_t i = 0; i < opening->count; i++) {
		const struct part *part = &opening->shelf->parts[opening->numbers[i]];

		if (!part->memory && !err)
			err = part->fd < 0 ? part->fd : -ENOMEM;
	}
	if (!err)
		err = put_made(opening);
	for (uint32_t i = 0; i < opening->count && err; i++)
		part_close(opening->shelf, opening->numbers[i]);
	return err;
}

static int open_part(struct shelf *shelf, uint32_t number)
{
	struct opening opening = { .shelf = shelf, .count = 1, .numbers = { number } };

	return shelf->parts[number].memory ? 0 : open_parts(&opening);
}

int maps_segment_open(struct maps *maps, uint32_t number)
{
	int moves = inner_get(maps->moves.outer, number);
	int err = open_part(&maps->slots, number);

	if (moves < 0)
		return moves == -ENOENT ? err : moves;
	close(moves);
	return err ? err : open_part(&maps->moves, number);
}

struct ring maps_ring(struct maps *maps, const struct extent *extent)
{
	struct poise_ring_segment *slots = maps->slots.parts[extent->segment].memory;
	struct poise_move_segment *moves = maps->moves.parts[extent->segment].memory;

	return (struct ring){ .slots = &slots->slot[extent->base],
			      .moves = moves ? &moves->move[extent->base] : NULL,
			      .size = extent->size };
}

int maps_ring_allow_moves(struct maps *maps, const struct extent *extent, struct ring *ring)
{
	int err;

	if (ring->moves)
		return 0;
	err = open_part(&maps->moves, extent->segment);
	if (!err)
		*ring = maps_ring(maps, extent);
	return err;
}

int maps_moves_ahead(struct maps *maps)
{
	struct opening opening = { .shelf = &maps->moves };

	for (uint32_t i = 0; i < POISE_MAX_SEGMENTS && opening.count < MOVES_AHEAD; i++)
		if (maps->slots.parts[i].memory && !maps->moves.parts[i].memory)
			opening.numbers[opening.count++] = i;
	return opening.count ? open_parts(&opening) : 0;
}

int maps_ring_allocate(struct maps *maps, uint32_t size, struct extent *out)
{
	int err = extents_allocate(&maps->rings, size, out);
	struct part *part;

	if (err)
		return err;
	part = &maps->slots.parts[out->segment];
	part->wanted = !part->memory;
	if (part->memory)
		memset(maps_ring(maps, out).slots, 0, size * sizeof(__u16));
	return 0;
}

int maps_rings_open(struct maps *maps)
{
	struct opening opening = { .shelf = &maps->slots };
	int err;

	for (uint32_t i = 0; i < POISE_MAX_SEGMENTS; i++)
		if (maps->slots.parts[i].wanted)
			opening.numbers[opening.count++] = i;
	/* what moves of them is made later */
	err = opening.count ? map_memory_room(opening.count * (maps->slots.size + maps->moves.size))
			    : 0;
	if (!err && opening.count)
		err = open_parts(&opening);
	for (uint32_t i = 0; i < opening.count && !err; i++) {
		struct part *part = &maps->slots.parts[opening.numbers[i]];

		part->wanted = false;
		if (!opening.made[i]) /* what lay there is of rings that are gone */
			memset(part->memory, 0, maps->slots.size);
	}
	return err;
}

int maps_ring_adopt(struct maps *maps, const struct extent *extent)
{
	int err = extents_reserve(&maps->rings, extent);

	return err ? err : maps_segment_open(maps, extent->segment);
}

void maps_ring_release(struct maps *maps, const struct extent *extent)
{
	extents_release(&maps->rings, extent);
}
