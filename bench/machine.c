// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum {
	LINE_WORDS = 16,	  /* a cache line */
	UNCACHED_LINES = 1 << 23, /* 512 MB: as much as the rings of 4,096 services */
	UNCACHED_LOADS = 1000000,
};

static int pin(int *cpu)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return -errno;
	for (*cpu = CPU_SETSIZE - 1; *cpu > 0 && !CPU_ISSET(*cpu, &set);)
		(*cpu)--;
	CPU_ZERO(&set);
	CPU_SET(*cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

static void read_cpu_model(char model[MACHINE_TEXT_BYTES])
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[2 * MACHINE_TEXT_BYTES];

	snprintf(model, MACHINE_TEXT_BYTES, "unknown");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "model name : %127[^\n]", model) == 1)
			break;
	if (file)
		fclose(file);
}

static bool jit_is_on(void)
{
	FILE *file = fopen("/proc/sys/net/core/bpf_jit_enable", "re");
	int value = 1; /* kernels that always have it have no such file */

	if (file) {
		if (fscanf(file, "%d", &value) != 1)
			value = 1;
		fclose(file);
	}
	return value != 0;
}

/* Each line leads to another one, all of them in one circle, so that no load can begin before the
 * one before it has ended. */
static void link_lines(uint32_t *memory, uint32_t lines)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < lines; i++) { /* a full period: Hull and Dobell, 1962 */
		uint32_t next = (at * 1664525 + 1013904223) & (lines - 1);

		memory[(size_t)at * LINE_WORDS] = next;
		at = next;
	}
}

double machine_uncached_ns(void)
{
	size_t bytes = (size_t)UNCACHED_LINES * LINE_WORDS * sizeof(uint32_t);
	uint32_t *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct timespec begin, end;
	volatile uint32_t at = 0;

	if (memory == MAP_FAILED)
		return NAN;
	madvise(memory, bytes, MADV_NOHUGEPAGE); /* rings are in small pages, too */
	link_lines(memory, UNCACHED_LINES);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
	for (int i = 0; i < UNCACHED_LOADS; i++)
		at = memory[(size_t)at * LINE_WORDS];
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	munmap(memory, bytes);
	return ((end.tv_sec - begin.tv_sec) * 1e9 + end.tv_nsec - begin.tv_nsec) / UNCACHED_LOADS;
}

int machine_prepare(struct machine *machine)
{
	struct utsname name;

	memset(machine, 0, sizeof(*machine));
	if (uname(&name))
		return -errno;
	snprintf(machine->kernel, sizeof(machine->kernel), "%s", name.release);
	snprintf(machine->libbpf, sizeof(machine->libbpf), "%s", libbpf_version_string());
	read_cpu_model(machine->cpu_model);
	machine->cpus = sysconf(_SC_NPROCESSORS_ONLN);
	machine->jit = jit_is_on();
	return pin(&machine->cpu);
}
