/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What goes on in the background: moving slots settle, exceptions that expired or name nobody are
 * swept out (and counted by backend), backends whose connections are gone are forgotten.
 */
#ifndef POISE_UPKEEP_H
#define POISE_UPKEEP_H

struct balancer;

int upkeep_start(struct balancer *balancer); /* 0 or -ENOMEM */
void upkeep_stop(struct balancer *balancer);

/* One whole round of the sweep, now (some milliseconds): the counts are then those of now. */
void upkeep_sweep(struct balancer *balancer);

#endif
