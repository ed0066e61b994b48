/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "fault.h"
#include "leaked_program.h"

enum { MAX_MAPS = 64, MAX_FORMER = 4 };

static const char program_name[] = "poise";
static void (*print_line)(const char *text);
static uint32_t former[MAX_FORMER];

/* Line by line: the verifier's log is one message. */
static void print_va(const char *format, va_list arguments)
{
	char *text, *rest, *line;

	if (!print_line || vasprintf(&text, format, arguments) < 0)
		return;
	for (rest = text; (line = strsep(&rest, "\n"));)
		if (line[0])
			print_line(line);
	free(text);
}

static int print_libxdp(enum libxdp_print_level level, const char *format, va_list arguments)
{
	if (level <= LIBXDP_INFO)
		print_va(format, arguments);
	return 0;
}

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (strstr(format, "pinned map"))
		FAULT_POINT("map-pinned");
	if (level <= LIBBPF_WARN)
		print_va(format, arguments);
	return 0;
}

void attach_set_print(void (*print)(const char *text))
{
	print_line = print;
	libxdp_set_print(print_libxdp);
	libbpf_set_print(print_libbpf);
}

void attach_add_former(uint32_t settings_id)
{
	memmove(&former[1], former, sizeof(former) - sizeof(former[0]));
	former[0] = settings_id;
}

static bool is_settings(uint32_t id, uint32_t settings_id)
{
	for (int i = 0; i < MAX_FORMER; i++)
		if (former[i] && former[i] == id)
			return true;
	return id == settings_id;
}

/* Does the program use the map settings_id, or a former one? */
static bool is_ours(struct xdp_program *program, uint32_t settings_id)
{
	__u32 ids[MAX_MAPS], size = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = { .map_ids = (uintptr_t)ids, .nr_map_ids = MAX_MAPS };

	if (!program || !settings_id || strcmp(xdp_program__name(program), program_name) != 0)
		return false;
	if (bpf_obj_get_info_by_fd(xdp_program__fd(program), &info, &size))
		return false;
	for (__u32 i = 0; i < info.nr_map_ids && i < MAX_MAPS; i++)
		if (is_settings(ids[i], settings_id))
			return true;
	return false;
}

/* A program of ours in the chain other than the one with id; NULL when there is none. */
static struct xdp_program *find_ours(struct xdp_multiprog *chain, uint32_t settings_id,
				     uint32_t except_id)
{
	struct xdp_program *program = NULL;

	if (xdp_multiprog__is_legacy(chain)) {
		program = xdp_multiprog__main_prog(chain);
		return is_ours(program, settings_id) && xdp_program__id(program) != except_id
			       ? program
			       : NULL;
	}
	while ((program = xdp_multiprog__next_prog(program, chain)))
		if (is_ours(program, settings_id) && xdp_program__id(program) != except_id)
			return program;
	return NULL;
}

/* Does the program of another poised run there, one with maps of its own? */
static bool holds_another(struct xdp_multiprog *chain, uint32_t settings_id)
{
	struct xdp_program *program = NULL;

	if (xdp_multiprog__is_legacy(chain)) {
		program = xdp_multiprog__main_prog(chain);
		return program && strcmp(xdp_program__name(program), program_name) == 0 &&
		       !is_ours(program, settings_id);
	}
	while ((program = xdp_multiprog__next_prog(program, chain)))
		if (strcmp(xdp_program__name(program), program_name) == 0 &&
		    !is_ours(program, settings_id))
			return true;
	return false;
}

/* What runs on the interface; NULL: nothing does. leaked is for chain_close(). */
static struct xdp_multiprog *chain_open(uint32_t ifindex, int *leaked)
{
	struct xdp_multiprog *chain;

	*leaked = leaked_program_watch();
	chain = xdp_multiprog__get_from_ifindex(ifindex);
	return libxdp_get_error(chain) ? NULL : chain;
}

static void chain_close(struct xdp_multiprog *chain, int leaked)
{
	uint32_t id = chain ? xdp_program__id(xdp_multiprog__main_prog(chain)) : 0;

	xdp_multiprog__close(chain);
	leaked_program_close(leaked, id);
}

static __u32 mode_flags(enum xdp_attach_mode mode)
{
	return mode == XDP_MODE_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

/* Puts a copy of the program into libxdp's chain, and tells its id. */
static int join_chain(const struct attach_program *program, uint32_t ifindex,
		      enum xdp_attach_mode mode, uint32_t *id)
{
	struct bpf_object *copy = program->open_copy(program->context);
	struct xdp_program *member;
	int err;

	if (!copy)
		return -ENOMEM;
	member = xdp_program__from_bpf_obj(copy, "xdp");
	err = libxdp_get_error(member);
	if (err)
		goto out_close;
	err = xdp_program__attach(member, ifindex, mode, 0);
	*id = err ? 0 : xdp_program__id(member);
	xdp_program__close(member);
out_close:
	bpf_object__close(copy);
	return err;
}

/* Takes ours out of the chain, all but the one with except_id. How many, or a negative errno. */
static int leave_chain(uint32_t ifindex, uint32_t settings_id, uint32_t except_id)
{
	int left = 0;

	for (;;) {
		int leaked;
		struct xdp_multiprog *chain = chain_open(ifindex, &leaked);
		struct xdp_program *ours = chain ? find_ours(chain, settings_id, except_id) : NULL;
		int err = 0;

		if (ours && xdp_multiprog__is_legacy(chain))
			err = xdp_multiprog__detach(chain);
		else if (ours)
			err = xdp_program__detach(ours, ifindex, xdp_multiprog__attach_mode(chain),
						  0);
		chain_close(chain, leaked);
		if (err || !ours)
			return err ? err : left;
		left++;
	}
}

/* Without the dispatcher the kernel swaps the two programs, in the mode that the old one has. */
static int replace_single(const struct attach_program *program, struct xdp_multiprog *chain,
			  struct xdp_program *old, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = xdp_program__fd(old));

	return bpf_xdp_attach(ifindex, program->fd,
			      mode_flags(xdp_multiprog__attach_mode(chain)) | XDP_FLAGS_REPLACE,
			      &options);
}

/* The new program joins the chain first, then the old one leaves it: one of them always runs. */
static int replace_in_chain(const struct attach_program *program, struct xdp_multiprog *chain,
			    uint32_t ifindex)
{
	uint32_t id;
	int err = join_chain(program, ifindex, xdp_multiprog__attach_mode(chain), &id);

	FAULT_POINT("chain-joined");
	if (!err)
		err = leave_chain(ifindex, program->settings_id, id);
	return err < 0 ? err : 0;
}

/* What libxdp's dispatcher calls are extensions. A kernel that takes any says EINVAL to one of
 * nothing; it is asked, for libxdp would load the whole program once more to find that out. */
static bool takes_extensions(void)
{
	static const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .attach_btf_id = 1);
	int fd = bpf_prog_load(BPF_PROG_TYPE_EXT, NULL, "GPL", program,
			       sizeof(program) / sizeof(program[0]), &options);

	if (fd >= 0)
		close(fd);
	return fd != -EPERM;
}

/*
 * The chain first. Where it cannot be had, the program alone: some kernels take no dispatcher, and
 * the dispatcher of libxdp before 1.5 takes no program that moves a packet's head on kernels from
 * 6.12 on.
 */
static int attach_in_mode(const struct attach_program *program, uint32_t ifindex,
			  enum xdp_attach_mode mode)
{
	struct xdp_multiprog *chain;
	bool shared;
	uint32_t id;
	int leaked;
	int err = takes_extensions() ? join_chain(program, ifindex, mode, &id) : -EOPNOTSUPP;

	if (!err || err == -EBUSY || err == -EPERM)
		return err;
	chain = chain_open(ifindex, &leaked);
	shared = chain && !xdp_multiprog__is_legacy(chain);
	chain_close(chain, leaked);
	if (shared)
		return err;
	return bpf_xdp_attach(ifindex, program->fd, mode_flags(mode) | XDP_FLAGS_UPDATE_IF_NOEXIST,
			      NULL);
}

static int attach_new(const struct attach_program *program, uint32_t ifindex,
		      enum interface_mode mode)
{
	int err = -EOPNOTSUPP;

	if (mode != INTERFACE_GENERIC)
		err = attach_in_mode(program, ifindex, XDP_MODE_NATIVE);
	if (err && mode != INTERFACE_NATIVE && err != -EBUSY && err != -EEXIST && err != -EPERM)
		err = attach_in_mode(program, ifindex, XDP_MODE_SKB);
	return err;
}

static int explain_failure(int err, const struct config_interface *interface,
			   char error[ATTACH_ERROR_BYTES])
{
	const char *why = strerror(-err);

	if (err == -EALREADY)
		why = "the program of another poised, which has another pin_path, is attached: end "
		      "that by 'poise detach --pin-path' or, where its pins are gone, by 'ip link "
		      "set INTERFACE xdp off'";
	else if (err == -EBUSY || err == -EEXIST)
		why = "another XDP program that does not share the interface is attached (see "
		      "'bpftool "
		      "net')";
	else if (err == -EOPNOTSUPP && interface->mode == INTERFACE_NATIVE)
		why = "the driver has no native XDP; allowed is mode 'generic' or 'auto'";
	else if (err == -EPERM)
		why = "not permitted: poised needs CAP_NET_ADMIN and CAP_BPF, or root";
	snprintf(error, ATTACH_ERROR_BYTES, "cannot attach to interface '%s': %s", interface->name,
		 why);
	return err;
}

static void describe(struct attachment *out, uint32_t ifindex)
{
	int leaked;
	struct xdp_multiprog *chain = chain_open(ifindex, &leaked);

	if (!chain)
		return;
	out->native = xdp_multiprog__attach_mode(chain) == XDP_MODE_NATIVE;
	out->dispatcher = !xdp_multiprog__is_legacy(chain);
	chain_close(chain, leaked);
}

int attach_interface(const struct attach_program *program, const struct config_interface *interface,
		     struct attachment *out, char error[ATTACH_ERROR_BYTES])
{
	struct xdp_multiprog *chain;
	struct xdp_program *old;
	int err, leaked;

	memset(out, 0, sizeof(*out));
	snprintf(out->interface, sizeof(out->interface), "%s", interface->name);
	out->ifindex = if_nametoindex(interface->name);
	if (!out->ifindex) {
		snprintf(error, ATTACH_ERROR_BYTES, "there is no interface '%s'", interface->name);
		return -ENODEV;
	}
	chain = chain_open(out->ifindex, &leaked);
	old = chain ? find_ours(chain, program->settings_id, 0) : NULL;
	out->replaced = old != NULL;
	if (!old && chain && holds_another(chain, program->settings_id))
		err = -EALREADY;
	else if (!old)
		err = attach_new(program, out->ifindex, interface->mode);
	else if (xdp_multiprog__is_legacy(chain))
		err = replace_single(program, chain, old, out->ifindex);
	else
		err = replace_in_chain(program, chain, out->ifindex);
	chain_close(chain, leaked);
	if (err)
		return explain_failure(err, interface, error);
	describe(out, out->ifindex);
	return 0;
}

bool attach_is_there(uint32_t ifindex, uint32_t settings_id)
{
	int leaked;
	struct xdp_multiprog *chain = chain_open(ifindex, &leaked);
	bool found = chain && find_ours(chain, settings_id, 0);

	chain_close(chain, leaked);
	return found;
}

int attach_remove(uint32_t ifindex, uint32_t settings_id)
{
	return leave_chain(ifindex, settings_id, 0);
}

int attach_remove_all(uint32_t settings_id, FILE *out)
{
	struct if_nameindex *interfaces = if_nameindex();
	int err = 0;

	if (!interfaces)
		return -errno;
	for (struct if_nameindex *i = interfaces; i->if_index; i++) {
		int removed = attach_remove(i->if_index, settings_id);

		if (removed < 0)
			err = removed;
		else if (removed && out)
			fprintf(out, "program on %s\n", i->if_name);
	}
	if_freenameindex(interfaces);
	return err;
}
