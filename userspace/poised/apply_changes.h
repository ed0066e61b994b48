/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a new configuration changes, key by key, in what goes on running: before and after. What is
 * added or removed, and all that concerns backends, which may have been changed by command, is told
 * by those who do it.
 */
#ifndef POISE_APPLY_CHANGES_H
#define POISE_APPLY_CHANGES_H

#include "audit_list.h"

struct balancer;
struct config;

/* A change for each key: "settle 2m -> 5m", "service 'web': check.path / -> /up". To be called when
 * the services' 'declared' is set, and before any of them takes it. */
void apply_changes_tell(const struct balancer *balancer, const struct config *config,
			struct audit_list *changes);

#endif
