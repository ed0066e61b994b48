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
__u32 flows; /* after so many, the first comes again; 0: never before 2^32 */

static __always_inline __u32 take_flow(void)
{
	__u32 flow = next_flow;

	next_flow = flow + 1 == flows ? 0 : flow + 1;
	return flow;
}

/* The call is made even when nothing moved: every program behind pays for the same. */
static __always_inline bool undo_head(struct xdp_md *ctx, __u32 bytes)
{
	return bpf_xdp_adjust_head(ctx, (int)(ctx->data_end - ctx->data) - (int)bytes) == 0;
}

SEC("xdp")
int harness4(struct xdp_md *ctx)
{
	if (!undo_head(ctx, FRAME4_BYTES) || !frame_write4(ctx, take_flow()))
		return XDP_ABORTED;
	bpf_tail_call_static(ctx, &subject, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int harness6(struct xdp_md *ctx)
{
	if (!undo_head(ctx, FRAME6_BYTES) || !frame_write6(ctx, take_flow()))
		return XDP_ABORTED;
	bpf_tail_call_static(ctx, &subject, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int empty(struct xdp_md *ctx)
{
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
