/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A configuration becomes what runs, as a difference: what is unchanged is not touched. Checked
 * against what runs first, so that a configuration that cannot be applied changes nothing.
 */
#ifndef POISE_APPLY_H
#define POISE_APPLY_H

#include "audit_list.h"
#include "lines.h"

struct balancer;
struct config;

/*
 * Applies config; on success the balancer owns it, and changes has what it changed. -EINVAL
 * and a line an error when it is refused: then nothing changed, and config is still the caller's.
 */
int balancer_apply(struct balancer *balancer, struct config *config, struct audit_list *changes,
		   struct lines *errors);

#endif
