/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The agent's maps (poise_agent_abi.h): the only file that reads and writes them. */
#ifndef POISE_AGENT_MAPS_H
#define POISE_AGENT_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "poise_agent_abi.h"

#define MAPS(X) X(settings) X(vips) X(vip_prefixes) X(sources) X(hops) X(reasons) X(decisions)

struct maps { /* file descriptors; -1: not there */
#define MAPS_FIELD(name) int name;
	MAPS(MAPS_FIELD)
#undef MAPS_FIELD
};

struct maps_vip {
	struct prefix prefix;		/* one of full length is an address */
	struct poise_agent_count count; /* summed over the CPUs */
};

/* How tunnels are opened, and what is done about packets for other backends and large segments. */
struct maps_tunnels {
	uint32_t encapsulations; /* as in struct poise_agent_settings */
	uint16_t gue_port;	 /* host order */
	bool second_chance;
	struct prefix source4, source6; /* of tunnels whose family changes */
	uint16_t mss4, mss6;		/* bytes; 0: any */
	int32_t namespaces[POISE_AGENT_MAX_NAMESPACES];
	size_t namespace_count;
};

struct maps_content {
	struct maps_vip *vips; /* sorted: IPv4 first, by address and length */
	size_t vip_count;
	struct prefix *sources; /* sorted likewise; none: any source */
	size_t source_count;
	struct prefix *hops; /* sorted likewise: where a packet may be sent on to */
	size_t hop_count;
	struct maps_tunnels tunnels;
	uint64_t reasons[POISE_AGENT_REASON_COUNT]; /* packets, summed over the CPUs */
	uint64_t decisions[POISE_AGENT_DECISION_COUNT];
};

void maps_init(struct maps *maps); /* none is there */
void maps_close(struct maps *maps);
bool maps_are_complete(const struct maps *maps); /* each one is there */

/* Further descriptors of the same maps. 0 or a negative errno, with none in *out. */
int maps_copy(const struct maps *maps, struct maps *out);

/* New empty maps. 0 or a negative errno. */
int maps_create(struct maps *maps);

/* The maps that a loaded program uses; those that it does not have stay -1. 0 or a negative errno.
 */
int maps_open_program(uint32_t program_id, struct maps *maps);

/* Lets every map live with the loaded program, which may not use it, and be found by it. 0 or a
 * negative errno. */
int maps_bind(const struct maps *maps, int program);

/* The ABI version that stands in settings. 0, or a negative errno when there is none. */
int maps_abi_version(int settings, uint32_t *version);

/*
 * Replace a whole set. What is new is added before what is gone is removed: at no time is anything
 * absent that is in both sets, and on an error everything old is still there. 0 or a negative
 * errno.
 */
int maps_set_vips(const struct maps *maps, const struct prefix *vips, size_t count);
int maps_set_sources(const struct maps *maps, const struct prefix *sources, size_t count);
int maps_set_hops(const struct maps *maps, const struct prefix *hops, size_t count);

/* 0 or a negative errno. */
int maps_set_tunnels(const struct maps *maps, const struct maps_tunnels *tunnels);

/* Those whose sockets count, of settings that are filled. 0 or a negative errno. */
int maps_set_namespaces(const struct maps *maps, const int32_t *ids, size_t count);

/* The first version whose counters have the places that they have now: include/poise_agent_abi.h.
 */
enum { MAPS_FIRST_CARRIED = 2 };

/*
 * Adds the counters of old maps, of another version, in which no program counts any more, to those
 * that have taken their place, where both have them: of reasons and decisions, and of VIPs that are
 * in both. 0 or a negative errno.
 */
int maps_carry_counters(const struct maps *old, const struct maps *maps);

/* How tunnels are opened. 0 or a negative errno. */
int maps_read_tunnels(const struct maps *maps, struct maps_tunnels *tunnels);

/* Reads all; maps_content_free() releases it. 0 or a negative errno, with content empty. */
int maps_read(const struct maps *maps, struct maps_content *content);
void maps_content_free(struct maps_content *content);

#endif
