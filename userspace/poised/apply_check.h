/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether a configuration can follow the one that runs: all that is refused, found out at once. */
#ifndef POISE_APPLY_CHECK_H
#define POISE_APPLY_CHECK_H

#include "lines.h"

struct balancer;
struct config;

/* 0, or -EINVAL and a line for each thing that cannot be. Changes nothing. */
int apply_check(const struct balancer *balancer, const struct config *config, struct lines *errors);

#endif
