/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counters, one of each a CPU, and the records that poised finds again after a restart. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "maps_private.h"

void maps_count_reset(struct maps *maps, struct bpf_map *map, uint32_t index)
{
	memset(maps->per_cpu, 0, maps->cpus * sizeof(struct poise_backend_count));
	bpf_map_update_elem(bpf_map__fd(map), &index, maps->per_cpu, BPF_ANY);
}

int maps_service_record_read(struct maps *maps, uint32_t index, struct poise_service_record *out)
{
	int err = bpf_map_lookup_elem(bpf_map__fd(maps->object->maps.service_record), &index, out);

	out->name[sizeof(out->name) - 1] = 0;
	return err;
}

int maps_service_record_write(struct maps *maps, uint32_t index,
			      const struct poise_service_record *record)
{
	return bpf_map_update_elem(bpf_map__fd(maps->object->maps.service_record), &index, record,
				   BPF_ANY);
}

int maps_backend_record_read(struct maps *maps, uint32_t index, struct poise_backend_record *out)
{
	int err = bpf_map_lookup_elem(bpf_map__fd(maps->object->maps.backend_record), &index, out);

	out->name[sizeof(out->name) - 1] = 0;
	return err;
}

int maps_backend_record_write(struct maps *maps, uint32_t index,
			      const struct poise_backend_record *record)
{
	return bpf_map_update_elem(bpf_map__fd(maps->object->maps.backend_record), &index, record,
				   BPF_ANY);
}

/* Adds up words 64-bit counters of every CPU. */
static void sum_per_cpu(struct maps *maps, struct bpf_map *map, uint32_t index, uint64_t *out,
			size_t words)
{
	const uint64_t *values = maps->per_cpu;

	memset(out, 0, words * sizeof(*out));
	if (bpf_map_lookup_elem(bpf_map__fd(map), &index, maps->per_cpu))
		return;
	for (int cpu = 0; cpu < maps->cpus; cpu++)
		for (size_t i = 0; i < words; i++)
			out[i] += values[cpu * words + i];
}

void maps_service_count(struct maps *maps, uint32_t index, struct poise_service_count *out)
{
	sum_per_cpu(maps, maps->object->maps.service_count, index, (uint64_t *)out,
		    sizeof(*out) / sizeof(uint64_t));
}

void maps_backend_count(struct maps *maps, uint32_t index, struct poise_backend_count *out)
{
	sum_per_cpu(maps, maps->object->maps.backend_count, index, (uint64_t *)out,
		    sizeof(*out) / sizeof(uint64_t));
}

uint64_t maps_reason_count(struct maps *maps, uint32_t reason)
{
	uint64_t count;

	sum_per_cpu(maps, maps->object->maps.reason_count, reason, &count, 1);
	return count;
}

uint64_t maps_event_count(struct maps *maps, uint32_t event)
{
	uint64_t count;

	sum_per_cpu(maps, maps->object->maps.event_count, event, &count, 1);
	return count;
}

void maps_service_count_reset(struct maps *maps, uint32_t index)
{
	maps_count_reset(maps, maps->object->maps.service_count, index);
}
