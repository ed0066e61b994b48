/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the host is set to, asked of the kernel: routes, addresses, devices, sysctls. Judges
 * nothing. */
#ifndef POISE_AGENT_HOST_H
#define POISE_AGENT_HOST_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

struct host_route {
	struct address gateway; /* family 0: none */
	char interface[IF_NAMESIZE];
	uint32_t priority; /* the metric */
	uint32_t table;
	uint32_t advmss; /* bytes; 0: not set */
	uint32_t mtu;	 /* bytes; 0: not set */
};

struct host_tunnel {
	char interface[IF_NAMESIZE];
	char kind[16]; /* as `ip link` names it: ipip, gre... */
};

enum { HOST_SYSCTL_BYTES = 128, HOST_MAX_TUNNELS = 16 };

/* name is a path below /proc/sys, as "net/ipv4/conf/all/rp_filter". 0 or a negative errno. */
int host_sysctl_get(const char *name, long *value);
int host_sysctl_set(const char *name, long value);

/* Whether the host takes packets for the address as its own. 0 or a negative errno. */
int host_is_local(const struct address *address, bool *local);
int host_holds_prefix(const struct prefix *prefix, bool *local); /* its first and last address */

/* The interface that has the address; false when none has (it may be local by a route). */
bool host_find_address(const struct address *address, char interface[IF_NAMESIZE]);

/* Whether the interface has an address of the family besides link-local ones. */
bool host_has_family(const char *interface, uint8_t family);

/*
 * Adds the address, with its full length, to lo, and waits until it is local. 0 or a negative
 * errno; -ETIMEDOUT: added, but not local within 5 s.
 */
int host_add_to_lo(const struct address *address);

/* Makes every address of the prefix local by a route. 0 or a negative errno. */
int host_add_local_route(const struct prefix *prefix);

/* The default route of the family (4, 6) with the best metric. 0, -ENOENT, or a negative errno. */
int host_default_route(uint8_t family, struct host_route *out);

/* The route to the address. 0; -ENETUNREACH: none, or one that refuses; or a negative errno. */
int host_find_route(const struct address *address, struct host_route *out);

/* Whether the neighbour was asked for and has not answered (NUD_FAILED). */
bool host_neighbour_failed(const char *interface, const struct address *address);

/* The tunnel devices that are up. Returns how many, or a negative errno. */
int host_find_tunnels(struct host_tunnel tunnels[HOST_MAX_TUNNELS]);

/* 0 or a negative errno. */
int host_mtu(const char *interface, uint32_t *mtu);

/* Whether frames on the interface begin with an Ethernet header. */
bool host_is_ethernet(const char *interface);

#endif
