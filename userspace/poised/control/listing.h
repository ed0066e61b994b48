/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers with many services and backends (docs/CONTROL.md), made in pieces as their reader takes
 * them. Which services and backends they have is decided when they begin; each is told as it is
 * when its turn comes, and left out when it is gone by then.
 */
#ifndef POISE_LISTING_H
#define POISE_LISTING_H

#include <jansson.h>

struct request;
struct service;

enum listing {
	LISTING_SERVICES,      /* "services": SERVICE..., without backends */
	LISTING_WITH_BACKENDS, /* "services": SERVICE..., with their backends */
	LISTING_BACKENDS,      /* "backends": BACKEND... */
	LISTING_ONE,	       /* "service": SERVICE, with its backends */
	LISTING_COUNTS,	       /* "services" and "backends" of STATS */
};

/* Has the listing follow the members of result (a new reference, which it takes) in the answer to
 * request. only: of this service alone; NULL: of all. Returns result, or NULL after a refusal. */
json_t *listing_follow(const struct request *request, json_t *result, enum listing kind,
		       const struct service *only);

#endif
