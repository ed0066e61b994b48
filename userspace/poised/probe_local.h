/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What probes of a service need when its address is this host's own (keepalived put it there): an
 * address to send from that is not the service's, and for IPv4 a host that takes packets from an
 * address of its own off the wire, which the backend's answers are (net.ipv4.conf.*.accept_local).
 */
#ifndef POISE_PROBE_LOCAL_H
#define POISE_PROBE_LOCAL_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "address.h"

/* As last found out; zeroed before. */
struct probe_local {
	struct address source; /* family 0: the interface has none */
	bool accepted;
	char interface[IF_NAMESIZE];
	int64_t until_ms; /* when it is looked up anew */
};

/* service: the service's address; interface: that to the backend, where its answers come in. Asks
 * the kernel every few seconds at most. */
void probe_local_refresh(struct probe_local *local, const struct address *service,
			 const char *interface);

#endif
