// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The two ends of the loop generator -> veth -> balancer -> veth -> sink, all of it on one CPU, and
 * a bare XDP_TX to stand in the balancer's place. The frames are live ones of BPF_PROG_TEST_RUN,
 * which come back as the last trip left them.
 */
#include "frame.bpf.h"

__u32 way_out; /* ifindex of the generator's end of the veth pair */
__u32 flows;
__u32 next_flow;
__u32 expected_bytes;
__u64 total; /* frames that will be sent */
__u64 sent;
__u64 first_ns, last_ns; /* when the first and the last frame were sent */
__u64 returned;
__u64 odd; /* came back with another length than expected */

SEC("xdp")
int generator(struct xdp_md *ctx)
{
	__u32 flow = next_flow;
	void *data;

	if (!frame_write4(ctx, ETH_HLEN, ETH_HLEN + FRAME_IP4_BYTES, flow, 1))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	if (data + ETH_HLEN > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	frame_write_ethernet(data, ETH_P_IP);
	next_flow = flow + 1 == flows ? 0 : flow + 1;
	if (sent == 0)
		first_ns = bpf_ktime_get_ns();
	sent++;
	if (sent == total)
		last_ns = bpf_ktime_get_ns();
	return bpf_redirect(way_out, 0);
}

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	if (ctx->data_end - ctx->data == expected_bytes)
		returned++;
	else
		odd++;
	return XDP_DROP;
}

SEC("xdp")
int bare(struct xdp_md *ctx)
{
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
