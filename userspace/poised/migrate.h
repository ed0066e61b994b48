/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pinned maps of another ABI version taken over under traffic. A map whose layout is the same is
 * shared with the program that runs; the others are made anew and filled with its values, member by
 * member (layout.h). What that program writes while the new maps are filled is followed up when the
 * new one runs.
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
/* After it: fills the others. 0 or a negative errno, likewise: then the program that runs goes on
 * as before. */
int migration_fill(struct migration *migration, char error[MIGRATE_ERROR_BYTES]);
/* When the object's program runs in the place of the other one on every interface: takes over what
 * that one wrote since. 0 or a negative errno. */
int migration_follow(struct migration *migration);
void migration_free(struct migration *migration); /* takes NULL */

/*
 * When a death came before migration_follow(): what was pinned before is in pin_path. *out is for
 * migration_follow() alone, once the object, whose own maps are pinned elsewhere, is loaded. 0 or a
 * negative errno.
 */
int migration_resume(const char *pin_path, struct bpf_object *object, struct migration **out);

#endif
