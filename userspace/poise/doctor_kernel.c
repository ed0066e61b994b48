// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poise doctor: the kernel, bpffs, the JIT compiler and the clock. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "text.h"

enum {
	LEAST_MAJOR = 6, /* README: what is tested */
	LEAST_MINOR = 1,
	TCX_MAJOR = 6, /* before that, probes are filters of clsact */
	TCX_MINOR = 6,
	JIT_OFF = 0,
	HARDEN_ALL = 2,
	NS_A_MS = 1000000,
	COARSEST_MS = 100, /* the data plane's tick is ten times that */
};

static bool is_before(const unsigned version[2], unsigned major, unsigned minor)
{
	return version[0] < major || (version[0] == major && version[1] < minor);
}

static bool uses_tunnel(const struct config *config)
{
	for (size_t i = 0; i < config->service_count; i++)
		if (config->services[i].check.via == CHECK_TUNNEL)
			return true;
	return false;
}

static void check_release(struct doctor *doctor)
{
	const char *release = host_release();
	unsigned version[2];

	if (sscanf(release, "%u.%u", &version[0], &version[1]) != 2)
		return;
	if (is_before(version, LEAST_MAJOR, LEAST_MINOR)) {
		doctor_add(doctor, DOCTOR_KERNEL, DOCTOR_PROBLEM, "",
			   "Linux %s is older than %d.%d", release, LEAST_MAJOR, LEAST_MINOR);
		doctor_mend(doctor, "boot Linux %d.%d or newer", LEAST_MAJOR, LEAST_MINOR);
	} else if (is_before(version, TCX_MAJOR, TCX_MINOR) && uses_tunnel(doctor->config)) {
		doctor_add(doctor, DOCTOR_KERNEL, DOCTOR_NOTE, "",
			   "Linux %s has no tcx (%d.%d has): probes with 'via: tunnel' are filters "
			   "of clsact, which 'tc filter del' of others may remove",
			   release, TCX_MAJOR, TCX_MINOR);
	} else {
		doctor_add(doctor, DOCTOR_KERNEL, DOCTOR_OK, "", "Linux %s", release);
	}
}

/* The type of what is mounted where path is: the longest mount point that it begins with. */
static bool is_on_bpffs(const char *mounts, const char *path, char *place, size_t bytes)
{
	char point[256], type[32];
	size_t longest = 0;
	bool bpf = false;

	for (const char *line = mounts; line && *line; line = strchr(line, '\n')) {
		size_t length;

		line += *line == '\n';
		if (sscanf(line, "%*s %255s %31s", point, type) != 2)
			continue;
		length = strcmp(point, "/") ? strlen(point) : 0;
		if (length < longest || strncmp(path, point, length) != 0 ||
		    (path[length] && path[length] != '/'))
			continue;
		longest = length;
		bpf = !strcmp(type, "bpf");
		snprintf(place, bytes, "%s", point);
	}
	return bpf;
}

static void check_bpffs(struct doctor *doctor)
{
	static const char usual[] = "/sys/fs/bpf";
	const char *path = doctor->status ? doctor->status->pin_path : doctor->config->pin_path;
	char *mounts = host_read("/proc/self/mounts"), place[256] = "/";

	if (!mounts)
		return;
	if (is_on_bpffs(mounts, path, place, sizeof(place))) {
		doctor_add(doctor, DOCTOR_BPFFS, DOCTOR_OK, "", "pin_path '%s' is on bpffs", path);
	} else {
		doctor_add(doctor, DOCTOR_BPFFS, DOCTOR_PROBLEM, "",
			   "pin_path '%s' is on no bpffs, but on what is mounted on %s", path,
			   place);
		if (!strncmp(path, usual, strlen(usual)))
			doctor_mend(doctor, "mount -t bpf bpf %s", usual);
		else
			doctor_mend(doctor,
				    "mkdir -p $(dirname %s) && mount -t bpf bpf $(dirname %s)",
				    path, path);
	}
	free(mounts);
}

static void check_jit(struct doctor *doctor)
{
	int64_t enable, harden;

	if (host_read_number("/proc/sys/net/core/bpf_jit_enable", &enable)) {
		doctor_add(doctor, DOCTOR_JIT, enable == JIT_OFF ? DOCTOR_WARNING : DOCTOR_OK, "",
			   "net.core.bpf_jit_enable is %lld", (long long)enable);
		if (enable == JIT_OFF)
			doctor_mend(doctor, "sysctl -w net.core.bpf_jit_enable=1");
	}
	if (host_read_number("/proc/sys/net/core/bpf_jit_harden", &harden)) {
		bool all = harden >= HARDEN_ALL;

		doctor_add(doctor, DOCTOR_JIT_HARDEN, all ? DOCTOR_WARNING : DOCTOR_OK, "",
			   "net.core.bpf_jit_harden is %lld%s", (long long)harden,
			   all ? ": it hardens programs of root, too" : "");
		if (all)
			doctor_mend(doctor, "sysctl -w net.core.bpf_jit_harden=1   "
					    "# for programs that are loaded from then on");
	}
}

/* Any clock that does not go back will do: no time of day, no NTP, no exact clock source. */
static void check_clock(struct doctor *doctor)
{
	int64_t ms = host_coarse_clock_ns() / NS_A_MS;

	if (ms > COARSEST_MS)
		doctor_add(doctor, DOCTOR_CLOCK, DOCTOR_WARNING, "",
			   "the coarse clock steps by %lld ms", (long long)ms);
	else
		doctor_add(doctor, DOCTOR_CLOCK, DOCTOR_OK, "",
			   "the coarse clock steps by %lld ms; NTP is not needed", (long long)ms);
}

void doctor_check_kernel(struct doctor *doctor)
{
	check_release(doctor);
	check_bpffs(doctor);
	check_jit(doctor);
	check_clock(doctor);
}
