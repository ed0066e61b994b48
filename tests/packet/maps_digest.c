// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* See maps_digest.h. */
#include "maps_digest.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hex.h"
#include "loader.h"

enum { KEY_BYTES = 64, BATCH = 1024 };

static const uint64_t FIRST_SUM = 0xcbf29ce484222325; /* 0 stands for 'cannot be read' */

static uint64_t digest_fd(int fd);

/* FNV-1a by words of eight bytes, and of one at the end. */
static uint64_t add(uint64_t sum, const void *data, size_t bytes)
{
	const uint8_t *at = data;

	for (; bytes >= sizeof(uint64_t); bytes -= sizeof(uint64_t), at += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, at, sizeof(word));
		sum = (sum ^ word) * 0x100000001b3;
		sum ^= sum >> 29;
	}
	for (; bytes; bytes--)
		sum = (sum ^ *at++) * 0x100000001b3;
	return sum;
}

static uint64_t digest_memory(int fd, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	uint64_t sum;

	if (memory == MAP_FAILED)
		return 0;
	sum = add(FIRST_SUM, memory, bytes);
	munmap(memory, bytes);
	return sum;
}

static uint64_t digest_inner(uint32_t id)
{
	int fd = bpf_map_get_fd_by_id(id);
	uint64_t sum = fd < 0 ? 0 : digest_fd(fd);

	if (fd >= 0)
		close(fd);
	return sum;
}

static size_t value_bytes(const struct bpf_map_info *info)
{
	if (info->type == BPF_MAP_TYPE_PERCPU_ARRAY)
		return ((size_t)info->value_size + 7) / 8 * 8 * libbpf_num_possible_cpus();
	return info->value_size;
}

/* Every key in the kernel's order, with its value. */
static uint64_t digest_entries(int fd, const struct bpf_map_info *info)
{
	uint8_t key[KEY_BYTES], *value = calloc(1, value_bytes(info)), *last = NULL;
	uint64_t sum = FIRST_SUM;

	while (value && bpf_map_get_next_key(fd, last, key) == 0) {
		last = key;
		if (bpf_map_lookup_elem(fd, key, value))
			continue;
		sum = add(sum, key, info->key_size);
		if (info->type == BPF_MAP_TYPE_ARRAY_OF_MAPS)
			sum ^= digest_inner(*(uint32_t *)value);
		else
			sum = add(sum, value, value_bytes(info));
	}
	free(value);
	return sum;
}

/* An array that cannot be shared, many entries at a time. */
static uint64_t digest_array(int fd, const struct bpf_map_info *info)
{
	static uint32_t keys[BATCH];
	uint8_t *values = calloc(BATCH, value_bytes(info));
	uint32_t position = 0, count = 0, seen = 0;
	uint64_t sum = FIRST_SUM;
	void *from = NULL;
	int err = values ? 0 : -ENOMEM;

	while (!err && seen < info->max_entries) {
		count = BATCH;
		err = bpf_map_lookup_batch(fd, from, &position, keys, values, &count, NULL);
		if (err && err != -ENOENT)
			break;
		sum = add(sum, values, count * value_bytes(info));
		seen += count;
		from = &position;
	}
	free(values);
	return seen == info->max_entries ? sum : 0;
}

static uint64_t digest_fd(int fd)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return 0;
	if (info.map_flags & BPF_F_MMAPABLE && !(info.map_flags & BPF_F_RDONLY_PROG))
		return digest_memory(fd, (size_t)info.value_size * info.max_entries);
	if (info.type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	    (info.type == BPF_MAP_TYPE_ARRAY && info.max_entries > 1))
		return digest_array(fd, &info);
	return digest_entries(fd, &info);
}

void maps_digest(const struct fixture *fixture, struct maps_digest *out)
{
	struct bpf_prog_info program = { .nr_map_ids = DIGEST_MAX_MAPS,
					 .map_ids = (uintptr_t)out->id };
	__u32 size = sizeof(program);

	memset(out, 0, sizeof(*out));
	if (bpf_obj_get_info_by_fd(loader_program_fd(fixture->loader), &program, &size))
		return;
	out->count = program.nr_map_ids;
	for (uint32_t i = 0; i < out->count; i++) {
		struct bpf_map_info info = {};
		int fd = bpf_map_get_fd_by_id(out->id[i]);

		size = sizeof(info);
		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
			continue;
		snprintf(out->name[i], sizeof(out->name[i]), "%s", info.name);
		out->sum[i] = digest_fd(fd);
		close(fd);
	}
}

bool maps_digest_equal(const char *name, const struct maps_digest *before,
		       const struct maps_digest *after)
{
	bool equal = before->count && before->count == after->count;

	if (!equal)
		tap_note("%s: the maps cannot be read", name);
	for (uint32_t i = 0; i < before->count && equal; i++) {
		if (before->sum[i] && before->sum[i] == after->sum[i])
			continue;
		tap_note("%s: map '%s' was written", name, before->name[i]);
		equal = false;
	}
	return equal;
}
