/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "probe_attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum {
	ATTACH_TCX_EGRESS = 47, /* BPF_TCX_EGRESS; not in the headers of Linux 6.1 */
	FILTER_HANDLE = 0x706f, /* 'po' */
	FILTER_PRIORITY = 0x706f,
};

static const char program_name[] = "poise_probe";

static struct bpf_tc_hook egress_of(uint32_t ifindex)
{
	return (struct bpf_tc_hook){ .sz = sizeof(struct bpf_tc_hook),
				     .ifindex = (int)ifindex,
				     .attach_point = BPF_TC_EGRESS };
}

static bool is_ours(uint32_t program_id)
{
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(program_id);
	bool ours = fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size) &&
		    strcmp(info.name, program_name) == 0;

	if (fd >= 0)
		close(fd);
	return ours;
}

/* The id of the program in our place, 0: none. */
static uint32_t filter_find(uint32_t ifindex)
{
	struct bpf_tc_hook hook = egress_of(ifindex);
	LIBBPF_OPTS(bpf_tc_opts, filter, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);

	return bpf_tc_query(&hook, &filter) ? 0 : filter.prog_id;
}

static int filter_set(int program_fd, uint32_t ifindex)
{
	struct bpf_tc_hook hook = egress_of(ifindex);
	LIBBPF_OPTS(bpf_tc_opts, filter, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY,
		    .prog_fd = program_fd, .flags = BPF_TC_F_REPLACE);
	int err = bpf_tc_hook_create(&hook);
	uint32_t there;

	if (err && err != -EEXIST)
		return err;
	there = filter_find(ifindex);
	if (there && !is_ours(there))
		return -EBUSY;
	return bpf_tc_attach(&hook, &filter);
}

/* The qdisc stays: others may have come to use it. */
static int filter_remove(uint32_t ifindex)
{
	struct bpf_tc_hook hook = egress_of(ifindex);
	LIBBPF_OPTS(bpf_tc_opts, filter, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);

	return bpf_tc_detach(&hook, &filter);
}

int probe_attach(int program_fd, uint32_t ifindex, struct probe_attachment *out)
{
	int err;

	*out = (struct probe_attachment){ .ifindex = ifindex };
	out->link_fd = bpf_link_create(program_fd, (int)ifindex,
				       (enum bpf_attach_type)ATTACH_TCX_EGRESS, NULL);
	if (out->link_fd >= 0)
		return 0;
	err = out->link_fd;
	out->link_fd = -1;
	if (err == -EINVAL) /* Linux 6.5 or older */
		err = filter_set(program_fd, ifindex);
	if (err)
		out->ifindex = 0;
	return err;
}

void probe_detach(struct probe_attachment *attachment)
{
	if (!attachment->ifindex)
		return;
	if (attachment->link_fd >= 0)
		close(attachment->link_fd);
	else if (is_ours(filter_find(attachment->ifindex)))
		filter_remove(attachment->ifindex);
	attachment->ifindex = 0;
}

int probe_detach_all(FILE *out)
{
	struct if_nameindex *interfaces = if_nameindex();
	int err = 0;

	if (!interfaces)
		return -errno;
	for (struct if_nameindex *i = interfaces; i->if_index; i++) {
		uint32_t program = filter_find(i->if_index);
		int r = program && is_ours(program) ? filter_remove(i->if_index) : -ENOENT;

		if (r && r != -ENOENT)
			err = r;
		else if (!r && out)
			fprintf(out, "filter of probes on %s\n", i->if_name);
	}
	if_freenameindex(interfaces);
	return err;
}
