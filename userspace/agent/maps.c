// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The agent's maps: see maps.h. Here are the maps themselves and the settings; maps_sets.c fills
 * them, maps_read.c reads them. */
#include "maps_private.h"

#include <errno.h>
#include <fcntl.h>
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

int maps_copy(const struct maps *maps, struct maps *out)
{
	maps_init(out);
#define MAPS_COPY(name) out->name = fcntl(maps->name, F_DUPFD_CLOEXEC, 0);
	MAPS(MAPS_COPY)
#undef MAPS_COPY
	if (maps_are_complete(out))
		return 0;
	maps_close(out);
	return -EMFILE;
}

int maps_read_settings(const struct maps *maps, struct poise_agent_settings *settings)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(maps->settings, &zero, settings);
}

int maps_write_settings(const struct maps *maps, const struct poise_agent_settings *settings)
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
		err = maps_write_settings(maps, &settings);
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
