/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Histories of rings, as ring-import takes them in, over one service with three backends. */
#ifndef POISE_FUZZ_HISTORY_H
#define POISE_FUZZ_HISTORY_H

#include <stddef.h>

struct balancer;
struct service;

/* Takes in what stands in the lines of text (length bytes), each a piece. Aborts where a ring is
 * not what it is to be then: nothing of a history counts that was refused. */
void fuzz_history(struct balancer *balancer, struct service *service, const char *text,
		  size_t length);

#endif
