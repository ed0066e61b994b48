/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which service answers on which port of an address: services of addresses and of prefixes, of
 * ports and of port ranges, that lie over one another become a sorted list of port ranges without
 * overlaps for each address and prefix. Pure; the data plane looks up what this works out.
 */
#ifndef POISE_PORT_LISTS_H
#define POISE_PORT_LISTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "poise_abi.h"

/* A service, as far as it matters here. */
struct port_service {
	struct prefix prefix; /* of full length: one address */
	uint16_t first, last; /* ports, host byte order, both included */
	uint8_t protocol;     /* IPPROTO_TCP or IPPROTO_UDP */
	uint16_t index;	      /* what the lists name it by */
};

struct port_list {
	struct poise_port_range *ranges;
	size_t count;
};

enum port_protocol { PORT_TCP = 0, PORT_UDP = 1, PORT_PROTOCOLS = 2 };

/* An address or prefix that has services of its own. */
struct port_entry {
	struct prefix prefix;
	struct port_list lists[PORT_PROTOCOLS];
};

struct port_lists {
	struct port_entry *entries; /* in the order of port_prefix_compare() */
	size_t count;
};

/*
 * Fills out, which port_lists_free() releases. On a port the service of the longest prefix answers,
 * of those the one with the fewest ports (then the lowest first port). A list holds the services of
 * its prefix and of all shorter ones. Those of one port of one address are left out: the data plane
 * finds them before it looks at lists. 0 or -ENOMEM.
 */
int port_lists_build(const struct port_service *services, size_t count, struct port_lists *out);
void port_lists_free(struct port_lists *lists);

bool port_service_is_exact(const struct port_service *service);
uint8_t address_bits(const struct address *address); /* of its family: 32 or 128 */
bool prefix_is_address(const struct prefix *prefix);
bool prefix_holds(const struct prefix *outer, const struct prefix *inner);

/* Orders prefixes by family, address and length: a prefix comes before those that it holds. */
int port_prefix_compare(const struct prefix *a, const struct prefix *b);

#endif
