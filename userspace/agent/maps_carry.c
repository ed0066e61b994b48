// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The agent's maps: see maps.h. Here is what carries counters from one version to the next. */
#include "maps_private.h"

#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static int get_info(int map, struct bpf_map_info *info)
{
	uint32_t length = sizeof(*info);

	*info = (struct bpf_map_info){ 0 };
	return map < 0 ? -ENOENT : bpf_obj_get_info_by_fd(map, info, &length);
}

/* Whether the values of both may be added as they are. */
static bool alike(int old, int map, struct bpf_map_info *old_info)
{
	struct bpf_map_info info;

	return !get_info(old, old_info) && !get_info(map, &info) && old_info->type == info.type &&
	       old_info->key_size == info.key_size && old_info->value_size == info.value_size;
}

/* Room for an entry's values on all CPUs, of the old map and of the new one. */
struct values {
	uint64_t *old, *now;
	size_t cpus;
};

/*
 * An entry that the old map lacks has nothing to be added. What the new programs count between the
 * reading and the writing of theirs is lost: so nothing is done about zeros.
 */
static int add_entry(int old, int map, const void *key, uint32_t value_bytes,
		     const struct values *values)
{
	size_t words = values->cpus * value_bytes / sizeof(*values->old);
	uint64_t any = 0;
	int err;

	if (bpf_map_lookup_elem(old, key, values->old))
		return 0;
	for (size_t i = 0; i < words; i++)
		any |= values->old[i];
	if (!any)
		return 0;
	err = bpf_map_lookup_elem(map, key, values->now);
	for (size_t i = 0; !err && i < words; i++)
		values->now[i] += values->old[i];
	return err ? err : bpf_map_update_elem(map, key, values->now, BPF_EXIST);
}

static int carry_array(int old, int map, uint32_t count, const struct values *values)
{
	struct bpf_map_info info;
	int err = 0;

	if (!alike(old, map, &info))
		return 0;
	for (uint32_t i = 0; !err && i < count && i < info.max_entries; i++)
		err = add_entry(old, map, &i, info.value_size, values);
	return err;
}

/* Those that are in the new map. */
static int carry_vips(int old, int map, const struct values *values)
{
	struct bpf_map_info info;
	void *keys = NULL;
	size_t count = 0;
	int err = 0;

	if (!alike(old, map, &info))
		return 0;
	err = maps_read_keys(map, info.key_size, POISE_AGENT_VIP_ENTRIES, &keys, &count);
	for (size_t i = 0; !err && i < count; i++)
		err = add_entry(old, map, (const uint8_t *)keys + i * info.key_size,
				info.value_size, values);
	free(keys);
	return err;
}

int maps_carry_counters(const struct maps *old, const struct maps *maps)
{
	int cpus = libbpf_num_possible_cpus(), err;
	struct values values = { .cpus = cpus > 0 ? (size_t)cpus : 0 };
	const size_t bytes = sizeof(struct poise_agent_count); /* the largest of all values */

	if (cpus < 0)
		return cpus;
	values.old = calloc(2 * values.cpus, bytes);
	if (!values.old)
		return -ENOMEM;
	values.now = values.old + values.cpus * bytes / sizeof(*values.old);
	err = carry_array(old->reasons, maps->reasons, POISE_AGENT_REASON_COUNT, &values);
	if (!err)
		err = carry_array(old->decisions, maps->decisions, POISE_AGENT_DECISION_COUNT,
				  &values);
	if (!err)
		err = carry_vips(old->vips, maps->vips, &values);
	free(values.old);
	return err;
}
