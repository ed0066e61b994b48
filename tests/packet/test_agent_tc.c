// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poise_agent_tc, where it is unlike XDP: what GRO made one frame of, and what XDP left to it. */
#include <linux/bpf.h>

#include "agent_run.h"
#include "hex.h"

enum { SEGMENT = 1400, SECOND_BYTES = 60 };

static const char *const NAMES[] = { "IP in IP", "GUE", "GRE" };

/* The tunnel's packet goes on behind the inner one, as when another one followed. */
static void test_merged(int shim, int outer, int inner)
{
	struct header header = { .encapsulation = shim };
	struct packet packet = agent_packet_inner(inner, &AGENT_TO_VIP, (struct header){ 0 }), in;

	packet.length += SECOND_BYTES;
	in = agent_packet_wrap(&packet, outer, &AGENT_TUNNEL, header);
	tap_ok(agent_run_opened("one packet", &in, outer, inner, &packet, SECOND_BYTES),
	       "%s, %d in %d, with bytes behind the inner packet: opened", NAMES[shim], inner,
	       outer);
	agent_run_merged(SEGMENT);
	tap_ok(agent_run_refused("merged", &in, POISE_AGENT_REASON_MERGED),
	       "%s, %d in %d, merged with what followed it: dropped", NAMES[shim], inner, outer);
	agent_run_merged(0);
}

static uint64_t all_counters(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < POISE_AGENT_REASON_COUNT; i++)
		sum += agent_run_counter(i);
	return sum;
}

static void test_not_left(int outer, int inner)
{
	struct packet in = agent_packet_tunnel(outer, inner), out;
	uint64_t before = all_counters();

	tap_ok(agent_run_packet(&in, &out) == XDP_PASS && all_counters() == before &&
		       packet_equal("not left", in.bytes, in.length, out.bytes, out.length),
	       "after XDP, %d in %d without its mark: untouched and not counted", inner, outer);
}

int main(void)
{
	if (agent_run_begin(AGENT_RUN_TC))
		return 1;
	for (int shim = 0; shim < POISE_AGENT_ENCAPSULATION_COUNT; shim++)
		for (int mix = 0; mix < 4; mix++)
			test_merged(shim, mix & 1 ? 6 : 4, mix & 2 ? 6 : 4);
	agent_run_end();
	if (agent_run_begin(AGENT_RUN_TC_AFTER_XDP))
		return 1;
	for (int mix = 0; mix < 4; mix++)
		test_not_left(mix & 1 ? 6 : 4, mix & 2 ? 6 : 4);
	agent_run_end();
	return tap_done();
}
