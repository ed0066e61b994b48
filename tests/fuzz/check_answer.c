// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets that the program made itself: whom it may answer, and every byte of the answer. */
#include <string.h>

#include "check.h"
#include "shim.h"

enum {
	MAC_BYTES = 6,
	TTL = 64,
	ICMP_BYTES = 8,
	PROTOCOL_ICMP = 1,
	PROTOCOL_ICMP6 = 58,
	ERROR4_MAX_BYTES = 576,
	ERROR6_MAX_BYTES = 1280,
};

/* One host's address, and no other's (RFC 1122, 3.2.1.3; RFC 4291, 2.4). */
static bool is_one_host(const struct view *in)
{
	static const uint8_t none[16], loopback[16] = { [15] = 1 };
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };
	const uint8_t *source = in->source;

	if (in->family == 6)
		return source[0] != 0xff && memcmp(source, none, 16) &&
		       memcmp(source, loopback, 16);
	return source[0] != 0 && source[0] != 127 && source[0] >> 4 != 14 &&
	       memcmp(source, broadcast, 4);
}

/* Returns the answer. Its frame goes back, with the tags that it came with. */
static struct view check_turned(const struct passage *passage, const struct view *in)
{
	struct view out = view_read(passage->out, passage->out_bytes);

	REQUIRE(in->whole && is_one_host(in) && !(in->frame[0] & 1) && !(in->frame[6] & 1));
	REQUIRE(memcmp(in->source, in->destination, in->address_bytes));
	REQUIRE(out.whole && out.family == in->family && out.l3 == in->l3);
	REQUIRE(!memcmp(out.frame, in->frame + MAC_BYTES, MAC_BYTES));
	REQUIRE(!memcmp(out.frame + MAC_BYTES, in->frame, MAC_BYTES));
	REQUIRE(!memcmp(out.frame + 2 * MAC_BYTES, in->frame + 2 * MAC_BYTES,
			in->l3 - 2 * MAC_BYTES));
	REQUIRE(!memcmp(out.source, in->destination, in->address_bytes));
	REQUIRE(!memcmp(out.destination, in->source, in->address_bytes));
	REQUIRE(out.protocol == (in->family == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMP6));
	return out;
}

static const uint8_t *payload_of(const struct view *view)
{
	return view->frame + view->l3 + view->header;
}

/* ICMP has no pseudo header in IPv4. */
static bool icmp_right(const struct view *view)
{
	if (view->family == 6)
		return view_payload_right(view);
	return view_sum(payload_of(view), view->length - view->header, 0) == 0xffff;
}

void check_echo(const struct passage *passage, const struct view *in)
{
	struct view out = check_turned(passage, in);
	const uint8_t *request = payload_of(in), *reply = payload_of(&out);

	REQUIRE(passage->out_bytes == passage->in_bytes && out.length == in->length);
	REQUIRE(in->protocol == out.protocol && in->length >= in->header + ICMP_BYTES);
	REQUIRE(request[0] == (in->family == 4 ? 8 : 128) && !request[1]);
	REQUIRE(reply[0] == (in->family == 4 ? 0 : 129) && !reply[1]);
	REQUIRE(!memcmp(request + 4, reply + 4, in->length - in->header - 4));
	REQUIRE(view_header_right(&out) == view_header_right(in));
	REQUIRE(icmp_right(&out) == icmp_right(in));
}

/* No error is about an error (RFC 1122, 3.2.2; RFC 4443, 2.4 e). */
static bool is_error(const struct view *in)
{
	const uint8_t *icmp = payload_of(in);

	if (in->length < in->header + ICMP_BYTES)
		return false;
	if (in->family == 6)
		return in->protocol == PROTOCOL_ICMP6 && icmp[0] < 128;
	return in->protocol == PROTOCOL_ICMP && icmp[0] != 0 && icmp[0] != 8;
}

void check_error(const struct passage *passage, const struct view *in)
{
	struct view out = check_turned(passage, in);
	const uint8_t *icmp = payload_of(&out);
	uint32_t quoted = out.length - out.header - ICMP_BYTES;

	REQUIRE(!is_error(in));
	REQUIRE(in->family == 6 || in->frame[in->l3 + 6] & 0x40);
	REQUIRE(out.length == passage->out_bytes - out.l3);
	REQUIRE(out.length <= (in->family == 4 ? ERROR4_MAX_BYTES : ERROR6_MAX_BYTES));
	REQUIRE(view_header_right(&out) && icmp_right(&out));
	REQUIRE(in->family == 4 ? icmp[0] == 3 && icmp[1] == 4 : icmp[0] == 2 && icmp[1] == 0);
	REQUIRE(out.frame[out.l3 + (out.family == 4 ? VIEW_TTL4 : VIEW_HOPS6)] == TTL);
	REQUIRE(!view_get16(icmp + 4));
	REQUIRE(view_get16(icmp + 6) >= (in->family == 4 ? 68 : 1280));
	REQUIRE(quoted <= in->length);
	REQUIRE(quoted == in->length ||
		out.length == (in->family == 4 ? ERROR4_MAX_BYTES : ERROR6_MAX_BYTES));
	REQUIRE(!memcmp(icmp + ICMP_BYTES, in->frame + in->l3, quoted));
}
