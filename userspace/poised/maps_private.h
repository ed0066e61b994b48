/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the maps*.c files share, and no one else sees. */
#ifndef POISE_MAPS_PRIVATE_H
#define POISE_MAPS_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "maps.h"
#include "poise.skel.h"

struct segment {
	int ring_fd, move_fd; /* -1 while it is not there */
	struct poise_ring_segment *ring;
	struct poise_move_segment *move;
};

struct maps {
	struct poise_bpf *object;
	struct poise_settings *settings;
	struct poise_service *services;
	struct poise_port_range *port_ranges;
	struct poise_backend *backends, *next;
	struct poise_backend_load *loads;
	struct poise_exception_bucket *exceptions, *flows;
	struct segment segments[POISE_MAX_SEGMENTS];
	struct extents rings;
	struct extents ranges; /* one segment */
	void *per_cpu;	       /* room for one look-up in a per-CPU map */
	int cpus;
	bool next_in_use; /* readers of 'next' may still be under way */
};

/* Shared memory of size bytes of a map, or NULL. */
void *maps_share(int fd, size_t size);
void maps_unshare(void *memory, size_t size); /* takes NULL */

/* maps_rings.c: opens a segment that is there, or makes it. 0 or a negative errno. */
int maps_segment_open(struct maps *maps, uint32_t number);
void maps_segment_close(struct segment *segment);

/* maps_backends.c: finishes what a poised that died in maps_backends_write() began. */
void maps_backends_finish(struct maps *maps);

/* maps_counts.c: sets the counters of every CPU to 0. */
void maps_count_reset(struct maps *maps, struct bpf_map *map, uint32_t index);

#endif
