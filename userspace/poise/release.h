/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is said when poise and poised are not of the same release, or build. */
#ifndef POISE_RELEASE_H
#define POISE_RELEASE_H

struct client_answer;

/* Where a poised of another one refused command because it does not know it, or an argument of
 * it, the answer's error becomes one that says so. Asks poised for its version then. */
void release_explain(const char *socket_path, const char *command, struct client_answer *answer);

#endif
