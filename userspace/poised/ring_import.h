/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A history that comes in pieces, for it is longer than a request: each is checked when it comes
 * and kept, and at the end all of it is taken in one step, or nothing.
 */
#ifndef POISE_POISED_RING_IMPORT_H
#define POISE_POISED_RING_IMPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lines.h"

struct balancer;
struct ring_import;

/* NULL: not enough memory. balancer (borrowed) must outlive it. */
struct ring_import *ring_import_new(struct balancer *balancer);

/* Keeps what counts of a piece, an export with some of its services. 0; -EFBIG: all of them are
 * more than RING_HISTORY_MAX_BYTES; or another negative errno; with lines of errors. */
int ring_import_add(struct ring_import *import, const json_t *piece, struct lines *errors);

/* Takes all that was kept, or only checks it. As ring_history_take(). */
int ring_import_take(struct ring_import *import, bool try_only, uint32_t *slots,
		     struct lines *errors);

/* Takes NULL. */
void ring_import_free(struct ring_import *import);

#endif
