/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ones' complement sums of packets of any length, on top of those of a few words. */
#ifndef POISE_CHECKSUM_BPF_H
#define POISE_CHECKSUM_BPF_H

#include "packet.bpf.h"
#include "sum.bpf.h"

enum {
	CHUNK_BYTES = 64,	 /* summed up at once */
	CHECKSUM_REACH = 0xff00, /* the last offset in a frame that the verifier lets be read */
};

struct checksum_walk {
	struct xdp_md *ctx;
	__u32 sum; /* folded to 32 bits or less */
	__u32 offset;
	__u32 left; /* bytes */
	__u32 reserved;
};

/*
 * bpf_loop() goes on while this returns 0. Only the last step may end at an odd byte. The masks and
 * barriers are there for the verifier, which wants to see the bounds (that of 6.1 does not learn
 * from '!= 0').
 */
static long checksum_step(__u32 index, struct checksum_walk *walk)
{
	__u32 offset = walk->offset, last = walk->left - 1; /* byte of a word */
	__be32 word = 0;
	void *at;

	barrier_var(offset);
	if (offset > CHECKSUM_REACH || walk->left == 0)
		return 1;
	at = packet_data(walk->ctx) + offset;
	if (walk->left >= CHUNK_BYTES && at + CHUNK_BYTES <= packet_end(walk->ctx)) {
		walk->sum = (__u32)bpf_csum_diff(NULL, 0, at, CHUNK_BYTES, walk->sum);
		walk->offset += CHUNK_BYTES;
		walk->left -= CHUNK_BYTES;
		return 0;
	}
	if (last > sizeof(word) - 1)
		last = sizeof(word) - 1;
	barrier_var(last);
	last &= sizeof(word) - 1;
	if (!packet_load(walk->ctx, offset, &word, last + 1))
		return 1;
	walk->sum = (__u32)bpf_csum_diff(NULL, 0, &word, sizeof(word), walk->sum);
	walk->offset += last + 1;
	walk->left -= last + 1;
	return 0;
}

/* The folded sum of a part of the frame, which it must hold. Not inlined: the verifier, which knows
 * nothing of the arguments then, need not follow each step of the loop. */
__noinline int checksum_bytes(struct xdp_md *ctx, __u32 offset, __u32 bytes)
{
	struct checksum_walk walk = { .ctx = ctx, .offset = offset, .left = bytes };

	bpf_loop(bytes / CHUNK_BYTES + CHUNK_BYTES / sizeof(__be32), checksum_step, &walk, 0);
	return checksum_fold(walk.sum);
}

#endif
