// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Programs of someone else, to share an interface with Poise: 'other' counts packets and runs
 * first, 'move' moves the packet's head, as Poise does.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

struct {
	__uint(priority, 10);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(other);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} other_count SEC(".maps");

SEC("xdp")
int other(struct xdp_md *context)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&other_count, &zero);

	(void)context;
	if (count)
		__sync_fetch_and_add(count, 1);
	return XDP_PASS;
}

SEC("xdp")
int move(struct xdp_md *context)
{
	return bpf_xdp_adjust_head(context, 0) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
