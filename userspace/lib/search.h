/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Finds bytes in a stream that comes in pieces of any size, of which none is kept. */
#ifndef POISE_SEARCH_H
#define POISE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct search {
	uint8_t *needle; /* with a final NUL, for those who print it */
	size_t length;	 /* 0: found at once, nothing to feed */
	uint32_t *fallback;
	size_t matched; /* bytes at the stream's end that begin the needle */
};

/* 0 or -ENOMEM; copies the needle. */
int search_init(struct search *search, const void *needle, size_t length);
void search_fini(struct search *search); /* takes a zeroed one */

void search_begin(struct search *search); /* a new stream */
/* The stream's next bytes: true once the needle stood in it. */
bool search_feed(struct search *search, const void *data, size_t length);

#endif
