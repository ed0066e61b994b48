/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where an interface's maps and program can be found in bpffs: PATH/IFACE/settings and so on. The
 * pins are for people and other programs; what is attached is asked of the kernel, not of them.
 */
#ifndef POISE_AGENT_PINS_H
#define POISE_AGENT_PINS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "attachment.h"
#include "maps.h"

#define PINS_DEFAULT_PATH "/sys/fs/bpf/poise-agent"

enum { PINS_WAIT_SECONDS = 10 };

struct pins {
	char directory[4096]; /* PATH/IFACE; dots in IFACE, which bpffs refuses, are colons */
	int lock;	      /* held while open: one command at a time */
	pid_t holder;	      /* after -EWOULDBLOCK: who has the lock; 0: that is not known */
};

/* Mounts bpffs on /sys/fs/bpf if it is missing, makes PATH, and locks it, waiting PINS_WAIT_SECONDS
 * for it. 0 or a negative errno: -EMEDIUMTYPE when PATH is not in a bpffs. */
int pins_open(const char *path, const char *interface, struct pins *pins);
void pins_close(struct pins *pins);

/*
 * The lock of an interface's own pins is that of the `run` which keeps it attached. Returns a
 * descriptor, as lock.h says; -ENOENT: the interface has no pins, and so nobody the lock.
 */
int pins_keep(struct pins *pins);

/* Pins the maps and the programs, in place of what was pinned before, by whatever version. 0 or a
 * negative errno. */
int pins_set(const struct pins *pins, const struct maps *maps, const struct attachment *attachment);

/* Removes all, of whatever version. 0 (found: whether there was any) or a negative errno. */
int pins_remove(const struct pins *pins, bool *found);

#endif
