// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * poise-agent's program on any packets: no access beside the packet, one count for each, passed
 * packets unchanged, and what comes out of a tunnel is what is in it, for a VIP, with the outer
 * header's ECN. An input is a byte of settings and then frames (input.h).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "open.h"

#include "agent.bpf.c"

#include "view.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "does not hold: %s\n", #condition);                        \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

enum {
	CHECK_SOURCES = 1 << 0, /* of the settings' byte */
	NOT_ALL = 1 << 1,	/* only the tunnels of its upper bits are opened */
	TUNNELS_SHIFT = 4,
	MACS_BYTES = 12,
	ECN = 3,
};

/* The same as those of the balancer's seeds. */
static const struct poise_agent_prefix vip4 = { 64, 4, { 203, 0, 113, 10 } };
static const struct poise_agent_prefix prefix4 = { 48, 4, { 198, 18 } };
static const struct poise_agent_prefix vip6 = { 160,
						6,
						{ 0x20, 1, 0xd, 0xb8, 0, 0xf, [15] = 0x10 } };
static const struct poise_agent_prefix source4 = { 48, 4, { 172, 16 } };
static const struct poise_agent_prefix source6 = { 96, 6, { 1, 0 } };

static const int verdicts[] = {
#define VERDICT(name, verdict, text) [POISE_AGENT_REASON_##name] = verdict,
	POISE_AGENT_REASONS(VERDICT)
#undef VERDICT
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct poise_agent_count none = { 0 };
	const uint32_t nothing = 0;

	(void)argc;
	(void)argv;
	SHIM_OPEN(settings, 0);
	SHIM_OPEN(vips, 0);
	SHIM_OPEN(vip_prefixes, 0);
	SHIM_OPEN(sources, 0);
	SHIM_OPEN(hops, 0);
	SHIM_OPEN(reasons, 0);
	SHIM_OPEN(decisions, 0);
	shim_hash_set("vips", &vip4, &none);
	shim_hash_set("vips", &prefix4, &none);
	shim_hash_set("vips", &vip6, &none);
	shim_hash_set("vip_prefixes", &prefix4, &prefix4);
	shim_hash_set("sources", &source4, &nothing);
	shim_hash_set("sources", &source6, &nothing);
	return 0;
}

static void reset(uint8_t choice)
{
	*(struct poise_agent_settings *)shim_array("settings") = (struct poise_agent_settings){
		.abi_version = POISE_AGENT_ABI_VERSION,
		.check_sources = !!(choice & CHECK_SOURCES),
		.encapsulations = choice & NOT_ALL ? choice >> TUNNELS_SHIFT : ~0U,
		.gue_port = bpf_htons(POISE_AGENT_GUE_PORT),
	};
	shim_clock_set(0);
}

/* The one reason that is counted; sets the counters back. */
static int take_reason(void)
{
	uint64_t *counts = shim_array("reasons");
	int found = -1;

	for (int i = 0; i < POISE_AGENT_REASON_COUNT; i++) {
		if (!counts[i])
			continue;
		REQUIRE(counts[i] == 1 && found < 0);
		counts[i] = 0;
		found = i;
	}
	REQUIRE(found >= 0);
	return found;
}

static bool is_vip(const struct view *view)
{
	if (view->family == 6)
		return !memcmp(view->destination, vip6.bytes, 16);
	return !memcmp(view->destination, vip4.bytes, 4) ||
	       !memcmp(view->destination, prefix4.bytes, 2);
}

/* Of what came in, the end came out, behind the same MAC addresses; but the ECN and, for it, the
 * IPv4 header's checksum may be others. */
static void check_opened(const uint8_t *in, uint32_t in_bytes, const uint8_t *out,
			 uint32_t out_bytes)
{
	struct view inner = view_read(out, out_bytes), before = inner;
	uint32_t shift = in_bytes - out_bytes, i;

	REQUIRE(out_bytes < in_bytes && !memcmp(in, out, MACS_BYTES));
	REQUIRE(inner.whole && inner.l3 == SHIM_MIN_FRAME && is_vip(&inner));
	for (i = SHIM_MIN_FRAME; i < out_bytes; i++) {
		uint32_t at = i - SHIM_MIN_FRAME;

		if (inner.family == 4 && at / 2 == VIEW_CHECKSUM4 / 2)
			continue;
		if (at == 1)
			REQUIRE(!((out[i] ^ in[i + shift]) &
				  ~(inner.family == 4 ? ECN : ECN << 4)));
		else
			REQUIRE(out[i] == in[i + shift]);
	}
	before.frame = in + shift;
	REQUIRE(view_header_right(&inner) || !view_header_right(&before));
}

static void run_frame(const uint8_t *bytes, uint32_t length)
{
	struct shim_frame frame;
	int verdict, reason;

	shim_frame_open(&frame, bytes, length, 0, 1);
	verdict = poise_agent(&frame.ctx);
	reason = take_reason();
	REQUIRE(reason != POISE_AGENT_REASON_INTERNAL && verdict == verdicts[reason]);
	if (reason < POISE_AGENT_REASON_NOT_TUNNEL)
		check_opened(bytes, length, frame.bytes, shim_frame_length(&frame));
	else if (verdict == XDP_PASS)
		REQUIRE(shim_frame_length(&frame) == length && !memcmp(frame.bytes, bytes, length));
	shim_frame_close(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	const uint8_t *frame;
	uint32_t length;
	uint8_t choice;

	input_take(&input, &choice, sizeof(choice));
	reset(choice);
	for (int i = 0; i < INPUT_MAX_FRAMES; i++) {
		frame = input_frame(&input, &length);
		if (!frame)
			break;
		run_frame(frame, length);
	}
	return 0;
}
