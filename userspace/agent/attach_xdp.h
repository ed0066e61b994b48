/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The program on an interface's XDP hook: what is attached, attaching, replacing, detaching.
 * Through libxdp's dispatcher where the kernel can load that, else as the interface's single
 * program.
 */
#ifndef POISE_AGENT_ATTACH_XDP_H
#define POISE_AGENT_ATTACH_XDP_H

#include <stdbool.h>
#include <stdint.h>

#include "maps.h"
#include "options.h"

struct attach_xdp {
	uint32_t program_id; /* poise_agent's; 0: not attached */
	bool native;	     /* else generic */
	bool dispatcher;     /* in libxdp's chain; else the single program */
	uint32_t single_id;  /* of another single program that holds the interface; 0: none */
	char single_name[64];
};

/* What is attached now, as the kernel says. 0 or a negative errno. */
int attach_xdp_find(unsigned int ifindex, struct attach_xdp *out);

/*
 * Whether the program may be attached, or replaced, in this mode: 0; -EBUSY when another single
 * program holds the interface; -EEXIST when what is attached runs in another mode.
 */
int attach_xdp_check(enum attach_mode mode, const struct attach_xdp *now);

/*
 * Attaches the program with these maps; old is what attach_xdp_find() said. If poise_agent is
 * attached, it is replaced, in the mode that it has. 0, or a negative errno with everything as it
 * was.
 */
int attach_xdp_make(unsigned int ifindex, enum attach_mode mode, const struct maps *maps,
		    const struct attach_xdp *old);

/* Detaches every poise_agent. 0 or a negative errno. */
int attach_xdp_remove(unsigned int ifindex);

#endif
