/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pinned maps of another ABI version taken over. A map whose layout is the same is shared with the
 * program that runs, so that nothing which that one records meanwhile is lost; one that poised
 * alone writes is made anew and its values converted (layout.h). What the data plane writes, rings,
 * moves, exceptions and recorded flows, must have the same layout; else the whole is refused.
 */
#ifndef POISE_MIGRATE_H
#define POISE_MIGRATE_H

#include <stdint.h>

struct bpf_object;
struct migration;

enum { MIGRATE_ERROR_BYTES = 256 };

/* Before the object is loaded: gives it the maps that it can share. 0, or a negative errno with
 * error written: which map is in the way. */
int migration_new(const char *pin_path, struct bpf_object *object, struct migration **out,
		  char error[MIGRATE_ERROR_BYTES]);
/* After it: fills the others. The pinned maps are only read. 0 or a negative errno, likewise. */
int migration_fill(struct migration *migration, char error[MIGRATE_ERROR_BYTES]);
void migration_free(struct migration *migration); /* takes NULL */

#endif
