// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The agent's maps: see maps.h. Here is what fills them. */
#include "maps_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static struct poise_agent_prefix key_of(const struct prefix *prefix)
{
	struct poise_agent_prefix key = { .length = POISE_AGENT_FAMILY_BITS + prefix->length,
					  .family = prefix->address.family };

	memcpy(key.bytes, prefix->address.bytes, sizeof(key.bytes));
	return key;
}

/*
 * Sets of keys are compared as bytes.
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
	int err = maps_read_keys(map, key_bytes, max, &old, &old_count);

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

	for (size_t i = 0; keys && i < count; i++)
		keys[i] = key_of(&prefixes[i]);
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
	int err = maps_read_settings(maps, &settings);

	settings.check_sources = check;
	return err ? err : maps_write_settings(maps, &settings);
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

int maps_set_hops(const struct maps *maps, const struct prefix *hops, size_t count)
{
	struct poise_agent_prefix *keys = make_keys(hops, count);
	uint32_t value = 1;
	int err;

	if (!keys)
		return -ENOMEM;
	err = add_keys(maps->hops, keys, count, sizeof(*keys), &value);
	if (!err)
		err = remove_others(maps->hops, POISE_AGENT_HOP_ENTRIES, keys, count,
				    sizeof(*keys));
	free(keys);
	return err;
}

/* Of the last four bytes of an address, those bits that its prefix leaves open. */
static uint32_t open_bits(const struct prefix *prefix)
{
	unsigned int bits = (prefix->address.family == 4 ? 32 : 128) - prefix->length;

	return htonl(bits >= 32 ? UINT32_MAX : (1u << bits) - 1);
}

int maps_set_tunnels(const struct maps *maps, const struct maps_tunnels *tunnels)
{
	struct poise_agent_settings settings;
	int err = maps_read_settings(maps, &settings);

	if (err)
		return err;
	settings.encapsulations = tunnels->encapsulations;
	settings.gue_port = htons(tunnels->gue_port);
	settings.second_chance = tunnels->second_chance;
	memcpy(&settings.source4, tunnels->source4.address.bytes, sizeof(settings.source4));
	memcpy(settings.source6, tunnels->source6.address.bytes, sizeof(settings.source6));
	settings.source4_mask = open_bits(&tunnels->source4);
	settings.source6_mask = open_bits(&tunnels->source6);
	settings.mss4 = tunnels->mss4;
	settings.mss6 = tunnels->mss6;
	settings.namespace_count = (uint32_t)tunnels->namespace_count;
	memcpy(settings.namespaces, tunnels->namespaces, sizeof(settings.namespaces));
	return maps_write_settings(maps, &settings);
}

int maps_set_namespaces(const struct maps *maps, const int32_t *ids, size_t count)
{
	struct poise_agent_settings settings;
	int err = maps_read_settings(maps, &settings);

	if (err)
		return err;
	if (settings.namespace_count == count &&
	    !memcmp(settings.namespaces, ids, count * sizeof(*ids)))
		return 0;
	settings.namespace_count = (uint32_t)count;
	memcpy(settings.namespaces, ids, count * sizeof(*ids));
	return maps_write_settings(maps, &settings);
}
