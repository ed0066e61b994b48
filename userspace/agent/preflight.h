/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What commonly goes wrong on a backend: looks at the host, and says what was found, why it matters
 * and which command mends it. Changes nothing but in preflight_mend().
 */
#ifndef POISE_AGENT_PREFLIGHT_H
#define POISE_AGENT_PREFLIGHT_H

#include <stdbool.h>
#include <stddef.h>

#include "address.h"
#include "host.h"
#include "segment.h"

/* The checks: X(name). Names in lower case are those of `poise-agent status --json`. */
#define PREFLIGHT_CHECKS(X)                                                                        \
	X(VIP)                                                                                     \
	X(FORWARDING)                                                                              \
	X(RP_FILTER)                                                                               \
	X(ARP_IGNORE)                                                                              \
	X(ARP_ANNOUNCE)                                                                            \
	X(MTU)                                                                                     \
	X(TUNNEL_DEVICE)

enum preflight_check {
#define PREFLIGHT_ENUM(name) PREFLIGHT_##name,
	PREFLIGHT_CHECKS(PREFLIGHT_ENUM)
#undef PREFLIGHT_ENUM
};

/* What preflight_mend() does for a finding. */
enum preflight_mending { MEND_BY_HAND, MEND_ADDRESS, MEND_ROUTE, MEND_SYSCTL };

struct finding {
	enum preflight_check check;
	char found[256];
	const char *why;
	char command[256]; /* mends it */
	enum preflight_mending mending;
	struct prefix prefix;		/* MEND_ADDRESS, MEND_ROUTE: to be added to lo */
	char sysctl[HOST_SYSCTL_BYTES]; /* MEND_SYSCTL: to be set to value */
	long value;
};

struct findings {
	struct finding *list;
	size_t count;
};

struct preflight_target {
	const char *interface;
	const struct prefix *vips;
	size_t vip_count;
	const struct prefix *sources;
	size_t source_count;
	const struct prefix *hops; /* none: second chance is off */
	size_t hop_count;
	uint32_t encapsulations; /* as in struct poise_agent_settings */
	uint16_t mss4, mss6;	 /* that SYN-ACKs are held to; 0: any */
};

/* The tunnels into the interface: the largest that may come. */
struct segment_tunnel preflight_tunnel(const struct preflight_target *target);

/* 0 (findings_free() releases what was found) or -ENOMEM. What the host cannot be asked is skipped.
 */
int preflight(const struct preflight_target *target, struct findings *out);
void findings_free(struct findings *findings);

/* Does what command says; not for MEND_BY_HAND. 0 or a negative errno. */
int preflight_mend(const struct finding *finding);

const char *preflight_check_name(enum preflight_check check);

#endif
