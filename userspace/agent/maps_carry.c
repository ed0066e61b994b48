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

/* Whether the values of both may be copied as they are. */
static bool alike(int old, int map, struct bpf_map_info *old_info)
{
	struct bpf_map_info info;

	return !get_info(old, old_info) && !get_info(map, &info) && old_info->type == info.type &&
	       old_info->key_size == info.key_size && old_info->value_size == info.value_size;
}

static int carry_array(int old, int map, uint32_t count, void *values)
{
	struct bpf_map_info info;
	int err = 0;

	if (!alike(old, map, &info))
		return 0;
	for (uint32_t i = 0; !err && i < count && i < info.max_entries; i++) {
		err = bpf_map_lookup_elem(old, &i, values);
		if (!err)
			err = bpf_map_update_elem(map, &i, values, BPF_ANY);
	}
	return err;
}

/* Those that are in the new map already. */
static int carry_vips(int old, int map, void *values)
{
	struct bpf_map_info info;
	void *keys = NULL;
	size_t count = 0;
	int err = 0;

	if (!alike(old, map, &info))
		return 0;
	err = maps_read_keys(map, info.key_size, POISE_AGENT_VIP_ENTRIES, &keys, &count);
	for (size_t i = 0; !err && i < count; i++) {
		const uint8_t *key = (const uint8_t *)keys + i * info.key_size;

		if (!bpf_map_lookup_elem(old, key, values))
			err = bpf_map_update_elem(map, key, values, BPF_EXIST);
	}
	free(keys);
	return err;
}

int maps_carry_counters(const struct maps *old, const struct maps *maps)
{
	int cpus = libbpf_num_possible_cpus(), err;
	struct poise_agent_count *values; /* the largest of all values, one a CPU */

	if (!old)
		return 0;
	if (cpus < 0)
		return cpus;
	values = calloc((size_t)cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	err = carry_array(old->reasons, maps->reasons, POISE_AGENT_REASON_COUNT, values);
	if (!err)
		err = carry_array(old->decisions, maps->decisions, POISE_AGENT_DECISION_COUNT,
				  values);
	if (!err)
		err = carry_vips(old->vips, maps->vips, values);
	free(values);
	return err;
}
