// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "results.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct aim {
	const char *text;
	double found, most;
};

enum { AIM_COUNT = 3 };

static void find_aims(const struct results *results, struct aim aims[AIM_COUNT])
{
	const struct cost *cost = &results->cost;
	double million = cost_ratio(cost, COST_SETTLED_1M);

	aims[0] = (struct aim){ "settled: 1,000,000 flows / 1 flow",
				million / cost_ratio(cost, COST_SETTLED_1), 1.25 };
	aims[1] = (struct aim){ "settled: 1,000,000 flows / limit", million, 3 };
	aims[2] = (struct aim){ "settled: all SYN / established",
				cost_ratio(cost, COST_SETTLED_SYN) / million, 1.1 };
}

/* Exceptions that were given up for newer ones, of all that were recorded. */
static bool given_up(const struct cost_row *row, double *share)
{
	uint64_t recorded = row->events[POISE_EVENT_EXCEPTION_RECORDED];

	if (!recorded)
		return false;
	*share = (double)(row->events[POISE_EVENT_EXCEPTION_EVICTED] +
			  row->events[POISE_EVENT_EXCEPTION_EVICTED_HALF_OPEN]) /
		 recorded;
	return true;
}

void results_print_machine(const struct results *results)
{
	const struct machine *machine = &results->machine;

	printf("Linux %s, %s, libbpf %s, pinned to CPU %d of %d, %d rounds\n", machine->kernel,
	       machine->cpu_model, machine->libbpf, machine->cpu, machine->cpus, results->rounds);
	if (!machine->jit)
		printf("The kernel's BPF JIT is off: these figures mean nothing.\n");
}

static void print_samples(const char *title, const struct samples *samples)
{
	printf("%-36s %8.1f %8.1f %8.1f", title, samples_median(samples), samples_min(samples),
	       samples_max(samples));
}

void results_print_cost(const struct results *results)
{
	const struct cost *cost = &results->cost;
	double share;

	printf("\n%-36s %8s %8s %8s %8s %9s\n", "nanoseconds a packet", "median", "min", "max",
	       "x limit", "given up");
	print_samples("empty harness (subtracted below)", &cost->harness_ns);
	printf("\n");
	print_samples("limit", &cost->limit[0].ns);
	printf(" %8.2f\n", 1.0);
	print_samples("limit, IPv6", &cost->limit[1].ns);
	printf(" %8.2f\n", 1.0);
	for (int i = 0; i < COST_ROW_COUNT; i++) {
		const struct cost_row *row = &cost->rows[i];

		print_samples(row->title, &row->figures.ns);
		printf(" %8.2f", cost_ratio(cost, i));
		if (given_up(row, &share))
			printf(" %8.1f%%", share * 100);
		printf("\n");
	}
	printf("'given up': exceptions that a newer one took the place of, of those recorded.\n");
	if (cost->unsteady)
		printf("%d measurements were repeated: the CPU's speed changed in the middle.\n",
		       cost->unsteady);
}

static void print_rate(const char *title, const struct samples *samples)
{
	printf("%-36s %8.2f %8.2f %8.2f\n", title, samples_median(samples) / 1e6,
	       samples_min(samples) / 1e6, samples_max(samples) / 1e6);
}

void results_print_loop(const struct results *results)
{
	const struct loop *loop = &results->loop;

	printf("\n%-36s %8s %8s %8s\n", "million packets a second, veth loop", "median", "min",
	       "max");
	print_rate("bare XDP_TX", &loop->bare_rate);
	print_rate("Poise, settled, 1,000,000 flows", &loop->poise_rate);
	printf("%-36s %8.2f %8.2f %8.2f\n", "Poise / bare", samples_median(&loop->ratio),
	       samples_min(&loop->ratio), samples_max(&loop->ratio));
	if (samples_max(&loop->lost) > 0)
		printf("lost on the way: at most %.2f%% of a run\n",
		       samples_max(&loop->lost) * 100);
}

void results_print_aims(const struct results *results)
{
	struct aim aims[AIM_COUNT];

	find_aims(results, aims);
	printf("\n");
	for (int i = 0; i < AIM_COUNT; i++)
		printf("aim %s <= %.2f: %.2f, %s\n", aims[i].text, aims[i].most, aims[i].found,
		       aims[i].found <= aims[i].most ? "met" : "not met");
}

static json_t *samples_json(const struct samples *samples)
{
	return json_pack("{s:f, s:f, s:f, s:i}", "median", samples_median(samples), "min",
			 samples_min(samples), "max", samples_max(samples), "count",
			 samples->count);
}

static json_t *row_json(const struct cost *cost, enum cost_row_index index)
{
	const struct cost_row *row = &cost->rows[index];
	json_t *object =
		json_pack("{s:s, s:s, s:i, s:o, s:f}", "key", row->key, "title", row->title,
			  "flows", (int)row->traffic.flows, "ns", samples_json(&row->figures.ns),
			  "ratio_to_limit", cost_ratio(cost, index));
	double share;

	if (given_up(row, &share))
		json_object_set_new(object, "exceptions_given_up", json_real(share));
	return object;
}

static json_t *rows_json(const struct results *results)
{
	json_t *rows = json_array();

	for (int i = 0; i < COST_ROW_COUNT; i++)
		json_array_append_new(rows, row_json(&results->cost, i));
	return rows;
}

static json_t *aims_json(const struct results *results)
{
	struct aim aims[AIM_COUNT];
	json_t *array = json_array();

	find_aims(results, aims);
	for (int i = 0; i < AIM_COUNT; i++)
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

static json_t *loop_json(const struct loop *loop)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "bare_packets_per_second",
			 samples_json(&loop->bare_rate), "poise_packets_per_second",
			 samples_json(&loop->poise_rate), "ratio", samples_json(&loop->ratio),
			 "lost", samples_json(&loop->lost));
}

int results_write_json(const struct results *results, const char *path)
{
	const struct cost *cost = &results->cost;
	json_t *root = json_pack("{s:o, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "machine",
				 machine_json(&results->machine), "rounds", results->rounds,
				 "packets_per_run", COST_PACKETS, "repeated", cost->unsteady,
				 "harness_ns", samples_json(&cost->harness_ns), "limit_ns",
				 samples_json(&cost->limit[0].ns), "limit_ipv6_ns",
				 samples_json(&cost->limit[1].ns), "rows", rows_json(results),
				 "loop", loop_json(&results->loop), "aims", aims_json(results));
	int err = -ENOMEM;

	if (root && !json_dump_file(root, path, JSON_INDENT(2) | JSON_REAL_PRECISION(6)))
		err = 0;
	else if (root)
		err = -EIO;
	json_decref(root);
	return err;
}
