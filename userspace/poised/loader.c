/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "fault.h"
#include "keeper.h"
#include "loader_private.h"
#include "log.h"
#include "map_memory.h"
#include "maps.h"
#include "migrate.h"
#include "pins.h"
#include "poise.skel.h"
#include "traced.h"

static void log_library(const char *text)
{
	log_debug("%s", text);
}

/* libbpf refuses to take up a pinned devmap, for the kernel adds a flag to it: done by hand. */
static int reuse_devmap(struct bpf_map *map, const char *path)
{
	int fd = bpf_obj_get(path), err;

	if (fd < 0)
		return fd;
	err = bpf_map__reuse_fd(map, fd);
	close(fd);
	return err;
}

static int set_pin_path(struct bpf_map *map, const char *path)
{
	int err = -ENOENT;

	if (bpf_map__type(map) == BPF_MAP_TYPE_DEVMAP_HASH)
		err = reuse_devmap(map, path);
	return err == -ENOENT ? bpf_map__set_pin_path(map, path) : err;
}

/* Every map but the template of inner maps and the read-only data is pinned under its name. */
static int set_pin_paths(struct loader *loader)
{
	struct bpf_map *map;
	char path[PATH_MAX];
	int err;

	bpf_object__for_each_map (map, loader->object->obj) {
		if (bpf_map__is_internal(map))
			continue;
		err = pins_path(loader->pin_path, bpf_map__name(map), path, sizeof(path));
		if (!err)
			err = set_pin_path(map, path);
		if (err)
			return err;
	}
	return 0;
}

static int check_seed(const struct pins_found *found, uint64_t seed, const char *pin_path,
		      char error[LOADER_ERROR_BYTES])
{
	if (!found->settings.abi_version || found->settings.seed == seed)
		return 0;
	snprintf(error, LOADER_ERROR_BYTES,
		 "seed: found 0x%llx, but the running data plane has 0x%llx: with another seed "
		 "every "
		 "connection would change its backend. Keep the seed, or stop all traffic first by "
		 "'poise detach --pin-path %.100s'",
		 (unsigned long long)seed, (unsigned long long)found->settings.seed, pin_path);
	return -EINVAL;
}

/* The recorded flows' table cannot grow or shrink: its hash is spread over all of it. */
static int check_flows(const char *pin_path, uint32_t buckets, char error[LOADER_ERROR_BYTES])
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	char path[PATH_MAX];
	int err = pins_path(pin_path, "flows", path, sizeof(path)), fd;

	if (err)
		return err;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	err = bpf_obj_get_info_by_fd(fd, &info, &size);
	close(fd);
	if (err || info.max_entries == buckets)
		return err;
	snprintf(error, LOADER_ERROR_BYTES,
		 "flows: found %u, but the table of the running data plane has %u: keep that size, "
		 "or stop all traffic first by 'poise detach --pin-path %.100s'",
		 buckets * POISE_EXCEPTION_WAYS, info.max_entries * POISE_EXCEPTION_WAYS, pin_path);
	return -EINVAL;
}

/* Of another ABI version: shares or converts what is there. */
static int begin_migration(struct loader *loader, uint32_t version, char error[LOADER_ERROR_BYTES])
{
	char why[MIGRATE_ERROR_BYTES] = "not enough memory";
	int err = migration_new(loader->pin_path, loader->object->obj, &loader->migration, why);

	if (err)
		snprintf(error, LOADER_ERROR_BYTES,
			 "the maps in '%.100s' have ABI version %u, this poised has %d and cannot "
			 "take them over: %.80s: start the poised that made them, or run 'poise "
			 "detach --pin-path %.100s' (traffic stops until poised starts anew)",
			 loader->pin_path, version, POISE_ABI_VERSION, why, loader->pin_path);
	return err;
}

/* What the program before recorded while its maps were taken over, when a death came then. */
static int find_leftover(struct loader *loader)
{
	char next[PATH_MAX];
	int err = pins_next(loader->pin_path, next, sizeof(next));

	if (err || !pins_next_lived(loader->pin_path))
		return err;
	return migration_resume(next, loader->object->obj, &loader->leftover);
}

/* What a death in the middle of an exchange of pins left is known for ours, and goes in the end. */
static void note_former(const struct loader *loader, uint32_t settings_id)
{
	attach_add_former(settings_id);
	attach_add_former(pins_next_settings(loader->pin_path));
}

static int open_pins(struct loader *loader, const struct loader_options *options,
		     char error[LOADER_ERROR_BYTES])
{
	struct pins_found found;
	int err;

	loader->pin_path = strdup(options->pin_path);
	if (!loader->pin_path)
		return -ENOMEM;
	loader->lock_fd = pins_open(loader->pin_path, &loader->made_pins, error);
	if (loader->lock_fd < 0)
		return loader->lock_fd;
	FAULT_POINT("pins-opened");
	err = pins_take_back(loader->pin_path, &loader->lock_fd, error);
	if (!err)
		err = find_leftover(loader);
	if (err)
		return err;
	err = pins_read(loader->pin_path, &found, error);
	note_former(loader, found.settings_id);
	if (err == -EPROTO && found.abi_version >= POISE_ABI_OLDEST) {
		loader->adopted = true;
		err = check_flows(loader->pin_path,
				  bpf_map__max_entries(loader->object->maps.flows), error);
		return err ? err : begin_migration(loader, found.abi_version, error);
	}
	if (!err)
		err = check_seed(&found, options->seed, loader->pin_path, error);
	if (!err)
		err = check_flows(loader->pin_path,
				  bpf_map__max_entries(loader->object->maps.flows), error);
	if (err)
		return err;
	loader->adopted = found.settings.abi_version != 0;
	return set_pin_paths(loader);
}

static uint32_t map_id(struct bpf_map *map)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_map__fd(map), &info, &size) ? 0 : info.id;
}

int loader_share_maps(const struct loader *loader, struct bpf_object *with)
{
	struct bpf_map *map, *same;
	int err = 0;

	bpf_object__for_each_map (map, with) {
		same = bpf_object__find_map_by_name(loader->object->obj, bpf_map__name(map));
		if (same && !err && !bpf_map__is_internal(map))
			err = bpf_map__reuse_fd(map, bpf_map__fd(same));
	}
	return err;
}

uint64_t loader_seed(const struct loader *loader)
{
	return loader->object->rodata->poise_seed;
}

uint32_t loader_flow_mask(const struct loader *loader)
{
	return loader->object->rodata->poise_flow_mask;
}

/* The object once more, with the maps of the loaded one; the caller closes it. */
static struct bpf_object *open_copy(void *context)
{
	struct loader *loader = context;
	struct poise_bpf *copy = poise_bpf__open();
	struct bpf_object *object;
	int err;

	if (!copy)
		return NULL;
	copy->rodata->poise_seed = loader_seed(loader);
	copy->rodata->poise_flow_mask = loader_flow_mask(loader);
	err = loader_share_maps(loader, copy->obj);
	object = copy->obj;
	copy->obj = NULL;
	poise_bpf__destroy(copy);
	if (!err)
		return object;
	bpf_object__close(object);
	return NULL;
}

struct attach_program loader_own_program(struct loader *loader)
{
	return (struct attach_program){
		.fd = loader_program_fd(loader),
		.settings_id = map_id(loader->object->maps.settings),
		.open_copy = open_copy,
		.context = loader,
	};
}

static int init_settings(struct loader *loader, uint64_t seed)
{
	struct poise_settings *settings = maps_settings(loader->maps);

	if (settings->abi_version)
		return 0;
	if (getrandom(&settings->exception_key, sizeof(settings->exception_key), 0) !=
	    sizeof(settings->exception_key))
		return -errno;
	settings->seed = seed;
	FAULT_POINT("settings-written");
	__atomic_store_n(&settings->abi_version, POISE_ABI_VERSION, __ATOMIC_RELEASE);
	return 0;
}

/* The recorded flows' table has a power of two of buckets. */
static int set_flow_entries(struct poise_bpf *object, uint32_t entries)
{
	uint32_t buckets = (entries ? entries : POISE_DEFAULT_FLOWS) / POISE_EXCEPTION_WAYS;

	object->rodata->poise_flow_mask = buckets - 1;
	return bpf_map__set_max_entries(object->maps.flows, buckets);
}

static const char *load_advice(int err)
{
	if (err == -EPERM)
		return ": poised needs CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON, or root";
	if (err == -ENOMEM)
		return ": its maps need more than the memory limit of this cgroup leaves "
		       "(MemoryMax "
		       "of a unit): raise it, or lower 'flows'";
	if (err == -EMFILE)
		return ": its limit of open files (LimitNOFILE of a unit) is too low: it needs "
		       "some hundred, and one for each check under way";
	return ": Linux 6.1 or newer is needed; '--verbose' logs why";
}

/* Loads the object: from then on its maps are there, its program is attached to nothing. */
static int load(struct loader *loader, const struct loader_options *options,
		char error[LOADER_ERROR_BYTES])
{
	int err;

	loader->object = poise_bpf__open();
	if (!loader->object)
		return -ENOMEM;
	loader->object->rodata->poise_seed = options->seed;
	err = set_flow_entries(loader->object, options->flow_entries);
	if (err)
		return err;
	if (options->pin_path) {
		err = open_pins(loader, options, error);
		if (err)
			return err;
	}
	err = map_memory_check(loader->object->obj, error);
	if (err)
		return err;
	err = poise_bpf__load(loader->object);
	if (err) {
		snprintf(error, LOADER_ERROR_BYTES, "cannot load the BPF program: %s%s",
			 strerror(-err), load_advice(err));
		return err;
	}
	FAULT_POINT("maps-loaded");
	loader->program = loader_own_program(loader);
	return 0;
}

static int pin_next(const struct loader *loader, const char *next)
{
	struct bpf_map *map;
	char path[PATH_MAX];
	int err = 0;

	bpf_object__for_each_map (map, loader->object->obj) {
		if (err || bpf_map__is_internal(map))
			continue;
		err = pins_path(next, bpf_map__name(map), path, sizeof(path));
		if (!err)
			err = bpf_obj_pin(bpf_map__fd(map), path);
		FAULT_POINT("next-pinned");
	}
	return err;
}

/* The filled maps take the place of those that are pinned, in one step. */
static int exchange_pins(struct loader *loader, char error[LOADER_ERROR_BYTES])
{
	char next[PATH_MAX];
	int err = pins_next(loader->pin_path, next, sizeof(next)), lock;

	if (!err)
		err = pins_remove(next, NULL); /* of an attempt that ended in between */
	if (err)
		return err;
	lock = pins_open(next, NULL, error);
	if (lock < 0)
		return lock;
	err = pin_next(loader, next);
	if (!err)
		err = pins_exchange(loader->pin_path);
	if (err) {
		close(lock);
		return err;
	}
	FAULT_POINT("pins-exchanged");
	close(loader->lock_fd);
	loader->lock_fd = lock;
	return 0;
}

static int migrated_seed(struct loader *loader, struct pins_found *found)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(bpf_map__fd(loader->object->maps.settings), &zero,
				   &found->settings);
}

static int migrate(struct loader *loader, uint64_t seed, char error[LOADER_ERROR_BYTES])
{
	char why[MIGRATE_ERROR_BYTES] = "";
	struct pins_found found = {};
	int err = migration_fill(loader->migration, why);

	snprintf(error, LOADER_ERROR_BYTES,
		 "the maps in '%.100s' are of another ABI version and cannot be taken over: %.80s",
		 loader->pin_path, why[0] ? why : "their pins cannot be exchanged");
	if (!err)
		err = migrated_seed(loader, &found);
	FAULT_POINT("migration-filled");
	if (!err)
		err = check_seed(&found, seed, loader->pin_path, error);
	if (!err)
		err = exchange_pins(loader, error);
	if (!err)
		log_info("took over the pinned maps of another version of poised");
	return err;
}

/* What the programs before wrote while their maps were taken over. */
static void follow(struct migration **migration)
{
	int err = *migration ? migration_follow(*migration) : 0;

	if (err)
		log_warning("what was recorded while maps were taken over is lost: %s",
			    strerror(-err));
	migration_free(*migration);
	*migration = NULL;
}

/* Once no program uses them. */
static void remove_former(const struct loader *loader)
{
	char next[PATH_MAX];

	if (loader->pin_path && !pins_next(loader->pin_path, next, sizeof(next)) &&
	    pins_remove(next, NULL))
		log_warning("cannot remove '%s'", next);
}

static int prepare_maps(struct loader *loader, uint64_t seed, char error[LOADER_ERROR_BYTES])
{
	int err = maps_new(loader->object, &loader->maps);

	if (!err)
		err = init_settings(loader, seed);
	FAULT_POINT("maps-set-up");
	if (!err && loader->pin_path)
		err = pins_replace(loader->pin_path, "program", loader_program_fd(loader));
	if (err)
		snprintf(error, LOADER_ERROR_BYTES, "cannot set the BPF maps up: %s",
			 strerror(-err));
	return err;
}

int loader_new(const struct loader_options *options, struct loader **out,
	       char error[LOADER_ERROR_BYTES])
{
	struct loader *loader = calloc(1, sizeof(*loader));
	int err = -ENOMEM;

	snprintf(error, LOADER_ERROR_BYTES, "not enough memory");
	if (!loader)
		return err;
	loader->lock_fd = -1;
	attach_set_print(log_library);
	err = load(loader, options, error);
	if (!err && loader->migration)
		err = migrate(loader, options->seed, error);
	if (!err)
		err = prepare_maps(loader, options->seed, error);
	for (size_t i = 0; i < options->interface_count && !err; i++)
		err = loader_attach_or_wait(loader, &options->interfaces[i], error);
	if (!err && loader->adopted && options->interface_count)
		loader_find_unnamed(loader);
	if (err) {
		loader_undo(loader);
		loader_free(loader);
		return err;
	}
	FAULT_POINT("all-attached");
	follow(&loader->leftover);
	follow(&loader->migration);
	FAULT_POINT("migration-followed");
	remove_former(loader);
	*out = loader;
	return 0;
}

int loader_keep_root(struct loader *loader)
{
	return keeper_new(loader, &loader->program, loader->pin_path, &loader->keeper);
}

void loader_free(struct loader *loader)
{
	if (!loader)
		return;
	keeper_free(loader->keeper);
	migration_free(loader->migration);
	migration_free(loader->leftover);
	maps_free(loader->maps);
	poise_bpf__destroy(loader->object);
	if (loader->lock_fd >= 0)
		close(loader->lock_fd);
	free(loader->pin_path);
	free(loader);
}

struct maps *loader_maps(struct loader *loader)
{
	return loader->maps;
}

int loader_program_fd(const struct loader *loader)
{
	return bpf_program__fd(loader->object->progs.poise);
}

uint32_t loader_settings_id(const struct loader *loader)
{
	return loader->program.settings_id;
}

bool loader_adopted(const struct loader *loader)
{
	return loader->adopted;
}
