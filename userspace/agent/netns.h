/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Network namespaces by the ids that they have in this process's one: programs name them so. */
#ifndef POISE_AGENT_NETNS_H
#define POISE_AGENT_NETNS_H

#include <stdint.h>

/*
 * The id of the network namespace at path (/run/netns/NAME, /proc/PID/ns/net); one that has none is
 * given one, which takes CAP_NET_ADMIN. The id ends with the namespace, and may then be another's.
 * 0; -ENOTTY: path is no network namespace; or another negative errno.
 */
int netns_find_id(const char *path, int32_t *id);

#endif
