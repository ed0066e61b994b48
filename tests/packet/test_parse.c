// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whose packets are taken, and what becomes of those that are cut, lie, or have unusual headers. */
#include <linux/bpf.h>

#include "fate.h"
#include "hex.h"

enum {
	RING_SIZE = 251,
	OTHER_PORT = 81,
	IP4_MIN_WORDS = IP4_BYTES / 4,
	PAYLOAD_BYTES = 16,
};

#define SENT(name, ...)		   FATE(name, A4, XDP_TX, SENT, __VA_ARGS__)
#define PASSED(name, reason, ...)  FATE(name, A4, XDP_PASS, reason, __VA_ARGS__)
#define DROPPED(name, reason, ...) FATE(name, A4, XDP_DROP, reason, __VA_ARGS__)

#define TO_VIP4	     ip4(CLIENT4, VIP4)
#define TO_VIP6	     ip6(CLIENT6, VIP6)
#define TO_OTHER4    ip4(CLIENT4, OTHER4)
#define TO_OTHER6    ip6(CLIENT6, OTHER6)
#define WEB	     tcp(CLIENT_PORT, SERVICE_PORT, ACK)
#define DATA	     payload(PAYLOAD_BYTES)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;

static void test_fates(const struct fate *fates, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fate_test(&fixture, &fates[i]);
}

static void test_destinations(void)
{
	const struct fate fates[] = {
		SENT("IPv4 to the service", TO_VIP4, WEB, DATA),
		SENT("IPv6 to the service", TO_VIP6, WEB, DATA),
		PASSED("IPv4, another address", NOT_SERVICE, TO_OTHER4, WEB, DATA),
		PASSED("IPv6, another address", NOT_SERVICE, TO_OTHER6, WEB, DATA),
		PASSED("IPv4, the service as source", NOT_SERVICE, ip4(VIP4, CLIENT4), WEB, DATA),
		PASSED("IPv4, another port", NOT_SERVICE, TO_VIP4,
		       tcp(CLIENT_PORT, OTHER_PORT, SYN)),
		PASSED("IPv6, another port", NOT_SERVICE, TO_VIP6,
		       tcp(CLIENT_PORT, OTHER_PORT, SYN)),
		PASSED("IPv4, the service's port as source", NOT_SERVICE, TO_VIP4,
		       tcp(SERVICE_PORT, OTHER_PORT, SYN)),
		PASSED("IPv4, port 0", NOT_SERVICE, TO_VIP4, tcp(CLIENT_PORT, 0, SYN)),
		PASSED("IPv6, port 0", NOT_SERVICE, TO_VIP6, tcp(CLIENT_PORT, 0, ACK)),
		SENT("IPv4, source port 0", TO_VIP4, tcp(0, SERVICE_PORT, SYN)),
		PASSED("IPv4, UDP", NOT_SERVICE, TO_VIP4, udp(CLIENT_PORT, SERVICE_PORT), DATA),
		PASSED("IPv6, UDP", NOT_SERVICE, TO_VIP6, udp(CLIENT_PORT, SERVICE_PORT), DATA),
		PASSED("IPv4, ICMP echo", NOT_SERVICE, TO_VIP4, echo(), DATA),
		PASSED("IPv6, ICMP echo", NOT_SERVICE, TO_VIP6, echo6(), DATA),
		PASSED("IPv4, IPIP to the service", NOT_SERVICE, TO_VIP4, TO_VIP4, WEB, DATA),
		PASSED("IPv6, IP6IP6 to the service", NOT_SERVICE, TO_VIP6, TO_VIP6, WEB, DATA),
		PASSED("ARP for the service's address", NOT_IP, arp(CLIENT4, VIP4), padding(18)),
		PASSED("VLAN tag, IPv4", NOT_IP, vlan(100), TO_VIP4, WEB, DATA),
		PASSED("VLAN tag, IPv6", NOT_IP, vlan(100), TO_VIP6, WEB, DATA),
		PASSED("two VLAN tags", NOT_IP, vlan(100), vlan(200), TO_VIP4, WEB, DATA),
		PASSED("an Ethernet header alone", NOT_IP, padding(0)),
	};

	test_fates(fates, COUNT(fates));
}

static void test_lies(void)
{
	enum {
		LENGTH4 = IP4_BYTES + TCP_BYTES + PAYLOAD_BYTES,
		LENGTH6 = TCP_BYTES + PAYLOAD_BYTES,
	};
	const struct fate fates[] = {
		DROPPED("IPv4 length one too long", MALFORMED, claim(TO_VIP4, LENGTH4 + 1), WEB,
			DATA),
		DROPPED("IPv4 length 65535", MALFORMED, claim(TO_VIP4, 0xffff), WEB, DATA),
		DROPPED("IPv4 length 0", MALFORMED, claim(TO_VIP4, 0), WEB, DATA),
		DROPPED("IPv4 length within its header", MALFORMED, claim(TO_VIP4, IP4_BYTES - 1),
			WEB, DATA),
		DROPPED("IPv4 length without TCP", MALFORMED, claim(TO_VIP4, IP4_BYTES), WEB, DATA),
		DROPPED("IPv4 length within the TCP header", MALFORMED,
			claim(TO_VIP4, IP4_BYTES + TCP_BYTES - 1), WEB, DATA),
		SENT("IPv4 length up to the TCP header's end",
		     claim(TO_VIP4, IP4_BYTES + TCP_BYTES), WEB, DATA),
		SENT("IPv4 length one less than there is", claim(TO_VIP4, LENGTH4 - 1), WEB, DATA),
		DROPPED("IPv6 length one too long", MALFORMED, claim(TO_VIP6, LENGTH6 + 1), WEB,
			DATA),
		DROPPED("IPv6 length 65535", MALFORMED, claim(TO_VIP6, 0xffff), WEB, DATA),
		DROPPED("IPv6 length 0", MALFORMED, claim(TO_VIP6, 0), WEB, DATA),
		DROPPED("IPv6 length within the TCP header", MALFORMED,
			claim(TO_VIP6, TCP_BYTES - 1), WEB, DATA),
		SENT("IPv6 length up to the TCP header's end", claim(TO_VIP6, TCP_BYTES), WEB,
		     DATA),
		SENT("IPv6 length one less than there is", claim(TO_VIP6, LENGTH6 - 1), WEB, DATA),
		PASSED("IPv4 length too long, another address", NOT_SERVICE,
		       claim(TO_OTHER4, 0xffff), WEB, DATA),
		PASSED("IPv6 length too long, another address", NOT_SERVICE,
		       claim(TO_OTHER6, 0xffff), WEB, DATA),
		PASSED("IPv4 length 0, another address", NOT_SERVICE, claim(TO_OTHER4, 0), WEB,
		       DATA),
		PASSED("IPv6 length 0, another address", NOT_SERVICE, claim(TO_OTHER6, 0), WEB,
		       DATA),
		DROPPED("IPv4 length too long, another port", MALFORMED, claim(TO_VIP4, 0xffff),
			tcp(CLIENT_PORT, OTHER_PORT, ACK), DATA),
		PASSED("IPv6 under the Ethernet type of IPv4", NOT_SERVICE, version(TO_VIP4, 6),
		       WEB, DATA),
		PASSED("IPv4 under the Ethernet type of IPv6", NOT_SERVICE, version(TO_VIP6, 4),
		       WEB, DATA),
		PASSED("IP version 0", NOT_SERVICE, version(TO_VIP4, 0), WEB, DATA),
		PASSED("IP version 15", NOT_SERVICE, version(TO_VIP6, 15), WEB, DATA),
	};

	test_fates(fates, COUNT(fates));
}

/* Short packets are padded to the least that Ethernet sends; the padding is no part of them. */
static void test_padding(void)
{
	static const uint8_t leftovers[] = "what was in the buffer before";
	const struct fate fates[] = {
		SENT("IPv4, padded to the least frame", TO_VIP4, WEB,
		     padding(ETH_MIN_BYTES - ETH_BYTES - IP4_BYTES - TCP_BYTES)),
		SENT("IPv4, one byte of padding", TO_VIP4, WEB, padding(1)),
		SENT("IPv4, padded by leftovers", TO_VIP4, WEB, trailer(leftovers, 29)),
		SENT("IPv6, padded by leftovers", TO_VIP6, WEB, trailer(leftovers, 29)),
		DROPPED("IPv4, a header without TCP, padded", MALFORMED, next(TO_VIP4, IPPROTO_TCP),
			padding(ETH_MIN_BYTES)),
		DROPPED("IPv6, a header without TCP, padded", MALFORMED, next(TO_VIP6, IPPROTO_TCP),
			padding(ETH_MIN_BYTES)),
		PASSED("IPv4, padded, another address", NOT_SERVICE, TO_OTHER4, WEB, padding(6)),
	};

	test_fates(fates, COUNT(fates));
}

static bool header_words_hold(uint8_t words, int verdict, enum poise_reason reason)
{
	struct fate fate = { "IPv4 header length", .backend = A4, .verdict = verdict,
			     .reason = reason };

	fate.in = PKT(eth(ROUTER_MAC, EDGE_MAC), ip4_words(TO_VIP4, words), WEB, DATA);
	return fate_holds(&fixture, &fate);
}

static void test_options(void)
{
	fixture_own(&fixture, A4);
	for (uint8_t words = IP4_MIN_WORDS + 1; words <= IP4_MAX_WORDS; words++) {
		struct layer ip = ip4_options(TO_VIP4, (words - IP4_MIN_WORDS) * 4U);
		const struct fate fates[] = {
			SENT("with options", ip, WEB, DATA),
			SENT("with options and no payload", ip, WEB),
			DROPPED("cut within TCP", MALFORMED,
				claim(ip, (uint16_t)(ip.length + TCP_BYTES - 1)), WEB, DATA),
		};
		bool passed = true;

		for (size_t i = 0; i < COUNT(fates); i++)
			passed &= fate_holds(&fixture, &fates[i]);
		tap_ok(passed, "IPv4, a header of %u bytes: sent whole", words * 4U);
	}
	for (uint8_t words = 0; words < IP4_MIN_WORDS; words++)
		tap_ok(header_words_hold(words, XDP_DROP, POISE_REASON_MALFORMED),
		       "IPv4, a header of %u bytes: dropped", words * 4U);
	tap_ok(header_words_hold(IP4_MAX_WORDS, XDP_DROP, POISE_REASON_MALFORMED),
	       "IPv4, a header that leaves no room for TCP: dropped");
}

static void test_fragments(void)
{
	enum { OFFSET = 185, LAST_OFFSET = 0x1fff }; /* in units of eight bytes */
	const struct fate fates[] = {
		DROPPED("IPv4, first fragment", FRAGMENT_TINY,
			ip4_fragment(TO_VIP4, IP4_MORE_FRAGMENTS), WEB, DATA),
		DROPPED("IPv4, middle fragment", FRAGMENT_TINY,
			ip4_fragment(TO_VIP4, IP4_MORE_FRAGMENTS | OFFSET), WEB, DATA),
		DROPPED("IPv4, last fragment", FRAGMENT_TINY, ip4_fragment(TO_VIP4, OFFSET), WEB,
			DATA),
		DROPPED("IPv4, fragment at the greatest offset", FRAGMENT_TINY,
			ip4_fragment(TO_VIP4, LAST_OFFSET), WEB, DATA),
		DROPPED("IPv4, fragment at the least offset", FRAGMENT_TINY,
			ip4_fragment(TO_VIP4, 1), WEB),
		DROPPED("IPv4, last fragment of one byte", FRAGMENT_TINY,
			next(ip4_fragment(TO_VIP4, OFFSET), IPPROTO_TCP), payload(1)),
		DROPPED("IPv4, first fragment with options", FRAGMENT_TINY,
			ip4_options(ip4_fragment(TO_VIP4, IP4_MORE_FRAGMENTS), 8), WEB, DATA),
		PASSED("IPv4, first fragment, another address", NOT_SERVICE,
		       ip4_fragment(TO_OTHER4, IP4_MORE_FRAGMENTS), WEB, DATA),
		PASSED("IPv4, last fragment, another address", NOT_SERVICE,
		       next(ip4_fragment(TO_OTHER4, OFFSET), IPPROTO_TCP), DATA),
		PASSED("IPv4, first fragment of UDP", NOT_SERVICE,
		       ip4_fragment(TO_VIP4, IP4_MORE_FRAGMENTS), udp(CLIENT_PORT, SERVICE_PORT),
		       DATA),
		SENT("IPv4, the reserved flag is no fragment", ip4_fragment(TO_VIP4, 0x8000), WEB),
		DROPPED("IPv6, first fragment", FRAGMENT_TINY, TO_VIP6,
			ip6_fragment(IP6_MORE_FRAGMENTS), WEB, DATA),
		DROPPED("IPv6, middle fragment", FRAGMENT_TINY, TO_VIP6,
			ip6_fragment(OFFSET << 3 | IP6_MORE_FRAGMENTS), WEB, DATA),
		DROPPED("IPv6, last fragment", FRAGMENT_TINY, TO_VIP6, ip6_fragment(OFFSET << 3),
			WEB, DATA),
		DROPPED("IPv6, fragment header of a whole packet", FRAGMENT_TINY, TO_VIP6,
			ip6_fragment(0), WEB, DATA),
		PASSED("IPv6, first fragment of UDP", NOT_SERVICE, TO_VIP6,
		       ip6_fragment(IP6_MORE_FRAGMENTS), udp(CLIENT_PORT, SERVICE_PORT), DATA),
		PASSED("IPv6, first fragment, another address", NOT_SERVICE, TO_OTHER6,
		       ip6_fragment(IP6_MORE_FRAGMENTS), WEB, DATA),
	};

	test_fates(fates, COUNT(fates));
}

static void test_extensions(void)
{
	static const struct {
		const char *name;
		uint8_t protocol;
	} headers[] = {
		{ "hop-by-hop options", IPPROTO_HOPOPTS },
		{ "a routing header", IPPROTO_ROUTING },
		{ "destination options", IPPROTO_DSTOPTS },
		{ "a mobility header", IPPROTO_MH },
	};

	fixture_own(&fixture, A4);
	for (size_t i = 0; i < COUNT(headers); i++) {
		struct layer extension = ip6_extension(headers[i].protocol);
		const struct fate fates[] = {
			DROPPED(headers[i].name, EXTENSIONS, TO_VIP6, extension, WEB, DATA),
			DROPPED(headers[i].name, EXTENSIONS, TO_VIP6, extension),
			PASSED(headers[i].name, NOT_SERVICE, TO_OTHER6, extension, WEB, DATA),
		};

		tap_ok(fate_holds(&fixture, &fates[0]) && fate_holds(&fixture, &fates[1]),
		       "IPv6, %s: dropped", headers[i].name);
		tap_ok(fate_holds(&fixture, &fates[2]), "IPv6, %s, another address: passed",
		       headers[i].name);
	}
}

/* Checks what becomes of the packet cut to each length in a range. */
static bool cuts_hold(const char *name, const struct packet *whole, size_t from, size_t to,
		      int verdict, enum poise_reason reason)
{
	bool passed = true;

	for (size_t length = from; length < to; length++) {
		struct fate fate = fate_of(name, packet_cut(whole, length), A4, verdict, reason);

		if (fate_holds(&fixture, &fate))
			continue;
		tap_note("%s: cut to %zu bytes", name, length);
		passed = false;
	}
	return passed;
}

/* A test run takes no frame without a whole Ethernet header, so the cuts begin after it. */
static void test_cuts(void)
{
	const struct {
		const char *name;
		struct packet vip, other;
		size_t known; /* bytes after which the destination is known: the IP header's */
	} rows[] = {
		{ "IPv4", PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP4, WEB, DATA),
		  PKT(eth(ROUTER_MAC, EDGE_MAC), TO_OTHER4, WEB, DATA), ETH_BYTES + IP4_BYTES },
		{ "IPv4 with options",
		  PKT(eth(ROUTER_MAC, EDGE_MAC), ip4_options(TO_VIP4, 12), WEB, DATA),
		  PKT(eth(ROUTER_MAC, EDGE_MAC), ip4_options(TO_OTHER4, 12), WEB, DATA),
		  ETH_BYTES + IP4_BYTES },
		{ "IPv6", PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP6, WEB, DATA),
		  PKT(eth(ROUTER_MAC, EDGE_MAC), TO_OTHER6, WEB, DATA), ETH_BYTES + IP6_BYTES },
	};

	fixture_own(&fixture, A4);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *name = rows[i].name;
		size_t whole = rows[i].vip.length;

		tap_ok(cuts_hold(name, &rows[i].vip, ETH_BYTES, rows[i].known, XDP_PASS,
				 POISE_REASON_NOT_SERVICE),
		       "%s, cut before its address is known: passed", name);
		tap_ok(cuts_hold(name, &rows[i].vip, rows[i].known, whole, XDP_DROP,
				 POISE_REASON_MALFORMED),
		       "%s, cut after its address is known: dropped", name);
		tap_ok(cuts_hold(name, &rows[i].vip, whole, whole + 1, XDP_TX, POISE_REASON_SENT),
		       "%s, not cut: sent", name);
		tap_ok(cuts_hold(name, &rows[i].other, ETH_BYTES, whole + 1, XDP_PASS,
				 POISE_REASON_NOT_SERVICE),
		       "%s, another address, cut anywhere: passed", name);
	}
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	test_destinations();
	test_lies();
	test_padding();
	test_options();
	test_fragments();
	test_extensions();
	test_cuts();
	fixture_close(&fixture);
	return tap_done();
}
