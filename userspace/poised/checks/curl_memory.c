/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "curl_memory.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	SIZES = CURL_MEMORY_SIZES,
	SMALLEST_SHIFT = 5,
#ifdef __SANITIZE_ADDRESS__ /* it sees what is used after it was freed */
	KEPT_BYTES = 0,
#else
	KEPT_BYTES = CURL_MEMORY_KEPT_BYTES,
#endif
};

/* In front of each block, aligned as malloc's are. */
struct head {
	alignas(max_align_t) uint32_t size; /* its number; SIZES: larger than all of them */
	union {
		size_t bytes;	   /* in use: the room that there is */
		struct head *next; /* kept */
	};
};

/* Of each thread, and lost with it: all of poised's transfers are in one. */
static _Thread_local struct {
	struct head *first;
	size_t bytes;
} kept[SIZES];

static size_t size_bytes(uint32_t size)
{
	return (size_t)1 << (SMALLEST_SHIFT + size);
}

/* The smallest that has the room. */
static uint32_t size_for(size_t bytes)
{
	uint32_t size = 0;

	while (size < SIZES && size_bytes(size) < bytes)
		size++;
	return size;
}

static struct head *take_kept(uint32_t size)
{
	struct head *head = kept[size].first;

	if (head) {
		kept[size].first = head->next;
		kept[size].bytes -= size_bytes(size);
	}
	return head;
}

static void *take(size_t bytes)
{
	uint32_t size = size_for(bytes);
	struct head *head = NULL;

	if (size < SIZES) {
		bytes = size_bytes(size);
		head = take_kept(size);
	}
	if (!head && bytes <= PTRDIFF_MAX - sizeof(*head))
		head = malloc(sizeof(*head) + bytes);
	if (!head)
		return NULL;
	head->size = size;
	head->bytes = bytes;
	return head + 1;
}

static void give(void *block)
{
	struct head *head;

	if (!block)
		return;
	head = (struct head *)block - 1;
	if (head->size == SIZES || kept[head->size].bytes + head->bytes > KEPT_BYTES) {
		free(head);
		return;
	}
	kept[head->size].bytes += head->bytes;
	head->next = kept[head->size].first;
	kept[head->size].first = head;
}

static void *take_zeroed(size_t count, size_t each)
{
	size_t bytes;
	void *block;

	if (__builtin_mul_overflow(count, each, &bytes))
		return NULL;
	block = take(bytes);
	return block ? memset(block, 0, bytes) : NULL;
}

static void *resize(void *block, size_t bytes)
{
	size_t room = block ? ((struct head *)block - 1)->bytes : 0;
	void *larger;

	if (block && bytes <= room)
		return block;
	larger = take(bytes);
	if (!larger || !block)
		return larger;
	memcpy(larger, block, room);
	give(block);
	return larger;
}

static char *copy(const char *text)
{
	size_t bytes = strlen(text) + 1;
	char *block = take(bytes);

	return block ? memcpy(block, text, bytes) : NULL;
}

int curl_memory_init(void)
{
	CURLcode result =
		curl_global_init_mem(CURL_GLOBAL_DEFAULT, take, give, resize, copy, take_zeroed);

	return result == CURLE_OK ? 0 : -ENOMEM;
}
