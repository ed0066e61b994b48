/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the data plane takes: instructions that the verifier looks at, and memory. */
#ifndef POISE_BENCH_MEMORY_H
#define POISE_BENCH_MEMORY_H

#include <stdint.h>

/* Of one program, as the kernel tells. */
struct program_size {
	uint32_t verified;    /* instructions that the verifier looked at */
	uint32_t jited_bytes; /* of machine code */
};

struct memory {
	struct program_size poise, agent;
	uint64_t fixed_bytes;	/* maps whose size no configuration changes, for this many CPUs */
	uint64_t segment_bytes; /* of each segment of rings; there is one at least */
	uint32_t slot_bytes;	/* of a ring */
	uint32_t service_bytes, service_cpu_bytes; /* besides its ring: shared, and of each CPU */
	uint32_t backend_bytes, backend_cpu_bytes;
	uint32_t record_bytes; /* of an exception, or of a recorded flow */
};

/* 0 or a negative errno with the reason on stderr. */
int memory_measure(struct memory *memory);

#endif
