/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the migrate*.c files share, and no one else sees. */
#ifndef POISE_MIGRATE_PRIVATE_H
#define POISE_MIGRATE_PRIVATE_H

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stddef.h>

#include "layout.h"
#include "migrate.h"
#include "poise_abi.h"

/* A map of the other version. */
struct former {
	int fd;
	struct bpf_map_info info;
	struct btf *btf; /* NULL: the kernel has none of it */
};

struct migration;
struct change;

/* How maps of one name are taken over. */
struct takeover {
	const char *name;
	bool grows; /* entries are only ever appended; those of others are known by their index */
	bool last;  /* the program that runs writes it: filled when the slots are parked */
	/* Whether the values can be had: types and sizes differ in what is bearable. */
	bool (*suits)(const struct migration *migration, const struct change *change);
	int (*fill)(struct migration *migration, struct change *change);
	int (*follow)(struct migration *migration, struct change *change); /* NULL: nothing to */
};

/* A map that is made anew. */
struct change {
	struct bpf_map *to;
	const struct takeover *how;
	struct former from;
	void **copied; /* counters: what was filled in, by index; NULL where all was 0 */
};

enum { MIGRATE_MAX_MAPS = 64 };

struct migration {
	struct bpf_object *object;
	char *pin_path;	      /* of the other version's maps, until they give way to the new ones */
	struct btf *segments; /* how it lays segments out */
	struct former rings;
	struct change changes[MIGRATE_MAX_MAPS];
	size_t count;
};

/* migrate.c */
int former_open(const char *pin_path, const char *name, struct former *out); /* or -errno */
void former_close(struct former *former);
struct layout former_value(const struct former *former);
struct layout migration_value(const struct migration *migration, const struct bpf_map *map);

/* migrate_copy.c */
bool copy_suits_array(const struct migration *migration, const struct change *change);
int copy_array(struct migration *migration, struct change *change);
int copy_counters(struct migration *migration, struct change *change);
int copy_follow_counters(struct migration *migration, struct change *change);
bool copy_suits_hash(const struct migration *migration, const struct change *change);
int copy_hash(struct migration *migration, struct change *change);
int copy_follow_hash(struct migration *migration, struct change *change);

/* migrate_table.c: exceptions and recorded flows */
bool table_suits(const struct migration *migration, const struct change *change);
int table_fill(struct migration *migration, struct change *change);
int table_follow_exceptions(struct migration *migration, struct change *change);
int table_follow_flows(struct migration *migration, struct change *change);

/* migrate_rings.c: segments of slots, and of their moves */
bool segments_same(const struct migration *migration, const struct change *change);
bool segments_suit(const struct migration *migration, const struct change *change);
int segments_fill_rings(struct migration *migration, struct change *change);
int segments_fill_moves(struct migration *migration, struct change *change);
int segments_follow_moves(struct migration *migration, struct change *change);

/* One segment, in memory; none is there: -ENOENT. */
struct segment {
	char *memory;
	size_t size;		   /* bytes */
	struct layout_member list; /* of its entries */
};

/* list: of its slots or moves, as its version lays them out. 0 or a negative errno. */
int segment_open(int outer, uint32_t number, const struct layout_member *list, struct segment *out);
void segment_close(struct segment *segment);
void *segment_entry(const struct segment *segment, uint32_t slot);
/* The types of the other version; NULL: they cannot be had. The caller frees them. */
struct btf *segment_types(const char *pin_path);
/* How the other version lays slots or moves out in a segment, if in as many as this one. */
bool segment_layout(const struct migration *migration, bool moves, struct layout_member *out);

/* A number of 1, 2, 4 or 8 bytes that packets read and write meanwhile. */
uint64_t word_load(const void *word, size_t size);
void word_store(void *word, size_t size, uint64_t value);
/* Returns when no packet is under way any more that began before. outer: a map of maps. */
void wait_for_packets(int outer);

/*
 * migrate_park.c. What a flow's record would tell is the same, for a while, without a record: every
 * moving slot sends new connections to the backend that unrecorded packets go to anyway, and
 * schedules send them to the ring's owner. So the tables' copy need not be of one moment.
 */
struct park;
/* Marks the rings as to be built anew, so that a death leaves none parked. */
int park_new(struct migration *migration, struct park **out);
int park_slots(struct park *park); /* 0 or a negative errno */
/* Takes all back. */
void park_undo(struct park *park);
void park_free(struct park *park); /* takes NULL; leaves it to poised to build the rings */

#endif
