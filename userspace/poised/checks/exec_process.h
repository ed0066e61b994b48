/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A program of the configuration as a process of its own: without a shell, without this process's
 * files, capabilities and signals, with limits, as another user. It never outlives poised.
 */
#ifndef POISE_EXEC_PROCESS_H
#define POISE_EXEC_PROCESS_H

#include <sys/types.h>

struct event_base;

enum { EXEC_STEP_BYTES = 64 };

struct exec_spec {
	char *const *command; /* argv; the first is an absolute path */
	char *const *environment;
	const char *user;     /* for error texts */
	uid_t uid;	      /* not 0 */
	gid_t gid;	      /* its only group */
	unsigned cpu_seconds; /* at most 1 more until it is killed */
};

struct exec_process {
	pid_t pid;
	int pidfd;  /* readable when it has ended */
	int output; /* what it writes to stdout and stderr; non-blocking */
};

/* Starts it. 0, or a negative errno; step says what failed then ("becoming user 'nobody'"). */
int exec_process_start(const struct exec_spec *spec, struct exec_process *out,
		       char step[EXEC_STEP_BYTES]);

/* Kills what is left of it and of what it started, closes the files, and collects it, at once or
 * from the event loop as soon as the kernel has ended it. status: of waitpid(), -1 when it had not
 * ended by itself. */
void exec_process_end(struct exec_process *process, struct event_base *base, int *status);

#endif
