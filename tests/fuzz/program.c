// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The program's one translation unit on the host: see program.h. */
#include "program.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "open.h"

#include "poise.bpf.c"

/* Options are constants to the program, as they are to the verifier: in memory that is not written.
 */
static void set_option(const volatile void *option, const void *value, size_t bytes)
{
	uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t first = (uintptr_t)option & ~(page_bytes - 1);

	if (mprotect((void *)first, (uintptr_t)option + bytes - first, PROT_READ | PROT_WRITE))
		abort();
	__builtin_memcpy((void *)(uintptr_t)option, value, bytes);
}

void program_open(uint64_t seed)
{
	uint32_t flow_mask = PROGRAM_FLOW_BUCKETS - 1;

	SHIM_OPEN(settings, 0);
	SHIM_OPEN(services, 0);
	SHIM_OPEN(backends, 0);
	SHIM_OPEN(backends_next, 0);
	SHIM_OPEN(port_ranges, 0);
	SHIM_OPEN(backend_load, 0);
	SHIM_OPEN(cursors, 0);
	SHIM_OPEN(flows, PROGRAM_FLOW_BUCKETS);
	SHIM_OPEN(limits, 0);
	SHIM_OPEN(exceptions, PROGRAM_EXCEPTION_BUCKETS);
	SHIM_OPEN_ARRAY_OF_MAPS(rings, struct poise_ring_segment);
	SHIM_OPEN_ARRAY_OF_MAPS(moves, struct poise_move_segment);
	SHIM_OPEN(egress, 0);
	SHIM_OPEN(prefixes, 0);
	SHIM_OPEN(quic_servers, 0);
	SHIM_OPEN(fragments, 0);
	SHIM_OPEN(service_count, 0);
	SHIM_OPEN(backend_count, 0);
	SHIM_OPEN(reason_count, 0);
	SHIM_OPEN(event_count, 0);
	set_option(&poise_seed, &seed, sizeof(seed));
	set_option(&poise_flow_mask, &flow_mask, sizeof(flow_mask));
}

void program_reset(void)
{
	clock_last = 0;
}

int program_run(struct shim_frame *frame)
{
	return poise(&frame->ctx);
}
