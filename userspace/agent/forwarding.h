/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether programs may ask for routes of the host's own packets. These begin at lo, and the kernel
 * tells routes of an interface that forwards (find_route() in bpf/agent_forward.bpf.h). What sets
 * forwarding of the whole host, on or off, sets that of lo as well.
 */
#ifndef POISE_AGENT_FORWARDING_H
#define POISE_AGENT_FORWARDING_H

#include <stdbool.h>
#include <stdint.h>

/* The sysctl of a family (4, 6), as host.h names it. */
const char *forwarding_name(uint8_t family);

/* Whether it is off; not where the host lacks the family. */
bool forwarding_is_off(uint8_t family);

/* Switches it on. 0 or a negative errno. */
int forwarding_set(uint8_t family);

#endif
