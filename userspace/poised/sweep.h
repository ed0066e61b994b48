/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tables of exceptions and of recorded flows, as poised goes over them round after round:
 * records that expired or name nobody are removed, the others counted by backend. The data plane
 * uses the tables meanwhile, so words change by compare-and-exchange alone; who removes a flow that
 * had not ended takes it from its backend's count of active ones.
 */
#ifndef POISE_SWEEP_H
#define POISE_SWEEP_H

struct balancer;

/* A slice of a round, a millisecond's work: to be called every SWEEP_INTERVAL_MS. */
enum { SWEEP_INTERVAL_MS = 50 };
void sweep_slice(struct balancer *balancer);

/* One whole round, now (some milliseconds, with the largest table of flows some hundred): the
 * counts are then those of now. */
void sweep_all(struct balancer *balancer);

/*
 * Makes the counts of active flows right where they are not, for a poised that died between the two
 * steps of a removal. The data plane goes on counting meanwhile: a count that changes while the
 * table is read is left alone. 0 or -ENOMEM.
 */
int sweep_recount(struct balancer *balancer);

#endif
