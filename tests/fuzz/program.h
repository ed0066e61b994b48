/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The balancer's program, bpf/poise.bpf.c, built for the host with the shim's helpers and maps. */
#ifndef POISE_FUZZ_PROGRAM_H
#define POISE_FUZZ_PROGRAM_H

#include <stdint.h>

#include "shim.h"

enum {
	/* Buckets of tables that are cleared for each input: one, so that it fills up as well. */
	PROGRAM_EXCEPTION_BUCKETS = 1,
	PROGRAM_FLOW_BUCKETS = 1,
};

/* Makes its maps, and sets what poised sets before it loads the program. Once. */
void program_open(uint64_t seed);
/* Forgets what the program keeps outside of its maps. */
void program_reset(void);
/* Returns the verdict. */
int program_run(struct shim_frame *frame);

#endif
