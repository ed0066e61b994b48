/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the program finds in its maps: services of every kind on a few addresses, backends with
 * every encapsulation, slots that are settled, moving and without owner. Services and backends are
 * always the same; settings and what the program writes are set anew for each input.
 */
#ifndef POISE_FUZZ_WORLD_H
#define POISE_FUZZ_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "poise_abi.h"

/* Addresses of services, as the generator of seeds needs them, too. */
#define WORLD_VIP4	   "203.0.113.10" /* a service of each kind */
#define WORLD_ANY4	   "203.0.113.11" /* every port */
#define WORLD_PREFIX4	   "198.18.0.0"	  /* /16 */
#define WORLD_VIP6	   "2001:db8:f::10"
#define WORLD_PREFIX6	   "2001:db8:f:1::" /* /64 */
#define WORLD_SOURCE4	   "172.16.0.0"	    /* /16: the tunnel's sources */
#define WORLD_SOURCE6	   "100::"	    /* /64 */
#define WORLD_QUIC_BACKEND "\x0a\x0b"	    /* server ids: this and the backend's number */

enum world_port { /* of services of single ports */
		  WORLD_PLAIN = 80,
		  WORLD_LEASTCONN = 81,
		  WORLD_ROUNDROBIN = 82,
		  WORLD_AFFINITY = 83,
		  WORLD_NOBODY = 84, /* no backend */
		  WORLD_STATELESS = 53,
		  WORLD_QUIC = 443,
		  WORLD_STICKY = 5000,
		  WORLD_RANGE_FIRST = 8000,
		  WORLD_RANGE_LAST = 8100,
};

enum {
	WORLD_QUIC_CONFIG = 2,
	WORLD_QUIC_ID_BYTES = 3,
	WORLD_INGRESS = 2,   /* interfaces: where frames come in */
	WORLD_OUT = 3,	     /* another way out */
	WORLD_NO_EGRESS = 4, /* one that is not in the devmap */
	WORLD_GUE_PORT = 6080,
	WORLD_IDLE_TICKS = 120,
	WORLD_BACKENDS = 40, /* numbers 1 to that are in use */
	WORLD_SERVICES = 64, /* at most, with the entries of addresses */
	WORLD_SLOTS = 4096,  /* of segment 0: all rings and schedules are in there */
};

/* What an input chooses: the first bytes of it. */
struct world_choice {
	uint8_t flags;	  /* enum world_flags */
	uint8_t mtu;	  /* of all backends: index into a few */
	uint8_t down;	  /* every backend whose number has one of these bits is down */
	uint8_t headroom; /* bytes in front of frames, times 2 */
};

enum world_flags {
	WORLD_PASS_FRAGMENTS = 1 << 0,
	WORLD_PASS_OVERSIZE = 1 << 1,
	WORLD_NO_PREFIXES = 1 << 2,
	WORLD_NO_ECHO = 1 << 3,
	WORLD_FAST_ECHO = 1 << 4, /* else one answer uses the limit up */
	WORLD_NO_ERRORS = 1 << 5,
	WORLD_FAST_ERRORS = 1 << 6,
	WORLD_NEXT_COPY = 1 << 7, /* backends are read from their second copy */
};

/* Once, after program_open(). The second is the first's. */
void world_open(uint64_t seed);
void world_open_services(void);
/* Before each input. */
void world_reset(const struct world_choice *choice);

/* Whether an address, as it stands in a packet, is one of a service's. */
/* The index of an entry, number: 0 to WORLD_SERVICES - 1; 0 when there are not so many. */
uint32_t world_service(uint32_t number);
bool world_is_virtual(uint8_t family, const uint8_t *bytes);
/* enum poise_encapsulation; 4 or 6. */
uint8_t world_backend_kind(uint32_t number);
uint8_t world_backend_family(uint32_t number);
/* The entry that the program uses. */
const struct poise_backend *world_backend(uint32_t number);

#endif
