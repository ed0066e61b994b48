// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <jansson.h>

#include "results.h"

static json_t *samples_json(const struct samples *samples)
{
	if (!samples->count)
		return json_null();
	return json_pack("{s:f, s:f, s:f, s:i}", "median", samples_median(samples), "min",
			 samples_min(samples), "max", samples_max(samples), "count",
			 samples->count);
}

static json_t *row_json(const struct cost *cost, size_t index)
{
	const struct row *row = &rows[index];
	json_t *object = json_pack("{s:s, s:s, s:i, s:i, s:o, s:f, s:f}", "key", row->key, "title",
				   row->title, "flows", (int)row->traffic.flows, "services",
				   (int)row->traffic.services, "ns",
				   samples_json(&cost->rows[index].figures.ns), "ratio_to_limit",
				   cost_ratio(cost, index), "spread", cost_spread(cost, index));
	double share;

	if (results_given_up(&cost->rows[index], &share))
		json_object_set_new(object, "given_up", json_real(share));
	return object;
}

static json_t *rows_json(const struct cost *cost)
{
	json_t *array = json_array();

	for (size_t i = 0; i < row_count; i++)
		if (cost_measured(cost, i))
			json_array_append_new(array, row_json(cost, i));
	return array;
}

static json_t *aims_json(const struct results *results)
{
	struct aim aims[AIM_MAX];
	int count = results_aims(results, aims);
	json_t *array = json_array();

	for (int i = 0; i < count; i++)
		json_array_append_new(array, json_pack("{s:s, s:f, s:f, s:b}", "aim", aims[i].text,
						       "found", aims[i].found, "most", aims[i].most,
						       "met", aims[i].found <= aims[i].most));
	return array;
}

static json_t *machine_json(const struct machine *machine)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:b}", "kernel", machine->kernel, "cpu_model",
			 machine->cpu_model, "libbpf", machine->libbpf, "cpus", machine->cpus,
			 "pinned_cpu", machine->cpu, "jit", (int)machine->jit);
}

static json_t *program_json(const struct program_size *size)
{
	return json_pack("{s:i, s:i}", "verified_instructions", (int)size->verified, "jited_bytes",
			 (int)size->jited_bytes);
}

static json_t *memory_json(const struct memory *memory)
{
	return json_pack("{s:I, s:I, s:i, s:i, s:i, s:i, s:i, s:i}", "maps",
			 (json_int_t)memory->fixed_bytes, "segment",
			 (json_int_t)memory->segment_bytes, "slot", (int)memory->slot_bytes,
			 "service", (int)memory->service_bytes, "service_of_each_cpu",
			 (int)memory->service_cpu_bytes, "backend", (int)memory->backend_bytes,
			 "backend_of_each_cpu", (int)memory->backend_cpu_bytes, "record",
			 (int)memory->record_bytes);
}

static json_t *loop_json(const struct loop *loop)
{
	json_t *array = json_array();

	for (int i = 0; i < LOOP_SIZES; i++)
		json_array_append_new(array,
				      json_pack("{s:i, s:o, s:o, s:o}", "bytes", loop_sizes[i],
						"bare_packets_per_second",
						samples_json(&loop->size[i].bare_rate),
						"poise_packets_per_second",
						samples_json(&loop->size[i].poise_rate), "ratio",
						samples_json(&loop->size[i].ratio)));
	return json_pack("{s:o, s:o}", "sizes", array, "lost", samples_json(&loop->lost));
}

static json_t *changes_json(const struct changes *changes)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "ring_built", samples_json(&changes->build),
			 "drain_in_effect", samples_json(&changes->drain), "drain_among_services",
			 samples_json(&changes->among), "start_of_services",
			 samples_json(&changes->load), "reload_of_services",
			 samples_json(&changes->reload));
}

static json_t *checks_row_json(const struct checks_row *row)
{
	return json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:f}", "kind", row->kind, "backends",
			 row->backends, "cores", samples_json(&row->cores), "microseconds",
			 samples_json(&row->us), "answered_per_second",
			 samples_json(&row->answered), "failed_per_second",
			 samples_json(&row->failed), "started_in_10_ms", samples_json(&row->starts),
			 "peak_mib", row->peak_mib);
}

static json_t *checks_json(const struct checks *checks)
{
	json_t *array = json_array();

	for (int i = 0; i < CHECKS_ROWS; i++)
		if (checks->row[i].kind)
			json_array_append_new(array, checks_row_json(&checks->row[i]));
	return array;
}

static json_t *programs_json(const struct memory *memory)
{
	return json_pack("{s:o, s:o}", "poise", program_json(&memory->poise), "poise_agent",
			 program_json(&memory->agent));
}

int results_write_json(const struct results *results, const char *path)
{
	const struct cost *cost = &results->cost;
	json_t *root = json_pack(
		"{s:o, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"machine", machine_json(&results->machine), "rounds", results->rounds,
		"packets_per_run", COST_PACKETS, "repeated", cost->unsteady, "harness_ns",
		samples_json(&cost->harness_ns), "limit_ns", samples_json(&cost->limit[0].ns),
		"limit_ipv6_ns", samples_json(&cost->limit[1].ns), "uncached_load_ns",
		samples_json(&cost->uncached_ns), "rows", rows_json(cost), "loop",
		loop_json(&results->loop), "milliseconds", changes_json(&results->changes),
		"checks", checks_json(&results->checks), "programs",
		programs_json(&results->memory), "memory_bytes", memory_json(&results->memory),
		"aims", aims_json(results));
	int err = -ENOMEM;

	if (root && !json_dump_file(root, path, JSON_INDENT(2) | JSON_REAL_PRECISION(6)))
		err = 0;
	else if (root)
		err = -EIO;
	json_decref(root);
	return err;
}
