/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Segments of slots and of their moves, inner maps of another layout. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maps_private.h"
#include "migrate_private.h"

static bool is_moves(const struct change *change)
{
	return strcmp(bpf_map__name(change->to), "moves") == 0;
}

static const char *structure_of(bool moves)
{
	return moves ? "poise_move_segment" : "poise_ring_segment";
}

uint64_t word_load(const void *word, size_t size)
{
	switch (size) {
	case 1:
		return __atomic_load_n((const uint8_t *)word, __ATOMIC_RELAXED);
	case 2:
		return __atomic_load_n((const uint16_t *)word, __ATOMIC_RELAXED);
	case 4:
		return __atomic_load_n((const uint32_t *)word, __ATOMIC_RELAXED);
	default:
		return __atomic_load_n((const uint64_t *)word, __ATOMIC_RELAXED);
	}
}

void word_store(void *word, size_t size, uint64_t value)
{
	switch (size) {
	case 1:
		__atomic_store_n((uint8_t *)word, value, __ATOMIC_RELEASE);
		break;
	case 2:
		__atomic_store_n((uint16_t *)word, value, __ATOMIC_RELEASE);
		break;
	case 4:
		__atomic_store_n((uint32_t *)word, value, __ATOMIC_RELEASE);
		break;
	default:
		__atomic_store_n((uint64_t *)word, value, __ATOMIC_RELEASE);
	}
}

/* The inner map of that number, or a negative errno. */
static int inner_open(int outer, uint32_t number)
{
	__u32 id;
	int err = bpf_map_lookup_elem(outer, &number, &id);

	return err ? err : bpf_map_get_fd_by_id(id);
}

/* The kernel lets a change of a map of maps return only after an RCU grace period. */
void wait_for_packets(int outer)
{
	__u32 zero = 0;
	int inner = inner_open(outer, 0);

	if (inner < 0)
		return;
	bpf_map_update_elem(outer, &zero, &inner, BPF_ANY);
	close(inner);
}

/* Version 3's program does not tell: 16 bits a slot; previous and stamp a move. */
static struct btf *oldest_types(void)
{
	struct btf *btf = btf__new_empty();
	int word, move, list;

	if (!btf)
		return NULL;
	word = btf__add_int(btf, "__u16", 2, 0);
	move = btf__add_struct(btf, "poise_move", 4);
	btf__add_field(btf, "previous", word, 0, 0);
	btf__add_field(btf, "stamp", word, 16, 0);
	list = btf__add_array(btf, word, move, POISE_SEGMENT_SLOTS);
	btf__add_struct(btf, structure_of(true), 4 * POISE_SEGMENT_SLOTS);
	btf__add_field(btf, "move", list, 0, 0);
	list = btf__add_array(btf, word, word, POISE_SEGMENT_SLOTS);
	btf__add_struct(btf, structure_of(false), 2 * POISE_SEGMENT_SLOTS);
	btf__add_field(btf, "slot", list, 0, 0);
	return btf;
}

struct btf *segment_types(const char *pin_path)
{
	struct former settings;
	struct btf *types;

	if (former_open(pin_path, "settings", &settings))
		return NULL;
	types = settings.btf;
	settings.btf = NULL;
	former_close(&settings);
	if (layout_named(types, structure_of(true)).type)
		return types;
	btf__free(types);
	return oldest_types();
}

bool segment_layout(const struct migration *migration, bool moves, struct layout_member *out)
{
	struct layout structure = layout_named(migration->segments, structure_of(moves));

	return structure.type && layout_find(&structure, moves ? "move" : "slot", out) &&
	       out->count == POISE_SEGMENT_SLOTS;
}

bool segments_same(const struct migration *migration, const struct change *change)
{
	const char *name = structure_of(is_moves(change));
	struct layout from = layout_named(migration->segments, name);
	struct layout to = layout_named(bpf_object__btf(migration->object), name);

	return change->from.info.type != BPF_MAP_TYPE_ARRAY_OF_MAPS || layout_equal(&from, &to);
}

bool segments_suit(const struct migration *migration, const struct change *change)
{
	struct layout_member list;

	return segment_layout(migration, is_moves(change), &list) &&
	       (is_moves(change) || list.size <= sizeof(uint64_t));
}

int segment_open(int outer, uint32_t number, const struct layout_member *list, struct segment *out)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	int fd = inner_open(outer, number), err;

	*out = (struct segment){ .list = *list };
	if (fd < 0)
		return fd;
	err = bpf_obj_get_info_by_fd(fd, &info, &size);
	if (!err && info.value_size < list->offset + (size_t)list->count * list->size)
		err = -EPROTO;
	if (!err) {
		out->size = info.value_size;
		out->memory = maps_share(fd, out->size);
		err = out->memory ? 0 : -ENOMEM;
	}
	close(fd);
	return err;
}

void segment_close(struct segment *segment)
{
	maps_unshare(segment->memory, segment->size);
	segment->memory = NULL;
}

void *segment_entry(const struct segment *segment, uint32_t slot)
{
	return segment->memory + segment->list.offset + (size_t)slot * segment->list.size;
}

/* Inner maps that are to be put into an outer one. */
struct made {
	uint32_t count;
	__u32 numbers[POISE_MAX_SEGMENTS];
	__u32 fds[POISE_MAX_SEGMENTS];
};

/* A new inner map in the list of those made; its memory, or NULL. */
static void *make_segment(struct made *made, uint32_t number, const char *name, size_t size)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(__u32), size, 1, &options);

	if (fd < 0)
		return NULL;
	made->numbers[made->count] = number;
	made->fds[made->count++] = fd;
	return maps_share(fd, size);
}

static int put_made(struct made *made, int outer)
{
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	__u32 count = made->count;
	int err =
		count ? bpf_map_update_batch(outer, made->numbers, made->fds, &count, &options) : 0;

	for (uint32_t i = 0; i < made->count; i++)
		close(made->fds[i]);
	return err;
}

static int fill_slots(const struct segment *from, struct poise_ring_segment *to)
{
	for (uint32_t i = 0; i < POISE_SEGMENT_SLOTS; i++) {
		uint64_t word = word_load(segment_entry(from, i), from->list.size);

		if (word > UINT16_MAX)
			return -ERANGE;
		to->slot[i] = word;
	}
	return 0;
}

static int fill_rings(const struct change *change, const struct layout_member *list,
		      struct made *made)
{
	struct poise_ring_segment *to;
	struct segment from;
	int err = 0;

	for (uint32_t i = 0; i < POISE_MAX_SEGMENTS && !err; i++) {
		err = segment_open(change->from.fd, i, list, &from);
		if (err == -ENOENT) {
			err = 0;
			continue;
		}
		to = err ? NULL : make_segment(made, i, "ring_segment", sizeof(*to));
		if (!err)
			err = to ? fill_slots(&from, to) : -ENOMEM;
		maps_unshare(to, sizeof(*to));
		segment_close(&from);
	}
	return err;
}

int segments_fill_rings(struct migration *migration, struct change *change)
{
	struct made made = {};
	struct layout_member list;
	int err = segment_layout(migration, false, &list) ? fill_rings(change, &list, &made)
							  : -EPROTO;
	int put = put_made(&made, bpf_map__fd(change->to));

	return err ? err : put;
}

/* A segment of moves of the other version, and its ring's words, which say which of them count. */
struct moving {
	struct segment words, moves;
};

static void moving_close(struct moving *moving)
{
	segment_close(&moving->words);
	segment_close(&moving->moves);
}

/* -ENOENT: no slot of it has moved. */
static int moving_open(const struct migration *migration, const struct change *change,
		       uint32_t number, struct moving *out)
{
	struct layout_member words, moves;
	int err =
		segment_layout(migration, false, &words) && segment_layout(migration, true, &moves)
			? 0
			: -EPROTO;

	*out = (struct moving){};
	if (!err)
		err = segment_open(change->from.fd, number, &moves, &out->moves);
	if (!err)
		err = segment_open(migration->rings.fd, number, &words, &out->words);
	if (err)
		moving_close(out);
	return err;
}

static bool is_moving(const struct moving *moving, uint32_t slot)
{
	return word_load(segment_entry(&moving->words, slot), moving->words.list.size) &
	       POISE_SLOT_MOVING;
}

/* For each segment that has moves. take: 0 or a negative errno, which ends it. */
static int each_moving(const struct migration *migration, const struct change *change,
		       int (*take)(void *context, uint32_t number, const struct moving *moving),
		       void *context)
{
	int err = 0;

	for (uint32_t i = 0; i < POISE_MAX_SEGMENTS && !err; i++) {
		struct moving moving;

		err = moving_open(migration, change, i, &moving);
		if (!err)
			err = take(context, i, &moving);
		else if (err == -ENOENT)
			err = 0;
		moving_close(&moving);
	}
	return err;
}

struct filling {
	struct layout move; /* as this version has it */
	struct made made;
};

static int fill_moves(void *context, uint32_t number, const struct moving *moving)
{
	struct filling *filling = context;
	struct poise_move_segment *to =
		make_segment(&filling->made, number, "move_segment", sizeof(*to));
	int err = to ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < POISE_SEGMENT_SLOTS && !err; i++)
		if (is_moving(moving, i))
			err = layout_convert(&moving->moves.list.layout,
					     segment_entry(&moving->moves, i), &filling->move,
					     &to->move[i]);
	maps_unshare(to, sizeof(*to));
	return err;
}

int segments_fill_moves(struct migration *migration, struct change *change)
{
	struct layout own = layout_named(bpf_object__btf(migration->object), "poise_move");
	struct filling filling = { .move = own };
	int err = own.type ? each_moving(migration, change, fill_moves, &filling) : -EPROTO;
	int put = put_made(&filling.made, bpf_map__fd(change->to));

	return err ? err : put;
}

/* What went elsewhere than to its slot's owner meanwhile keeps the slot moving. */
static void take_stamp(const struct segment *from, const struct layout_member *stamp, uint32_t slot,
		       struct poise_move *to)
{
	const char *move = segment_entry(from, slot);
	__u16 then = word_load(move + stamp->offset, stamp->size);
	__u16 ahead = then - word_load(&to->stamp, sizeof(to->stamp));

	if (ahead && ahead < POISE_FUTURE_TICKS)
		word_store(&to->stamp, sizeof(to->stamp), then);
}

static int follow_moves(void *context, uint32_t number, const struct moving *moving)
{
	struct migration *migration = context;
	struct bpf_map *outer = bpf_object__find_map_by_name(migration->object, "moves");
	struct layout own = layout_named(bpf_object__btf(migration->object), structure_of(true));
	struct layout_member list, stamp;
	struct segment to;
	int err;

	if (!layout_find(&own, "move", &list) ||
	    !layout_find(&moving->moves.list.layout, "stamp", &stamp))
		return -EPROTO;
	err = segment_open(bpf_map__fd(outer), number, &list, &to);
	for (uint32_t i = 0; i < POISE_SEGMENT_SLOTS && !err; i++)
		if (is_moving(moving, i))
			take_stamp(&moving->moves, &stamp, i, segment_entry(&to, i));
	segment_close(&to);
	return err == -ENOENT ? 0 : err;
}

int segments_follow_moves(struct migration *migration, struct change *change)
{
	return each_moving(migration, change, follow_moves, migration);
}
