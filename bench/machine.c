// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static cpu_set_t all_cpus, one_cpu;

int machine_pin(bool pinned)
{
	return sched_setaffinity(0, sizeof(one_cpu), pinned ? &one_cpu : &all_cpus) ? -errno : 0;
}

static int pin(int *cpu)
{
	if (sched_getaffinity(0, sizeof(all_cpus), &all_cpus))
		return -errno;
	for (*cpu = CPU_SETSIZE - 1; *cpu > 0 && !CPU_ISSET(*cpu, &all_cpus);)
		(*cpu)--;
	CPU_ZERO(&one_cpu);
	CPU_SET(*cpu, &one_cpu);
	return machine_pin(true);
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
