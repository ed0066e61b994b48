/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ring slots: segments of them, made as they are needed, and what each ring has of them. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "maps_private.h"

void maps_segment_close(struct segment *segment)
{
	maps_unshare(segment->ring, sizeof(*segment->ring));
	maps_unshare(segment->move, sizeof(*segment->move));
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

/* The ring becomes visible after its moves. */
int maps_segment_open(struct maps *maps, uint32_t number)
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
	segment->ring = maps_share(segment->ring_fd, sizeof(*segment->ring));
	segment->move = maps_share(segment->move_fd, sizeof(*segment->move));
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
	maps_segment_close(segment);
	return err;
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
	err = maps_segment_open(maps, out->segment);
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

	return err ? err : maps_segment_open(maps, extent->segment);
}

void maps_ring_release(struct maps *maps, const struct extent *extent)
{
	extents_release(&maps->rings, extent);
}
