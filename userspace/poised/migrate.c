/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "migrate.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layout.h"
#include "pins.h"

enum { MAX_MAPS = 64, PER_CPU_ALIGN = 8 };

/* A map that is made anew. */
struct change {
	struct bpf_map *to;
	int from;
	struct bpf_map_info info; /* of 'from' */
	struct btf *btf;	  /* likewise */
};

struct migration {
	struct bpf_object *object;
	struct change changes[MAX_MAPS];
	size_t count;
};

/* Those that poised alone writes, or whose values count anew after a start; and counters, of which
 * the data plane's last milliseconds are lost. */
static bool may_change(const char *name)
{
	static const char *const names[] = { "settings",       "services",	"backends",
					     "backends_next",  "port_ranges",	"backend_load",
					     "cursors",	       "limits",	"service_count",
					     "backend_count",  "reason_count",	"event_count",
					     "service_record", "backend_record" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* Reasons and events are only ever appended; all else is known by its index. */
static bool may_grow(const char *name)
{
	return strcmp(name, "reason_count") == 0 || strcmp(name, "event_count") == 0;
}

static bool same_inner(const struct bpf_map *map, int from)
{
	struct bpf_map *inner = bpf_map__inner_map((struct bpf_map *)map);
	struct bpf_map_info info = {};
	__u32 size = sizeof(info), zero = 0, id;
	int fd, err;

	if (!inner || bpf_map_lookup_elem(from, &zero, &id))
		return true;
	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0)
		return false;
	err = bpf_obj_get_info_by_fd(fd, &info, &size);
	close(fd);
	return !err && info.value_size == bpf_map__value_size(inner);
}

static struct layout layout_to(const struct migration *migration, const struct bpf_map *map)
{
	return (struct layout){ bpf_object__btf(migration->object),
				bpf_map__btf_value_type_id(map) };
}

static struct layout layout_from(const struct change *change)
{
	return (struct layout){ change->btf, change->info.btf_value_type_id };
}

static bool is_same(const struct migration *migration, const struct change *change)
{
	const struct bpf_map *map = change->to;
	struct layout from = layout_from(change), to = layout_to(migration, map);

	return change->info.type == bpf_map__type(map) &&
	       change->info.key_size == bpf_map__key_size(map) &&
	       change->info.value_size == bpf_map__value_size(map) &&
	       change->info.max_entries == bpf_map__max_entries(map) &&
	       same_inner(map, change->from) &&
	       (!change->btf || !from.type || !to.type || layout_equal(&from, &to));
}

static bool is_convertible(const struct migration *migration, const struct change *change)
{
	const char *name = bpf_map__name(change->to);

	return may_change(name) && change->btf && change->info.btf_value_type_id &&
	       layout_to(migration, change->to).type &&
	       change->info.type == bpf_map__type(change->to) &&
	       (may_grow(name) || change->info.max_entries == bpf_map__max_entries(change->to));
}

static void close_change(struct change *change)
{
	btf__free(change->btf);
	close(change->from);
}

static int open_change(const char *pin_path, struct bpf_map *map, struct change *out)
{
	__u32 size = sizeof(out->info);
	char path[PATH_MAX];
	int err = pins_path(pin_path, bpf_map__name(map), path, sizeof(path));

	*out = (struct change){ .to = map };
	if (err)
		return err;
	out->from = bpf_obj_get(path);
	if (out->from < 0)
		return out->from;
	err = bpf_obj_get_info_by_fd(out->from, &out->info, &size);
	if (err) {
		close(out->from);
		return err;
	}
	if (out->info.btf_id)
		out->btf = btf__load_from_kernel_by_id(out->info.btf_id);
	return 0;
}

static int take_map(struct migration *migration, const char *pin_path, struct bpf_map *map)
{
	struct change *change = &migration->changes[migration->count];
	int err = migration->count < MAX_MAPS ? open_change(pin_path, map, change) : -E2BIG;

	if (err)
		return err;
	if (!is_same(migration, change) && is_convertible(migration, change)) {
		migration->count++;
		return 0;
	}
	err = is_same(migration, change) ? bpf_map__reuse_fd(map, change->from) : -EPROTO;
	close_change(change);
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

int migration_new(const char *pin_path, struct bpf_object *object, struct migration **out,
		  char error[MIGRATE_ERROR_BYTES])
{
	struct migration *migration = calloc(1, sizeof(*migration));
	struct bpf_map *map;
	int err;

	if (!migration)
		return -ENOMEM;
	migration->object = object;
	bpf_object__for_each_map (map, object) {
		if (bpf_map__is_internal(map))
			continue;
		err = take_map(migration, pin_path, map);
		if (err) {
			migration_free(migration);
			return refuse(map, err, error);
		}
	}
	*out = migration;
	return 0;
}

void migration_free(struct migration *migration)
{
	if (!migration)
		return;
	for (size_t i = 0; i < migration->count; i++)
		close_change(&migration->changes[i]);
	free(migration);
}

static size_t aligned(size_t size)
{
	return (size + PER_CPU_ALIGN - 1) / PER_CPU_ALIGN * PER_CPU_ALIGN;
}

static int copy_entry(const struct migration *migration, const struct change *change,
		      uint32_t index, char *in, char *out, int values)
{
	struct layout from = layout_from(change), to = layout_to(migration, change->to);
	size_t in_size = aligned(change->info.value_size);
	size_t out_size = aligned(bpf_map__value_size(change->to));
	int err = bpf_map_lookup_elem(change->from, &index, in);

	for (int i = 0; i < values && !err; i++)
		err = layout_convert(&from, in + i * in_size, &to, out + i * out_size);
	if (!err && strcmp(bpf_map__name(change->to), "settings") == 0)
		((struct poise_settings *)out)->abi_version = POISE_ABI_VERSION;
	return err ? err : bpf_map_update_elem(bpf_map__fd(change->to), &index, out, BPF_ANY);
}

static int copy_map(const struct migration *migration, const struct change *change)
{
	bool per_cpu = change->info.type == BPF_MAP_TYPE_PERCPU_ARRAY;
	int values = per_cpu ? libbpf_num_possible_cpus() : 1, err = 0;
	char *in = calloc(values, aligned(change->info.value_size));
	char *out = calloc(values, aligned(bpf_map__value_size(change->to)));
	uint32_t count = bpf_map__max_entries(change->to);

	if (change->info.max_entries < count)
		count = change->info.max_entries;
	if (!in || !out)
		err = -ENOMEM;
	for (uint32_t i = 0; i < count && !err; i++)
		err = copy_entry(migration, change, i, in, out, values);
	free(in);
	free(out);
	return err;
}

int migration_fill(struct migration *migration, char error[MIGRATE_ERROR_BYTES])
{
	for (size_t i = 0; i < migration->count; i++) {
		int err = copy_map(migration, &migration->changes[i]);

		if (err)
			return refuse(migration->changes[i].to, err, error);
	}
	return 0;
}
