/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Asks poised for what poise top shows, as often as the interval says, but no question so often
 * that it would take more than a tenth of the time; makes the changes that were confirmed; connects
 * again when poised was away.
 */
#ifndef POISE_TOP_POLL_H
#define POISE_TOP_POLL_H

#include <stdbool.h>

struct top_poll;
struct top_state;

/* socket_path and state are kept by reference. */
struct top_poll *top_poll_new(const char *socket_path, unsigned interval_s,
			      struct top_state *state);
void top_poll_free(struct top_poll *poll); /* takes NULL */

/* Goes on without waiting. Whether the state changed. */
bool top_poll_work(struct top_poll *poll);

/* What poll(2) shall wait for, and at most how long. */
int top_poll_fd(const struct top_poll *poll);
short top_poll_events(const struct top_poll *poll);
int top_poll_timeout_ms(const struct top_poll *poll);

/* Whether all that the view shows is known, rates included. */
bool top_poll_complete(const struct top_poll *poll);
/* What ended the last try; EXIT_DONE while all goes well. state->problem says more. */
int top_poll_code(const struct top_poll *poll);

#endif
