// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "memory.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent.skel.h"
#include "loader.h"
#include "poise_abi.h"

enum { MAX_MAPS = 64 };

static int program_info(int fd, struct bpf_prog_info *info)
{
	__u32 size = sizeof(*info);

	return bpf_obj_get_info_by_fd(fd, info, &size) ? -errno : 0;
}

static int read_program(int fd, struct program_size *out)
{
	struct bpf_prog_info info = { 0 };
	int err = program_info(fd, &info);

	out->verified = info.verified_insns;
	out->jited_bytes = info.jited_prog_len;
	return err;
}

/* What the kernel says that a map takes ("memlock" of its descriptor), in bytes. */
static uint64_t map_bytes(__u32 id)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	int fd = bpf_map_get_fd_by_id(id);
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fd < 0 ? NULL : fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "memlock: %llu", &bytes);
	if (file)
		fclose(file);
	if (fd >= 0)
		close(fd);
	return bytes;
}

static int sum_maps(int program_fd, uint64_t *bytes)
{
	__u32 ids[MAX_MAPS];
	struct bpf_prog_info info = { .nr_map_ids = MAX_MAPS, .map_ids = (uintptr_t)ids };
	int err = program_info(program_fd, &info);

	for (__u32 i = 0; i < info.nr_map_ids && !err; i++)
		*bytes += map_bytes(ids[i]);
	return err;
}

static void list_sizes(struct memory *memory)
{
	memory->segment_bytes =
		sizeof(struct poise_ring_segment) + sizeof(struct poise_move_segment);
	memory->slot_bytes = sizeof(__u16) + sizeof(struct poise_move);
	/* its entry and its address's, its record */
	memory->service_bytes =
		2 * sizeof(struct poise_service) + sizeof(struct poise_service_record);
	memory->service_cpu_bytes = sizeof(struct poise_service_count);
	memory->backend_bytes = 2 * sizeof(struct poise_backend) +
				sizeof(struct poise_backend_load) +
				sizeof(struct poise_backend_record);
	memory->backend_cpu_bytes = sizeof(struct poise_backend_count);
	memory->record_bytes = sizeof(__u64);
}

int memory_measure(struct memory *memory)
{
	struct loader_options options = { .flow_entries = POISE_MIN_FLOWS };
	char error[LOADER_ERROR_BYTES] = "";
	struct agent_bpf *agent = agent_bpf__open_and_load();
	struct loader *loader = NULL;
	int err = agent ? loader_new(&options, &loader, error) : -errno;

	if (!err)
		err = read_program(loader_program_fd(loader), &memory->poise);
	if (!err)
		err = read_program(bpf_program__fd(agent->progs.poise_agent), &memory->agent);
	if (!err)
		err = sum_maps(loader_program_fd(loader), &memory->fixed_bytes);
	if (err)
		fprintf(stderr, "bench: sizes: %s %s\n", error, strerror(-err));
	list_sizes(memory);
	loader_free(loader);
	agent_bpf__destroy(agent);
	return err;
}
