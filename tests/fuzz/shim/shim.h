/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel does for an XDP program, done in a process: maps, frames, a clock. Every frame
 * lies in memory of just its size, and in other memory after each change of its size, so that
 * AddressSanitizer sees whatever the program reads or writes beside it, or by a stale pointer.
 */
#ifndef POISE_SHIM_H
#define POISE_SHIM_H

#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

struct shim_frame {
	struct xdp_md ctx; /* first: helpers find the frame by it */
	uint8_t *memory;   /* of what stands before the frame (bpf_xdp_adjust_meta) and of it */
	uint8_t *bytes;	   /* of the frame, ctx.data_end - ctx.data of them */
	uint32_t headroom; /* bytes by which it may grow in front */
	uint32_t tailroom; /* and behind */
};

enum { SHIM_MIN_FRAME = 14 }; /* an Ethernet header */

/* A frame of length bytes, at least SHIM_MIN_FRAME, that came in by an interface. */
void shim_frame_open(struct shim_frame *frame, const uint8_t *bytes, uint32_t length,
		     uint32_t headroom, uint32_t ifindex);
void shim_frame_close(struct shim_frame *frame);
uint32_t shim_frame_length(const struct shim_frame *frame);

/* What a map's variable says of it (the macros of bpf_helpers.h). */
struct shim_map_shape {
	const char *name;
	uint32_t type; /* enum bpf_map_type */
	uint32_t entries, key_bytes, value_bytes;
	/* Of arrays that are larger than a process should clear for each input: so many entries are
	 * there, a power of two, and stand for all others. 0: all are. */
	uint32_t folded;
};

/* Makes the map behind a variable. Of an array of maps, the values are made of that size. */
void shim_map_open(void *variable, const struct shim_map_shape *shape);
/* An array's entries; of an array of maps those of the inner map with this index, made when it is
 * asked for first. Aborts when there is no such map. */
void *shim_array(const char *name);
void *shim_inner_array(const char *name, uint32_t index);
/* Bytes of an array's entries. */
size_t shim_array_bytes(const char *name);
/* A hash's, trie's or device map's entry is set; all of them are forgotten. */
void shim_hash_set(const char *name, const void *key, const void *value);
void shim_hash_clear(const char *name);

/* The clock that all clock helpers show, ns. */
void shim_clock_set(uint64_t ns);
uint64_t shim_clock(void);

#endif
