/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The probes' program at the egress of an interface: by a tcx link (Linux 6.6), which ends with
 * this process, else as a filter of clsact with a handle and priority of our own. Filters of others
 * stay as they are.
 */
#ifndef POISE_PROBE_ATTACH_H
#define POISE_PROBE_ATTACH_H

#include <stdint.h>
#include <stdio.h>

struct probe_attachment {
	uint32_t ifindex; /* 0: nowhere */
	int link_fd;	  /* -1: a filter of clsact */
};

/* Replaces the filter that an earlier poised left. 0 or a negative errno; -EBUSY: someone else's
 * filter has our handle and priority. */
int probe_attach(int program_fd, uint32_t ifindex, struct probe_attachment *out);
void probe_detach(struct probe_attachment *attachment);

/* Takes filters of clsact off every interface of this network namespace, named on out (NULL:
 * silent). 0 or a negative errno. */
int probe_detach_all(FILE *out);

#endif
