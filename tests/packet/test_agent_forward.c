// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * poise_agent and connections that no socket knows: what is sent on to the chain's next hop, to the
 * byte, checksums and MAC addresses included, and what is opened for want of a way there.
 */
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include "agent_chain.h"
#include "agent_host.h"
#include "agent_run.h"
#include "hex.h"

#define FOR_EACH_MIX(outer, inner)                                                                 \
	for (int outer = 4; outer <= 6; outer += 2)                                                \
		for (int inner = 4; inner <= 6; inner += 2)

enum { PORT = AGENT_UNUSED_PORT, LARGEST = 1368 };

static struct layer segment(void)
{
	return tcp(CHAIN_CLIENT_PORT, PORT, ACK | PSH);
}

static bool is_sent(const char *name, const struct packet *in, const struct packet *out)
{
	return agent_run_decided(name, in, POISE_AGENT_REASON_FORWARDED,
				 POISE_AGENT_DECISION_SENT_ON, out, 0, 0);
}

/* Both hops of each family, the packet's length even and odd. */
static void test_mixes(void)
{
	FOR_EACH_MIX(outer, inner)
	{
		for (int mix = 0; mix < 6; mix++) {
			const char *hops[] = { AGENT_NEAR[mix & 1],
					       mix < 4 ? AGENT_NEAR[mix >> 1] : NULL, NULL };
			bool passed = true;

			for (size_t bytes = 0; bytes <= LARGEST; bytes += bytes < 8 ? 1 : 277) {
				struct packet in = CHAIN_IN(outer, inner, hops, chain_inner(inner),
							    segment(), payload(bytes));
				struct packet out =
					CHAIN_SENT(outer, inner, hops, chain_inner(inner),
						   segment(), payload(bytes));

				passed &= is_sent("mix", &in, &out);
			}
			tap_ok(passed, "IPv%d in IPv%d, to %s, then %s: sent on to the byte", inner,
			       outer, hops[0], hops[1] ? hops[1] : "nobody");
		}
	}
}

int main(void)
{
	unsigned int ifindex = agent_host_begin();
	int err = agent_run_begin(AGENT_RUN_XDP);

	if (err) {
		tap_note("the program cannot be loaded: %s", strerror(-err));
		return 1;
	}
	agent_run_interface(ifindex);
	agent_host_lo_forwards(true);
	agent_run_second_chance(true, NULL, 0);
	agent_run_tunnel_sources(CHAIN_SOURCE4, CHAIN_SOURCE_MASK, CHAIN_SOURCE6,
				 CHAIN_SOURCE_MASK);
	agent_run_add_hop(4, "10.0.0.0", 8);
	agent_run_add_hop(6, "2001:db8::", 32);

	test_mixes();
	agent_run_end();
	return tap_done();
}
