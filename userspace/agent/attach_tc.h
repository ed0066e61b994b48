/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs on an interface's TC hooks: attaching, replacing, detaching. They are filters of the
 * clsact qdisc, which every kernel has and other programs can share: always of the same priority
 * and handle, so that a new program takes the place of the old one in one step.
 */
#ifndef POISE_AGENT_ATTACH_TC_H
#define POISE_AGENT_ATTACH_TC_H

#include <stdbool.h>
#include <stdint.h>

#include "maps.h"

enum attach_tc_ingress {
	ATTACH_TC_NONE,
	ATTACH_TC_ALONE,     /* in place of XDP */
	ATTACH_TC_AFTER_XDP, /* for what XDP leaves to TC */
};

struct attach_tc {
	uint32_t ingress_id; /* of poise_agent_tc; 0: not attached */
	uint32_t egress_id;  /* of poise_agent_mss; 0: not attached */
	bool after_xdp;	     /* poise_agent_tc is there for what XDP leaves to it alone */
};

/* What is attached now, as the kernel says. 0 or a negative errno. */
int attach_tc_find(unsigned int ifindex, struct attach_tc *out);

/*
 * Attaches, with these maps, what is asked for, or replaces it. 0, or a negative errno with what
 * was attached before still there: -EADDRINUSE when a filter of somebody else's has the place;
 * -ENOTSUP when the interface has the older 'ingress' qdisc, which has no egress.
 */
int attach_tc_ingress(unsigned int ifindex, enum attach_tc_ingress ingress,
		      const struct maps *maps);
int attach_tc_egress(unsigned int ifindex, const struct maps *maps);

/*
 * Detaches what is not named: ingress, egress. With the interface's last filter its clsact goes,
 * too. 0 or a negative errno.
 */
int attach_tc_keep(unsigned int ifindex, bool ingress, bool egress);

#endif
