// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "agent_second.h"

#include <string.h>

#include "hex.h"

const char *const SECOND_NEXT[] = { "10.0.1.12", NULL };

bool second_begin(void)
{
	unsigned int ifindex = agent_host_begin();
	int err = agent_run_begin(AGENT_RUN_XDP);

	if (err) {
		tap_note("the program cannot be loaded: %s", strerror(-err));
		return false;
	}
	agent_run_interface(ifindex);
	agent_host_lo_forwards(true);
	agent_run_second_chance(true, NULL, 0);
	agent_run_add_hop(4, "10.0.1.0", 24);
	return true;
}

bool second_opened(const char *name, const struct packet *in, int inner,
		   enum poise_agent_decision decision, const struct packet *out)
{
	return agent_run_decided(name, in, (int)agent_run_opened_reason(in, 4, inner),
				 (int)decision, out, inner, out->length - ETH_BYTES);
}
