/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "migrate.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "migrate_private.h"
#include "pins.h"

/* Who writes a map: poised alone, but for those with a follow-up, which packets write. */
static const struct takeover takeovers[] = {
	{ "settings", false, false, copy_suits_array, copy_array, NULL },
	{ "services", false, false, copy_suits_array, copy_array, NULL },
	{ "backends", false, false, copy_suits_array, copy_array, NULL },
	{ "backends_next", false, false, copy_suits_array, copy_array, NULL },
	{ "port_ranges", false, false, copy_suits_array, copy_array, NULL },
	{ "backend_load", false, false, copy_suits_array, copy_array, NULL },
	{ "cursors", false, false, copy_suits_array, copy_array, NULL },
	{ "limits", false, false, copy_suits_array, copy_array, NULL },
	{ "service_record", false, false, copy_suits_array, copy_array, NULL },
	{ "backend_record", false, false, copy_suits_array, copy_array, NULL },
	{ "egress", true, false, copy_suits_hash, copy_hash, NULL },
	{ "prefixes", true, false, copy_suits_hash, copy_hash, NULL },
	{ "quic_servers", true, false, copy_suits_hash, copy_hash, NULL },
	{ "fragments", true, false, copy_suits_hash, copy_hash, copy_follow_hash },
	{ "rings", false, true, segments_suit, segments_fill_rings, NULL },
	{ "moves", false, true, segments_suit, segments_fill_moves, segments_follow_moves },
	{ "exceptions", false, true, table_suits, table_fill, table_follow_exceptions },
	{ "flows", false, true, table_suits, table_fill, table_follow_flows },
	{ "service_count", false, false, copy_suits_array, copy_counters, copy_follow_counters },
	{ "backend_count", false, false, copy_suits_array, copy_counters, copy_follow_counters },
	{ "reason_count", true, false, copy_suits_array, copy_counters, copy_follow_counters },
	{ "event_count", true, false, copy_suits_array, copy_counters, copy_follow_counters },
};

static const struct takeover *find_takeover(const char *name)
{
	for (size_t i = 0; i < sizeof(takeovers) / sizeof(takeovers[0]); i++)
		if (strcmp(takeovers[i].name, name) == 0)
			return &takeovers[i];
	return NULL;
}

int former_open(const char *pin_path, const char *name, struct former *out)
{
	__u32 size = sizeof(out->info);
	char path[PATH_MAX];
	int err = pins_path(pin_path, name, path, sizeof(path));

	*out = (struct former){ .fd = -1 };
	if (err)
		return err;
	out->fd = bpf_obj_get(path);
	if (out->fd < 0)
		return out->fd;
	err = bpf_obj_get_info_by_fd(out->fd, &out->info, &size);
	if (err) {
		former_close(out);
		return err;
	}
	if (out->info.btf_id)
		out->btf = btf__load_from_kernel_by_id(out->info.btf_id);
	return 0;
}

void former_close(struct former *former)
{
	btf__free(former->btf);
	if (former->fd >= 0)
		close(former->fd);
	*former = (struct former){ .fd = -1 };
}

struct layout former_value(const struct former *former)
{
	return (struct layout){ former->btf, former->btf ? former->info.btf_value_type_id : 0 };
}

struct layout migration_value(const struct migration *migration, const struct bpf_map *map)
{
	return (struct layout){ bpf_object__btf(migration->object),
				bpf_map__btf_value_type_id(map) };
}

static bool same_types(const struct layout *from, const struct layout *to)
{
	return !from->type || !to->type || layout_equal(from, to);
}

static bool is_same(const struct migration *migration, const struct change *change)
{
	const struct bpf_map *map = change->to;
	const struct bpf_map_info *info = &change->from.info;
	struct layout from = former_value(&change->from), to = migration_value(migration, map);
	struct layout from_key = { change->from.btf, change->from.btf ? info->btf_key_type_id : 0 };
	struct layout to_key = { to.btf, bpf_map__btf_key_type_id(map) };

	return info->type == bpf_map__type(map) && info->key_size == bpf_map__key_size(map) &&
	       info->value_size == bpf_map__value_size(map) &&
	       info->max_entries == bpf_map__max_entries(map) && same_types(&from, &to) &&
	       same_types(&from_key, &to_key) && segments_same(migration, change);
}

static bool is_convertible(const struct migration *migration, const struct change *change)
{
	const struct takeover *how = change->how;

	return how && change->from.info.type == bpf_map__type(change->to) &&
	       (how->grows || change->from.info.max_entries == bpf_map__max_entries(change->to)) &&
	       how->suits(migration, change);
}

/* Each version's program and poised see their own number there. */
static bool holds_version(const struct bpf_map *map)
{
	return strcmp(bpf_map__name(map), "settings") == 0;
}

static int take_map(struct migration *migration, struct bpf_map *map)
{
	const char *name = bpf_map__name(map);
	struct change *change = &migration->changes[migration->count];
	int err = migration->count < MIGRATE_MAX_MAPS ? 0 : -E2BIG;

	*change = (struct change){ .to = map, .how = find_takeover(name) };
	if (!err)
		err = former_open(migration->pin_path, name, &change->from);
	if (err)
		return err;
	if (is_same(migration, change) && !holds_version(map)) {
		err = bpf_map__reuse_fd(map, change->from.fd);
	} else if (is_convertible(migration, change)) {
		migration->count++;
		return 0;
	} else {
		err = -EPROTO;
	}
	former_close(&change->from);
	return err;
}

static int refuse(const struct bpf_map *map, int err, char error[MIGRATE_ERROR_BYTES])
{
	snprintf(error, MIGRATE_ERROR_BYTES, "map '%s' %s", bpf_map__name(map),
		 err == -ENOENT	  ? "is not among them"
		 : err == -EPROTO ? "has another layout"
		 : err == -ERANGE ? "holds what this version has no room for"
				  : strerror(-err));
	return err;
}

void migration_free(struct migration *migration)
{
	if (!migration)
		return;
	for (size_t i = 0; i < migration->count; i++) {
		struct change *change = &migration->changes[i];

		for (uint32_t j = 0; change->copied && j < change->from.info.max_entries; j++)
			free(change->copied[j]);
		free(change->copied);
		former_close(&change->from);
	}
	btf__free(migration->segments);
	former_close(&migration->rings);
	free(migration->pin_path);
	free(migration);
}

static struct migration *migration_make(const char *pin_path, struct bpf_object *object)
{
	struct migration *migration = calloc(1, sizeof(*migration));

	if (!migration)
		return NULL;
	migration->object = object;
	migration->rings.fd = -1;
	migration->pin_path = strdup(pin_path);
	migration->segments = segment_types(pin_path);
	if (migration->pin_path && migration->segments &&
	    former_open(pin_path, "rings", &migration->rings) == 0)
		return migration;
	migration_free(migration);
	return NULL;
}

int migration_new(const char *pin_path, struct bpf_object *object, struct migration **out,
		  char error[MIGRATE_ERROR_BYTES])
{
	struct migration *migration = migration_make(pin_path, object);
	struct bpf_map *map;
	int err;

	if (!migration)
		return -ENOMEM;
	bpf_object__for_each_map (map, object) {
		if (bpf_map__is_internal(map))
			continue;
		err = take_map(migration, map);
		if (err) {
			migration_free(migration);
			return refuse(map, err, error);
		}
	}
	*out = migration;
	return 0;
}

static bool changes_tables(const struct migration *migration)
{
	for (size_t i = 0; i < migration->count; i++)
		if (migration->changes[i].how->suits == table_suits)
			return true;
	return false;
}

static int fill_maps(struct migration *migration, bool last, char error[MIGRATE_ERROR_BYTES])
{
	for (size_t i = 0; i < migration->count; i++) {
		struct change *change = &migration->changes[i];
		int err = change->how->last == last ? change->how->fill(migration, change) : 0;

		if (err)
			return refuse(change->to, err, error);
	}
	return 0;
}

int migration_fill(struct migration *migration, char error[MIGRATE_ERROR_BYTES])
{
	struct park *park = NULL;
	int err = changes_tables(migration) ? park_new(migration, &park) : 0;

	if (!err)
		err = fill_maps(migration, false, error);
	if (!err && park)
		err = park_slots(park);
	FAULT_POINT("slots-parked");
	if (!err)
		err = fill_maps(migration, true, error);
	if (err && park)
		park_undo(park);
	park_free(park);
	return err;
}

/* Counters cannot be told apart from what was filled in before the death. */
static void take_leftover(struct migration *migration, struct bpf_map *map)
{
	struct change *change = &migration->changes[migration->count];

	*change = (struct change){ .to = map, .how = find_takeover(bpf_map__name(map)) };
	if (migration->count == MIGRATE_MAX_MAPS || !change->how || !change->how->follow ||
	    former_open(migration->pin_path, bpf_map__name(map), &change->from))
		return;
	if (is_convertible(migration, change))
		migration->count++;
	else
		former_close(&change->from);
}

int migration_resume(const char *pin_path, struct bpf_object *object, struct migration **out)
{
	struct migration *migration = migration_make(pin_path, object);
	struct bpf_map *map;

	*out = migration;
	if (!migration)
		return -ENOMEM;
	bpf_object__for_each_map (map, object)
		if (!bpf_map__is_internal(map))
			take_leftover(migration, map);
	return 0;
}

/* Maps that both versions share need nothing. */
static bool is_shared(const struct change *change)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_map__fd(change->to), &info, &size) == 0 &&
	       info.id == change->from.info.id;
}

int migration_follow(struct migration *migration)
{
	int err = 0;

	wait_for_packets(bpf_map__fd(bpf_object__find_map_by_name(migration->object, "rings")));
	for (size_t i = 0; i < migration->count && !err; i++) {
		struct change *change = &migration->changes[i];

		if (change->how->follow && !is_shared(change))
			err = change->how->follow(migration, change);
	}
	return err;
}
