/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The event loop's pulse: says to the service manager when the data plane forwards, that poised is
 * alive (only from a loop that turns, and only while the maps answer), and how it is.
 */
#ifndef POISE_PULSE_H
#define POISE_PULSE_H

struct daemon;
struct pulse;

/* 0 or -ENOMEM. */
int pulse_new(struct daemon *daemon, struct pulse **out);
void pulse_free(struct pulse *pulse); /* takes NULL */

#endif
