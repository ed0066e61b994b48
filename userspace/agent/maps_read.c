// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The agent's maps: see maps.h. Here is what reads them. */
#include "maps_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

int maps_read_keys(int map, size_t key_bytes, size_t max, void **out, size_t *count)
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

	err = maps_read_keys(maps->vips, sizeof(*keys), POISE_AGENT_VIP_ENTRIES, (void **)&keys,
			     &count);
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

/* A trie whose keys are all that there is to it; the caller frees *out. */
static int read_prefixes(int map, size_t max, struct prefix **out, size_t *count)
{
	struct poise_agent_prefix *keys = NULL;
	size_t found = 0;
	int err = maps_read_keys(map, sizeof(*keys), max, (void **)&keys, &found);

	*out = calloc(found + 1, sizeof(**out));
	if (!err && !*out)
		err = -ENOMEM;
	for (size_t i = 0; !err && i < found; i++)
		(*out)[(*count)++] = prefix_of(&keys[i]);
	if (!err)
		qsort(*out, *count, sizeof(**out), compare_prefixes);
	free(keys);
	return err;
}

/* Of a source's prefix, from its address and the open bits of its last four bytes. */
static uint8_t length_of(uint8_t bits, uint32_t mask)
{
	return (uint8_t)(bits - __builtin_popcount(mask));
}

int maps_read_tunnels(const struct maps *maps, struct maps_tunnels *tunnels)
{
	struct poise_agent_settings settings;
	int err = maps_read_settings(maps, &settings);

	if (err)
		return err;
	*tunnels = (struct maps_tunnels){
		.encapsulations = settings.encapsulations,
		.gue_port = ntohs(settings.gue_port),
		.second_chance = settings.second_chance,
		.source4 = { { .family = 4 }, length_of(32, settings.source4_mask) },
		.source6 = { { .family = 6 }, length_of(128, settings.source6_mask) },
		.mss4 = settings.mss4,
		.mss6 = settings.mss6,
		.namespace_count = settings.namespace_count,
	};
	if (tunnels->namespace_count > POISE_AGENT_MAX_NAMESPACES)
		tunnels->namespace_count = POISE_AGENT_MAX_NAMESPACES;
	memcpy(tunnels->source4.address.bytes, &settings.source4, sizeof(settings.source4));
	memcpy(tunnels->source6.address.bytes, settings.source6, sizeof(settings.source6));
	memcpy(tunnels->namespaces, settings.namespaces, sizeof(tunnels->namespaces));
	return 0;
}

/* The values of a map of counters, summed over the CPUs. */
static int read_counters(int map, size_t cpus, uint64_t *sums, uint32_t count)
{
	uint64_t *values = calloc(cpus, sizeof(*values));
	int err = values ? 0 : -ENOMEM;

	for (uint32_t i = 0; !err && i < count; i++) {
		err = bpf_map_lookup_elem(map, &i, values);
		for (size_t cpu = 0; !err && cpu < cpus; cpu++)
			sums[i] += values[cpu];
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
		err = read_prefixes(maps->sources, POISE_AGENT_SOURCE_ENTRIES, &content->sources,
				    &content->source_count);
	if (!err)
		err = read_prefixes(maps->hops, POISE_AGENT_HOP_ENTRIES, &content->hops,
				    &content->hop_count);
	if (!err)
		err = maps_read_tunnels(maps, &content->tunnels);
	if (!err)
		err = read_counters(maps->reasons, (size_t)cpus, content->reasons,
				    POISE_AGENT_REASON_COUNT);
	if (!err)
		err = read_counters(maps->decisions, (size_t)cpus, content->decisions,
				    POISE_AGENT_DECISION_COUNT);
	if (err)
		maps_content_free(content);
	return err;
}

void maps_content_free(struct maps_content *content)
{
	free(content->vips);
	free(content->sources);
	free(content->hops);
	*content = (struct maps_content){ 0 };
}
