// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ICMP for a service's address: which echo requests are answered, with which bytes, and what is
 * left to the host. Errors that quote a flow are test_quote.c's. */
#include <linux/bpf.h>
#include <string.h>

#include "fate.h"
#include "hex.h"

enum {
	RING_SIZE = 251,
	ECHO_RATE = 1000000, /* never reached here */
	ECHO_TTL = 64,
	ECHO_REPLY = 0,
	ECHO_REQUEST = 8,
	ECHO6_REQUEST = 128,
	ECHO6_REPLY = 129,
	REST = 0x12340001, /* id and sequence number */
	PING_BYTES = 56,
	CHECKSUM_OFFSET = 2, /* in an ICMP message */
	CHECKSUMS = 1 << 16,
	MAX_TAGS = 2,
	MAX_LAYERS = 8,
};

#define DATA	     payload(PING_BYTES)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;

/*
 * Answers.
 */

struct ping {
	const char *name;
	struct layer request, reply; /* IP headers; a reply's TTL is always the same */
	size_t data, padding;
	struct layer tags[MAX_TAGS];
	size_t tag_count;
};

static struct packet ping_make(const struct ping *ping, const char *from, const char *to,
			       struct layer ip, struct layer message)
{
	struct layer layers[MAX_LAYERS];
	size_t count = 0;

	layers[count++] = eth(from, to);
	for (size_t i = 0; i < ping->tag_count; i++)
		layers[count++] = ping->tags[i];
	layers[count++] = ip;
	layers[count++] = message;
	layers[count++] = payload(ping->data);
	layers[count++] = padding(ping->padding);
	return packet_make(layers, count);
}

static struct packet ping_request(const struct ping *ping)
{
	return ping_make(ping, ROUTER_MAC, EDGE_MAC, ping->request,
			 ping->request.type == LAYER_IP4 ? icmp(ECHO_REQUEST, 0, REST)
							 : icmp6(ECHO6_REQUEST, 0, REST));
}

static struct packet ping_reply(const struct ping *ping)
{
	return ping_make(ping, EDGE_MAC, ROUTER_MAC, ttl(ping->reply, ECHO_TTL),
			 ping->reply.type == LAYER_IP4 ? icmp(ECHO_REPLY, 0, REST)
						       : icmp6(ECHO6_REPLY, 0, REST));
}

static void test_pings(const struct ping *pings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct packet out = ping_reply(&pings[i]);
		struct fate fate = fate_of(pings[i].name, ping_request(&pings[i]), A4, XDP_TX,
					   POISE_REASON_ECHO_ANSWERED);

		fate.out = &out;
		fate_test(&fixture, &fate);
	}
}

#define TURNED(request_, reply_) .request = (request_), .reply = (reply_)
#define FROM4(address)		 TURNED(ip4(address, VIP4), ip4(VIP4, address))
#define FROM6(address)		 TURNED(ip6(address, VIP6), ip6(VIP6, address))
#define PING4			 FROM4(CLIENT4)
#define PING6			 FROM6(CLIENT6)

static void test_answers(void)
{
	const struct ping pings[] = {
		{ "IPv4 echo", PING4, .data = PING_BYTES },
		{ "IPv4 echo without data", PING4 },
		{ "IPv4 echo, an odd length", PING4, .data = 1 },
		{ "IPv4 echo, a full packet", PING4, .data = 1472 },
		{ "IPv4 echo, padded", PING4, .data = 4, .padding = 14 },
		{ "IPv4 echo, TOS",
		  TURNED(tos(ip4(CLIENT4, VIP4), 0xb9), tos(ip4(VIP4, CLIENT4), 0xb9)),
		  .data = PING_BYTES },
		{ "IPv4 echo, don't fragment",
		  TURNED(ip4_fragment(ip4(CLIENT4, VIP4), IP4_DONT_FRAGMENT),
			 ip4_fragment(ip4(VIP4, CLIENT4), IP4_DONT_FRAGMENT)),
		  .data = PING_BYTES },
		{ "IPv4 echo, TTL 1", TURNED(ttl(ip4(CLIENT4, VIP4), 1), ip4(VIP4, CLIENT4)),
		  .data = PING_BYTES },
		{ "IPv4 echo, TTL 64", TURNED(ttl(ip4(CLIENT4, VIP4), 64), ip4(VIP4, CLIENT4)),
		  .data = PING_BYTES },
		{ "IPv4 echo, TTL 255", TURNED(ttl(ip4(CLIENT4, VIP4), 255), ip4(VIP4, CLIENT4)),
		  .data = PING_BYTES },
		{ "IPv6 echo", PING6, .data = PING_BYTES },
		{ "IPv6 echo without data", PING6 },
		{ "IPv6 echo, an odd length", PING6, .data = 1 },
		{ "IPv6 echo, a full packet", PING6, .data = 1452 },
		{ "IPv6 echo, padded", PING6, .data = 4, .padding = 14 },
		{ "IPv6 echo, traffic class",
		  TURNED(tos(ip6(CLIENT6, VIP6), 0xb9), tos(ip6(VIP6, CLIENT6), 0xb9)),
		  .data = PING_BYTES },
		{ "IPv6 echo, hop limit 1", TURNED(ttl(ip6(CLIENT6, VIP6), 1), ip6(VIP6, CLIENT6)),
		  .data = PING_BYTES },
	};

	test_pings(pings, COUNT(pings));
}

/* The addresses next to those that are never answered. */
static void test_answered_sources(void)
{
	const struct ping pings[] = {
		{ "IPv4 echo from 1.0.0.0", FROM4("1.0.0.0") },
		{ "IPv4 echo from 126.255.255.255", FROM4("126.255.255.255") },
		{ "IPv4 echo from 128.0.0.0", FROM4("128.0.0.0") },
		{ "IPv4 echo from 223.255.255.255", FROM4("223.255.255.255") },
		{ "IPv4 echo from 240.0.0.0", FROM4("240.0.0.0") },
		{ "IPv4 echo from 255.255.255.254", FROM4("255.255.255.254") },
		{ "IPv4 echo from the service's neighbour", FROM4(OTHER4) },
		{ "IPv6 echo from ::2", FROM6("::2") },
		{ "IPv6 echo from 0:0:0:1::", FROM6("0:0:0:1::") },
		{ "IPv6 echo from 0:0:0:1::1", FROM6("0:0:0:1::1") },
		{ "IPv6 echo from fe80::1", FROM6("fe80::1") },
		{ "IPv6 echo from feff::", FROM6("feff::") },
		{ "IPv6 echo from the service's neighbour", FROM6(OTHER6) },
		{ "IPv6 echo from the service's host part elsewhere", FROM6("2001:db8:e::10") },
	};

	test_pings(pings, COUNT(pings));
}

/* The reply has the request's tags. */
static void test_tags(void)
{
	const struct ping pings[] = {
		{ "IPv4 echo, one tag", PING4, .data = PING_BYTES, .padding = 0,
		  .tags = { vlan(0x6064) }, .tag_count = 1 },
		{ "IPv4 echo, two tags", PING4, .data = 1, .padding = 0,
		  .tags = { service_vlan(300), vlan(100) }, .tag_count = 2 },
		{ "IPv6 echo, one tag", PING6, .data = PING_BYTES, .padding = 0,
		  .tags = { vlan(0x6064) }, .tag_count = 1 },
		{ "IPv6 echo, two tags", PING6, .data = 1, .padding = 9,
		  .tags = { service_vlan(300), vlan(100) }, .tag_count = 2 },
	};

	test_pings(pings, COUNT(pings));
}

/*
 * Checksums.
 */

static bool header_valid(const struct packet *packet)
{
	size_t l3 = packet_l3(packet);

	return packet_family(packet) == 6 ||
	       ones_complement(packet->bytes + l3, IP4_BYTES, 0) == 0xffff;
}

/* Reckoned here from the bytes that came out; IPv6 has the pseudo header of RFC 8200, 8.1. */
static bool message_valid(const struct packet *packet)
{
	const uint8_t *ip = packet->bytes + packet_l3(packet);
	const uint8_t *message = packet->bytes + packet_l4(packet);
	size_t length = packet_ip_length(packet) - (size_t)(message - ip);
	uint32_t pseudo = 0;

	if (packet_family(packet) == 6)
		pseudo = ones_complement(ip + 8, 32, (uint32_t)(length + IPPROTO_ICMPV6));
	return ones_complement(message, length, pseudo) == 0xffff;
}

static struct packet request_of(int family, uint32_t rest)
{
	if (family == 4)
		return PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(CLIENT4, VIP4),
			   icmp(ECHO_REQUEST, 0, rest));
	return PKT(eth(ROUTER_MAC, EDGE_MAC), ip6(CLIENT6, VIP6), icmp6(ECHO6_REQUEST, 0, rest));
}

/* Whether replies are as valid as their requests, for each sum that a message can have. */
static void test_every_checksum(int family)
{
	bool holds = true;

	for (uint32_t rest = 0; rest < CHECKSUMS && holds; rest++) {
		struct packet in = request_of(family, rest << 16), out;

		holds = fixture_run(&fixture, &in, &out) == XDP_TX && header_valid(&out) &&
			message_valid(&out);
		if (!holds)
			tap_note("wrong for id %u", rest);
	}
	tap_ok(holds, "IPv%d: replies to requests of every sum have right checksums", family);
}

static void test_wrong_checksums(int family)
{
	struct packet in = request_of(family, REST), out;
	uint8_t *at = in.bytes + packet_l4(&in) + CHECKSUM_OFFSET;
	int right = 0, made_right = 0;

	for (uint32_t sum = 0; sum < CHECKSUMS; sum++) {
		at[0] = (uint8_t)(sum >> 8);
		at[1] = (uint8_t)sum;
		if (fixture_run(&fixture, &in, &out) != XDP_TX)
			break;
		right += message_valid(&in);
		made_right += message_valid(&out) && !message_valid(&in);
	}
	tap_note("requests with a right checksum: %d, wrong ones with a right reply: %d", right,
		 made_right);
	tap_ok(right == 1 && made_right == 0, "IPv%d: a wrong checksum stays wrong", family);
}

static void test_wrong_header(void)
{
	struct packet in = request_of(4, REST), out;

	in.bytes[ETH_BYTES + 11] ^= 1;
	tap_ok(fixture_run(&fixture, &in, &out) == XDP_TX && !header_valid(&out) &&
		       message_valid(&out),
	       "IPv4: a wrong header checksum stays wrong");
}

/*
 * What is not answered.
 */

static void test_fates(const struct fate *fates, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fate_test(&fixture, &fates[i]);
}

#define PASSED(name, ...)  FATE(name, A4, XDP_PASS, ICMP_PASSED, __VA_ARGS__)
#define LIMITED(name, ...) FATE(name, A4, XDP_DROP, ECHO_LIMITED, __VA_ARGS__)
#define REQUEST4	   icmp(ECHO_REQUEST, 0, REST), DATA
#define REQUEST6	   icmp6(ECHO6_REQUEST, 0, REST), DATA

static void test_passed(void)
{
	const struct fate fates[] = {
		PASSED("IPv4 echo reply", ip4(CLIENT4, VIP4), icmp(ECHO_REPLY, 0, REST), DATA),
		PASSED("IPv4 echo of code 1", ip4(CLIENT4, VIP4), icmp(ECHO_REQUEST, 1, REST)),
		PASSED("IPv4 source quench", ip4(CLIENT4, VIP4), icmp(4, 0, 0), DATA),
		PASSED("IPv4 redirect", ip4(CLIENT4, VIP4), icmp(5, 1, 0), DATA),
		PASSED("IPv4 timestamp request", ip4(CLIENT4, VIP4), icmp(13, 0, REST), DATA),
		PASSED("ICMP of IPv6's echo request type", ip4(CLIENT4, VIP4),
		       icmp(ECHO6_REQUEST, 0, REST)),
		PASSED("IPv4 echo with options", ip4_options(ip4(CLIENT4, VIP4), 4), REQUEST4),
		PASSED("IPv4 echo, first fragment",
		       ip4_fragment(ip4(CLIENT4, VIP4), IP4_MORE_FRAGMENTS), REQUEST4),
		PASSED("IPv4 echo, later fragment", ip4_fragment(ip4(CLIENT4, VIP4), 8), REQUEST4),
		PASSED("IPv6 echo reply", ip6(CLIENT6, VIP6), icmp6(ECHO6_REPLY, 0, REST), DATA),
		PASSED("IPv6 echo of code 1", ip6(CLIENT6, VIP6), icmp6(ECHO6_REQUEST, 1, REST)),
		PASSED("router solicitation", ip6(CLIENT6, VIP6), icmp6(133, 0, 0)),
		PASSED("router advertisement", ip6(CLIENT6, VIP6), icmp6(134, 0, 0), DATA),
		PASSED("neighbour solicitation", ttl(ip6(CLIENT6, VIP6), 255), icmp6(135, 0, 0),
		       payload(24)),
		PASSED("neighbour advertisement", ttl(ip6(CLIENT6, VIP6), 255),
		       icmp6(136, 0, 0x60000000), payload(16)),
		PASSED("IPv6 redirect", ip6(CLIENT6, VIP6), icmp6(137, 0, 0), DATA),
		PASSED("IPv6 error of type 0", ip6(CLIENT6, VIP6), icmp6(0, 0, 0), DATA),
		PASSED("IPv6 error of type 5", ip6(CLIENT6, VIP6), icmp6(5, 0, 0), DATA),
		PASSED("ICMPv6 of IPv4's echo request type", ip6(CLIENT6, VIP6),
		       icmp6(ECHO_REQUEST, 0, REST)),
		PASSED("IPv6 echo behind an extension header", ip6(CLIENT6, VIP6),
		       ip6_extension(IPPROTO_DSTOPTS), REQUEST6),
		PASSED("IPv6 echo, first fragment", ip6(CLIENT6, VIP6),
		       ip6_fragment(IP6_MORE_FRAGMENTS), REQUEST6),
		PASSED("IPv6 echo, atomic fragment", ip6(CLIENT6, VIP6), ip6_fragment(0), REQUEST6),
		PASSED("IPv6 echo, later fragment", ip6(CLIENT6, VIP6), ip6_fragment(64), REQUEST6),
		FATE("IPv4 echo to another address", A4, XDP_PASS, NOT_SERVICE,
		     ip4(CLIENT4, OTHER4), REQUEST4),
		FATE("IPv6 echo to another address", A4, XDP_PASS, NOT_SERVICE,
		     ip6(CLIENT6, OTHER6), REQUEST6),
	};

	test_fates(fates, COUNT(fates));
}

static void test_bad_sources(void)
{
	const struct fate fates[] = {
		LIMITED("IPv4 echo from 0.0.0.0", ip4("0.0.0.0", VIP4), REQUEST4),
		LIMITED("IPv4 echo from 0.255.255.255", ip4("0.255.255.255", VIP4), REQUEST4),
		LIMITED("IPv4 echo from 127.0.0.0", ip4("127.0.0.0", VIP4), REQUEST4),
		LIMITED("IPv4 echo from 127.255.255.255", ip4("127.255.255.255", VIP4), REQUEST4),
		LIMITED("IPv4 echo from 224.0.0.0", ip4("224.0.0.0", VIP4), REQUEST4),
		LIMITED("IPv4 echo from 239.255.255.255", ip4("239.255.255.255", VIP4), REQUEST4),
		LIMITED("IPv4 echo from 255.255.255.255", ip4("255.255.255.255", VIP4), REQUEST4),
		LIMITED("IPv4 echo from the service itself", ip4(VIP4, VIP4), REQUEST4),
		LIMITED("IPv6 echo from ::", ip6("::", VIP6), REQUEST6),
		LIMITED("IPv6 echo from ::1", ip6("::1", VIP6), REQUEST6),
		LIMITED("IPv6 echo from ff00::", ip6("ff00::", VIP6), REQUEST6),
		LIMITED("IPv6 echo from ff02::1", ip6("ff02::1", VIP6), REQUEST6),
		LIMITED("IPv6 echo from the service itself", ip6(VIP6, VIP6), REQUEST6),
	};

	test_fates(fates, COUNT(fates));
}

/* A frame to many would be answered by many. */
static void test_group_frames(void)
{
	static const char *const macs[][2] = {
		{ ROUTER_MAC, "ff:ff:ff:ff:ff:ff" },
		{ ROUTER_MAC, "01:00:5e:00:00:01" },
		{ ROUTER_MAC, "33:33:00:00:00:01" },
		{ "01:00:00:00:01:01", EDGE_MAC },
	};

	for (size_t i = 0; i < COUNT(macs); i++) {
		struct layer frame = eth(macs[i][0], macs[i][1]);
		struct fate fates[] = {
			{ .name = "IPv4", .in = PKT(frame, ip4(CLIENT4, VIP4), REQUEST4) },
			{ .name = "IPv6", .in = PKT(frame, ip6(CLIENT6, VIP6), REQUEST6) },
		};
		for (size_t j = 0; j < COUNT(fates); j++) {
			fates[j].verdict = XDP_DROP;
			fates[j].reason = POISE_REASON_ECHO_LIMITED;
			tap_ok(fate_holds(&fixture, &fates[j]), "%s echo in a frame from %s to %s",
			       fates[j].name, macs[i][0], macs[i][1]);
		}
	}
}

static void test_turned_off(void)
{
	const struct fate fates[] = {
		PASSED("echo turned off, IPv4", ip4(CLIENT4, VIP4), REQUEST4),
		PASSED("echo turned off, IPv6", ip6(CLIENT6, VIP6), REQUEST6),
		PASSED("echo turned off, a bad source", ip4("127.0.0.1", VIP4), REQUEST4),
	};

	fixture_settings(&fixture)->echo_rate = 0;
	test_fates(fates, COUNT(fates));
	fixture_settings(&fixture)->echo_rate = ECHO_RATE;
}

/* Requests whose IP length leaves out the last bytes, which stand in the frame as padding: they
 * are shorter requests, or none. */
static void test_claimed_lengths(void)
{
	bool holds4 = true, holds6 = true;

	for (uint16_t bytes = 0; bytes < ICMP_BYTES; bytes++) {
		struct fate short4 =
			FATE("IPv4 echo cut by its length", A4, XDP_DROP, MALFORMED,
			     claim(ip4(CLIENT4, VIP4), (uint16_t)(IP4_BYTES + bytes)), REQUEST4);
		struct fate short6 = FATE("IPv6 echo cut by its length", A4, XDP_DROP, MALFORMED,
					  claim(ip6(CLIENT6, VIP6), bytes), REQUEST6);

		holds4 &= fate_holds(&fixture, &short4);
		holds6 &= fate_holds(&fixture, &short6);
	}
	tap_ok(holds4, "IPv4 echo cut by its length at every byte of its header");
	tap_ok(holds6, "IPv6 echo cut by its length at every byte of its header");
}

/* A request cut at every byte: of what is left nothing is answered. */
static void test_truncation(int family)
{
	struct packet whole = request_of(family, REST), out;
	bool holds = true;

	for (size_t length = ETH_BYTES; length < whole.length; length++) {
		struct packet cut = packet_cut(&whole, length);
		int verdict = fixture_run(&fixture, &cut, &out);

		if (verdict != XDP_PASS && verdict != XDP_DROP) {
			tap_note("cut to %zu bytes: verdict %d", length, verdict);
			holds = false;
		}
	}
	tap_ok(holds, "IPv%d echo cut at every byte is not answered", family);
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	fixture_settings(&fixture)->echo_rate = ECHO_RATE;
	test_answers();
	test_answered_sources();
	test_tags();
	for (int family = 4; family <= 6; family += 2) {
		test_every_checksum(family);
		test_wrong_checksums(family);
		test_truncation(family);
	}
	test_wrong_header();
	test_passed();
	test_bad_sources();
	test_group_frames();
	test_turned_off();
	test_claimed_lengths();
	fixture_close(&fixture);
	return tap_done();
}
