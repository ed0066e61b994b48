// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What poise-agent has on an interface: see attachment.h. */
#include "attachment.h"

int attachment_find(unsigned int ifindex, struct attachment *out)
{
	int err = attach_xdp_find(ifindex, &out->xdp);

	if (!err)
		err = attach_tc_find(ifindex, &out->tc);
	out->program_id = out->xdp.program_id;
	if (!out->program_id && !out->tc.after_xdp)
		out->program_id = out->tc.ingress_id;
	return err;
}

bool attachment_in_tc(const struct attachment *attachment)
{
	return attachment->program_id && !attachment->xdp.program_id;
}

const char *attachment_mode(const struct attachment *attachment)
{
	if (attachment_in_tc(attachment))
		return "tc";
	return attachment->xdp.native ? "native" : "generic";
}

const char *attachment_chain(const struct attachment *attachment)
{
	if (attachment_in_tc(attachment))
		return "clsact";
	return attachment->xdp.dispatcher ? "dispatcher" : "single";
}

static bool wants_tc(enum attach_mode mode, const struct attachment *old)
{
	return mode == ATTACH_TC || (mode == ATTACH_AUTO && attachment_in_tc(old));
}

int attachment_check(enum attach_mode mode, const struct attachment *now)
{
	return wants_tc(mode, now) ? 0 : attach_xdp_check(mode, &now->xdp);
}

static int make_in_tc(unsigned int ifindex, const struct maps *maps, const struct attachment *old)
{
	int err = attach_tc_ingress(ifindex, ATTACH_TC_ALONE, maps);

	return err || !old->xdp.program_id ? err : attach_xdp_remove(ifindex);
}

/*
 * The program in TC goes on as long as it is alone; when it is there for what XDP leaves to it, it
 * is there before XDP is.
 */
static int make_in_xdp(unsigned int ifindex, const struct attachment_wish *wish,
		       const struct maps *maps, const struct attachment *old)
{
	bool alone = attachment_in_tc(old);
	int err = 0;

	if (wish->second_chance && !alone)
		err = attach_tc_ingress(ifindex, ATTACH_TC_AFTER_XDP, maps);
	if (!err)
		err = attach_xdp_make(ifindex, wish->mode, maps, &old->xdp);
	if (!err && wish->second_chance && alone)
		err = attach_tc_ingress(ifindex, ATTACH_TC_AFTER_XDP, maps);
	return err;
}

int attachment_make(unsigned int ifindex, const struct attachment_wish *wish,
		    const struct maps *maps, const struct attachment *old, struct attachment *out)
{
	bool tc = wants_tc(wish->mode, old);
	int err;

	err = tc ? make_in_tc(ifindex, maps, old) : make_in_xdp(ifindex, wish, maps, old);
	if (!err)
		err = attach_tc_keep(ifindex, tc || wish->second_chance, true);
	return err ? err : attachment_find(ifindex, out);
}

int attachment_clamp(unsigned int ifindex, bool clamp, const struct maps *maps,
		     struct attachment *out)
{
	int err = clamp ? attach_tc_egress(ifindex, maps) : attach_tc_keep(ifindex, true, false);

	return err ? err : attachment_find(ifindex, out);
}

int attachment_remove(unsigned int ifindex)
{
	int err = attach_xdp_remove(ifindex);

	return err ? err : attach_tc_keep(ifindex, false, false);
}
