// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poise-agent detach: programs and pins. */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "commands.h"
#include "message.h"

/* Works without looking into the maps, so that it also ends what another version began. */
static int detach_locked(const struct options *options, unsigned int ifindex,
			 const struct pins *pins)
{
	struct attachment old = { 0 };
	bool found, attached;
	int err = 0;

	if (ifindex)
		err = attachment_find(ifindex, &old);
	attached = old.program_id || old.tc.ingress_id || old.tc.egress_id;
	if (!err && attached)
		err = attachment_remove(ifindex);
	if (err)
		return refuse("cannot detach from \"%s\": %s", options->interface, strerror(-err));
	err = pins_remove(pins, &found);
	if (err)
		return refuse("cannot remove \"%s\": %s", pins->directory, strerror(-err));
	if (!attached && !found)
		return refuse("poise-agent is not attached to \"%s\"", options->interface);
	printf(attached ? "detached from \"%s\"\n" : "removed the pins of \"%s\"\n",
	       options->interface);
	return EXIT_DONE;
}

int command_detach(const struct options *options)
{
	unsigned int ifindex = if_nametoindex(options->interface);
	struct pins pins;
	int code = attach_open_pins(options, &pins);

	if (code != EXIT_DONE)
		return code;
	code = attach_check_kept(options, &pins);
	if (code == EXIT_DONE)
		code = detach_locked(options, ifindex, &pins);
	pins_close(&pins);
	return code;
}
