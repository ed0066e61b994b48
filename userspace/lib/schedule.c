/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The schedule, defined: members of equal weight are a class, and take turns in order of their
 * addresses. A class with q of size slots has its places at (k + phase) * size / q for k = 0 to q -
 * 1; the phase of class n, the heaviest one first, is the fraction of 1/2 + n * golden ratio, in
 * 65536ths. All classes' places in order, in a tie that of the heavier class first, are the slots.
 *
 * So neither members of a class nor classes crowd together: leastconn, which looks at a few slots
 * in a row, finds there a fair sample of all. With every member by itself at (k + 1/2) * size / q
 * all light members' places would be neighbours.
 */
#include "schedule.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "quota.h"

enum {
	PHASE_ONE = 1 << 16,
	PHASE_GOLDEN = 40503, /* of PHASE_ONE */
};

struct class
{
	const struct maglev_member *members;
	size_t count;
	uint32_t slots;
	uint32_t taken; /* of them */
	uint32_t phase;
	uint32_t number;
};

struct merge {
	struct class *heap; /* the earliest place first */
	size_t count;
};

static int compare_members(const void *left, const void *right)
{
	const struct maglev_member *a = left, *b = right;

	if (a->weight != b->weight)
		return b->weight - a->weight;
	if (a->address.family != b->address.family)
		return a->address.family - b->address.family;
	return memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));
}

/* Whether the next place of a comes before that of b. */
static bool earlier(const struct class *a, const struct class *b)
{
	uint64_t left = ((uint64_t)a->taken * PHASE_ONE + a->phase) * b->slots;
	uint64_t right = ((uint64_t)b->taken * PHASE_ONE + b->phase) * a->slots;

	return left != right ? left < right : a->number < b->number;
}

/* Moves the class at 'at' down to where it belongs. */
static void sift(struct merge *merge, size_t at)
{
	struct class moving = merge->heap[at];

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

/* Takes the earliest place; a class that has all its slots leaves the heap. */
static uint16_t take(struct merge *merge)
{
	struct class *first = merge->heap;
	uint16_t index = first->members[first->taken++ % first->count].index;

	if (first->taken == first->slots)
		*first = merge->heap[--merge->count];
	sift(merge, 0);
	return index;
}

/* sorted: by compare_members(). Within a class quotas differ by one at most, the larger first. */
static void make_classes(struct merge *merge, const struct maglev_member *sorted, size_t count,
			 const uint32_t *quotas)
{
	uint32_t number = 0;

	for (size_t i = 0, end; i < count; i = end, number++) {
		struct class class = { .members = &sorted[i], .number = number };

		for (end = i; end < count && sorted[end].weight == sorted[i].weight; end++)
			class.slots += quotas[end];
		class.count = end - i;
		class.phase = (PHASE_ONE / 2 + number * PHASE_GOLDEN) % PHASE_ONE;
		if (class.slots)
			merge->heap[merge->count++] = class;
	}
	for (size_t i = merge->count / 2; i-- > 0;)
		sift(merge, i);
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
	qsort(sorted, count, sizeof(*sorted), compare_members);
	for (size_t i = 0; i < count; i++)
		weights[i] = sorted[i].weight;
	err = quota_divide(weights, count, size, quotas);
	if (err)
		goto out;
	make_classes(&merge, sorted, count, quotas);
	memset(slots, 0, size * sizeof(*slots));
	for (uint32_t i = 0; i < size && merge.count; i++)
		slots[i] = take(&merge);
out:
	free(quotas);
	free(weights);
	free(merge.heap);
	free(sorted);
	return err;
}
