/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Points at which a test lets poised die, as kill -9 would. They are nothing, unless it is built
 * with POISE_FAULTS (build/poised-faults): then each says its name on standard error, and dies when
 * the file that the environment's POISE_FAULT_FILE names holds that name, or NAME:N when it is
 * passed for the Nth time since; while it holds NAME= it waits there. The section poise_faults of
 * the program lists them all.
 */
#ifndef POISE_FAULT_H
#define POISE_FAULT_H

#ifdef POISE_FAULTS
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the file holds; "" without one. */
static inline void fault_wanted(char *out, size_t size)
{
	const char *path = getenv("POISE_FAULT_FILE");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t length = fd < 0 ? 0 : read(fd, out, size - 1);

	if (fd >= 0)
		close(fd);
	out[length > 0 ? length : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

static inline void fault_pass(const char *name, int *passes)
{
	size_t length = strlen(name);
	char wanted[64];

	fprintf(stderr, "fault point %s\n", name);
	fault_wanted(wanted, sizeof(wanted));
	if (strncmp(wanted, name, length) != 0)
		return;
	while (wanted[length] == '=') {
		usleep(20000);
		fault_wanted(wanted, sizeof(wanted));
		if (strncmp(wanted, name, length) != 0)
			return;
	}
	++*passes;
	if (!wanted[length] || (wanted[length] == ':' && atoi(wanted + length + 1) == *passes))
		raise(SIGKILL);
}

#define FAULT_POINT(name)                                                                          \
	do {                                                                                       \
		static const char fault_name[] __attribute__((section("poise_faults"), used)) =    \
			name;                                                                      \
		static int fault_passes;                                                           \
		fault_pass(fault_name, &fault_passes);                                             \
	} while (0)
#else
#define FAULT_POINT(name) ((void)0)
#endif

#endif
