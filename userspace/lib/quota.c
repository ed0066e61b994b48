/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "quota.h"

#include <errno.h>
#include <stdlib.h>

struct remainder {
	uint64_t size; /* in units of 1 / total weight of a slot */
	size_t member;
};

static int compare_remainders(const void *left, const void *right)
{
	const struct remainder *a = left, *b = right;

	if (a->size != b->size)
		return a->size > b->size ? -1 : 1;
	return a->member < b->member ? -1 : a->member > b->member;
}

int quota_divide(const uint16_t *weights, size_t count, uint32_t size, uint32_t *quotas)
{
	struct remainder *remainders = calloc(count + 1, sizeof(*remainders));
	uint64_t total = 0;
	uint32_t left = size;

	if (!remainders)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		total += weights[i];
	for (size_t i = 0; i < count; i++) {
		uint64_t product = (uint64_t)size * weights[i];

		quotas[i] = total ? product / total : 0;
		left -= quotas[i];
		remainders[i] = (struct remainder){ total ? product % total : 0, i };
	}
	qsort(remainders, count, sizeof(*remainders), compare_remainders);
	for (uint32_t i = 0; total && i < left; i++)
		quotas[remainders[i].member]++;
	free(remainders);
	return 0;
}
