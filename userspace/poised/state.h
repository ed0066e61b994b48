/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state file (state_dir): what was changed by command, for when the pinned maps are gone, after
 * a reboot or 'poise detach'. Written once for all changes of a turn of the event loop, in a
 * thread; changes are numbered, so that an answer can wait until the one that it tells of is on the
 * disk.
 *
 * Which of the two counts at a start: the maps, for every change is in them before it is in the
 * file; unless they are new, or the file's generation is later than theirs: then they are left over
 * from before other maps were in use. Both hold the generation. The maps' is 0 until the file's
 * changes are in them, and then written after each change and before the file, so that a death in
 * between leaves them ahead.
 *
 * Several changes that are to be made as one: the maps' generation is 0 meanwhile, so that after a
 * death the file counts, which holds none of them.
 */
#ifndef POISE_STATE_H
#define POISE_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct balancer;
struct event_base;
struct state;

/* Reads what there is. Never fails for what it finds: state_problem() tells. 0 or -ENOMEM. */
int state_new(struct event_base *base, const char *directory, struct state **out);

/* Once the configuration is applied: restores the changes, if the file is what counts, and from
 * then on saves each. */
void state_begin(struct state *state, struct balancer *balancer);

/* Why changes by command are not saved, for people; NULL: they are. */
const char *state_problem(const struct state *state);
const char *state_path(const struct state *state);

/* The number of the last change, and of the last one that is saved, or known not to be: then
 * state_problem() tells, at the latest after some seconds. Settled: they are the same; NULL is
 * settled. */
uint64_t state_last_change(const struct state *state);
uint64_t state_last_settled(const struct state *state);
bool state_is_settled(const struct state *state);
/* Called whenever changes became settled. */
void state_on_settled(struct state *state, void (*settled)(void *context), void *context);

/* Around changes of one turn of the event loop of which a death is to leave all or none; for that
 * all earlier ones must be settled, and be saved. Take NULL. */
void state_begin_batch(struct state *state);
void state_end_batch(struct state *state);

/* Saves what is not saved so far, however long that takes. Takes NULL. */
void state_free(struct state *state);

#endif
