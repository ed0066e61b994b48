/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What goes on in the background: moving slots settle, records of connections are swept, backends
 * whose connections are gone are forgotten.
 */
#ifndef POISE_UPKEEP_H
#define POISE_UPKEEP_H

struct balancer;

int upkeep_start(struct balancer *balancer); /* 0 or -ENOMEM */
void upkeep_stop(struct balancer *balancer);

#endif
