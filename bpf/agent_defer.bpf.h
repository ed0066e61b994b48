/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What XDP leaves to TC: a frame that is to be sent on to a host whose MAC address is not known,
 * which TC can ask for. XDP has changed and counted nothing of it; a mark before the frame tells it
 * from all other frames, those inside of tunnels that XDP has opened among them.
 */
#ifndef POISE_AGENT_DEFER_BPF_H
#define POISE_AGENT_DEFER_BPF_H

#include "agent_frame.bpf.h"

enum { DEFERRED = 0x504f5443 };

#ifdef AGENT_TC
static __always_inline bool is_deferred(struct frame *ctx)
{
	__u32 *mark = (void *)(long)ctx->data_meta;

	return (void *)(mark + 1) <= frame_begin(ctx) && *mark == DEFERRED;
}
#else
/* Marks the frame, which is then to be passed on. False where the driver has no room for marks. */
static __always_inline bool defer_to_tc(struct frame *ctx)
{
	__u32 *mark;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*mark)))
		return false;
	mark = (void *)(long)ctx->data_meta;
	if ((void *)(mark + 1) > frame_begin(ctx))
		return false;
	*mark = DEFERRED;
	return true;
}
#endif

#endif
