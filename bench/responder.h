/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The backends that health checks are measured with: a BPF program at the other end of the veth
 * pair that bench/run has made. It answers within the CPU time of who asks, a microsecond or two
 * for each segment.
 */
#ifndef POISE_BENCH_RESPONDER_H
#define POISE_BENCH_RESPONDER_H

#define RESPONDER_INTERFACE "backends"

enum { RESPONDER_PORT = 80 };

struct responder;

/* 0 or a negative errno with the reason on stderr. */
int responder_new(struct responder **out);
void responder_free(struct responder *responder);

#endif
