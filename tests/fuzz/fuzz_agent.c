// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * poise-agent's program on any packets: no access beside the packet, one count for each, passed
 * packets unchanged, and what comes out of a tunnel is what is in it, for a VIP, with the outer
 * header's ECN. An input is a byte of settings and then frames (input.h).
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_chain.h"
#include "input.h"
#include "open.h"
#include "route.h"

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
	SECOND_CHANCE = 1 << 2, /* a byte of the host's answers follows */
	TUNNELS_SHIFT = 4,
	MACS_BYTES = 12,
	ECN = 3,

	ANSWER_STATE = 3, /* of the host's byte: a place in 'states', and in 'routes' */
	ANSWER_CONTAINER = 1 << 2,
	ANSWER_COOKIE = 1 << 3,
	ANSWER_ROUTE_SHIFT = 4,
	ANSWER_ROUTE = 7,
	ANSWER_HALF_OPEN = 1 << 7, /* the connection, if there is one */

	CONTAINER = 5, /* its network namespace's id */
	IFINDEX = 1,
	OTHER_IFINDEX = 2,
	HEADROOM = 64,
	ESTABLISHED = 1,
	TIME_WAIT = 6,
	LISTENS = 10,
	HALF_OPEN = 12, /* TCP_NEW_SYN_RECV */
	NO_REASON = -1,
};

static const uint32_t states[] = { 0, LISTENS, ESTABLISHED, TIME_WAIT };
static const int routes[] = {
	BPF_FIB_LKUP_RET_SUCCESS,     BPF_FIB_LKUP_RET_SUCCESS,
	BPF_FIB_LKUP_RET_NO_NEIGH,    BPF_FIB_LKUP_RET_FWD_DISABLED,
	BPF_FIB_LKUP_RET_UNREACHABLE, BPF_FIB_LKUP_RET_NOT_FWDED,
	BPF_FIB_LKUP_RET_FRAG_NEEDED, -EINVAL,
};

/* The same as those of the balancer's seeds. */
static const struct poise_agent_prefix vip4 = { 64, 4, { 203, 0, 113, 10 } };
static const struct poise_agent_prefix prefix4 = { 48, 4, { 198, 18 } };
static const struct poise_agent_prefix vip6 = { 160,
						6,
						{ 0x20, 1, 0xd, 0xb8, 0, 0xf, [15] = 0x10 } };
static const struct poise_agent_prefix source4 = { 48, 4, { 172, 16 } };
static const struct poise_agent_prefix source6 = { 96, 6, { 1, 0 } };

static const struct poise_agent_prefix hop4 = { 56, 4, { 10, 0, 1 } };
static const struct poise_agent_prefix hop6 = { 80, 6, { 0x20, 1, 0xd, 0xb8, 0, 2 } };

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
	shim_hash_set("hops", &hop4, &nothing);
	shim_hash_set("hops", &hop6, &nothing);
	return 0;
}

static uint32_t socket_state(uint8_t answers)
{
	uint32_t state = states[answers & ANSWER_STATE];

	return state == ESTABLISHED && answers & ANSWER_HALF_OPEN ? HALF_OPEN : state;
}

/* answers: of the host, if second chance is on. */
static void reset(uint8_t choice, uint8_t answers)
{
	*(struct poise_agent_settings *)shim_array("settings") = (struct poise_agent_settings){
		.abi_version = POISE_AGENT_ABI_VERSION,
		.check_sources = !!(choice & CHECK_SOURCES),
		.encapsulations = choice & NOT_ALL ? choice >> TUNNELS_SHIFT : ~0U,
		.gue_port = bpf_htons(POISE_AGENT_GUE_PORT),
		.second_chance = !!(choice & SECOND_CHANCE),
		.source4 = bpf_htonl(172U << 24 | 16 << 16),
		.source4_mask = bpf_htonl(0xffff),
		.source6 = { 1 },
		.source6_mask = bpf_htonl(0xffff),
		.namespace_count = 1,
		.namespaces = { CONTAINER },
	};
	shim_host = (struct shim_host){
		.socket_state = socket_state(answers),
		.namespace = answers & ANSWER_CONTAINER ? CONTAINER : (int32_t)BPF_F_CURRENT_NETNS,
		.cookie_valid = answers & ANSWER_COOKIE,
		.route = routes[answers >> ANSWER_ROUTE_SHIFT & ANSWER_ROUTE],
		.ifindex = (answers >> ANSWER_ROUTE_SHIFT & ANSWER_ROUTE) == 1 ? OTHER_IFINDEX
									       : IFINDEX,
	};
	shim_clock_set(0);
}

/* The one of an array of counters that is not 0; NO_REASON: none. Sets them back. */
static int take_counted(const char *map, int count)
{
	uint64_t *counts = shim_array(map);
	int found = NO_REASON;

	for (int i = 0; i < count; i++) {
		if (!counts[i])
			continue;
		REQUIRE(counts[i] == 1 && found == NO_REASON);
		counts[i] = 0;
		found = i;
	}
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

/* By what the host answers. Whatever state a socket is in, the packet may be of another backend's
 * connection; and all but those in no state may have it. */
static void check_decision(int decision, int reason)
{
	const struct shim_host *host = &shim_host;

	REQUIRE((reason == POISE_AGENT_REASON_FORWARDED) ==
		(decision == POISE_AGENT_DECISION_SENT_ON));
	REQUIRE((reason == NO_REASON) == (decision == POISE_AGENT_DECISION_SLOW_PATH));
	if (decision == POISE_AGENT_DECISION_SENT_ON ||
	    decision == POISE_AGENT_DECISION_SLOW_PATH) {
		REQUIRE((decision == POISE_AGENT_DECISION_SENT_ON) ==
			(!host->route && host->ifindex == IFINDEX));
		REQUIRE(shim_asked.sockets && shim_asked.routes == 1);
	}
	if (decision == POISE_AGENT_DECISION_ESTABLISHED)
		REQUIRE(host->socket_state && host->socket_state != LISTENS);
	if (decision == POISE_AGENT_DECISION_OPENING)
		REQUIRE(host->socket_state == LISTENS || host->socket_state == TIME_WAIT);
	if (decision == POISE_AGENT_DECISION_COOKIE)
		REQUIRE((host->socket_state == LISTENS || host->socket_state == HALF_OPEN) &&
			host->cookie_valid);
	REQUIRE(!shim_asked.held);
}

static void check_fate(const struct shim_frame *frame, const uint8_t *bytes, uint32_t length,
		       int reason, int verdict)
{
	uint32_t now = shim_frame_length(frame);

	REQUIRE(reason != POISE_AGENT_REASON_INTERNAL);
	REQUIRE(verdict == (reason == NO_REASON ? XDP_PASS : verdicts[reason]));
	if (reason == POISE_AGENT_REASON_FORWARDED)
		check_sent_on(bytes, length, frame->bytes, now);
	else if (reason != NO_REASON && reason < POISE_AGENT_REASON_NOT_TUNNEL)
		check_opened(bytes, length, frame->bytes, now);
	else if (verdict == XDP_PASS)
		REQUIRE(now == length && !memcmp(frame->bytes, bytes, length));
}

static void run_frame(const uint8_t *bytes, uint32_t length)
{
	struct shim_frame frame;
	int verdict, reason, decision;

	shim_asked = (struct shim_asked){ 0 };
	shim_frame_open(&frame, bytes, length, HEADROOM, IFINDEX);
	verdict = poise_agent(&frame.ctx);
	reason = take_counted("reasons", POISE_AGENT_REASON_COUNT);
	decision = take_counted("decisions", POISE_AGENT_DECISION_COUNT);
	check_decision(decision, reason);
	check_fate(&frame, bytes, length, reason, verdict);
	shim_frame_close(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	const uint8_t *frame;
	uint32_t length;
	uint8_t choice, answers = 0;

	input_take(&input, &choice, sizeof(choice));
	if (choice & SECOND_CHANCE)
		input_take(&input, &answers, sizeof(answers));
	reset(choice, answers);
	for (int i = 0; i < INPUT_MAX_FRAMES; i++) {
		frame = input_frame(&input, &length);
		if (!frame)
			break;
		run_frame(frame, length);
	}
	return 0;
}
