/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All that the program's maps hold, as one number: whether anything was written. */
#ifndef POISE_TEST_MAPS_DIGEST_H
#define POISE_TEST_MAPS_DIGEST_H

#include <stdint.h>

#include "fixture.h"

enum { DIGEST_MAX_MAPS = 64 };

struct maps_digest {
	uint32_t count;
	uint32_t id[DIGEST_MAX_MAPS]; /* of the program's maps */
	char name[DIGEST_MAX_MAPS][16];
	uint64_t sum[DIGEST_MAX_MAPS];
};

/* Of the program that forwards; reads inner maps as well, and what it keeps to itself. */
void maps_digest(const struct fixture *fixture, struct maps_digest *out);
/* Whether they are the same; if not, notes which maps differ. */
bool maps_digest_equal(const char *name, const struct maps_digest *before,
		       const struct maps_digest *after);

#endif
