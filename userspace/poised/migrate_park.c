/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Slots and schedules of the running program set to what needs no record, and back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "migrate_private.h"

/* A slot as it was. */
struct parked {
	uint32_t segment, slot;
	uint16_t word;
};

/* A segment that is open, its moves too, if it has some. */
struct open_segment {
	bool tried;
	struct segment words, moves; /* without memory: not there */
};

struct park {
	struct migration *migration;
	struct former moves, services, records, backends;
	struct layout_member word, move;   /* in their segments */
	struct layout_member stamp, owner; /* in a move; no owner in the oldest: size 0 */
	struct layout own_move;		   /* as this version has it */
	bool active[POISE_SERVICE_ENTRIES];
	struct open_segment segments[POISE_MAX_SEGMENTS];
	struct parked *parked;
	size_t count, room;
	int8_t live[POISE_MAX_BACKENDS]; /* 0: not known so far, 1: yes, -1: no */
};

static int open_maps(struct park *park)
{
	const char *path = park->migration->pin_path;
	int err = former_open(path, "moves", &park->moves);

	if (!err)
		err = former_open(path, "services", &park->services);
	if (!err)
		err = former_open(path, "service_record", &park->records);
	if (!err)
		err = former_open(path, "backends", &park->backends);
	if (!err && (!segment_layout(park->migration, false, &park->word) ||
		     !segment_layout(park->migration, true, &park->move) ||
		     !layout_find(&park->move.layout, "stamp", &park->stamp)))
		err = -EPROTO;
	if (!err && !layout_find(&park->move.layout, "owner", &park->owner))
		park->owner.size = 0;
	park->own_move = layout_named(bpf_object__btf(park->migration->object), "poise_move");
	return err;
}

/* The entry as this version has it. */
static int read_entry(const struct park *park, const struct former *from, const char *name,
		      uint32_t index, void *out)
{
	struct bpf_map *map = bpf_object__find_map_by_name(park->migration->object, name);
	struct layout in = former_value(from), to = migration_value(park->migration, map);
	char *value = malloc(from->info.value_size);
	int err = value ? bpf_map_lookup_elem(from->fd, &index, value) : -ENOMEM;

	if (!err)
		err = layout_convert(&in, value, &to, out);
	free(value);
	return err;
}

/* A number of an entry of the other version's, written in place. */
static int write_number(const struct former *map, uint32_t index, const char *name, uint64_t number)
{
	struct layout layout = former_value(map);
	struct layout_member member;
	char *value = malloc(map->info.value_size);
	int err = value ? bpf_map_lookup_elem(map->fd, &index, value) : -ENOMEM;

	if (!err && !layout_find(&layout, name, &member))
		err = -EPROTO;
	if (!err) {
		word_store(value + member.offset, member.size, number);
		err = bpf_map_update_elem(map->fd, &index, value, BPF_ANY);
	}
	free(value);
	return err;
}

static bool is_active(const struct park *park, uint32_t index)
{
	struct poise_service_record record;

	return read_entry(park, &park->records, "service_record", index, &record) == 0 &&
	       record.state == POISE_RECORD_ACTIVE;
}

static int mark_rings(struct park *park)
{
	int err = 0;

	for (uint32_t i = 1; i < POISE_SERVICE_ENTRIES && !err; i++) {
		park->active[i] = is_active(park, i);
		if (park->active[i])
			err = write_number(&park->records, i, "changing", 1);
	}
	return err;
}

int park_new(struct migration *migration, struct park **out)
{
	struct park *park = calloc(1, sizeof(*park));
	int err;

	if (!park)
		return -ENOMEM;
	park->migration = migration;
	park->moves.fd = park->services.fd = park->records.fd = park->backends.fd = -1;
	err = open_maps(park);
	if (!err)
		err = mark_rings(park);
	if (err)
		park_free(park);
	else
		*out = park;
	return err;
}

void park_free(struct park *park)
{
	if (!park)
		return;
	for (int i = 0; i < POISE_MAX_SEGMENTS; i++) {
		segment_close(&park->segments[i].words);
		segment_close(&park->segments[i].moves);
	}
	former_close(&park->moves);
	former_close(&park->services);
	former_close(&park->records);
	former_close(&park->backends);
	free(park->parked);
	free(park);
}

/* NULL: it is not there. */
static struct open_segment *open_segment(struct park *park, uint32_t number)
{
	struct open_segment *open = &park->segments[number];

	if (!open->tried) {
		open->tried = true;
		segment_open(park->migration->rings.fd, number, &park->word, &open->words);
		segment_open(park->moves.fd, number, &park->move, &open->moves);
	}
	return open->words.memory ? open : NULL;
}

static bool is_live(struct park *park, uint16_t backend)
{
	struct poise_backend entry = {};

	if (backend >= POISE_MAX_BACKENDS)
		return false;
	if (!park->live[backend])
		park->live[backend] =
			read_entry(park, &park->backends, "backends", backend, &entry) == 0 &&
					entry.flags & POISE_BACKEND_LIVE
				? 1
				: -1;
	return park->live[backend] > 0;
}

static int remember(struct park *park, uint32_t segment, uint32_t slot, uint16_t word)
{
	if (park->count == park->room) {
		size_t room = park->room ? 2 * park->room : 1024;
		struct parked *list = realloc(park->parked, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		park->parked = list;
		park->room = room;
	}
	park->parked[park->count++] = (struct parked){ segment, slot, word };
	return 0;
}

static uint16_t clock_ticks(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return ((uint64_t)now.tv_sec * 1000000000 + now.tv_nsec) >> POISE_TICK_SHIFT;
}

/* A move that names its owner is believed, not the slot's word. */
static void write_owner(const struct park *park, char *move, uint16_t owner)
{
	char *place = move + park->owner.offset;

	if (park->owner.size && word_load(place, park->owner.size))
		word_store(place, park->owner.size, owner);
}

/* A slot that changes its owner is stamped first (lib/ring.c). */
static void write_slot(const struct park *park, const struct open_segment *open, uint32_t slot,
		       uint16_t word)
{
	if (word & POISE_SLOT_MOVING) {
		char *move = segment_entry(&open->moves, slot);

		word_store(move + park->stamp.offset, park->stamp.size, clock_ticks());
		write_owner(park, move, word & POISE_SLOT_OWNER);
	}
	word_store(segment_entry(&open->words, slot), open->words.list.size, word);
}

/* The owner in whose place unrecorded packets go to another backend; 0: there is none. */
static uint16_t parked_owner(struct park *park, const struct open_segment *open, uint32_t slot)
{
	struct poise_move move;

	if (!open->moves.memory ||
	    layout_convert(&park->move.layout, segment_entry(&open->moves, slot), &park->own_move,
			   &move))
		return 0;
	return !(move.owner & POISE_MOVE_NAMED) && is_live(park, move.previous) ? move.previous : 0;
}

static int park_slot(struct park *park, uint32_t segment, uint32_t slot)
{
	struct open_segment *open = open_segment(park, segment);
	uint16_t word =
		open ? word_load(segment_entry(&open->words, slot), open->words.list.size) : 0;
	uint16_t owner = word & POISE_SLOT_MOVING ? parked_owner(park, open, slot) : 0;
	int err = owner ? remember(park, segment, slot, word) : 0;

	if (owner && !err)
		write_slot(park, open, slot, owner | POISE_SLOT_MOVING);
	return err;
}

/* A schedule without backends: the ring's owner is the choice. */
static int park_schedule_slot(struct park *park, uint32_t segment, uint32_t slot)
{
	struct open_segment *open = open_segment(park, segment);
	uint16_t word =
		open ? word_load(segment_entry(&open->words, slot), open->words.list.size) : 0;
	int err = word ? remember(park, segment, slot, word) : 0;

	if (word && !err)
		write_slot(park, open, slot, 0);
	return err;
}

static bool lies_inside(uint32_t segment, uint32_t base, uint32_t size)
{
	return segment < POISE_MAX_SEGMENTS && base <= POISE_SEGMENT_SLOTS &&
	       size <= POISE_SEGMENT_SLOTS - base;
}

static int park_service(struct park *park, const struct poise_service *service)
{
	int err = 0;

	if (lies_inside(service->segment, service->base, service->size))
		for (uint32_t i = 0; i < service->size && !err; i++)
			err = park_slot(park, service->segment, service->base + i);
	if (lies_inside(service->schedule_segment, service->schedule_base, service->schedule_size))
		for (uint32_t i = 0; i < service->schedule_size && !err; i++)
			err = park_schedule_slot(park, service->schedule_segment,
						 service->schedule_base + i);
	return err;
}

int park_slots(struct park *park)
{
	struct poise_service service;
	int err = 0;

	for (uint32_t i = 1; i < POISE_SERVICE_ENTRIES && !err; i++) {
		if (!park->active[i])
			continue;
		err = read_entry(park, &park->services, "services", i, &service);
		if (!err)
			err = park_service(park, &service);
	}
	wait_for_packets(park->migration->rings.fd);
	return err;
}

void park_undo(struct park *park)
{
	while (park->count) {
		const struct parked *parked = &park->parked[--park->count];

		write_slot(park, &park->segments[parked->segment], parked->slot, parked->word);
	}
}
