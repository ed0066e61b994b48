// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Frames with VLAN tags on the way in: up to two, of either kind; they end at the balancer. */
#include <linux/bpf.h>

#include "fate.h"
#include "hex.h"

enum { RING_SIZE = 251, MAX_TAG = 0xffff };

#define SENT(name, ...)		   FATE(name, A4, XDP_TX, SENT, __VA_ARGS__)
#define PASSED(name, reason, ...)  FATE(name, A4, XDP_PASS, reason, __VA_ARGS__)
#define DROPPED(name, reason, ...) FATE(name, A4, XDP_DROP, reason, __VA_ARGS__)

#define TO_VIP4	     ip4(CLIENT4, VIP4)
#define TO_VIP6	     ip6(CLIENT6, VIP6)
#define TO_OTHER4    ip4(CLIENT4, OTHER4)
#define TO_OTHER6    ip6(CLIENT6, OTHER6)
#define WEB	     tcp(CLIENT_PORT, SERVICE_PORT, SYN)
#define DNS	     udp(CLIENT_PORT, SERVICE_PORT)
#define DATA	     payload(16)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;

static void test_fates(const struct fate *fates, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fate_test(&fixture, &fates[i]);
}

static void test_tags(void)
{
	const struct fate fates[] = {
		SENT("802.1Q, IPv4", vlan(100), TO_VIP4, WEB, DATA),
		SENT("802.1Q, IPv6", vlan(100), TO_VIP6, WEB, DATA),
		SENT("802.1Q, UDP", vlan(100), TO_VIP4, DNS, DATA),
		SENT("802.1ad, IPv4", service_vlan(100), TO_VIP4, WEB, DATA),
		SENT("802.1Q in 802.1ad, IPv4", service_vlan(100), vlan(200), TO_VIP4, WEB, DATA),
		SENT("802.1Q in 802.1ad, IPv6", service_vlan(100), vlan(200), TO_VIP6, DNS, DATA),
		SENT("802.1Q in 802.1Q", vlan(100), vlan(100), TO_VIP4, WEB, DATA),
		SENT("802.1ad in 802.1ad", service_vlan(1), service_vlan(2), TO_VIP6, WEB, DATA),
		SENT("a priority alone", vlan(0), TO_VIP4, WEB, DATA),
		SENT("every bit of the tag set", vlan(MAX_TAG), vlan(MAX_TAG), TO_VIP4, WEB, DATA),
		SENT("padded", vlan(100), TO_VIP4, WEB, padding(6)),
		PASSED("three tags", NOT_IP, vlan(1), vlan(2), vlan(3), TO_VIP4, WEB, DATA),
		PASSED("ARP", NOT_IP, vlan(100), arp(CLIENT4, VIP4), padding(18)),
		PASSED("another address, IPv4", NOT_SERVICE, vlan(100), TO_OTHER4, WEB, DATA),
		PASSED("another address, IPv6", NOT_SERVICE, vlan(100), TO_OTHER6, WEB, DATA),
		PASSED("ICMP", ICMP_PASSED, service_vlan(100), vlan(200), TO_VIP4, echo(), DATA),
		DROPPED("a length that lies", MALFORMED, vlan(100), vlan(200),
			claim(TO_VIP4, 0xffff), WEB),
	};

	test_fates(fates, COUNT(fates));
}

/* What else a packet may have, behind two tags. */
static void test_behind_tags(void)
{
	const struct fate fates[] = {
		SENT("options", service_vlan(1), vlan(2), ip4_options(TO_VIP4, 40), WEB, DATA),
		SENT("extension headers", service_vlan(1), vlan(2), TO_VIP6,
		     ip6_extension(IPPROTO_HOPOPTS), ip6_extension(IPPROTO_DSTOPTS), DNS, DATA),
		SENT("first fragment", service_vlan(1), vlan(2),
		     ip4_fragment(TO_VIP4, IP4_MORE_FRAGMENTS), WEB, DATA),
		DROPPED("tiny fragment", FRAGMENT_TINY, service_vlan(1), vlan(2),
			next(ip4_fragment(TO_VIP4, IP4_MORE_FRAGMENTS), IPPROTO_TCP), payload(8),
			padding(32)),
	};

	test_fates(fates, COUNT(fates));
}

/* Within the tags the type is not known, within the IP header the address is not. */
static struct fate cut_fate(const struct packet *whole, size_t length)
{
	struct packet cut = packet_cut(whole, length);
	size_t l3 = packet_l3(whole), ip = packet_family(whole) == 4 ? IP4_BYTES : IP6_BYTES;

	if (length < l3)
		return fate_of("cut", cut, A4, XDP_PASS, POISE_REASON_NOT_IP);
	if (length < l3 + ip)
		return fate_of("cut", cut, A4, XDP_PASS, POISE_REASON_NOT_SERVICE);
	return fate_of("cut", cut, A4, XDP_DROP, POISE_REASON_MALFORMED);
}

static void test_cuts(void)
{
	const struct packet rows[] = {
		PKT(eth(ROUTER_MAC, EDGE_MAC), vlan(1), TO_VIP4, WEB, DATA),
		PKT(eth(ROUTER_MAC, EDGE_MAC), service_vlan(1), vlan(2), TO_VIP6, WEB, DATA),
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		bool holds = true;

		for (size_t length = ETH_BYTES; length < rows[i].length; length++) {
			struct fate fate = cut_fate(&rows[i], length);

			if (fate_holds(&fixture, &fate))
				continue;
			tap_note("%zu bytes", length);
			holds = false;
		}
		tap_ok(holds, "%zu tags, cut to every length", i + 1);
	}
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	test_tags();
	test_behind_tags();
	test_cuts();
	fixture_close(&fixture);
	return tap_done();
}
