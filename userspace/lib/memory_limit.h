/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The memory limit that the kernel sets a process by its control groups (cgroups(7)), version 1
 * or 2. */
#ifndef POISE_MEMORY_LIMIT_H
#define POISE_MEMORY_LIMIT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct memory_limit {
	char file[PATH_MAX]; /* the limit's, which may be written to */
	int64_t bytes;
	int64_t used;  /* of all that share the limit: memory, maps and the cache of files; -1:
			  unknown */
	int64_t cache; /* of that, the cache of files, which the kernel gives up for others */
};

/*
 * Finds the least limit among the process's control group and those around it, where the files lie
 * below /sys/fs/cgroup as usual. of: /proc/PID/cgroup of the process. read returns a file's text,
 * to be free()d, or NULL. false: no limit, or none that can be read.
 */
bool memory_limit_find(const char *of, char *(*read)(const char *path), struct memory_limit *out);

#endif
