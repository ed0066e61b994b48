/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the figures were taken on. */
#ifndef POISE_BENCH_MACHINE_H
#define POISE_BENCH_MACHINE_H

#include <stdbool.h>

enum { MACHINE_TEXT_BYTES = 128 };

struct machine {
	char kernel[MACHINE_TEXT_BYTES];
	char cpu_model[MACHINE_TEXT_BYTES];
	char libbpf[MACHINE_TEXT_BYTES];
	int cpus;
	int cpu;  /* that this process is pinned to */
	bool jit; /* without it no figure means anything */
};

/* Pins the calling process to the last CPU that it may use, and reads the rest. 0 or a negative
 * errno. */
int machine_prepare(struct machine *machine);
/* Back to all CPUs that it was allowed, or to the one. 0 or a negative errno. */
int machine_pin(bool pinned);

#endif
