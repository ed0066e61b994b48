/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the maps*.c files share, and no one else sees. */
#ifndef POISE_MAPS_PRIVATE_H
#define POISE_MAPS_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "maps.h"
#include "poise.skel.h"

/* An inner map, while it is open. */
struct part {
	int fd; /* -1 while it is not there */
	void *memory;
	bool wanted; /* a ring lies in it, or will */
};

/* An outer map and its inner ones, all of one size. */
struct shelf {
	struct bpf_map *outer;
	const char *name; /* of inner ones */
	size_t size;	  /* bytes */
	struct part parts[POISE_MAX_SEGMENTS];
};

struct maps {
	struct poise_bpf *object;
	struct poise_settings *settings;
	struct poise_service *services;
	struct poise_port_range *port_ranges;
	struct poise_backend *backends, *next;
	struct poise_backend_load *loads;
	struct poise_exception_bucket *exceptions, *flows;
	struct shelf slots, moves;
	struct extents rings;
	struct extents ranges; /* one segment */
	void *per_cpu;	       /* room for one look-up in a per-CPU map */
	int cpus;
	bool next_in_use; /* readers of 'next' may still be under way */
};

/* Shared memory of size bytes of a map, or NULL. */
void *maps_share(int fd, size_t size);
void maps_unshare(void *memory, size_t size); /* takes NULL */

/* maps_rings.c */
void maps_shelf_init(struct shelf *shelf, struct bpf_map *outer, const char *name, size_t size);
void maps_shelf_close(struct shelf *shelf);
/* Opens a segment of slots that is there, or makes it; with its moves, if these are there. 0 or a
 * negative errno. */
int maps_segment_open(struct maps *maps, uint32_t number);

/* maps_backends.c: finishes what a poised that died in maps_backends_write() began. */
void maps_backends_finish(struct maps *maps);

/* maps_counts.c: sets the counters of every CPU to 0. */
void maps_count_reset(struct maps *maps, struct bpf_map *map, uint32_t index);

#endif
