/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The schedule, defined: a member with q of size slots has its places at (k + 1/2) * size / q for k
 * = 0 to q - 1; all members' places, in order (in a tie that of the lesser address first), are the
 * slots. A heap merges them.
 */
#include "schedule.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "quota.h"

struct place {
	uint32_t quota;
	uint32_t odd;	 /* 2 k + 1: the next place is at odd / quota * size / 2 */
	uint32_t member; /* number in order of addresses */
	uint16_t index;
};

struct merge {
	struct place *heap; /* the earliest place first */
	size_t count;
};

static int compare_addresses(const void *left, const void *right)
{
	const struct maglev_member *a = left, *b = right;

	if (a->address.family != b->address.family)
		return a->address.family - b->address.family;
	return memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));
}

static bool earlier(const struct place *a, const struct place *b)
{
	uint64_t left = (uint64_t)a->odd * b->quota, right = (uint64_t)b->odd * a->quota;

	return left != right ? left < right : a->member < b->member;
}

/* Moves the place at 'at' down to where it belongs. */
static void sift(struct merge *merge, size_t at)
{
	struct place moving = merge->heap[at];

	for (size_t child; (child = 2 * at + 1) < merge->count; at = child) {
		if (child + 1 < merge->count &&
		    earlier(&merge->heap[child + 1], &merge->heap[child]))
			child++;
		if (!earlier(&merge->heap[child], &moving))
			break;
		merge->heap[at] = merge->heap[child];
	}
	merge->heap[at] = moving;
}

/* Takes the earliest place; its member's next one, if it has one, goes into the heap. */
static uint16_t take(struct merge *merge)
{
	struct place *first = merge->heap;
	uint16_t index = first->index;

	first->odd += 2;
	if (first->odd > 2 * first->quota)
		*first = merge->heap[--merge->count];
	sift(merge, 0);
	return index;
}

static void fill(struct merge *merge, const struct maglev_member *sorted, size_t count,
		 const uint32_t *quotas, uint32_t size, uint16_t *slots)
{
	for (size_t i = 0; i < count; i++)
		if (quotas[i])
			merge->heap[merge->count++] = (struct place){ .quota = quotas[i],
								      .odd = 1,
								      .member = (uint32_t)i,
								      .index = sorted[i].index };
	for (size_t i = merge->count / 2; i-- > 0;)
		sift(merge, i);
	memset(slots, 0, size * sizeof(*slots));
	for (uint32_t i = 0; i < size && merge->count; i++)
		slots[i] = take(merge);
}

int schedule_build(const struct maglev_member *members, size_t count, uint32_t size,
		   uint16_t *slots)
{
	struct maglev_member *sorted = calloc(count + 1, sizeof(*sorted));
	struct merge merge = { .heap = calloc(count + 1, sizeof(*merge.heap)) };
	uint16_t *weights = calloc(count + 1, sizeof(*weights));
	uint32_t *quotas = calloc(count + 1, sizeof(*quotas));
	int err = -ENOMEM;

	if (!sorted || !merge.heap || !weights || !quotas)
		goto out;
	if (count)
		memcpy(sorted, members, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare_addresses);
	for (size_t i = 0; i < count; i++)
		weights[i] = sorted[i].weight;
	err = quota_divide(weights, count, size, quotas);
	if (!err)
		fill(&merge, sorted, count, quotas, size, slots);
out:
	free(quotas);
	free(weights);
	free(merge.heap);
	free(sorted);
	return err;
}
