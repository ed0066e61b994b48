/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Changes by command, made again from what the state file says. */
#ifndef POISE_STATE_RESTORE_H
#define POISE_STATE_RESTORE_H

struct balancer;
struct state_changes;

/* In place of those that are in force. What the configuration has no room for any more is logged
 * and left out. path: of the file, for the log. */
void state_restore(struct balancer *balancer, const struct state_changes *changes,
		   const char *path);

#endif
