// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What ICMP errors quote: headers of every kind, other packets than a flow's, lies, and quotes that
 * are cut at every byte. */
#include <linux/bpf.h>
#include <string.h>

#include "errors.h"
#include "hex.h"

enum { RING_SIZE = 251, OTHER_PORT = 81, MAX_EXTENSIONS = 8, MAX_LAYERS = MAX_EXTENSIONS + 5 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;

/*
 * The quoted packet.
 */

static void test_quoted4(void)
{
	struct layer ip = error_service_ip(4);
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
		struct packet quoted = error_answer_from(rows[i].ip, IPPROTO_TCP);
		struct packet flow = error_flow(4, IPPROTO_TCP);
		struct packet in = error_too_big(&quoted, rows[i].ip.length + QUOTED_BYTES);

		tap_ok(error_follows(&fixture, rows[i].name, &in, &flow, A4), "quoted IPv4: %s",
		       rows[i].name);
	}
}

/* A packet to the client with these extension headers, and what is quoted of it. */
static struct packet answer_behind(const struct layer *headers, size_t count, size_t *quoted)
{
	struct layer layers[MAX_LAYERS];
	size_t used = 0;

	layers[used++] = eth(EDGE_MAC, ROUTER_MAC);
	layers[used++] = error_service_ip(6);
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
		struct packet flow = error_flow(6, IPPROTO_UDP), in = error_too_big(&quoted, bytes);

		tap_ok(error_follows(&fixture, rows[i].name, &in, &flow, A4), "quoted IPv6: %s",
		       rows[i].name);
	}
}

static void test_depth(void)
{
	struct layer headers[MAX_EXTENSIONS + 1];
	struct packet flow = error_flow(6, IPPROTO_UDP), quoted, in;
	size_t bytes;

	for (size_t i = 0; i < COUNT(headers); i++)
		headers[i] = ip6_extension(i % 2 ? IPPROTO_DSTOPTS : IPPROTO_HOPOPTS);
	quoted = answer_behind(headers, MAX_EXTENSIONS, &bytes);
	in = error_too_big(&quoted, bytes);
	tap_ok(error_follows(&fixture, "depth", &in, &flow, A4),
	       "quoted IPv6: as many extension headers as may be");
	quoted = answer_behind(headers, MAX_EXTENSIONS + 1, &bytes);
	in = error_too_big(&quoted, bytes);
	tap_ok(error_ends(&fixture, "depth", &in, XDP_DROP, POISE_REASON_EXTENSIONS),
	       "quoted IPv6: one extension header too many");
}

/* Quotes of what is no flow of a service. */
static void test_others(void)
{
	struct layer frame = eth(EDGE_MAC, ROUTER_MAC), web = tcp(SERVICE_PORT, CLIENT_PORT, ACK);
	struct layer v4 = error_service_ip(4), v6 = error_service_ip(6), data = payload(64);
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
		struct packet in =
			error_too_big(&rows[i].quoted, packet_ip_length(&rows[i].quoted));

		tap_ok(error_passed(&fixture, rows[i].name, &in), "quoted %s: passed",
		       rows[i].name);
	}
}

static void test_lies(void)
{
	struct packet v4 = error_answer(4, IPPROTO_TCP), v6 = error_answer(6, IPPROTO_TCP), quoted;
	struct layer ip = error_service_ip(4);
	bool holds = true;

	struct packet in = error_of_type(4, UNREACHABLE, 0, &v6, packet_ip_length(&v6));
	tap_ok(error_malformed(&fixture, "IPv6 in ICMP", &in), "ICMP that quotes IPv6");
	in = error_of_type(6, UNREACHABLE6, 0, &v4, packet_ip_length(&v4));
	tap_ok(error_malformed(&fixture, "IPv4 in ICMPv6", &in), "ICMPv6 that quotes IPv4");
	quoted = error_answer_from(version(ip, 6), IPPROTO_TCP);
	in = error_too_big(&quoted, packet_ip_length(&quoted));
	tap_ok(error_malformed(&fixture, "version 6", &in),
	       "ICMP that quotes IPv4 under version 6");
	quoted = error_answer_from(version(error_service_ip(6), 4), IPPROTO_TCP);
	in = error_too_big(&quoted, packet_ip_length(&quoted));
	tap_ok(error_malformed(&fixture, "version 4", &in),
	       "ICMPv6 that quotes IPv6 under version 4");
	for (uint8_t words = 0; words < IP4_BYTES / 4; words++) {
		quoted = error_answer_from(ip4_words(ip, words), IPPROTO_TCP);
		in = error_too_big(&quoted, packet_ip_length(&v4));
		holds &= error_malformed(&fixture, "short header", &in);
	}
	tap_ok(holds, "a quoted IPv4 header shorter than the shortest");
	quoted = error_answer_from(ip4_words(ip, IP4_MAX_WORDS), IPPROTO_TCP);
	in = error_too_big(&quoted, IP4_MAX_WORDS * 4 + PORTS_BYTES - 1);
	tap_ok(error_malformed(&fixture, "long header", &in),
	       "a quoted IPv4 header that ends behind the quote");
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
		struct packet bare = error_too_big(quoted, bytes), padded;
		const uint8_t *rest = quoted->bytes + packet_l3(quoted) + bytes;

		padded = PKT(raw(bare.bytes, bare.length), trailer(rest, 64));
		if (bytes < ports_end)
			holds &= error_malformed(&fixture, name, &bare) &&
				 error_malformed(&fixture, name, &padded);
		else
			holds &= error_follows(&fixture, name, &bare, flow, A4) &&
				 error_follows(&fixture, name, &padded, flow, A4);
	}
	tap_ok(holds, "%s cut at every byte: dropped before the ports' end, else sent", name);
}

static void test_truncation(void)
{
	struct packet flow4 = error_flow(4, IPPROTO_TCP), flow6 = error_flow(6, IPPROTO_UDP);
	const struct layer headers[] = { ip6_extension_of(IPPROTO_HOPOPTS, 16), ip6_fragment(1) };
	struct packet quoted = error_answer(4, IPPROTO_TCP);
	size_t bytes;

	test_cut("quoted IPv4", &quoted, error_quoted_bytes(&quoted, PORTS_BYTES), &flow4);
	quoted = error_answer_from(ip4_options(error_service_ip(4), 12), IPPROTO_TCP);
	test_cut("quoted IPv4 with options", &quoted, IP4_BYTES + 12 + PORTS_BYTES, &flow4);
	quoted = error_answer(6, IPPROTO_UDP);
	test_cut("quoted IPv6", &quoted, error_quoted_bytes(&quoted, PORTS_BYTES), &flow6);
	quoted = answer_behind(headers, COUNT(headers), &bytes);
	test_cut("quoted IPv6 with extension headers", &quoted, bytes - QUOTED_BYTES + PORTS_BYTES,
		 &flow6);
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	fixture_own(&fixture, A4);
	test_quoted4();
	test_quoted6();
	test_depth();
	test_others();
	test_lies();
	test_truncation();
	fixture_close(&fixture);
	return tap_done();
}
