/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <unistd.h>
#include <xdp/libxdp.h>

enum { MAX_MAPS = 64 };

static const char program_name[] = "poise";
static void (*print_line)(const char *text);

static void print_va(const char *format, va_list arguments)
{
	char line[512];

	if (!print_line)
		return;
	vsnprintf(line, sizeof(line), format, arguments);
	line[strcspn(line, "\n")] = 0;
	if (line[0])
		print_line(line);
}

static int print_libxdp(enum libxdp_print_level level, const char *format, va_list arguments)
{
	if (level <= LIBXDP_INFO)
		print_va(format, arguments);
	return 0;
}

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list arguments)
{
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

/* Does the program use the map settings_id? */
static bool is_ours(struct xdp_program *program, uint32_t settings_id)
{
	__u32 ids[MAX_MAPS], size = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = {.map_ids = (uintptr_t)ids, .nr_map_ids = MAX_MAPS};

	if (!program || !settings_id || strcmp(xdp_program__name(program), program_name) != 0)
		return false;
	if (bpf_obj_get_info_by_fd(xdp_program__fd(program), &info, &size))
		return false;
	for (__u32 i = 0; i < info.nr_map_ids && i < MAX_MAPS; i++)
		if (ids[i] == settings_id)
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
		return is_ours(program, settings_id) && xdp_program__id(program) != except_id ?
			       program :
			       NULL;
	}
	while ((program = xdp_multiprog__next_prog(program, chain)))
		if (is_ours(program, settings_id) && xdp_program__id(program) != except_id)
			return program;
	return NULL;
}

static struct xdp_multiprog *chain_of(uint32_t ifindex)
{
	struct xdp_multiprog *chain = xdp_multiprog__get_from_ifindex(ifindex);

	return libxdp_get_error(chain) ? NULL : chain;
}

static __u32 mode_flags(enum xdp_attach_mode mode)
{
	return mode == XDP_MODE_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

/* Without the dispatcher the kernel swaps the two programs, in the mode that the old one has. */
static int replace_single(struct bpf_object *object, struct xdp_multiprog *chain,
			  struct xdp_program *old, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = xdp_program__fd(old));
	struct bpf_program *program = bpf_object__find_program_by_name(object, program_name);
	int err = 0;

	if (bpf_program__fd(program) < 0)
		err = bpf_object__load(object);
	if (err)
		return err;
	return bpf_xdp_attach(ifindex, bpf_program__fd(program),
			      mode_flags(xdp_multiprog__attach_mode(chain)) | XDP_FLAGS_REPLACE,
			      &options);
}

/* The new program joins the chain first, then the old one leaves it: one of them always runs. */
static int replace_in_chain(struct xdp_program *program, struct xdp_multiprog *chain,
			    uint32_t ifindex, uint32_t settings_id)
{
	enum xdp_attach_mode mode = xdp_multiprog__attach_mode(chain);
	int err = xdp_program__attach(program, ifindex, mode, 0);
	struct xdp_program *old;

	if (err)
		return err;
	chain = chain_of(ifindex);
	if (!chain)
		return -ENOENT;
	old = find_ours(chain, settings_id, xdp_program__id(program));
	if (old)
		err = xdp_program__detach(old, ifindex, mode, 0);
	xdp_multiprog__close(chain);
	return err;
}

static int attach_new(struct xdp_program *program, uint32_t ifindex, enum interface_mode mode)
{
	int err = -EOPNOTSUPP;

	if (mode != INTERFACE_GENERIC)
		err = xdp_program__attach(program, ifindex, XDP_MODE_NATIVE, 0);
	if (mode == INTERFACE_GENERIC ||
	    (mode == INTERFACE_AUTO && (err == -EOPNOTSUPP || err == -EINVAL)))
		err = xdp_program__attach(program, ifindex, XDP_MODE_SKB, 0);
	return err;
}

static int explain_failure(int err, const struct config_interface *interface,
			   char error[ATTACH_ERROR_BYTES])
{
	const char *why = strerror(-err);

	if (err == -EBUSY || err == -EEXIST)
		why = "another XDP program that does not share the interface is attached (see 'bpftool "
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
	struct xdp_multiprog *chain = chain_of(ifindex);

	if (!chain)
		return;
	out->native = xdp_multiprog__attach_mode(chain) == XDP_MODE_NATIVE;
	out->dispatcher = !xdp_multiprog__is_legacy(chain);
	xdp_multiprog__close(chain);
}

int attach_interface(struct bpf_object *object, struct xdp_program *program,
		     const struct config_interface *interface, uint32_t settings_id,
		     struct attachment *out, char error[ATTACH_ERROR_BYTES])
{
	struct xdp_multiprog *chain;
	struct xdp_program *old;
	int err;

	memset(out, 0, sizeof(*out));
	snprintf(out->interface, sizeof(out->interface), "%s", interface->name);
	out->ifindex = if_nametoindex(interface->name);
	if (!out->ifindex) {
		snprintf(error, ATTACH_ERROR_BYTES, "there is no interface '%s'", interface->name);
		return -ENODEV;
	}
	chain = chain_of(out->ifindex);
	old = chain ? find_ours(chain, settings_id, 0) : NULL;
	out->replaced = old != NULL;
	if (!old)
		err = attach_new(program, out->ifindex, interface->mode);
	else if (xdp_multiprog__is_legacy(chain))
		err = replace_single(object, chain, old, out->ifindex);
	else
		err = replace_in_chain(program, chain, out->ifindex, settings_id);
	xdp_multiprog__close(chain);
	if (err)
		return explain_failure(err, interface, error);
	describe(out, out->ifindex);
	return 0;
}

bool attach_is_there(uint32_t ifindex, uint32_t settings_id)
{
	struct xdp_multiprog *chain = chain_of(ifindex);
	bool found = chain && find_ours(chain, settings_id, 0);

	xdp_multiprog__close(chain);
	return found;
}

int attach_remove(uint32_t ifindex, uint32_t settings_id)
{
	struct xdp_multiprog *chain = chain_of(ifindex);
	struct xdp_program *ours;
	int err = 0;

	if (!chain)
		return 0;
	ours = find_ours(chain, settings_id, 0);
	if (ours && xdp_multiprog__is_legacy(chain))
		err = xdp_multiprog__detach(chain);
	else if (ours)
		err = xdp_program__detach(ours, ifindex, xdp_multiprog__attach_mode(chain), 0);
	xdp_multiprog__close(chain);
	return err ? err : ours != NULL;
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
