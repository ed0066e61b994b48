/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Capturing, in the program that poised puts in the place of the plain one meanwhile: a sample of
 * the packets as they came, and if wanted as they went, each with what became of it, through a ring
 * buffer. What does not fit there is counted and lost: forwarding never waits.
 */
#ifndef POISE_CAPTURE_BPF_H
#define POISE_CAPTURE_BPF_H

#include "trace.bpf.h"

#ifdef POISE_TRACED
ARRAY_OF(capture_options, BPF_MAP_TYPE_ARRAY, 1, struct poise_capture_options, 0);
ARRAY_OF(capture_room, BPF_MAP_TYPE_PERCPU_ARRAY, 1, struct poise_capture, 0);
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, POISE_CAPTURE_RING_BYTES);
} captures SEC(".maps");

static __always_inline struct poise_capture_options *capture_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&capture_options, &zero);
}

/* Copies the frame as it is now. */
static __always_inline void capture_frame(struct xdp_md *ctx, struct poise_capture *capture,
					  __u32 most)
{
	__u32 bytes = packet_bytes(ctx), last;

	capture->length = bytes;
	capture->captured = 0;
	last = (bytes < most ? bytes : most) - 1;
	barrier_var(last); /* as quic_server_id() does, for Linux 6.1 */
	if (last >= POISE_CAPTURE_MAX_BYTES)
		return;
	if (bpf_xdp_load_bytes(ctx, 0, capture->data, last + 1) == 0)
		capture->captured = last + 1;
}

static __always_inline void capture_output(struct poise_capture *capture,
					   struct poise_capture_options *options)
{
	__u32 bytes = capture->captured;

	barrier_var(bytes);
	if (bytes > POISE_CAPTURE_MAX_BYTES)
		return;
	if (bpf_ringbuf_output(&captures, capture, POISE_CAPTURE_HEADER_BYTES + bytes, 0))
		__sync_fetch_and_add(&options->lost, 1);
}

static __always_inline bool capture_wanted(const struct poise_capture_options *options,
					   const struct poise_trace *from, int verdict)
{
	if (options->service && from->service != options->service)
		return false;
	if (options->flags & POISE_CAPTURE_DROPS && verdict != XDP_DROP && verdict != XDP_ABORTED)
		return false;
	return options->flags & POISE_CAPTURE_ALL || from->flags & POISE_TRACE_ADDRESS;
}

/* Before anything is done to the packet: whether it is of the sample, and then what it is like.
 */
__noinline int capture_sample(struct xdp_md *ctx)
{
	struct poise_capture_options *options = capture_get();
	struct poise_trace *to = trace_get();
	__u32 zero = 0;
	struct poise_capture *capture = bpf_map_lookup_elem(&capture_room, &zero);

	if (!options || !to || !capture || !options->sample ||
	    bpf_get_prandom_u32() % options->sample)
		return 0;
	__builtin_memset(to, 0, sizeof(*to));
	capture->time_ns = bpf_ktime_get_ns();
	capture->ifindex = ctx->ingress_ifindex;
	capture_frame(ctx, capture, options->bytes);
	return 1;
}

/* Afterwards, of a packet of the sample. */
__noinline int capture_tell(struct xdp_md *ctx, int verdict)
{
	struct poise_capture_options *options = capture_get();
	struct poise_trace *from = trace_get();
	__u32 zero = 0;
	struct poise_capture *capture = bpf_map_lookup_elem(&capture_room, &zero);

	if (!options || !from || !capture || !capture_wanted(options, from, verdict))
		return 0;
	capture->service = from->service;
	capture->backend = from->backend;
	capture->reason = from->reason;
	capture->verdict = verdict;
	capture->direction = POISE_CAPTURE_CAME;
	capture_output(capture, options);
	if (!(options->flags & POISE_CAPTURE_SENT) ||
	    (verdict != XDP_TX && verdict != XDP_REDIRECT))
		return 0;
	capture->direction = POISE_CAPTURE_WENT;
	capture_frame(ctx, capture, options->bytes);
	capture_output(capture, options);
	return 0;
}
#endif

static __always_inline bool capture_begin(struct xdp_md *ctx)
{
#ifdef POISE_TRACED
	return poise_capturing && capture_sample(ctx);
#else
	return false;
#endif
}

static __always_inline void capture_end(struct xdp_md *ctx, bool sampled, int verdict)
{
#ifdef POISE_TRACED
	if (sampled)
		capture_tell(ctx, verdict);
#endif
}

#endif
