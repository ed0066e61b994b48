/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Slots shared out by weight, by largest remainder: each share is rounded down or up, none by more
 * than a slot, and the sum is exact. */
#ifndef POISE_QUOTA_H
#define POISE_QUOTA_H

#include <stddef.h>
#include <stdint.h>

/*
 * Sets quotas[count] to the slots of each; their sum is size, unless no weight is over 0: then all
 * are 0. Of equal remainders the earlier one is rounded up. 0 or -ENOMEM.
 */
int quota_divide(const uint16_t *weights, size_t count, uint32_t size, uint32_t *quotas);

#endif
