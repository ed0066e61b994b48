// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "uncached.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <time.h>

enum {
	LINE_WORDS = 16, /* a cache line */
	LINES = 1 << 23,
	LOADS = 1000000,
};

static const size_t bytes = (size_t)LINES * LINE_WORDS * sizeof(uint32_t);

/* Each line leads to another one, all of them in one circle, so that no load can begin before the
 * one before it has ended. */
static void link_lines(uint32_t *memory)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < LINES; i++) { /* a full period: Hull and Dobell, 1962 */
		uint32_t next = (at * 1664525 + 1013904223) & (LINES - 1);

		memory[(size_t)at * LINE_WORDS] = next;
		at = next;
	}
}

int uncached_new(struct uncached *uncached)
{
	uint32_t *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -ENOMEM;
	madvise(memory, bytes, MADV_NOHUGEPAGE); /* rings are in small pages, too */
	link_lines(memory);
	uncached->memory = memory;
	return 0;
}

void uncached_free(struct uncached *uncached)
{
	if (uncached->memory)
		munmap(uncached->memory, bytes);
	uncached->memory = NULL;
}

double uncached_measure(const struct uncached *uncached)
{
	struct timespec begin, end;
	volatile uint32_t at = 0;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
	for (int i = 0; i < LOADS; i++)
		at = uncached->memory[(size_t)at * LINE_WORDS];
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	return ((end.tv_sec - begin.tv_sec) * 1e9 + end.tv_nsec - begin.tv_nsec) / LOADS;
}
