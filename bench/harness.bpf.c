// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What stands before the program under test in a test run: BPF_PROG_TEST_RUN hands each repetition
 * the packet as the last one left it, so this undoes the head's move, makes the frame the next
 * flow's and goes on to the program. Measured with the empty program behind it, it is what has to
 * be subtracted.
 */
#include "frame.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} subject SEC(".maps");

__u32 next_flow;
__u32 flows;	/* after so many, the first comes again; 0: never before 2^32 */
__u32 services; /* a power of two */
__u32 bytes;	/* of the frame */

static __always_inline __u32 take_flow(void)
{
	__u32 flow = next_flow;

	next_flow = flow + 1 == flows ? 0 : flow + 1;
	return flow;
}

/* The call is made even when nothing moved: every program behind pays for the same. */
static __always_inline bool undo_head(struct xdp_md *ctx)
{
	__u64 length = (void *)(long)ctx->data_end - (void *)(long)ctx->data;

	barrier_var(length); /* pointers may not be subtracted as 32-bit numbers */
	return bpf_xdp_adjust_head(ctx, (int)length - (int)bytes) == 0;
}

static __always_inline int next4(struct xdp_md *ctx, __u32 l3, __u32 l4)
{
	void *data;

	if (!undo_head(ctx) || !frame_write4(ctx, l3, l4, take_flow(), services))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	if (data + ETH_HLEN + FRAME_VLAN_BYTES > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	frame_write_ethernet(data, l3 == ETH_HLEN ? ETH_P_IP : ETH_P_8021Q);
	if (l3 != ETH_HLEN)
		*(__u32 *)(data + ETH_HLEN) = bpf_htonl(FRAME_VLAN_ID << 16 | ETH_P_IP);
	bpf_tail_call_static(ctx, &subject, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int harness4(struct xdp_md *ctx)
{
	return next4(ctx, ETH_HLEN, ETH_HLEN + FRAME_IP4_BYTES);
}

SEC("xdp")
int harness_vlan(struct xdp_md *ctx)
{
	return next4(ctx, ETH_HLEN + FRAME_VLAN_BYTES,
		     ETH_HLEN + FRAME_VLAN_BYTES + FRAME_IP4_BYTES);
}

SEC("xdp")
int harness_options(struct xdp_md *ctx)
{
	return next4(ctx, ETH_HLEN, ETH_HLEN + FRAME_IP4_BYTES + FRAME_OPTIONS_BYTES);
}

SEC("xdp")
int harness6(struct xdp_md *ctx)
{
	void *data;

	if (!undo_head(ctx) || !frame_write6(ctx, take_flow(), services))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	if (data + ETH_HLEN > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	frame_write_ethernet(data, ETH_P_IPV6);
	bpf_tail_call_static(ctx, &subject, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int empty(struct xdp_md *ctx)
{
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
