/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libcurl's memory. For a check libcurl allocates and frees dozens of blocks of few sizes, with
 * hundreds of checks under way in a busy moment: more of a size than malloc keeps at hand, so that
 * it splits and merges blocks all the time. Here they are kept by size, up to a bound.
 */
#ifndef POISE_CURL_MEMORY_H
#define POISE_CURL_MEMORY_H

enum {
	CURL_MEMORY_SIZES = 9,		 /* 32 bytes, 64, ... 8 KiB; larger blocks are not kept */
	CURL_MEMORY_KEPT_BYTES = 1 << 18 /* of each size and thread at most */
};

/* curl_global_init(), with this memory: 0 or -ENOMEM. */
int curl_memory_init(void);

#endif
