/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What poise-agent has on an interface: the program that opens tunnels, in XDP or in TC; beside XDP
 * one in TC for packets that XDP leaves to it; and the one that makes segments smaller.
 */
#ifndef POISE_AGENT_ATTACHMENT_H
#define POISE_AGENT_ATTACHMENT_H

#include "attach_tc.h"
#include "attach_xdp.h"

struct attachment {
	uint32_t program_id; /* of what opens tunnels; 0: nothing is attached */
	struct attach_xdp xdp;
	struct attach_tc tc;
};

struct attachment_wish {
	enum attach_mode mode;
	bool second_chance; /* beside XDP, TC is needed */
};

/* What is attached now, as the kernel says. 0 or a negative errno. */
int attachment_find(unsigned int ifindex, struct attachment *out);

/* Whether tunnels are opened in TC; false also when nothing is attached. */
bool attachment_in_tc(const struct attachment *attachment);

/* "native", "generic" or "tc". */
const char *attachment_mode(const struct attachment *attachment);

/* How other programs share the hook: "dispatcher" or "single" in XDP, "clsact" in TC. */
const char *attachment_chain(const struct attachment *attachment);

/* What attach_xdp_check() says of the mode, where that is one of XDP. */
int attachment_check(enum attach_mode mode, const struct attachment *now);

/*
 * Attaches what opens tunnels, with these maps; old is what attachment_find() said. What is
 * attached is replaced, and leaves XDP for TC or TC for XDP when the new one is there. 0, with *out
 * as it is then, or a negative errno: those of attach_tc.h, too.
 */
int attachment_make(unsigned int ifindex, const struct attachment_wish *wish,
		    const struct maps *maps, const struct attachment *old, struct attachment *out);

/* Attaches or detaches what makes segments smaller. Like attachment_make(). */
int attachment_clamp(unsigned int ifindex, bool clamp, const struct maps *maps,
		     struct attachment *out);

/* Detaches all. 0 or a negative errno. */
int attachment_remove(unsigned int ifindex);

#endif
