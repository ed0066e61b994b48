/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ones' complement sums (RFC 1071). Words are added as they stand in the packet: the byte order of
 * the host does not matter. A sum is a __u64 that has not been folded yet.
 */
#ifndef POISE_SUM_BPF_H
#define POISE_SUM_BPF_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

/* To 16 bits, not complemented. */
static __always_inline __u16 checksum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The word that takes another one out of a sum. */
static __always_inline __u32 checksum_minus(__u32 word)
{
	return ~word;
}

/* A checksum after one 16-bit word under it changed; a wrong one stays wrong (RFC 1624, eqn. 3). */
static __always_inline __u16 checksum_replace(__u16 checksum, __u16 from, __u16 to)
{
	__u32 sum = (__u16)~checksum + (__u16)~from + to;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Of an IPv4 header without options whose own field is 0. */
static __always_inline __u16 checksum_ip4(const __be32 *words)
{
	return ~checksum_fold((__u64)words[0] + words[1] + words[2] + words[3] + words[4]);
}

#endif
