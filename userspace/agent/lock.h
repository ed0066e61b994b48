/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Locks on directories, which bpffs has no other files for: flock(2), and who has one. */
#ifndef POISE_AGENT_LOCK_H
#define POISE_AGENT_LOCK_H

#include <sys/types.h>

/*
 * Opens and locks a directory, for which it waits so many seconds at most. The lock lasts until the
 * returned descriptor, and each copy of it that a child has, is closed. A negative errno:
 * -EWOULDBLOCK when *holder (0: who is not known) still has the lock.
 */
int lock_directory(const char *path, unsigned int seconds, pid_t *holder);

#endif
