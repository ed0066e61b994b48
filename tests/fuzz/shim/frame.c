// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Frames and the helpers that change them: see shim.h. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf_helpers.h>

#include "shim.h"

enum {
	META_BYTES = 32,      /* before a frame, at most */
	TAILROOM_BYTES = 320, /* of struct skb_shared_info, which a driver leaves */
	MAX_OFFSET = 0xffff,  /* that bpf_xdp_load_bytes() and bpf_xdp_store_bytes() take */
	STALE = 0xa5,	      /* what headroom holds */
};

/* memory: of meta bytes before the frame, and of the frame. */
static void set_bytes(struct shim_frame *frame, uint8_t *memory, uint32_t meta, uint32_t length)
{
	frame->memory = memory;
	frame->bytes = memory + meta;
	frame->ctx.data = (unsigned long)frame->bytes;
	frame->ctx.data_meta = (unsigned long)memory;
	frame->ctx.data_end = (unsigned long)(frame->bytes + length);
}

static uint8_t *allocate(uint32_t length)
{
	uint8_t *bytes = malloc(length);

	if (!bytes)
		abort();
	return bytes;
}

uint32_t shim_frame_length(const struct shim_frame *frame)
{
	return (uint32_t)(frame->ctx.data_end - frame->ctx.data);
}

void shim_frame_open(struct shim_frame *frame, const uint8_t *bytes, uint32_t length,
		     uint32_t headroom, uint32_t ifindex)
{
	*frame = (struct shim_frame){ .headroom = headroom, .tailroom = TAILROOM_BYTES };
	frame->ctx.ingress_ifindex = ifindex;
	set_bytes(frame, allocate(length), 0, length);
	memcpy(frame->bytes, bytes, length);
}

void shim_frame_close(struct shim_frame *frame)
{
	free(frame->memory);
}

/* The frame from its byte 'from' on (before it for a negative one), in length bytes. */
static void move(struct shim_frame *frame, int64_t from, uint32_t length, int fill)
{
	uint32_t old = shim_frame_length(frame);
	uint8_t *bytes = allocate(length);
	int64_t i;

	for (i = 0; i < length; i++)
		bytes[i] = from + i >= 0 && from + i < old ? frame->bytes[from + i] : (uint8_t)fill;
	free(frame->memory);
	set_bytes(frame, bytes, 0, length);
}

long bpf_xdp_adjust_head(struct xdp_md *ctx, int delta)
{
	struct shim_frame *frame = (struct shim_frame *)ctx;
	int64_t headroom = (int64_t)frame->headroom + delta;
	int64_t length = (int64_t)shim_frame_length(frame) - delta;

	if (headroom < 0 || length < SHIM_MIN_FRAME)
		return -EINVAL;
	frame->headroom = (uint32_t)headroom;
	move(frame, delta, (uint32_t)length, STALE);
	return 0;
}

long bpf_xdp_adjust_tail(struct xdp_md *ctx, int delta)
{
	struct shim_frame *frame = (struct shim_frame *)ctx;
	int64_t tailroom = (int64_t)frame->tailroom - delta;
	int64_t length = (int64_t)shim_frame_length(frame) + delta;

	if (tailroom < 0 || length < SHIM_MIN_FRAME)
		return -EINVAL;
	frame->tailroom = (uint32_t)tailroom;
	move(frame, 0, (uint32_t)length, 0);
	return 0;
}

/* Once a frame: the second time would have to keep what the first one made room for. */
long bpf_xdp_adjust_meta(struct xdp_md *ctx, int delta)
{
	struct shim_frame *frame = (struct shim_frame *)ctx;
	uint32_t length = shim_frame_length(frame);
	uint8_t *memory;

	if (delta > 0 || -delta > META_BYTES || delta % 4 || frame->bytes != frame->memory)
		return -EACCES;
	memory = allocate((uint32_t)-delta + length);
	memset(memory, STALE, (size_t)-delta);
	memcpy(memory - delta, frame->bytes, length);
	free(frame->memory);
	set_bytes(frame, memory, (uint32_t)-delta, length);
	return 0;
}

static int check_span(const struct xdp_md *ctx, uint32_t offset, uint32_t bytes)
{
	if (offset > MAX_OFFSET || bytes > MAX_OFFSET)
		return -EFAULT;
	return offset + bytes > ctx->data_end - ctx->data ? -EINVAL : 0;
}

long bpf_xdp_load_bytes(struct xdp_md *ctx, __u32 offset, void *to, __u32 bytes)
{
	int err = check_span(ctx, offset, bytes);

	if (!err)
		memcpy(to, (uint8_t *)ctx->data + offset, bytes);
	return err;
}

long bpf_xdp_store_bytes(struct xdp_md *ctx, __u32 offset, void *from, __u32 bytes)
{
	int err = check_span(ctx, offset, bytes);

	if (!err)
		memcpy((uint8_t *)ctx->data + offset, from, bytes);
	return err;
}

/* Of words at any address; inverted: of each of them. */
static uint64_t sum_words(const void *words, uint32_t bytes, bool inverted)
{
	uint64_t sum = 0;
	uint32_t word;

	for (uint32_t i = 0; i < bytes; i += sizeof(word)) {
		memcpy(&word, (const uint8_t *)words + i, sizeof(word));
		sum += inverted ? ~word : word;
	}
	return sum;
}

/* Of multiples of four bytes, as the kernel asks. */
__s64 bpf_csum_diff(__be32 *from, __u32 from_bytes, __be32 *to, __u32 to_bytes, __u32 seed)
{
	uint64_t sum = seed;

	if (from_bytes % sizeof(*from) || to_bytes % sizeof(*to))
		return -EINVAL;
	sum += sum_words(from, from_bytes, true) + sum_words(to, to_bytes, false);
	while (sum >> 32)
		sum = (sum & 0xffffffff) + (sum >> 32);
	return (__s64)sum;
}

long bpf_loop(__u32 times, void *step, void *ctx, __u64 flags)
{
	long (*call)(__u32 index, void *ctx) = (long (*)(__u32, void *))step;
	__u32 i;

	if (flags)
		return -EINVAL;
	for (i = 0; i < times; i++)
		if (call(i, ctx))
			return i + 1;
	return i;
}
