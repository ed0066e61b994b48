// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ICMP errors: those that quote a flow of a service go to its backend, whole and unchanged. */
#include <linux/bpf.h>
#include <string.h>

#include "exceptions.h"
#include "fate.h"
#include "hex.h"

enum {
	RING_SIZE = 251,
	OTHER_PORT = 81,
	QUOTED_BYTES = 8, /* of the transport header, as RFC 792 promises */
	PORTS_BYTES = 4,
	NEXT_MTU = 1400, /* the 'rest' of most errors here; nobody looks at it */
	UNREACHABLE = 3,
	UNREACHABLE6 = 1,
	FRAGMENTATION_NEEDED = 4, /* a code */
	MAX_EXTENSIONS = 8,
	MAX_LAYERS = MAX_EXTENSIONS + 5,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ROUTER4	     "192.0.2.1"
#define ROUTER6	     "2001:db8:9::1"

static struct fixture fixture;

/*
 * What a backend sent, and the flow that it belongs to.
 */

static struct layer ports(uint8_t protocol, uint16_t source, uint16_t destination)
{
	return protocol == IPPROTO_TCP ? tcp(source, destination, ACK) : udp(source, destination);
}

static struct layer from_service(int family)
{
	return family == 4 ? ip4(VIP4, CLIENT4) : ip6(VIP6, CLIENT6);
}

/* A packet of the flow as it comes from the client. */
static struct packet flow_of(int family, uint8_t protocol)
{
	return PKT(eth(ROUTER_MAC, EDGE_MAC), family == 4 ? ip4(CLIENT4, VIP4) : ip6(CLIENT6, VIP6),
		   ports(protocol, CLIENT_PORT, SERVICE_PORT));
}

static struct packet answer_with(struct layer ip, uint8_t protocol)
{
	return PKT(eth(EDGE_MAC, ROUTER_MAC), ip, ports(protocol, SERVICE_PORT, CLIENT_PORT),
		   payload(100));
}

static struct packet answer_of(int family, uint8_t protocol)
{
	return answer_with(from_service(family), protocol);
}

/* Bytes of the quote that end behind so many of the transport header. */
static size_t quoted_to(const struct packet *quoted, size_t transport_bytes)
{
	return packet_l4(quoted) - packet_l3(quoted) + transport_bytes;
}

static struct packet error_in(int family, uint8_t type, uint8_t code, const struct packet *quoted,
			      size_t bytes)
{
	if (family == 4)
		return PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(ROUTER4, VIP4),
			   icmp(type, code, NEXT_MTU), quote(quoted, bytes));
	return PKT(eth(ROUTER_MAC, EDGE_MAC), ip6(ROUTER6, VIP6), icmp6(type, code, NEXT_MTU),
		   quote(quoted, bytes));
}

/* 'fragmentation needed', or 'packet too big'. */
static struct packet too_big(const struct packet *quoted, size_t bytes)
{
	int family = packet_family(quoted);

	return family == 4 ? error_in(4, UNREACHABLE, FRAGMENTATION_NEEDED, quoted, bytes)
			   : error_in(6, 2, 0, quoted, bytes);
}

static bool follows(const char *name, const struct packet *in, const struct packet *flow,
		    uint16_t backend)
{
	struct fate fate =
		fate_of(name, *in, backend, fixture_verdict(&fixture, &fixture.entries[backend]),
			POISE_REASON_SENT);

	fate.flow = flow;
	fate.events[POISE_EVENT_ICMP_FORWARDED] = 1;
	return fate_holds(&fixture, &fate);
}

static bool ends(const char *name, const struct packet *in, int verdict, enum poise_reason reason)
{
	struct fate fate = fate_of(name, *in, A4, verdict, reason);

	return fate_holds(&fixture, &fate);
}

static bool passed(const char *name, const struct packet *in)
{
	return ends(name, in, XDP_PASS, POISE_REASON_ICMP_PASSED);
}

static bool malformed(const char *name, const struct packet *in)
{
	return ends(name, in, XDP_DROP, POISE_REASON_MALFORMED);
}

/*
 * Types of errors, protocols, ways to a backend.
 */

struct type {
	int family;
	uint8_t type, last_code;
	const char *name;
};

static const struct type types[] = {
	{ 4, 3, 15, "IPv4 destination unreachable" }, { 4, 11, 1, "IPv4 time exceeded" },
	{ 4, 12, 2, "IPv4 parameter problem" },	      { 6, 1, 8, "IPv6 destination unreachable" },
	{ 6, 2, 0, "IPv6 packet too big" },	      { 6, 3, 1, "IPv6 time exceeded" },
	{ 6, 4, 10, "IPv6 parameter problem" },
};

static void test_type(const struct type *type, uint8_t protocol)
{
	struct packet quoted = answer_of(type->family, protocol);
	struct packet flow = flow_of(type->family, protocol);
	bool holds = true;

	for (uint8_t code = 0; code <= type->last_code; code++) {
		struct packet in = error_in(type->family, type->type, code, &quoted,
					    quoted_to(&quoted, QUOTED_BYTES));

		holds &= follows(type->name, &in, &flow, A4);
	}
	tap_ok(holds, "%s, %s flow, every code", type->name,
	       protocol == IPPROTO_TCP ? "TCP" : "UDP");
}

static void test_types(void)
{
	fixture_own(&fixture, A4);
	for (size_t i = 0; i < COUNT(types); i++) {
		test_type(&types[i], IPPROTO_TCP);
		test_type(&types[i], IPPROTO_UDP);
	}
}

static void test_ways_out(void)
{
	static const struct {
		uint16_t backend;
		const char *name;
	} ways[] = {
		{ A4, "an IPv4 tunnel" },
		{ A6, "an IPv6 tunnel" },
		{ AWAY4, "another interface" },
	};

	for (size_t i = 0; i < COUNT(ways); i++) {
		fixture_own(&fixture, ways[i].backend);
		for (int family = 4; family <= 6; family += 2) {
			struct packet quoted = answer_of(family, IPPROTO_TCP);
			struct packet flow = flow_of(family, IPPROTO_TCP);
			struct packet in = too_big(&quoted, quoted_to(&quoted, QUOTED_BYTES));

			tap_ok(follows(ways[i].name, &in, &flow, ways[i].backend),
			       "IPv%d error through %s", family, ways[i].name);
		}
	}
}

static void test_no_way(void)
{
	static const struct {
		uint16_t backend;
		enum poise_reason reason;
		const char *name;
	} rows[] = {
		{ NOBODY, POISE_REASON_NO_BACKEND, "without a backend" },
		{ NO_HOP4, POISE_REASON_NO_NEXT_HOP, "to a backend without a next hop" },
	};
	struct packet quoted = answer_of(4, IPPROTO_TCP);
	struct packet in = too_big(&quoted, quoted_to(&quoted, QUOTED_BYTES));

	for (size_t i = 0; i < COUNT(rows); i++) {
		fixture_own(&fixture, rows[i].backend);
		tap_ok(ends(rows[i].name, &in, XDP_DROP, rows[i].reason), "an error %s",
		       rows[i].name);
	}
}

/* No error tells of an error. */
static void test_too_long(void)
{
	struct packet v4 = answer_of(4, IPPROTO_TCP), v6 = answer_of(6, IPPROTO_TCP);
	struct layer frame = eth(ROUTER_MAC, EDGE_MAC), data = payload(1400);
	struct layer ip = ip4_fragment(ip4(ROUTER4, VIP4), IP4_DONT_FRAGMENT);
	struct packet in =
		PKT(frame, ip, icmp(UNREACHABLE, 0, 0), quote(&v4, packet_ip_length(&v4)), data);

	fixture_settings(&fixture)->error_rate = 1000000;
	tap_ok(ends("IPv4", &in, XDP_DROP, POISE_REASON_TOO_BIG_LIMITED),
	       "an IPv4 error that does not fit the tunnel is not answered");
	in = PKT(frame, ip6(ROUTER6, VIP6), icmp6(UNREACHABLE6, 0, 0),
		 quote(&v6, packet_ip_length(&v6)), data);
	tap_ok(ends("IPv6", &in, XDP_DROP, POISE_REASON_TOO_BIG_LIMITED),
	       "an IPv6 error that does not fit the tunnel is not answered");
}

/*
 * What is around the quote.
 */

static void test_around4(void)
{
	struct packet quoted = answer_of(4, IPPROTO_TCP), flow = flow_of(4, IPPROTO_TCP);
	struct layer message = icmp(UNREACHABLE, FRAGMENTATION_NEEDED, NEXT_MTU);
	struct layer part = quote(&quoted, quoted_to(&quoted, QUOTED_BYTES));
	struct layer frame = eth(ROUTER_MAC, EDGE_MAC), ip = ip4(ROUTER4, VIP4);
	const struct {
		const char *name;
		struct packet in;
	} rows[] = {
		{ "IPv4 error with IP options", PKT(frame, ip4_options(ip, 40), message, part) },
		{ "IPv4 error in a tagged frame", PKT(frame, vlan(100), ip, message, part) },
		{ "IPv4 error with padding", PKT(frame, ip, message, part, padding(4)) },
		{ "IPv4 error with a TOS", PKT(frame, tos(ip, 0xc0), message, part) },
		{ "IPv4 error from the service's own address",
		  PKT(frame, ip4(VIP4, VIP4), message, part) },
		{ "IPv4 error with more bytes of the quoted packet",
		  PKT(frame, ip, message, quote(&quoted, packet_ip_length(&quoted))) },
		{ "IPv4 error with a wrong checksum", PKT(frame, ip, checksum(message, 1), part) },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		tap_ok(follows(rows[i].name, &rows[i].in, &flow, A4), "%s", rows[i].name);
}

static void test_around6(void)
{
	struct packet quoted = answer_of(6, IPPROTO_UDP), flow = flow_of(6, IPPROTO_UDP);
	struct layer message = icmp6(2, 0, NEXT_MTU);
	struct layer part = quote(&quoted, quoted_to(&quoted, QUOTED_BYTES));
	struct layer frame = eth(ROUTER_MAC, EDGE_MAC), ip = ip6(ROUTER6, VIP6);
	const struct {
		const char *name;
		struct packet in;
	} rows[] = {
		{ "IPv6 error behind extension headers",
		  PKT(frame, ip, ip6_extension(IPPROTO_HOPOPTS),
		      ip6_extension_of(IPPROTO_DSTOPTS, 24), message, part) },
		{ "IPv6 error in an atomic fragment",
		  PKT(frame, ip, ip6_fragment(0), message, part) },
		{ "IPv6 error in a frame with two tags",
		  PKT(frame, service_vlan(100), vlan(200), ip, message, part) },
		{ "IPv6 error with more bytes of the quoted packet",
		  PKT(frame, ip, message, quote(&quoted, packet_ip_length(&quoted))) },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		tap_ok(follows(rows[i].name, &rows[i].in, &flow, A4), "%s", rows[i].name);
}

/*
 * The quoted packet.
 */

static void test_quoted4(void)
{
	struct layer ip = from_service(4);
	const struct {
		const char *name;
		struct layer ip;
	} rows[] = {
		{ "4 bytes of options", ip4_options(ip, 4) },
		{ "40 bytes of options", ip4_options(ip, 40) },
		{ "a first fragment", ip4_fragment(ip, IP4_MORE_FRAGMENTS) },
		{ "a length of 0", claim(ip, 0) },
		{ "a length of 65535", claim(ip, 0xffff) },
		{ "a TTL of 0", ttl(ip, 0) },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct packet quoted = answer_with(rows[i].ip, IPPROTO_TCP);
		struct packet flow = flow_of(4, IPPROTO_TCP);
		struct packet in = too_big(&quoted, rows[i].ip.length + QUOTED_BYTES);

		tap_ok(follows(rows[i].name, &in, &flow, A4), "quoted IPv4: %s", rows[i].name);
	}
}

/* A packet to the client with these extension headers, and what is quoted of it. */
static struct packet answer_behind(const struct layer *headers, size_t count, size_t *quoted)
{
	struct layer layers[MAX_LAYERS];
	size_t used = 0;

	layers[used++] = eth(EDGE_MAC, ROUTER_MAC);
	layers[used++] = from_service(6);
	*quoted = IP6_BYTES + QUOTED_BYTES;
	for (size_t i = 0; i < count; i++) {
		layers[used++] = headers[i];
		*quoted += headers[i].length;
	}
	layers[used++] = udp(SERVICE_PORT, CLIENT_PORT);
	layers[used++] = payload(100);
	return packet_make(layers, used);
}

/* Its second byte is reserved, where others have their length. */
static struct layer reserved(struct layer fragment)
{
	fragment.bytes[1] = 9;
	return fragment;
}

static void test_quoted6(void)
{
	const struct {
		const char *name;
		struct layer headers[3];
		size_t count;
	} rows[] = {
		{ "hop-by-hop options", { ip6_extension(IPPROTO_HOPOPTS) }, 1 },
		{ "destination options", { ip6_extension_of(IPPROTO_DSTOPTS, 64) }, 1 },
		{ "a routing header", { ip6_extension_of(IPPROTO_ROUTING, 24) }, 1 },
		{ "an atomic fragment", { ip6_fragment(0) }, 1 },
		{ "a first fragment", { ip6_fragment(IP6_MORE_FRAGMENTS) }, 1 },
		{ "a fragment with reserved bits", { reserved(ip6_fragment(0)) }, 1 },
		{ "three of them",
		  { ip6_extension(IPPROTO_HOPOPTS), ip6_fragment(IP6_MORE_FRAGMENTS),
		    ip6_extension_of(IPPROTO_DSTOPTS, 16) },
		  3 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t bytes;
		struct packet quoted = answer_behind(rows[i].headers, rows[i].count, &bytes);
		struct packet flow = flow_of(6, IPPROTO_UDP), in = too_big(&quoted, bytes);

		tap_ok(follows(rows[i].name, &in, &flow, A4), "quoted IPv6: %s", rows[i].name);
	}
}

static void test_depth(void)
{
	struct layer headers[MAX_EXTENSIONS + 1];
	struct packet flow = flow_of(6, IPPROTO_UDP), quoted, in;
	size_t bytes;

	for (size_t i = 0; i < COUNT(headers); i++)
		headers[i] = ip6_extension(i % 2 ? IPPROTO_DSTOPTS : IPPROTO_HOPOPTS);
	quoted = answer_behind(headers, MAX_EXTENSIONS, &bytes);
	in = too_big(&quoted, bytes);
	tap_ok(follows("depth", &in, &flow, A4),
	       "quoted IPv6: as many extension headers as may be");
	quoted = answer_behind(headers, MAX_EXTENSIONS + 1, &bytes);
	in = too_big(&quoted, bytes);
	tap_ok(ends("depth", &in, XDP_DROP, POISE_REASON_EXTENSIONS),
	       "quoted IPv6: one extension header too many");
}

/* Quotes of what is no flow of a service. */
static void test_others(void)
{
	struct layer frame = eth(EDGE_MAC, ROUTER_MAC), web = tcp(SERVICE_PORT, CLIENT_PORT, ACK);
	struct layer v4 = from_service(4), v6 = from_service(6), data = payload(64);
	const struct {
		const char *name;
		struct packet quoted;
	} rows[] = {
		{ "IPv4: of another address", PKT(frame, ip4(OTHER4, CLIENT4), web, data) },
		{ "IPv4: to the service",
		  PKT(frame, ip4(CLIENT4, VIP4), tcp(CLIENT_PORT, SERVICE_PORT, ACK), data) },
		{ "IPv4: from another port",
		  PKT(frame, v4, tcp(OTHER_PORT, CLIENT_PORT, ACK), data) },
		{ "IPv4: ports not turned round",
		  PKT(frame, v4, tcp(CLIENT_PORT, SERVICE_PORT, ACK), data) },
		{ "IPv4: a later fragment", PKT(frame, ip4_fragment(v4, 1), web, data) },
		{ "IPv4: the last place of a fragment",
		  PKT(frame, ip4_fragment(v4, 0x1fff), web, data) },
		{ "IPv4: ICMP", PKT(frame, v4, echo(), data) },
		{ "IPv4: ESP", PKT(frame, next(v4, IPPROTO_ESP), data) },
		{ "IPv4: SCTP with the ports", PKT(frame, next(v4, IPPROTO_SCTP), web, data) },
		{ "IPv4: an extension header's number",
		  PKT(frame, next(v4, IPPROTO_DSTOPTS), ip6_extension(IPPROTO_TCP), web, data) },
		{ "IPv6: of another address", PKT(frame, ip6(OTHER6, CLIENT6), web, data) },
		{ "IPv6: of an address with other last bytes",
		  PKT(frame, ip6("2001:db8:f::11", CLIENT6), web, data) },
		{ "IPv6: of an address with other first bytes",
		  PKT(frame, ip6("2001:db9:f::10", CLIENT6), web, data) },
		{ "IPv6: to the service",
		  PKT(frame, ip6(CLIENT6, VIP6), tcp(CLIENT_PORT, SERVICE_PORT, ACK), data) },
		{ "IPv6: from another port", PKT(frame, v6, udp(OTHER_PORT, CLIENT_PORT), data) },
		{ "IPv6: a later fragment", PKT(frame, v6, ip6_fragment(8), web, data) },
		{ "IPv6: ICMPv6", PKT(frame, v6, echo6(), data) },
		{ "IPv6: nothing further", PKT(frame, next(v6, IPPROTO_NONE), web, data) },
		{ "IPv6: AH", PKT(frame, v6, ip6_extension(IPPROTO_AH), web, data) },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct packet in = too_big(&rows[i].quoted, packet_ip_length(&rows[i].quoted));

		tap_ok(passed(rows[i].name, &in), "quoted %s: passed", rows[i].name);
	}
}

static void test_lies(void)
{
	struct packet v4 = answer_of(4, IPPROTO_TCP), v6 = answer_of(6, IPPROTO_TCP), quoted;
	struct layer ip = from_service(4);
	bool holds = true;

	struct packet in = error_in(4, UNREACHABLE, 0, &v6, packet_ip_length(&v6));
	tap_ok(malformed("IPv6 in ICMP", &in), "ICMP that quotes IPv6");
	in = error_in(6, UNREACHABLE6, 0, &v4, packet_ip_length(&v4));
	tap_ok(malformed("IPv4 in ICMPv6", &in), "ICMPv6 that quotes IPv4");
	quoted = answer_with(version(ip, 6), IPPROTO_TCP);
	in = too_big(&quoted, packet_ip_length(&quoted));
	tap_ok(malformed("version 6", &in), "ICMP that quotes IPv4 under version 6");
	quoted = answer_with(version(from_service(6), 4), IPPROTO_TCP);
	in = too_big(&quoted, packet_ip_length(&quoted));
	tap_ok(malformed("version 4", &in), "ICMPv6 that quotes IPv6 under version 4");
	for (uint8_t words = 0; words < IP4_BYTES / 4; words++) {
		quoted = answer_with(ip4_words(ip, words), IPPROTO_TCP);
		in = too_big(&quoted, packet_ip_length(&v4));
		holds &= malformed("short header", &in);
	}
	tap_ok(holds, "a quoted IPv4 header shorter than the shortest");
	quoted = answer_with(ip4_words(ip, IP4_MAX_WORDS), IPPROTO_TCP);
	in = too_big(&quoted, IP4_MAX_WORDS * 4 + PORTS_BYTES - 1);
	tap_ok(malformed("long header", &in), "a quoted IPv4 header that ends behind the quote");
}

/*
 * Truncation.
 */

/* Cuts the quote at every byte, and lets the rest follow it as padding: it is none of the quote. */
static void test_cut(const char *name, const struct packet *quoted, size_t ports_end,
		     const struct packet *flow)
{
	bool holds = true;

	for (size_t bytes = 0; bytes <= ports_end + PORTS_BYTES; bytes++) {
		struct packet bare = too_big(quoted, bytes), padded;
		const uint8_t *rest = quoted->bytes + packet_l3(quoted) + bytes;

		padded = PKT(raw(bare.bytes, bare.length), trailer(rest, 64));
		if (bytes < ports_end)
			holds &= malformed(name, &bare) && malformed(name, &padded);
		else
			holds &= follows(name, &bare, flow, A4) && follows(name, &padded, flow, A4);
	}
	tap_ok(holds, "%s cut at every byte: dropped before the ports' end, else sent", name);
}

static void test_truncation(void)
{
	struct packet flow4 = flow_of(4, IPPROTO_TCP), flow6 = flow_of(6, IPPROTO_UDP);
	const struct layer headers[] = { ip6_extension_of(IPPROTO_HOPOPTS, 16), ip6_fragment(1) };
	struct packet quoted = answer_of(4, IPPROTO_TCP);
	size_t bytes;

	test_cut("quoted IPv4", &quoted, quoted_to(&quoted, PORTS_BYTES), &flow4);
	quoted = answer_with(ip4_options(from_service(4), 12), IPPROTO_TCP);
	test_cut("quoted IPv4 with options", &quoted, IP4_BYTES + 12 + PORTS_BYTES, &flow4);
	quoted = answer_of(6, IPPROTO_UDP);
	test_cut("quoted IPv6", &quoted, quoted_to(&quoted, PORTS_BYTES), &flow6);
	quoted = answer_behind(headers, COUNT(headers), &bytes);
	test_cut("quoted IPv6 with extension headers", &quoted, bytes - QUOTED_BYTES + PORTS_BYTES,
		 &flow6);
}

/*
 * Moving slots.
 */

static struct packet syn_of(int family)
{
	return PKT(eth(ROUTER_MAC, EDGE_MAC), family == 4 ? ip4(CLIENT4, VIP4) : ip6(CLIENT6, VIP6),
		   tcp(CLIENT_PORT, SERVICE_PORT, SYN));
}

static void test_moving(int family)
{
	struct packet quoted = answer_of(family, IPPROTO_TCP), flow = flow_of(family, IPPROTO_TCP);
	struct packet in = too_big(&quoted, quoted_to(&quoted, QUOTED_BYTES)), syn, out;
	uint64_t only;

	exceptions_clear(&fixture);
	fixture_own(&fixture, A4);
	fixture_change(&fixture, B4, fixture_tick());
	tap_ok(follows("unrecorded", &in, &flow, A4),
	       "IPv%d error about an old connection in a moving slot: the previous backend",
	       family);
	tap_ok(exceptions_count(&fixture, &only) == 0, "IPv%d: an error is recorded nowhere",
	       family);
	syn = syn_of(family);
	fixture_run(&fixture, &syn, &out);
	tap_ok(follows("recorded", &in, &flow, B4),
	       "IPv%d error about a recorded connection in a moving slot: where it is recorded",
	       family);
	fixture_change(&fixture, C4, fixture_tick());
	tap_ok(follows("recorded", &in, &flow, B4), "IPv%d: also when the owner changes again",
	       family);
	maps_backend_set_flags(fixture.maps, B4, 0);
	tap_ok(follows("down", &in, &flow, C4), "IPv%d: and with the owner when that is down",
	       family);
	maps_backend_set_flags(fixture.maps, B4, POISE_BACKEND_LIVE | POISE_BACKEND_ELIGIBLE);
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	test_types();
	test_ways_out();
	test_no_way();
	fixture_own(&fixture, A4);
	test_too_long();
	test_around4();
	test_around6();
	test_quoted4();
	test_quoted6();
	test_depth();
	test_others();
	test_lies();
	test_truncation();
	test_moving(4);
	test_moving(6);
	fixture_close(&fixture);
	return tap_done();
}
