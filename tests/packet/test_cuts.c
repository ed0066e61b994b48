// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What becomes of packets of which less arrives than was sent, byte by byte. */
#include <linux/bpf.h>

#include "fate.h"
#include "hex.h"

enum { RING_SIZE = 251, PAYLOAD_BYTES = 16 };

#define TO_VIP4	     ip4(CLIENT4, VIP4)
#define TO_VIP6	     ip6(CLIENT6, VIP6)
#define TO_OTHER4    ip4(CLIENT4, OTHER4)
#define TO_OTHER6    ip6(CLIENT6, OTHER6)
#define WEB	     tcp(CLIENT_PORT, SERVICE_PORT, ACK)
#define DATA	     payload(PAYLOAD_BYTES)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;

/*
 * A packet that is sent when it is whole; what becomes of it when less arrives.
 */
struct cut_row {
	const char *name;
	struct packet whole;
	size_t fragment; /* bytes of the IP packet after which it is known to be a first fragment */
	size_t needed;	 /* bytes of the IP packet without which it is not sent */
};

static bool fate_expected(const struct cut_row *row, struct packet in, enum poise_reason reason)
{
	bool passed = reason == POISE_REASON_NOT_IP || reason == POISE_REASON_NOT_SERVICE;
	struct fate fate = fate_of(row->name, in, A4,
				   reason == POISE_REASON_SENT ? XDP_TX
				   : passed		       ? XDP_PASS
							       : XDP_DROP,
				   reason);

	if (fate_holds(&fixture, &fate))
		return true;
	tap_note("%s: %zu bytes", row->name, in.length);
	return false;
}

/* The frame ends early: its address may not be known; else the IP length lies. */
static enum poise_reason reason_of_cut(const struct cut_row *row, size_t length)
{
	size_t l3 = packet_l3(&row->whole);

	if (length == row->whole.length)
		return POISE_REASON_SENT;
	if (length < l3)
		return POISE_REASON_NOT_IP;
	if (length < l3 + (packet_family(&row->whole) == 4 ? IP4_BYTES : IP6_BYTES))
		return POISE_REASON_NOT_SERVICE;
	return POISE_REASON_MALFORMED;
}

/* The IP packet ends early and says so. */
static enum poise_reason reason_of_short(const struct cut_row *row, size_t ip_length)
{
	if (ip_length >= row->needed)
		return POISE_REASON_SENT;
	return row->fragment && ip_length >= row->fragment ? POISE_REASON_FRAGMENT_TINY
							   : POISE_REASON_MALFORMED;
}

/* The same packet with another length in its IP header. */
static struct packet shortened(const struct packet *whole, size_t ip_length)
{
	struct packet packet = *whole;
	bool is4 = packet_family(whole) == 4;
	uint8_t *field = packet.bytes + packet_l3(whole) + (is4 ? 2 : 4);
	size_t value = is4 ? ip_length : ip_length - IP6_BYTES;

	field[0] = (uint8_t)(value >> 8);
	field[1] = (uint8_t)value;
	return packet;
}

static void test_cut_row(const struct cut_row *row)
{
	size_t l3 = packet_l3(&row->whole), ip_length = packet_ip_length(&row->whole);
	size_t least = packet_family(&row->whole) == 4 ? 0 : IP6_BYTES;
	bool cut = true, padded = true, ended = true;

	for (size_t length = ETH_BYTES; length <= row->whole.length; length++)
		cut &= fate_expected(row, packet_cut(&row->whole, length),
				     reason_of_cut(row, length));
	tap_ok(cut, "%s: cut to every length", row->name);
	for (size_t length = least; length <= ip_length; length++) {
		struct packet shorter = shortened(&row->whole, length);

		padded &= fate_expected(row, shorter, reason_of_short(row, length));
		if (length < (least ? least : IP4_BYTES))
			continue;
		shorter = packet_cut(&shorter, l3 + length);
		ended &= fate_expected(row, shorter, reason_of_short(row, length));
	}
	tap_ok(padded, "%s: of every length, and padded", row->name);
	tap_ok(ended, "%s: of every length", row->name);
}

/* A test run takes no frame without a whole Ethernet header, so the cuts begin after it. */
static void test_cuts(void)
{
	enum { HEADERS6 = IP6_BYTES + 8 + 16 }; /* with the extension headers below */
	struct layer options = ip6_extension_of(IPPROTO_DSTOPTS, 16);
	struct layer udp80 = udp(CLIENT_PORT, SERVICE_PORT);
	const struct cut_row rows[] = {
		{ "IPv4, TCP", PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP4, WEB, DATA), 0,
		  IP4_BYTES + TCP_BYTES },
		{ "IPv4, UDP", PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP4, udp80, DATA), 0,
		  IP4_BYTES + UDP_BYTES },
		{ "IPv4 with options",
		  PKT(eth(ROUTER_MAC, EDGE_MAC), ip4_options(TO_VIP4, 12), WEB, DATA), 0,
		  IP4_BYTES + 12 + TCP_BYTES },
		{ "IPv4, first fragment",
		  PKT(eth(ROUTER_MAC, EDGE_MAC), ip4_fragment(TO_VIP4, IP4_MORE_FRAGMENTS),
		      tcp_words(WEB, 6), DATA),
		  IP4_BYTES, IP4_BYTES + TCP_BYTES + 4 },
		{ "IPv6, TCP", PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP6, WEB, DATA), 0,
		  IP6_BYTES + TCP_BYTES },
		{ "IPv6, UDP", PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP6, udp80, DATA), 0,
		  IP6_BYTES + UDP_BYTES },
		{ "IPv6 with extension headers",
		  PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP6, ip6_extension(IPPROTO_HOPOPTS), options,
		      WEB, DATA),
		  0, HEADERS6 + TCP_BYTES },
		{ "IPv6, first fragment",
		  PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP6, ip6_fragment(IP6_MORE_FRAGMENTS), options,
		      udp80, DATA),
		  IP6_BYTES + 8, HEADERS6 + UDP_BYTES },
	};

	fixture_own(&fixture, A4);
	for (size_t i = 0; i < COUNT(rows); i++)
		test_cut_row(&rows[i]);
}

/* Of what is not for a service nothing is dropped, however much of it arrives. */
static void test_cuts_elsewhere(void)
{
	const struct packet rows[] = {
		PKT(eth(ROUTER_MAC, EDGE_MAC), ip4_options(TO_OTHER4, 12), WEB, DATA),
		PKT(eth(ROUTER_MAC, EDGE_MAC), TO_OTHER6, ip6_extension(IPPROTO_HOPOPTS), WEB,
		    DATA),
		PKT(eth(ROUTER_MAC, EDGE_MAC), ip4_fragment(TO_OTHER4, IP4_MORE_FRAGMENTS), WEB),
		PKT(eth(ROUTER_MAC, EDGE_MAC), TO_OTHER6, ip6_fragment(IP6_MORE_FRAGMENTS), WEB),
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cut_row row = { "another address", rows[i], 0, 0 };
		bool passed = true;

		for (size_t length = ETH_BYTES; length <= row.whole.length; length++)
			passed &= fate_expected(&row, packet_cut(&row.whole, length),
						POISE_REASON_NOT_SERVICE);
		tap_ok(passed, "IPv%d, another address, cut to every length: passed",
		       packet_family(&rows[i]));
	}
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	test_cuts();
	test_cuts_elsewhere();
	fixture_close(&fixture);
	return tap_done();
}
