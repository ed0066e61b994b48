/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state file (state_dir): what was changed by command, for when the pinned maps are gone, after
 * a reboot or 'poise detach'. Written once for all changes of a turn of the event loop.
 *
 * Which of the two counts at a start: the maps, for every change is in them before it is in the
 * file; unless they are new, or the file's generation is later than theirs: then they are left over
 * from before other maps were in use. Both hold the generation. The maps' is 0 until the file's
 * changes are in them, and then written after each change and before the file, so that a death in
 * between leaves them ahead.
 */
#ifndef POISE_STATE_H
#define POISE_STATE_H

#include <stdbool.h>

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

/* Saves what is not saved so far. Takes NULL. */
void state_free(struct state *state);

#endif
