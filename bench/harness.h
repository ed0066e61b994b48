/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Nanoseconds of one run of a program behind the harness (harness.bpf.c). */
#ifndef POISE_BENCH_HARNESS_H
#define POISE_BENCH_HARNESS_H

#include <stdint.h>

struct harness;

struct traffic {
	uint8_t family;	   /* 4 or 6 */
	uint8_t tcp_flags; /* of every packet: FRAME_SYN or FRAME_ACK */
	uint32_t flows;	   /* in turn, from the first in each run; 0: no flow comes twice */
};

/* 0 or a negative errno with the reason on stderr. */
int harness_new(struct harness **out);
void harness_free(struct harness *harness); /* takes NULL */

int harness_empty_fd(const struct harness *harness);
int harness_limit_fd(const struct harness *harness, uint8_t family);

/*
 * Puts packets of this traffic through a program. *ns: the thread's CPU time a packet, harness
 * included. 0, a negative errno of the test run, or -EBADMSG, with the reason on stderr, when the
 * last packet was not sent (XDP_TX) or is not in a tunnel (the empty program's: not as it was).
 */
int harness_run(struct harness *harness, int program_fd, const struct traffic *traffic,
		uint32_t packets, double *ns);

#endif
