/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The backends that health checks are measured with: one process, in the network namespace that
 * bench/run has made, where every address of 10.96.0.0/12 is its own. It answers each connection
 * with the same words of HTTP, and closes it.
 */
#ifndef POISE_BENCH_RESPONDER_H
#define POISE_BENCH_RESPONDER_H

#include <sys/types.h>

enum { RESPONDER_PORT = 80 };

/* Starts it, on the other CPUs where there are some. Returns when it listens: its process, or a
 * negative errno. */
pid_t responder_start(void);
void responder_stop(pid_t pid); /* takes what responder_start() returned */

#endif
