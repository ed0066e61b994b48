/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What applying a configuration would do to the rings, without doing it. */
#ifndef POISE_ESTIMATE_H
#define POISE_ESTIMATE_H

#include <jansson.h>

struct balancer;
struct config;

/*
 * A list of {"service","slots","moves"}: how many slots of its ring would get another owner, for
 * each running service that the configuration goes on with and in which any would. New backends
 * count as up, others as they are. *left_out: services for which there was no time. NULL: no
 * memory.
 */
json_t *estimate_moves(const struct balancer *balancer, const struct config *config,
		       size_t *left_out);

#endif
