// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The program's one translation unit on the host: see program.h. */
#include "program.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "poise.bpf.c"

#define NUMBER(member) (sizeof(*(member)) / sizeof(int)) /* that __uint() wrote */
#define TYPED(map, folded_)                                                                        \
	shim_map_open(&(map), &(struct shim_map_shape){ .name = #map,                              \
							.type = NUMBER((map).type),                \
							.entries = NUMBER((map).max_entries),      \
							.key_bytes = sizeof(*(map).key),           \
							.value_bytes = sizeof(*(map).value),       \
							.folded = (folded_) })
#define OF_MAPS(map, inner)                                                                        \
	shim_map_open(&(map), &(struct shim_map_shape){ .name = #map,                              \
							.type = BPF_MAP_TYPE_ARRAY_OF_MAPS,        \
							.entries = NUMBER((map).max_entries),      \
							.key_bytes = sizeof(__u32),                \
							.value_bytes = sizeof(inner) })

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

	TYPED(settings, 0);
	TYPED(service_table, 0);
	TYPED(services, 0);
	TYPED(backends, 0);
	TYPED(backends_next, 0);
	TYPED(port_ranges, 0);
	TYPED(backend_load, 0);
	TYPED(cursors, 0);
	TYPED(flows, PROGRAM_FLOW_BUCKETS);
	TYPED(limits, 0);
	TYPED(exceptions, PROGRAM_EXCEPTION_BUCKETS);
	OF_MAPS(rings, struct poise_ring_segment);
	OF_MAPS(moves, struct poise_move_segment);
	TYPED(egress, 0);
	TYPED(prefixes, 0);
	TYPED(quic_servers, 0);
	TYPED(fragments, 0);
	TYPED(service_count, 0);
	TYPED(backend_count, 0);
	TYPED(reason_count, 0);
	TYPED(event_count, 0);
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
