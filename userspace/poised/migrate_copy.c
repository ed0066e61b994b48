/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps whose entries are taken over one by one: arrays, hash tables, counters. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "migrate_private.h"

enum { PER_CPU_ALIGN = 8 };

/* The values of one entry, of both versions: one, or one a CPU. */
struct entry {
	char *in, *out;
	size_t in_size, out_size; /* of one, as the kernel hands it out */
	int values;
};

static size_t aligned(size_t size)
{
	return (size + PER_CPU_ALIGN - 1) / PER_CPU_ALIGN * PER_CPU_ALIGN;
}

static int entry_new(const struct change *change, struct entry *out)
{
	bool per_cpu = change->from.info.type == BPF_MAP_TYPE_PERCPU_ARRAY;

	*out = (struct entry){ .in_size = aligned(change->from.info.value_size),
			       .out_size = aligned(bpf_map__value_size(change->to)),
			       .values = per_cpu ? libbpf_num_possible_cpus() : 1 };
	out->in = calloc(out->values, out->in_size);
	out->out = calloc(out->values, out->out_size);
	return out->in && out->out ? 0 : -ENOMEM;
}

static void entry_free(struct entry *entry)
{
	free(entry->in);
	free(entry->out);
}

/* What is known of neither type is a number, its first bytes the same. */
static int convert(const struct layout *from, const void *in, size_t in_size,
		   const struct layout *to, void *out, size_t out_size)
{
	if (from->type && to->type)
		return layout_convert(from, in, to, out);
	memset(out, 0, out_size);
	memcpy(out, in, in_size < out_size ? in_size : out_size);
	return 0;
}

static int convert_values(const struct migration *migration, const struct change *change,
			  struct entry *entry)
{
	struct layout from = former_value(&change->from);
	struct layout to = migration_value(migration, change->to);
	int err = 0;

	for (int i = 0; i < entry->values && !err; i++)
		err = layout_convert(&from, entry->in + i * entry->in_size, &to,
				     entry->out + i * entry->out_size);
	return err;
}

bool copy_suits_array(const struct migration *migration, const struct change *change)
{
	return former_value(&change->from).type && migration_value(migration, change->to).type;
}

static uint32_t common_entries(const struct change *change)
{
	uint32_t count = bpf_map__max_entries(change->to);

	return change->from.info.max_entries < count ? change->from.info.max_entries : count;
}

static bool any(const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i])
			return true;
	return false;
}

/* Most entries are empty, as all of a new map are. */
static int copy_entry(const struct migration *migration, const struct change *change,
		      uint32_t index, struct entry *entry)
{
	int err = bpf_map_lookup_elem(change->from.fd, &index, entry->in);

	if (!err && !any(entry->in, entry->values * entry->in_size)) {
		memset(entry->out, 0, entry->values * entry->out_size);
		return 0;
	}
	if (!err)
		err = convert_values(migration, change, entry);
	if (!err && strcmp(bpf_map__name(change->to), "settings") == 0)
		((struct poise_settings *)entry->out)->abi_version = POISE_ABI_VERSION;
	return err ? err
		   : bpf_map_update_elem(bpf_map__fd(change->to), &index, entry->out, BPF_ANY);
}

int copy_array(struct migration *migration, struct change *change)
{
	struct entry entry;
	int err = entry_new(change, &entry);

	for (uint32_t i = 0; i < common_entries(change) && !err; i++)
		err = copy_entry(migration, change, i, &entry);
	entry_free(&entry);
	return err;
}

int copy_counters(struct migration *migration, struct change *change)
{
	struct entry entry;
	int err = entry_new(change, &entry);
	size_t size = entry.values * entry.out_size;

	change->copied = calloc(change->from.info.max_entries, sizeof(*change->copied));
	if (!change->copied)
		err = -ENOMEM;
	for (uint32_t i = 0; i < common_entries(change) && !err; i++) {
		err = copy_entry(migration, change, i, &entry);
		if (err || !any(entry.out, size))
			continue;
		change->copied[i] = malloc(size);
		if (change->copied[i])
			memcpy(change->copied[i], entry.out, size);
		else
			err = -ENOMEM;
	}
	entry_free(&entry);
	return err;
}

/* Packets count on meanwhile: one that comes within this microsecond may not be counted. */
static int add_counts(const struct change *change, uint32_t index, const struct entry *entry)
{
	size_t words = entry->values * entry->out_size / sizeof(uint64_t);
	const uint64_t *now = (const uint64_t *)entry->out, *then = change->copied[index];
	uint64_t *sum = malloc(words * sizeof(*sum));
	int err = sum ? bpf_map_lookup_elem(bpf_map__fd(change->to), &index, sum) : -ENOMEM;

	for (size_t i = 0; i < words && !err; i++)
		sum[i] += now[i] - (then ? then[i] : 0);
	if (!err)
		err = bpf_map_update_elem(bpf_map__fd(change->to), &index, sum, BPF_ANY);
	free(sum);
	return err;
}

int copy_follow_counters(struct migration *migration, struct change *change)
{
	struct entry entry;
	int err = entry_new(change, &entry);

	for (uint32_t i = 0; change->copied && i < common_entries(change) && !err; i++) {
		size_t size = entry.values * entry.out_size;

		err = bpf_map_lookup_elem(change->from.fd, &i, entry.in);
		if (!err)
			err = convert_values(migration, change, &entry);
		if (!err && (change->copied[i] ? memcmp(change->copied[i], entry.out, size) != 0
					       : any(entry.out, size)))
			err = add_counts(change, i, &entry);
	}
	entry_free(&entry);
	return err;
}

static struct layout former_key(const struct change *change)
{
	return (struct layout){ change->from.btf,
				change->from.btf ? change->from.info.btf_key_type_id : 0 };
}

static struct layout own_key(const struct migration *migration, const struct change *change)
{
	return (struct layout){ bpf_object__btf(migration->object),
				bpf_map__btf_key_type_id(change->to) };
}

/* The kernel keeps no types of a devmap: a number each, which may have got longer. */
bool copy_suits_hash(const struct migration *migration, const struct change *change)
{
	return (former_key(change).type && own_key(migration, change).type) ||
	       change->from.info.type == BPF_MAP_TYPE_DEVMAP_HASH;
}

static int copy_pair(const struct migration *migration, const struct change *change,
		     const void *key, struct entry *entry, uint64_t flags)
{
	struct layout from = former_value(&change->from);
	struct layout to = migration_value(migration, change->to);
	struct layout from_key = former_key(change), to_key = own_key(migration, change);
	size_t key_size = bpf_map__key_size(change->to);
	char *own = calloc(1, key_size);
	int err = own ? 0 : -ENOMEM;

	if (!err)
		err = convert(&from_key, key, change->from.info.key_size, &to_key, own, key_size);
	if (!err)
		err = convert(&from, entry->in, change->from.info.value_size, &to, entry->out,
			      bpf_map__value_size(change->to));
	if (!err)
		err = bpf_map_update_elem(bpf_map__fd(change->to), own, entry->out, flags);
	free(own);
	return err == -EEXIST ? 0 : err == -E2BIG || err == -ENOSPC ? -ERANGE : err;
}

/* A table that packets write changes while it is walked: not longer than it has entries. */
static int copy_pairs(const struct migration *migration, const struct change *change,
		      uint64_t flags)
{
	size_t key_size = change->from.info.key_size;
	char *key = calloc(2, key_size), *next = key ? key + key_size : NULL;
	struct entry entry;
	int err = entry_new(change, &entry);

	if (!key)
		err = -ENOMEM;
	for (uint32_t i = 0; i < change->from.info.max_entries && !err; i++) {
		if (bpf_map_get_next_key(change->from.fd, i ? key : NULL, next))
			break;
		memcpy(key, next, key_size);
		if (bpf_map_lookup_elem(change->from.fd, key, entry.in) == 0)
			err = copy_pair(migration, change, key, &entry, flags);
	}
	entry_free(&entry);
	free(key);
	return err;
}

int copy_hash(struct migration *migration, struct change *change)
{
	return copy_pairs(migration, change, BPF_ANY);
}

int copy_follow_hash(struct migration *migration, struct change *change)
{
	return copy_pairs(migration, change, BPF_NOEXIST);
}
