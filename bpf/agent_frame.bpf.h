/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The frame that a program of the agent was given: XDP's buffer, or with AGENT_TC the socket buffer
 * of TC, whose first bytes are reached in the same way.
 */
#ifndef POISE_AGENT_FRAME_BPF_H
#define POISE_AGENT_FRAME_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef AGENT_TC
#define frame __sk_buff
#else
#define frame xdp_md
#endif

enum {
	/* Of what is read. An ICMP error quotes ports at 14 + 60 + 12 + 36 + 60 + 8 + 60 at most,
	 * and unknown private data ends at 14 + 60 + 12 + 124. All bits set. */
	MAX_OFFSET = 255,
};

#ifdef AGENT_TC
/* A field of the context at its constant offset: the compiler would rather add the two up first,
 * which the verifier forbids. */
#define FRAME_FIELD(ctx, field)                                                                    \
	({                                                                                         \
		void *at;                                                                          \
		__asm__ volatile("%[at] = *(u32 *)(%[from] + %[offset])"                           \
				 : [at] "=r"(at)                                                   \
				 : [from] "r"(ctx), [offset] "i"(offsetof(struct frame, field)));  \
		at;                                                                                \
	})
#else
#define FRAME_FIELD(ctx, field) ((void *)(long)(ctx)->field)
#endif

static __always_inline void *frame_begin(struct frame *ctx)
{
	return FRAME_FIELD(ctx, data);
}

static __always_inline void *frame_end(struct frame *ctx)
{
	return FRAME_FIELD(ctx, data_end);
}

/* Bytes of the whole frame, of which TC may reach only the first ones. */
static __always_inline __u64 frame_bytes(struct frame *ctx)
{
#ifdef AGENT_TC
	return ctx->len;
#else
	return ctx->data_end - ctx->data;
#endif
}

/* Whether the kernel, or a sender of this host, made one frame of several segments. */
static __always_inline bool frame_is_merged(struct frame *ctx)
{
#ifdef AGENT_TC
	return ctx->gso_size;
#else
	return false;
#endif
}

/*
 * What begins offset bytes (0 to MAX_OFFSET) into the frame, and of which bytes must be in it; NULL
 * if they are not. The mask is for the verifier, which may have lost the offset's bounds; the
 * compiler, which knows them, would leave it out.
 */
static __always_inline void *frame_at(struct frame *ctx, __u64 offset, __u32 bytes)
{
	void *at;

	barrier_var(offset);
	at = frame_begin(ctx) + (offset & MAX_OFFSET);
	return at + bytes > frame_end(ctx) ? NULL : at;
}

/* Four bytes of an IP packet are no longer what they were, with no checksum in it that makes up for
 * it: a socket buffer may carry the card's sum over the whole. */
static __always_inline void frame_changed(struct frame *ctx, __be32 before, __be32 now)
{
#ifdef AGENT_TC
	bpf_csum_update(ctx, bpf_csum_diff(&before, sizeof(before), &now, sizeof(now), 0));
#endif
}

#endif
