// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poise doctor: memory for the maps, the control group's limit, and files for checks. */
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "doctor_file.h"
#include "format.h"
#include "memory_limit.h"
#include "text.h"

enum {
	FLOW_BYTES = 8,
	FIXED_MB = 24,	/* exceptions, fragments, services, backends' entries, records */
	SEGMENT_MB = 6, /* of 2^20 slots of rings */
	CPU_MB = 1,	/* backends' counters */
	SEGMENT_SLOTS = 1 << 20,
	LOW_PERCENT = 5, /* of memory that is left */
	OTHER_FILES = 64,
	MIB = 1 << 20,
	KIB = 1 << 10,
};

/* docs/ARCHITECTURE.md, Limits. */
static int64_t maps_bytes(const struct config *config, unsigned cpus)
{
	uint64_t slots = 0;

	for (size_t i = 0; i < config->service_count; i++)
		slots += config->services[i].ring_size;
	return (int64_t)config->flow_entries * FLOW_BYTES + (int64_t)cpus * CPU_MB * MIB +
	       (int64_t)(slots / SEGMENT_SLOTS + 1) * SEGMENT_MB * MIB + (int64_t)FIXED_MB * MIB;
}

static unsigned possible_cpus(void)
{
	char *list = host_read("/sys/devices/system/cpu/possible");
	unsigned count = list ? doctor_file_cpus(list) : 0;

	free(list);
	return count;
}

/* Once poised runs, its maps are there, and only what is left counts. */
static void check_memory(struct doctor *doctor)
{
	char *text = host_read("/proc/meminfo"), available_text[FORMAT_BYTES],
	     needed_text[FORMAT_BYTES];
	int64_t available, total, needed = maps_bytes(doctor->config, possible_cpus());
	bool low;

	if (!text || !doctor_file_number(text, "MemAvailable:", &available) ||
	    !doctor_file_number(text, "MemTotal:", &total)) {
		free(text);
		return;
	}
	free(text);
	low = available < total / 100 * LOW_PERCENT;
	format_bytes(available * KIB, available_text);
	format_bytes(needed, needed_text);
	if (!doctor->status && available * KIB < needed) {
		doctor_add(doctor, DOCTOR_MEMORY, DOCTOR_PROBLEM, "",
			   "the maps take about %s, and %s of memory is available", needed_text,
			   available_text);
		doctor_mend(doctor, "set a smaller 'flows' in %s", doctor->config_path);
		return;
	}
	doctor_add(doctor, DOCTOR_MEMORY, low ? DOCTOR_WARNING : DOCTOR_OK, "",
		   "%s of memory is available; the maps take about %s", available_text,
		   needed_text);
	if (low)
		doctor_mend(doctor, "ps -eo rss,pid,comm --sort=-rss | head   # shows who has it");
}

static void check_cgroup(struct doctor *doctor, pid_t pid)
{
	char *of = text_format("/proc/%d/cgroup", (int)pid), used[FORMAT_BYTES], most[FORMAT_BYTES];
	struct memory_limit limit;
	bool tight;

	if (memory_limit_find(of, host_read, &limit) && limit.used >= 0) {
		tight = limit.used > limit.bytes / 10 * 9;
		format_bytes(limit.used, used);
		format_bytes(limit.bytes, most);
		doctor_add(doctor, DOCTOR_CGROUP, tight ? DOCTOR_WARNING : DOCTOR_OK, "",
			   "poised's control group uses %s of %s", used, most);
		if (tight)
			doctor_mend(doctor, "echo %lld >%s   # and MemoryMax= of the unit",
				    (long long)(2 * limit.bytes), limit.file);
	}
	free(of);
}

static size_t count_checks(const struct config *config)
{
	size_t count = 0;

	for (size_t i = 0; i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];

		count += service->backend_count *
			 ((service->check.type != CHECK_NONE) + (service->agent.port != 0));
	}
	return count;
}

/* poised raises its own limit to the hard one. */
static void check_files(struct doctor *doctor, pid_t pid)
{
	char *path = text_format("/proc/%d/limits", (int)pid), *text = host_read(path);
	int64_t most, needed = (int64_t)count_checks(doctor->config) + OTHER_FILES;

	free(path);
	if (text && doctor_file_number(text, "Max open files", &most)) {
		bool few = most < needed;

		doctor_add(doctor, DOCTOR_FILES, few ? DOCTOR_WARNING : DOCTOR_OK, "",
			   "poised may open %lld files, and checks need up to %lld",
			   (long long)most, (long long)needed);
		if (few)
			doctor_mend(doctor,
				    "prlimit --pid %d --nofile=%lld   # and LimitNOFILE= of "
				    "the unit",
				    (int)pid, (long long)(2 * needed));
	}
	free(text);
}

void doctor_check_memory(struct doctor *doctor)
{
	pid_t pid = doctor->status ? host_listener(doctor->socket) : -1;

	check_memory(doctor);
	if (pid <= 0)
		return;
	check_cgroup(doctor, pid);
	check_files(doctor, pid);
}
