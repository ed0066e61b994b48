// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The program on an interface's XDP hook: see attach_xdp.h. */
#include "attach_xdp.h"

#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "agent.skel.h"
#include "leaked_program.h"

static const char PROGRAM[] = "poise_agent";

enum { MAX_CHAIN = 64 }; /* more programs than any dispatcher holds */

static bool is_agent(const struct xdp_program *program)
{
	const char *name = xdp_program__name(program);

	return name && !strcmp(name, PROGRAM);
}

static void find_single(struct xdp_multiprog *chain, struct attach_xdp *out)
{
	struct xdp_program *program = xdp_multiprog__main_prog(chain);

	if (!program)
		return;
	if (is_agent(program)) {
		out->program_id = xdp_program__id(program);
		return;
	}
	out->single_id = xdp_program__id(program);
	snprintf(out->single_name, sizeof(out->single_name), "%s", xdp_program__name(program));
}

/* The last one: should a replacement have been cut short, that is the newest. */
static void find_in_chain(struct xdp_multiprog *chain, struct attach_xdp *out)
{
	struct xdp_program *program = NULL;

	out->dispatcher = true;
	while ((program = xdp_multiprog__next_prog(program, chain)))
		if (is_agent(program) && xdp_program__id(program) > out->program_id)
			out->program_id = xdp_program__id(program);
}

int attach_xdp_find(unsigned int ifindex, struct attach_xdp *out)
{
	int leaked = leaked_program_watch();
	struct xdp_multiprog *chain = xdp_multiprog__get_from_ifindex((int)ifindex);
	int err = (int)libxdp_get_error(chain);
	uint32_t main_id;

	*out = (struct attach_xdp){ 0 };
	if (err)
		return err == -ENOENT ? 0 : err;
	out->native = xdp_multiprog__attach_mode(chain) != XDP_MODE_SKB;
	if (xdp_multiprog__is_legacy(chain))
		find_single(chain, out);
	else
		find_in_chain(chain, out);
	main_id = xdp_program__id(xdp_multiprog__main_prog(chain));
	xdp_multiprog__close(chain);
	leaked_program_close(leaked, main_id);
	return 0;
}

/* The object with maps for its own, not loaded. NULL with errno set. */
static struct agent_bpf *open_object(const struct maps *maps)
{
	struct agent_bpf *agent = agent_bpf__open();
	int err = 0;

	if (!agent)
		return NULL;
#define REUSE(name)                                                                                \
	if (!err)                                                                                  \
		err = bpf_map__reuse_fd(agent->maps.name, maps->name);
	MAPS(REUSE)
#undef REUSE
	if (!err)
		return agent;
	agent_bpf__destroy(agent);
	errno = -err;
	return NULL;
}

/* Attaches, and takes that back should the maps not stay with the program. */
static int join_chain(struct xdp_program *program, unsigned int ifindex, bool native,
		      const struct maps *maps)
{
	enum xdp_attach_mode mode = native ? XDP_MODE_NATIVE : XDP_MODE_SKB;
	int err = xdp_program__attach(program, (int)ifindex, mode, 0);

	if (err)
		return err;
	err = maps_bind(maps, xdp_program__fd(program));
	if (err)
		xdp_program__detach(program, (int)ifindex, mode, 0);
	return err;
}

/* Puts the program into libxdp's chain, which may not exist so far. */
static int attach_chain(unsigned int ifindex, bool native, const struct maps *maps, uint32_t *id)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, options, .prog_name = PROGRAM);
	struct agent_bpf *agent = open_object(maps);
	struct xdp_program *program;
	int err;

	if (!agent)
		return -errno;
	options.obj = agent->obj;
	program = xdp_program__create(&options);
	err = (int)libxdp_get_error(program);
	if (err)
		goto out;
	err = join_chain(program, ifindex, native, maps);
	*id = err ? 0 : xdp_program__id(program);
	xdp_program__close(program);
out:
	agent_bpf__destroy(agent);
	return err;
}

/* Makes the program the interface's single one: in place of program old_id, or (0) of none. */
static int attach_single(unsigned int ifindex, bool native, const struct maps *maps,
			 uint32_t old_id)
{
	uint32_t flags = native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = -1);
	struct agent_bpf *agent = open_object(maps);
	int err;

	if (!agent)
		return -errno;
	err = agent_bpf__load(agent);
	if (!err)
		err = maps_bind(maps, bpf_program__fd(agent->progs.poise_agent));
	if (err)
		goto out;
	if (old_id) {
		options.old_prog_fd = bpf_prog_get_fd_by_id(old_id);
		err = options.old_prog_fd < 0 ? options.old_prog_fd : 0;
	}
	flags |= old_id ? XDP_FLAGS_REPLACE : XDP_FLAGS_UPDATE_IF_NOEXIST;
	if (!err)
		err = bpf_xdp_attach((int)ifindex, bpf_program__fd(agent->progs.poise_agent), flags,
				     &options);
	if (options.old_prog_fd >= 0)
		close(options.old_prog_fd);
out:
	agent_bpf__destroy(agent);
	return err;
}

static int detach_single(unsigned int ifindex, const struct attach_xdp *old)
{
	uint32_t flags = old->native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	LIBBPF_OPTS(bpf_xdp_attach_opts, options,
		    .old_prog_fd = bpf_prog_get_fd_by_id(old->program_id));
	int err;

	if (options.old_prog_fd < 0)
		return options.old_prog_fd;
	err = bpf_xdp_detach((int)ifindex, flags | XDP_FLAGS_REPLACE, &options);
	close(options.old_prog_fd);
	return err;
}

static int detach_from_chain(unsigned int ifindex, uint32_t id, bool native)
{
	struct xdp_program *program = xdp_program__from_id(id);
	int err = (int)libxdp_get_error(program);

	if (err)
		return err;
	err = xdp_program__detach(program, (int)ifindex, native ? XDP_MODE_NATIVE : XDP_MODE_SKB,
				  0);
	xdp_program__close(program);
	return err;
}

/*
 * In a chain the new one joins before the old one leaves, so that no packet meets none of them. A
 * packet may meet both: the second finds no tunnel any more, and passes it on.
 */
static int replace(unsigned int ifindex, const struct maps *maps, const struct attach_xdp *old)
{
	uint32_t id;
	int err;

	if (!old->dispatcher)
		return attach_single(ifindex, old->native, maps, old->program_id);
	err = attach_chain(ifindex, old->native, maps, &id);
	return err ? err : detach_from_chain(ifindex, old->program_id, old->native);
}

/* The chain first; where the kernel cannot load its dispatcher, and nobody needs it, a single one.
 */
static int attach_new(unsigned int ifindex, bool native, const struct maps *maps,
		      const struct attach_xdp *old)
{
	uint32_t id;
	int err = attach_chain(ifindex, native, maps, &id);

	if (err && !old->dispatcher)
		err = attach_single(ifindex, native, maps, 0);
	return err;
}

int attach_xdp_check(enum attach_mode mode, const struct attach_xdp *now)
{
	bool other_mode = mode != ATTACH_AUTO && (mode == ATTACH_NATIVE) != now->native;

	if (now->single_id)
		return -EBUSY;
	return (now->program_id || now->dispatcher) && other_mode ? -EEXIST : 0;
}

int attach_xdp_make(unsigned int ifindex, enum attach_mode mode, const struct maps *maps,
		    const struct attach_xdp *old)
{
	bool keep_mode = old->program_id || old->dispatcher;
	int err = attach_xdp_check(mode, old);

	if (err)
		return err;
	if (old->program_id)
		return replace(ifindex, maps, old);
	err = attach_new(ifindex, keep_mode ? old->native : mode != ATTACH_GENERIC, maps, old);
	if (err && mode == ATTACH_AUTO && !keep_mode)
		err = attach_new(ifindex, false, maps, old);
	return err;
}

int attach_xdp_remove(unsigned int ifindex)
{
	struct attach_xdp now;
	int err = attach_xdp_find(ifindex, &now);

	for (int i = 0; !err && now.program_id && i < MAX_CHAIN; i++) {
		err = now.dispatcher ? detach_from_chain(ifindex, now.program_id, now.native)
				     : detach_single(ifindex, &now);
		if (!err)
			err = attach_xdp_find(ifindex, &now);
	}
	return err;
}
