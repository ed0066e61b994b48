/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sees to it that the program stays on its interfaces: one that vanishes is waited for, and where
 * the program was taken off, by a reset of the card or by hand, it is attached again.
 */
#ifndef POISE_REATTACH_H
#define POISE_REATTACH_H

struct daemon;
struct reattach;

/* From then on, for as long as poised runs. 0 or -ENOMEM. */
int reattach_new(struct daemon *daemon, struct reattach **out);
void reattach_free(struct reattach *reattach); /* takes NULL; the daemon's parts still live */

#endif
