// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The agent's maps: see maps.h. */
#include "maps.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "agent.skel.h"

enum { PROGRAM_MAPS = 16, VERSION_BYTES_MAX = 4096 };

void maps_init(struct maps *maps)
{
#define MAPS_NONE(name) maps->name = -1;
	MAPS(MAPS_NONE)
#undef MAPS_NONE
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void maps_close(struct maps *maps)
{
#define MAPS_CLOSE(name) close_fd(&maps->name);
	MAPS(MAPS_CLOSE)
#undef MAPS_CLOSE
}

bool maps_are_complete(const struct maps *maps)
{
	bool complete = true;

#define MAPS_IS_THERE(name) complete &= maps->name >= 0;
	MAPS(MAPS_IS_THERE)
#undef MAPS_IS_THERE
	return complete;
}

static int read_settings(const struct maps *maps, struct poise_agent_settings *settings)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(maps->settings, &zero, settings);
}

static int write_settings(const struct maps *maps, const struct poise_agent_settings *settings)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(maps->settings, &zero, settings, BPF_ANY);
}

/* Loads the object without its program: what is left is the maps. */
int maps_create(struct maps *maps)
{
	const struct poise_agent_settings settings = { .abi_version = POISE_AGENT_ABI_VERSION };
	struct agent_bpf *agent = agent_bpf__open();
	int err;

	maps_init(maps);
	if (!agent)
		return -errno;
	bpf_program__set_autoload(agent->progs.poise_agent, false);
	err = agent_bpf__load(agent);
	if (err)
		goto out;
#define MAPS_DUP(name)                                                                             \
	maps->name = fcntl(bpf_map__fd(agent->maps.name), F_DUPFD_CLOEXEC, 0);                     \
	if (maps->name < 0)                                                                        \
		err = -errno;
	MAPS(MAPS_DUP)
#undef MAPS_DUP
	if (!err)
		err = write_settings(maps, &settings);
	if (err)
		maps_close(maps);
out:
	agent_bpf__destroy(agent);
	return err;
}

/* Takes fd over: keeps it as the map of its name, or closes it. */
static void keep_map(struct maps *maps, int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t length = sizeof(info);
	int *place = NULL;

	if (!bpf_obj_get_info_by_fd(fd, &info, &length)) {
#define MAPS_PLACE(map)                                                                            \
	if (!strcmp(info.name, #map))                                                              \
		place = &maps->map;
		MAPS(MAPS_PLACE)
#undef MAPS_PLACE
	}
	if (place && *place < 0)
		*place = fd;
	else
		close(fd);
}

int maps_open_program(uint32_t program_id, struct maps *maps)
{
	uint32_t ids[PROGRAM_MAPS] = { 0 }, length;
	struct bpf_prog_info info = { 0 };
	int program, err;

	maps_init(maps);
	program = bpf_prog_get_fd_by_id(program_id);
	if (program < 0)
		return program;
	info.nr_map_ids = PROGRAM_MAPS;
	info.map_ids = (uintptr_t)ids;
	length = sizeof(info);
	err = bpf_obj_get_info_by_fd(program, &info, &length);
	close(program);
	for (uint32_t i = 0; !err && i < info.nr_map_ids && i < PROGRAM_MAPS; i++) {
		int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd >= 0)
			keep_map(maps, fd);
	}
	return err;
}

int maps_bind(const struct maps *maps, int program)
{
	int err = 0;

#define MAPS_BIND(name)                                                                            \
	if (!err)                                                                                  \
		err = bpf_prog_bind_map(program, maps->name, NULL);
	MAPS(MAPS_BIND)
#undef MAPS_BIND
	return err;
}

int maps_abi_version(int settings, uint32_t *version)
{
	struct bpf_map_info info = { 0 };
	uint32_t length = sizeof(info), zero = 0, value[VERSION_BYTES_MAX / sizeof(uint32_t)];
	int err;

	if (settings < 0)
		return -ENOENT;
	err = bpf_obj_get_info_by_fd(settings, &info, &length);
	if (err)
		return err;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size < sizeof(*version) ||
	    info.value_size > sizeof(value))
		return -EINVAL;
	err = bpf_map_lookup_elem(settings, &zero, value);
	if (!err)
		*version = value[0];
	return err;
}

/*
 * Keys of a map as an array; sets of them are compared as bytes.
 */

static size_t compared_bytes; /* of the keys that compare_keys() is given */

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, compared_bytes);
}

static void sort_keys(void *keys, size_t count, size_t key_bytes)
{
	compared_bytes = key_bytes;
	if (count)
		qsort(keys, count, key_bytes, compare_keys);
}

static bool has_key(const void *keys, size_t count, size_t key_bytes, const void *key)
{
	compared_bytes = key_bytes;
	return count && bsearch(key, keys, count, key_bytes, compare_keys);
}

/* Every key of a map of at most max entries; the caller frees *out. 0 or a negative errno. */
static int read_keys(int map, size_t key_bytes, size_t max, void **out, size_t *count)
{
	uint8_t *keys = calloc(max, key_bytes), *previous = NULL;
	int err = 0;

	*out = NULL;
	*count = 0;
	if (!keys)
		return -ENOMEM;
	while (*count < max) {
		uint8_t *next = keys + *count * key_bytes;

		err = bpf_map_get_next_key(map, previous, next);
		if (err)
			break;
		previous = next;
		(*count)++;
	}
	if (err && err != -ENOENT) {
		free(keys);
		*count = 0;
		return err;
	}
	*out = keys;
	return 0;
}

static int add_keys(int map, const void *keys, size_t count, size_t key_bytes, const void *value)
{
	for (size_t i = 0; i < count; i++) {
		int err = bpf_map_update_elem(map, (const uint8_t *)keys + i * key_bytes, value,
					      BPF_NOEXIST);

		if (err && err != -EEXIST)
			return err;
	}
	return 0;
}

/* Removes what is not among keys, which are sorted. */
static int remove_others(int map, size_t max, const void *keys, size_t count, size_t key_bytes)
{
	size_t old_count;
	void *old;
	int err = read_keys(map, key_bytes, max, &old, &old_count);

	for (size_t i = 0; !err && i < old_count; i++) {
		const uint8_t *key = (const uint8_t *)old + i * key_bytes;

		if (!has_key(keys, count, key_bytes, key))
			err = bpf_map_delete_elem(map, key);
		if (err == -ENOENT)
			err = 0;
	}
	free(old);
	return err;
}

static bool is_address(const struct poise_agent_prefix *prefix)
{
	return prefix->length == POISE_AGENT_FAMILY_BITS + (prefix->family == 4 ? 32 : 128);
}

/* Keys of prefixes, sorted; the caller frees them. NULL: no memory. */
static struct poise_agent_prefix *make_keys(const struct prefix *prefixes, size_t count)
{
	struct poise_agent_prefix *keys = calloc(count + 1, sizeof(*keys));

	for (size_t i = 0; keys && i < count; i++) {
		keys[i].length = POISE_AGENT_FAMILY_BITS + prefixes[i].length;
		keys[i].family = prefixes[i].address.family;
		memcpy(keys[i].bytes, prefixes[i].address.bytes, sizeof(keys[i].bytes));
	}
	if (keys)
		sort_keys(keys, count, sizeof(*keys));
	return keys;
}

/* A prefix is in 'vip_prefixes' only while it is in 'vips'. */
static int replace_vips(const struct maps *maps, const struct poise_agent_prefix *keys,
			size_t count, const struct poise_agent_count *zeros)
{
	int err = add_keys(maps->vips, keys, count, sizeof(*keys), zeros);

	for (size_t i = 0; !err && i < count; i++)
		if (!is_address(&keys[i]))
			err = bpf_map_update_elem(maps->vip_prefixes, &keys[i], &keys[i], BPF_ANY);
	if (!err)
		err = remove_others(maps->vip_prefixes, POISE_AGENT_VIP_ENTRIES, keys, count,
				    sizeof(*keys));
	if (!err)
		err = remove_others(maps->vips, POISE_AGENT_VIP_ENTRIES, keys, count,
				    sizeof(*keys));
	return err;
}

int maps_set_vips(const struct maps *maps, const struct prefix *vips, size_t count)
{
	struct poise_agent_prefix *keys = make_keys(vips, count);
	int cpus = libbpf_num_possible_cpus(), err = -ENOMEM;
	struct poise_agent_count *zeros;

	zeros = calloc(cpus > 0 ? (size_t)cpus : 1, sizeof(*zeros));
	if (keys && zeros)
		err = replace_vips(maps, keys, count, zeros);
	free(zeros);
	free(keys);
	return err;
}

static int set_check_sources(const struct maps *maps, bool check)
{
	struct poise_agent_settings settings;
	int err = read_settings(maps, &settings);

	settings.check_sources = check;
	return err ? err : write_settings(maps, &settings);
}

int maps_set_sources(const struct maps *maps, const struct prefix *sources, size_t count)
{
	struct poise_agent_prefix *keys = make_keys(sources, count);
	uint32_t value = 1;
	int err;

	if (!keys)
		return -ENOMEM;
	err = add_keys(maps->sources, keys, count, sizeof(*keys), &value);
	if (!err)
		err = set_check_sources(maps, count > 0);
	if (!err)
		err = remove_others(maps->sources, POISE_AGENT_SOURCE_ENTRIES, keys, count,
				    sizeof(*keys));
	free(keys);
	return err;
}

int maps_set_encapsulations(const struct maps *maps, uint32_t encapsulations, uint16_t gue_port)
{
	struct poise_agent_settings settings;
	int err = read_settings(maps, &settings);

	settings.encapsulations = encapsulations;
	settings.gue_port = htons(gue_port);
	return err ? err : write_settings(maps, &settings);
}

/*
 * Reading.
 */

static int compare_addresses(const struct address *a, const struct address *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static int compare_prefixes(const void *a, const void *b)
{
	const struct prefix *first = a, *second = b;
	int order = compare_addresses(&first->address, &second->address);

	return order ? order : first->length - second->length;
}

static int compare_vips(const void *a, const void *b)
{
	return compare_prefixes(&((const struct maps_vip *)a)->prefix,
				&((const struct maps_vip *)b)->prefix);
}

static struct prefix prefix_of(const struct poise_agent_prefix *key)
{
	struct prefix prefix = { .length = (uint8_t)(key->length - POISE_AGENT_FAMILY_BITS),
				 .address.family = (uint8_t)key->family };

	memcpy(prefix.address.bytes, key->bytes, sizeof(prefix.address.bytes));
	return prefix;
}

static int read_vips(const struct maps *maps, size_t cpus, struct maps_content *content)
{
	struct poise_agent_count *counts = calloc(cpus, sizeof(*counts));
	struct poise_agent_prefix *keys = NULL;
	size_t count = 0;
	int err;

	err = read_keys(maps->vips, sizeof(*keys), POISE_AGENT_VIP_ENTRIES, (void **)&keys, &count);
	content->vips = calloc(count + 1, sizeof(*content->vips));
	if (!counts || !content->vips)
		err = -ENOMEM;
	for (size_t i = 0; !err && i < count; i++) {
		struct maps_vip *vip = &content->vips[content->vip_count];

		if (bpf_map_lookup_elem(maps->vips, &keys[i], counts))
			continue; /* removed meanwhile */
		vip->prefix = prefix_of(&keys[i]);
		for (size_t cpu = 0; cpu < cpus; cpu++) {
			vip->count.packets += counts[cpu].packets;
			vip->count.bytes += counts[cpu].bytes;
		}
		content->vip_count++;
	}
	if (!err)
		qsort(content->vips, content->vip_count, sizeof(*content->vips), compare_vips);
	free(keys);
	free(counts);
	return err;
}

static int read_sources(const struct maps *maps, struct maps_content *content)
{
	struct poise_agent_prefix *keys = NULL;
	size_t count = 0;
	int err;

	err = read_keys(maps->sources, sizeof(*keys), POISE_AGENT_SOURCE_ENTRIES, (void **)&keys,
			&count);
	content->sources = calloc(count + 1, sizeof(*content->sources));
	if (!err && !content->sources)
		err = -ENOMEM;
	for (size_t i = 0; !err && i < count; i++)
		content->sources[content->source_count++] = prefix_of(&keys[i]);
	if (!err)
		qsort(content->sources, content->source_count, sizeof(*content->sources),
		      compare_prefixes);
	free(keys);
	return err;
}

static int read_encapsulations(const struct maps *maps, struct maps_content *content)
{
	struct poise_agent_settings settings;
	int err = read_settings(maps, &settings);

	if (err)
		return err;
	content->encapsulations = settings.encapsulations;
	content->gue_port = ntohs(settings.gue_port);
	return 0;
}

static int read_reasons(const struct maps *maps, size_t cpus, struct maps_content *content)
{
	uint64_t *values = calloc(cpus, sizeof(*values));
	int err = values ? 0 : -ENOMEM;

	for (uint32_t reason = 0; !err && reason < POISE_AGENT_REASON_COUNT; reason++) {
		err = bpf_map_lookup_elem(maps->reasons, &reason, values);
		for (size_t cpu = 0; !err && cpu < cpus; cpu++)
			content->reasons[reason] += values[cpu];
	}
	free(values);
	return err;
}

int maps_read(const struct maps *maps, struct maps_content *content)
{
	int cpus = libbpf_num_possible_cpus(), err;

	*content = (struct maps_content){ 0 };
	if (cpus < 0)
		return cpus;
	err = read_vips(maps, (size_t)cpus, content);
	if (!err)
		err = read_sources(maps, content);
	if (!err)
		err = read_encapsulations(maps, content);
	if (!err)
		err = read_reasons(maps, (size_t)cpus, content);
	if (err)
		maps_content_free(content);
	return err;
}

void maps_content_free(struct maps_content *content)
{
	free(content->vips);
	free(content->sources);
	*content = (struct maps_content){ 0 };
}
