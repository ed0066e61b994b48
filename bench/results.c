// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "results.h"

#include <stdio.h>

#define TITLE "%-44s"

static void add_ratio(const struct results *results, struct aim *aims, int *count, const char *text,
		      const char *key, const char *to, double most)
{
	const struct cost *cost = &results->cost;
	size_t row = row_index(key);
	double base = 1;

	if (!cost_measured(cost, row) || (to && !cost_measured(cost, row_index(to))))
		return;
	if (to) /* of nanoseconds relative to the harness, which both families' limits share */
		base = samples_median(&cost->rows[row_index(to)].figures.relative);
	aims[(*count)++] = (struct aim){
		text,
		to ? samples_median(&cost->rows[row].figures.relative) / base
		   : cost_ratio(cost, row),
		most,
	};
}

static void add_uncached(const struct results *results, struct aim *aims, int *count)
{
	const struct cost *cost = &results->cost;
	size_t many = row_index("services_4096"), one = row_index("settled_1m");

	if (!cost_measured(cost, many) || !cost_measured(cost, one))
		return;
	aims[(*count)++] = (struct aim){ "4,096 services more than one / an uncached load",
					 (samples_median(&cost->rows[many].figures.ns) -
					  samples_median(&cost->rows[one].figures.ns)) /
						 samples_median(&cost->uncached_ns),
					 1 };
}

static void add_time(const struct samples *samples, struct aim *aims, int *count, const char *text,
		     double most)
{
	if (samples->count)
		aims[(*count)++] = (struct aim){ text, samples_median(samples), most };
}

int results_aims(const struct results *results, struct aim aims[AIM_MAX])
{
	const struct changes *changes = &results->changes;
	int count = 0;

	add_ratio(results, aims, &count, "settled, 1 flow / limit", "settled_1", NULL, 2.5);
	add_ratio(results, aims, &count, "settled, 1,000,000 flows / limit", "settled_1m", NULL,
		  2.5);
	add_ratio(results, aims, &count, "settled, all SYN / limit", "settled_syn", NULL, 2.5);
	add_ratio(results, aims, &count, "all slots moving, 100,000 recorded / limit",
		  "recorded_100k", NULL, 6);
	add_ratio(results, aims, &count, "IPv6 / IPv4", "settled6_1m", "settled_1m", 1.3);
	add_ratio(results, aims, &count, "GUE / IPIP", "gue_4in4", "settled_1m", 1.2);
	add_uncached(results, aims, &count);
	add_time(&changes->build, aims, &count, "ring of 65,537 for 1,000 backends built, ms", 5);
	add_time(&changes->drain, aims, &count, "a drain of it in effect, ms", 10);
	add_time(&changes->load, aims, &count, "start of 4,096 services, ms", 2000);
	add_time(&changes->reload, aims, &count, "a reload of them with one change, ms", 200);
	return count;
}

bool results_given_up(const struct cost_row *row, double *share)
{
	uint64_t recorded = row->events[POISE_EVENT_EXCEPTION_RECORDED] +
			    row->events[POISE_EVENT_FLOW_RECORDED];

	if (!recorded)
		return false;
	*share = (double)(row->events[POISE_EVENT_EXCEPTION_EVICTED] +
			  row->events[POISE_EVENT_EXCEPTION_EVICTED_HALF_OPEN] +
			  row->events[POISE_EVENT_FLOW_EVICTED] +
			  row->events[POISE_EVENT_FLOW_EVICTED_HALF_OPEN]) /
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

static void print_program(const char *name, const struct program_size *size)
{
	printf(TITLE " %8u %8u\n", name, size->verified, size->jited_bytes);
}

void results_print_sizes(const struct results *results)
{
	const struct memory *memory = &results->memory;

	printf("\n" TITLE " %8s %8s\n", "programs", "verified", "bytes");
	print_program("poise", &memory->poise);
	print_program("poise_agent", &memory->agent);
	printf("'verified': instructions that the verifier looked at.\n");
	printf("\n" TITLE " %12s %12s\n", "memory, bytes", "shared", "a CPU");
	printf(TITLE " %12llu\n", "maps, all CPUs, without recorded flows",
	       (unsigned long long)memory->fixed_bytes);
	printf(TITLE " %12llu\n", "a segment of rings (2^20 slots)",
	       (unsigned long long)memory->segment_bytes);
	printf(TITLE " %12u %12u\n", "of these: a service, its ring of 65,537 slots",
	       memory->service_bytes + memory->slot_bytes * SUBJECT_SLOTS,
	       memory->service_cpu_bytes);
	printf(TITLE " %12u %12u\n", "of these: a backend", memory->backend_bytes,
	       memory->backend_cpu_bytes);
	printf(TITLE " %12u\n", "an exception, or a recorded flow", memory->record_bytes);
	printf(TITLE " %12u\n", "a connection in a settled slot", 0);
}

static void print_samples(const char *title, const struct samples *samples)
{
	printf(TITLE " %8.1f %8.1f %8.1f", title, samples_median(samples), samples_min(samples),
	       samples_max(samples));
}

static void print_row(const struct cost *cost, size_t index)
{
	char title[64];
	double share;

	snprintf(title, sizeof(title), "  %s", rows[index].title);
	print_samples(title, &cost->rows[index].figures.ns);
	printf(" %8.2f", cost_ratio(cost, index));
	if (results_given_up(&cost->rows[index], &share))
		printf(" %8.1f%%", share * 100);
	printf("\n");
}

void results_print_cost(const struct results *results)
{
	static const char *const limits[COST_FAMILIES] = { "limit", "limit, IPv6" };
	const struct cost *cost = &results->cost;

	printf("\n" TITLE " %8s %8s %8s %8s %9s\n", "nanoseconds a packet", "median", "min", "max",
	       "x limit", "given up");
	print_samples("empty harness (subtracted below)", &cost->harness_ns);
	printf("\n");
	for (int i = 0; i < COST_FAMILIES; i++) {
		if (!cost->limit[i].ns.count)
			continue;
		print_samples(limits[i], &cost->limit[i].ns);
		printf(" %8.2f\n", 1.0);
	}
	for (size_t i = 0; i < row_count; i++) {
		if (rows[i].section)
			printf("%s\n", rows[i].section);
		if (cost_measured(cost, i))
			print_row(cost, i);
	}
	if (cost->uncached_ns.count) {
		print_samples("a load that no cache holds", &cost->uncached_ns);
		printf("\n");
	}
	printf("'given up': records that a newer one took the place of, of all.\n");
	if (cost->unsteady)
		printf("%d measurements were repeated: the CPU's speed changed in the middle.\n",
		       cost->unsteady);
}

static void print_rate(const char *who, int bytes, const struct samples *samples)
{
	char title[64];

	snprintf(title, sizeof(title), "%s, %d bytes", who, bytes);
	printf(TITLE " %8.2f %8.2f %8.2f\n", title, samples_median(samples) / 1e6,
	       samples_min(samples) / 1e6, samples_max(samples) / 1e6);
}

void results_print_loop(const struct results *results)
{
	const struct loop *loop = &results->loop;

	printf("\n" TITLE " %8s %8s %8s\n", "million packets a second, veth loop", "median", "min",
	       "max");
	for (int i = 0; i < LOOP_SIZES; i++) {
		print_rate("bare XDP_TX", loop_sizes[i], &loop->size[i].bare_rate);
		print_rate("Poise, settled, 1,000,000 flows", loop_sizes[i],
			   &loop->size[i].poise_rate);
		printf(TITLE " %8.2f %8.2f %8.2f\n", "  Poise / bare",
		       samples_median(&loop->size[i].ratio), samples_min(&loop->size[i].ratio),
		       samples_max(&loop->size[i].ratio));
	}
	if (samples_max(&loop->lost) > 0)
		printf("lost on the way: at most %.2f%% of a run\n",
		       samples_max(&loop->lost) * 100);
}

static void print_time(const char *title, const struct samples *samples)
{
	if (!samples->count)
		return;
	printf(TITLE " %8.2f %8.2f %8.2f\n", title, samples_median(samples), samples_min(samples),
	       samples_max(samples));
}

void results_print_changes(const struct results *results)
{
	const struct changes *changes = &results->changes;

	printf("\n" TITLE " %8s %8s %8s\n", "milliseconds", "median", "min", "max");
	print_time("a ring of 65,537 for 1,000 backends, built", &changes->build);
	print_time("a drain of one of them, in effect", &changes->drain);
	print_time("a drain in one of 4,096 services, in effect", &changes->among);
	print_time("start of 4,096 services, 16,384 backends", &changes->load);
	print_time("a reload of them with one change", &changes->reload);
}

static void print_checks_row(const struct checks_row *row)
{
	if (!row->cores.count)
		return;
	printf("%d checks a second, %s\n", row->backends, row->kind);
	print_time("  cores, of the thread that checks", &row->cores);
	print_time("  microseconds of CPU a check", &row->us);
	print_time("  answered a second", &row->answered);
	print_time("  failed a second", &row->failed);
	print_time("  started in 10 ms", &row->starts);
	printf(TITLE " %8.1f to %.1f\n", "  of these the middle 90 %",
	       samples_quantile(&row->starts, 0.05), samples_quantile(&row->starts, 0.95));
	printf(TITLE " %8.1f\n", "  memory at most, MiB", row->peak_mib);
}

void results_print_checks(const struct results *results)
{
	printf("\n" TITLE " %8s %8s %8s\n", "health checks, seconds of each", "median", "min",
	       "max");
	for (int i = 0; i < CHECKS_ROWS; i++)
		print_checks_row(&results->checks.row[i]);
}

void results_print_aims(const struct results *results)
{
	struct aim aims[AIM_MAX];
	int count = results_aims(results, aims);

	printf("\n");
	for (int i = 0; i < count; i++)
		printf("aim %s <= %.2f: %.2f, %s\n", aims[i].text, aims[i].most, aims[i].found,
		       aims[i].found <= aims[i].most ? "met" : "not met");
}
