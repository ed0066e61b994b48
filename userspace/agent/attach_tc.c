// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The programs on an interface's TC hooks: see attach_tc.h. */
#include "attach_tc.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "agent_tc.skel.h"
#include "qdisc.h"

enum { PRIORITY = 60, HANDLE = 1, PROGRAM_MAPS = 16 };

static const char INGRESS[] = "poise_agent_tc", EGRESS[] = "poise_agent_mss";
static const char CONSTANTS[] = "agent_tc.rodata";

/* The id of the program in our place; 0: there is none. 0 or a negative errno: -EADDRINUSE
 * when it is another one. */
static int find(unsigned int ifindex, enum bpf_tc_attach_point point, uint32_t *id)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, filter, .handle = HANDLE, .priority = PRIORITY);
	struct bpf_prog_info info = { 0 };
	uint32_t length = sizeof(info);
	int program, err = bpf_tc_query(&hook, &filter);

	*id = 0;
	if (err == -ENOENT || err == -EINVAL) /* no such filter; no clsact */
		return 0;
	if (err)
		return err;
	program = bpf_prog_get_fd_by_id(filter.prog_id);
	if (program < 0)
		return program == -ENOENT ? 0 : program; /* gone meanwhile */
	err = bpf_obj_get_info_by_fd(program, &info, &length);
	close(program);
	if (!err && strcmp(info.name, point == BPF_TC_INGRESS ? INGRESS : EGRESS) != 0)
		err = -EADDRINUSE;
	if (!err)
		*id = filter.prog_id;
	return err;
}

/* Reads a map if it is the one of the program's constants. */
static bool read_constants(int map, struct agent_tc_bpf__rodata *constants)
{
	struct bpf_map_info info = { 0 };
	uint32_t length = sizeof(info), zero = 0;

	return !bpf_obj_get_info_by_fd(map, &info, &length) && !strcmp(info.name, CONSTANTS) &&
	       info.value_size == sizeof(*constants) && !bpf_map_lookup_elem(map, &zero, constants);
}

/* As the program's constant says; of another version, which has others, false. */
static bool is_after_xdp(uint32_t id)
{
	uint32_t maps[PROGRAM_MAPS], length = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = { .nr_map_ids = PROGRAM_MAPS, .map_ids = (uintptr_t)maps };
	struct agent_tc_bpf__rodata constants = { 0 };
	int program = bpf_prog_get_fd_by_id(id);
	bool found = program < 0 || bpf_obj_get_info_by_fd(program, &info, &length);

	for (uint32_t i = 0; !found && i < info.nr_map_ids && i < PROGRAM_MAPS; i++) {
		int map = bpf_map_get_fd_by_id(maps[i]);

		found = map >= 0 && read_constants(map, &constants);
		if (map >= 0)
			close(map);
	}
	if (program >= 0)
		close(program);
	return constants.after_xdp;
}

int attach_tc_find(unsigned int ifindex, struct attach_tc *out)
{
	int err = find(ifindex, BPF_TC_INGRESS, &out->ingress_id);

	if (err && err != -EADDRINUSE)
		return err;
	out->after_xdp = out->ingress_id && is_after_xdp(out->ingress_id);
	err = find(ifindex, BPF_TC_EGRESS, &out->egress_id);
	return err == -EADDRINUSE ? 0 : err;
}

/* One program of the object, with maps for its own, loaded. NULL with errno set. */
static struct agent_tc_bpf *load(enum bpf_tc_attach_point point, bool after_xdp,
				 const struct maps *maps)
{
	struct agent_tc_bpf *agent = agent_tc_bpf__open();
	int err = 0;

	if (!agent)
		return NULL;
	agent->rodata->after_xdp = after_xdp;
	bpf_program__set_autoload(agent->progs.poise_agent_tc, point == BPF_TC_INGRESS);
	bpf_program__set_autoload(agent->progs.poise_agent_mss, point == BPF_TC_EGRESS);
#define REUSE(name)                                                                                \
	if (!err)                                                                                  \
		err = bpf_map__reuse_fd(agent->maps.name, maps->name);
	MAPS(REUSE)
#undef REUSE
	if (!err)
		err = agent_tc_bpf__load(agent);
	if (!err)
		return agent;
	agent_tc_bpf__destroy(agent);
	errno = -err;
	return NULL;
}

/* Puts the program where ours has its place, in the place of the one that is there. */
static int set_filter(unsigned int ifindex, enum bpf_tc_attach_point point, int program)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, filter, .handle = HANDLE, .priority = PRIORITY,
			    .prog_fd = program, .flags = BPF_TC_F_REPLACE);
	int err = bpf_tc_hook_create(&hook);

	return err && err != -EEXIST ? err : bpf_tc_attach(&hook, &filter);
}

static int attach(unsigned int ifindex, enum bpf_tc_attach_point point, bool after_xdp,
		  const struct maps *maps)
{
	struct agent_tc_bpf *agent;
	struct bpf_program *program;
	uint32_t old;
	int err = find(ifindex, point, &old);

	if (err)
		return err;
	agent = load(point, after_xdp, maps);
	if (!agent)
		return -errno;
	program = point == BPF_TC_INGRESS ? agent->progs.poise_agent_tc
					  : agent->progs.poise_agent_mss;
	err = maps_bind(maps, bpf_program__fd(program));
	if (!err)
		err = set_filter(ifindex, point, bpf_program__fd(program));
	agent_tc_bpf__destroy(agent);
	return err;
}

int attach_tc_ingress(unsigned int ifindex, enum attach_tc_ingress ingress, const struct maps *maps)
{
	return attach(ifindex, BPF_TC_INGRESS, ingress == ATTACH_TC_AFTER_XDP, maps);
}

int attach_tc_egress(unsigned int ifindex, const struct maps *maps)
{
	enum qdisc_kind kind;
	int err = qdisc_find(ifindex, &kind);

	if (!err && kind == QDISC_INGRESS)
		err = -ENOTSUP;
	return err ? err : attach(ifindex, BPF_TC_EGRESS, false, maps);
}

static int detach(unsigned int ifindex, enum bpf_tc_attach_point point)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, filter, .handle = HANDLE, .priority = PRIORITY);

	return bpf_tc_detach(&hook, &filter);
}

static int remove_unused_qdisc(unsigned int ifindex)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
			    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	enum qdisc_kind kind;
	bool used = true;
	int err = qdisc_find(ifindex, &kind);

	if (!err && kind == QDISC_CLSACT)
		err = qdisc_is_used(ifindex, &used);
	return err || used ? err : bpf_tc_hook_destroy(&hook);
}

int attach_tc_keep(unsigned int ifindex, bool ingress, bool egress)
{
	struct attach_tc now;
	bool detached = false;
	int err = attach_tc_find(ifindex, &now);

	if (!err && now.ingress_id && !ingress) {
		err = detach(ifindex, BPF_TC_INGRESS);
		detached = true;
	}
	if (!err && now.egress_id && !egress) {
		err = detach(ifindex, BPF_TC_EGRESS);
		detached = true;
	}
	return err || !detached ? err : remove_unused_qdisc(ifindex);
}
