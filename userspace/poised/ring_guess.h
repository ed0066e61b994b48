/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A balancer that starts with empty maps and no history knows nothing of connections that live. In
 * services with second chance it names in each slot who may have some: the backend that would own
 * it were none drained, and the one that would were the owner not there. That is right for
 * connections whose slot changed owner once. After 'settle' these names are given up.
 */
#ifndef POISE_RING_GUESS_H
#define POISE_RING_GUESS_H

#include <stdbool.h>

struct balancer;
struct service;

/* A ring is built once for each of its backends: with more slots than that in all there is no
 * guess (512 backends in a ring of 65,537). */
enum { RING_GUESS_MAX_SLOTS = 1 << 25 };

int ring_guess_start(struct balancer *balancer); /* 0 or -ENOMEM */
void ring_guess_stop(struct balancer *balancer);

/* Has the names of a ring that was filled just now be found, while other events go on; its stage
 * ends with that. Returns whether it began. */
bool ring_guess_begin(struct service *service);
/* Ends what is under way; the names stay. */
void ring_guess_end(struct service *service);

/* Takes up what an earlier poised guessed. */
void ring_guess_adopt(struct service *service);

/* Gives up names whose time is over. */
void ring_guess_tick(struct service *service);

#endif
