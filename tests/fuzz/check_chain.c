// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets that are sent on: see check_chain.h. */
#include "check_chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "route.h"
#include "shim.h"
#include "view.h"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "does not hold: %s\n", #condition);                        \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

enum {
	UDP_BYTES = 8,
	GUE_BYTES = 4,
	CHAIN_BYTES = 4,
	PROTOCOL_UDP = 17,
	PROTOCOL_TCP = 6,
	PROTOCOL_IP4 = 4,
	FORWARD_TTL = 64,
	MAC_BYTES = 6,
};

static uint32_t address_bytes(uint8_t families, unsigned int n)
{
	return families >> n & 1 ? 16 : 4;
}

struct chain_view chain_view_read(const uint8_t *frame, uint32_t bytes)
{
	struct view outer = view_read(frame, bytes);
	struct chain_view view = { .frame = frame, .bytes = bytes };
	uint32_t gue = outer.l3 + outer.header + UDP_BYTES;

	if (!outer.family || outer.protocol != PROTOCOL_UDP || gue + GUE_BYTES > bytes)
		return view;
	view.family = outer.family;
	view.inner_family = frame[gue + 1] == PROTOCOL_IP4 ? 4 : 6;
	view.inner = gue + GUE_BYTES + (frame[gue] & 0x1fU) * 4;
	if (view.inner == gue + GUE_BYTES || view.inner > bytes)
		return view;
	view.count = frame[gue + GUE_BYTES + 2] & 15;
	view.families = frame[gue + GUE_BYTES + 3];
	view.addresses = frame + gue + GUE_BYTES + CHAIN_BYTES;
	return view;
}

static bool is_allowed(const uint8_t *hop, uint32_t bytes)
{
	static const uint8_t prefix4[] = { 10, 0, 1 }, prefix6[] = { 0x20, 1, 0xd, 0xb8, 0, 2 };

	return bytes == 4 ? !memcmp(hop, prefix4, sizeof(prefix4))
			  : !memcmp(hop, prefix6, sizeof(prefix6));
}

/* One address less, and those behind it as they were. */
static void check_rest(const struct chain_view *in, const struct chain_view *out)
{
	uint32_t first = address_bytes(in->families, 0), rest = 0;

	REQUIRE(in->count >= 1 && out->count == in->count - 1);
	for (unsigned int i = 0; i < out->count; i++)
		rest += address_bytes(out->families, i);
	REQUIRE(out->families == (out->count ? in->families >> 1 : 0));
	REQUIRE(!rest || !memcmp(in->addresses + first, out->addresses, rest));
	REQUIRE(out->count ||
		out->inner == 14U + (out->family == 4 ? 20 : 40) + UDP_BYTES + GUE_BYTES);
}

/* The frame's inner packet as one of its own; its Ethernet header is none. */
static struct view inner_view(const struct chain_view *view, uint8_t *copy)
{
	uint32_t bytes = view->bytes - view->inner;

	copy[12] = view->inner_family == 4 ? 8 : 0x86;
	copy[13] = view->inner_family == 4 ? 0 : 0xdd;
	memcpy(copy + SHIM_MIN_FRAME, view->frame + view->inner, bytes);
	return view_read(copy, bytes + SHIM_MIN_FRAME);
}

/* Of a segment with a right checksum, in a header with a right one, the tunnel's is right. */
static void check_sums(const struct chain_view *out, const struct view *outer)
{
	uint8_t *copy = calloc(1, out->bytes + SHIM_MIN_FRAME);
	struct view inner;

	REQUIRE(copy && view_header_right(outer));
	inner = inner_view(out, copy);
	REQUIRE(inner.whole && outer->length == out->inner - outer->l3 + inner.length);
	if (out->family == 4)
		REQUIRE(!view_get16(out->frame + outer->l3 + outer->header + 6));
	else if (inner.protocol == PROTOCOL_TCP && view_header_right(&inner) &&
		 view_payload_right(&inner))
		REQUIRE(view_payload_right(outer));
	free(copy);
}

void check_sent_on(const uint8_t *in, uint32_t in_bytes, const uint8_t *out, uint32_t out_bytes)
{
	struct chain_view before = chain_view_read(in, in_bytes);
	struct chain_view after = chain_view_read(out, out_bytes);
	struct view outer = view_read(out, out_bytes);
	uint32_t first = address_bytes(before.families, 0);

	REQUIRE(outer.whole && outer.address_bytes == first);
	REQUIRE(!memcmp(out, shim_macs, 2 * MAC_BYTES));
	REQUIRE(!memcmp(outer.destination, before.addresses, first));
	REQUIRE(is_allowed(outer.destination, first));
	REQUIRE(out[outer.l3 + (outer.family == 4 ? VIEW_TTL4 : VIEW_HOPS6)] == FORWARD_TTL);
	check_rest(&before, &after);
	REQUIRE(after.inner_family == before.inner_family);
	REQUIRE(out_bytes - after.inner == in_bytes - before.inner);
	REQUIRE(!memcmp(in + before.inner, out + after.inner, in_bytes - before.inner));
	check_sums(&after, &outer);
}
