/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Everything that is known of one backend, as the answer of 'backend-show' (docs/CONTROL.md). */
#ifndef POISE_REPORT_BACKEND_H
#define POISE_REPORT_BACKEND_H

#include <jansson.h>

struct backend;
struct balancer;

/* What is told of one that is removed at once, before it is. */
json_t *report_removed(struct balancer *balancer, const struct backend *backend);

/* A new reference. */
json_t *report_backend_show(struct balancer *balancer, const struct backend *backend);

#endif
