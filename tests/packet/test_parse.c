// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whose packets are taken, and what becomes of those that are cut, lie, or are unusual. */
#include <linux/bpf.h>
#include <string.h>

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
		SENT("IPv4, TCP to the service", TO_VIP4, WEB, DATA),
		SENT("IPv6, TCP to the service", TO_VIP6, WEB, DATA),
		SENT("IPv4, UDP to the service", TO_VIP4, udp(CLIENT_PORT, SERVICE_PORT), DATA),
		SENT("IPv6, UDP to the service", TO_VIP6, udp(CLIENT_PORT, SERVICE_PORT), DATA),
		PASSED("IPv4, another address", NOT_SERVICE, TO_OTHER4, WEB, DATA),
		PASSED("IPv6, another address", NOT_SERVICE, TO_OTHER6, WEB, DATA),
		PASSED("IPv4, the service as source", NOT_SERVICE, ip4(VIP4, CLIENT4), WEB, DATA),
		PASSED("IPv4, another port", NOT_SERVICE, TO_VIP4,
		       tcp(CLIENT_PORT, OTHER_PORT, SYN)),
		PASSED("IPv6, another port", NOT_SERVICE, TO_VIP6,
		       tcp(CLIENT_PORT, OTHER_PORT, SYN)),
		PASSED("IPv4, another UDP port", NOT_SERVICE, TO_VIP4,
		       udp(CLIENT_PORT, OTHER_PORT)),
		PASSED("IPv6, another UDP port", NOT_SERVICE, TO_VIP6,
		       udp(CLIENT_PORT, OTHER_PORT)),
		PASSED("IPv4, the service's port as source", NOT_SERVICE, TO_VIP4,
		       tcp(SERVICE_PORT, OTHER_PORT, SYN)),
		PASSED("ARP for the service's address", NOT_IP, arp(CLIENT4, VIP4), padding(18)),
		PASSED("an Ethernet header alone", NOT_IP, padding(0)),
	};

	test_fates(fates, COUNT(fates));
}

static void test_protocols(void)
{
	const struct fate fates[] = {
		PASSED("IPv4, ICMP echo", ICMP_PASSED, TO_VIP4, echo(), DATA),
		PASSED("IPv6, ICMPv6 echo", ICMP_PASSED, TO_VIP6, echo6(), DATA),
		PASSED("IPv4, ICMP echo, another address", NOT_SERVICE, TO_OTHER4, echo(), DATA),
		PASSED("IPv6, ICMPv6 echo, another address", NOT_SERVICE, TO_OTHER6, echo6()),
		DROPPED("IPv4, ICMP without its header", MALFORMED, next(TO_VIP4, IPPROTO_ICMP),
			payload(7)),
		DROPPED("IPv6, ICMPv6 without its header", MALFORMED, next(TO_VIP6, IPPROTO_ICMPV6),
			payload(7)),
		PASSED("ICMPv6 in IPv4", NOT_SERVICE, TO_VIP4, echo6(), DATA),
		PASSED("ICMP in IPv6", NOT_SERVICE, TO_VIP6, echo(), DATA),
		PASSED("IPv4, IPIP to the service", NOT_SERVICE, TO_VIP4, TO_VIP4, WEB, DATA),
		PASSED("IPv6, IP6IP6 to the service", NOT_SERVICE, TO_VIP6, TO_VIP6, WEB, DATA),
		PASSED("IPv4, GRE", NOT_SERVICE, next(TO_VIP4, IPPROTO_GRE), DATA),
		PASSED("IPv6, SCTP", NOT_SERVICE, next(TO_VIP6, IPPROTO_SCTP), DATA),
		PASSED("IPv4, protocol 0", NOT_SERVICE, next(TO_VIP4, 0), WEB, DATA),
		PASSED("IPv4, protocol 255", NOT_SERVICE, next(TO_VIP4, 255), WEB, DATA),
		PASSED("IPv4, IPv6's routing header is a protocol", NOT_SERVICE,
		       next(TO_VIP4, IPPROTO_ROUTING), ip6_extension(IPPROTO_ROUTING), WEB),
		PASSED("IPv4, IPv6's fragment header is a protocol", NOT_SERVICE,
		       next(TO_VIP4, IPPROTO_FRAGMENT), ip6_extension(IPPROTO_FRAGMENT), WEB),
		DROPPED("IPv4, another protocol, length too long", MALFORMED,
			claim(next(TO_VIP4, IPPROTO_GRE), 0xffff), DATA),
	};

	test_fates(fates, COUNT(fates));
}

/* Ports of 0 are no services; as sources, and of everything else, the backend is the judge. */
static void test_ports(void)
{
	const struct fate fates[] = {
		PASSED("IPv4, TCP port 0", NOT_SERVICE, TO_VIP4, tcp(CLIENT_PORT, 0, SYN)),
		PASSED("IPv6, TCP port 0", NOT_SERVICE, TO_VIP6, tcp(CLIENT_PORT, 0, ACK)),
		PASSED("IPv4, UDP port 0", NOT_SERVICE, TO_VIP4, udp(CLIENT_PORT, 0)),
		PASSED("IPv6, UDP port 0", NOT_SERVICE, TO_VIP6, udp(CLIENT_PORT, 0)),
		PASSED("IPv4, both ports 0", NOT_SERVICE, TO_VIP4, tcp(0, 0, SYN)),
		PASSED("IPv4 with options, port 0", NOT_SERVICE, ip4_options(TO_VIP4, 4),
		       tcp(CLIENT_PORT, 0, SYN)),
		SENT("IPv4, TCP source port 0", TO_VIP4, tcp(0, SERVICE_PORT, SYN)),
		SENT("IPv6, UDP source port 0", TO_VIP6, udp(0, SERVICE_PORT)),
		SENT("IPv4 with options, source port 0", ip4_options(TO_VIP4, 4),
		     udp(0, SERVICE_PORT)),
	};

	test_fates(fates, COUNT(fates));
}

/*
 * A forged source is no reason to drop: it costs a backend a packet, and what the backend answers
 * its own stack holds back. Poise itself answers none of them.
 */
static void test_addresses(void)
{
	static const char *const sources[] = {
		"0.0.0.0",
		"255.255.255.255",
		"224.0.0.1",
		"127.0.0.1",
		"169.254.1.1",
		VIP4,
		"::",
		"::1",
		"ff02::1",
		"fe80::1",
		"::ffff:192.0.2.1",
		VIP6,
	};
	static const char *const destinations[] = {
		"0.0.0.0", "255.255.255.255", "224.0.0.1",    "127.0.0.1", "203.0.113.255", "::",
		"::1",	   "ff02::1",	      "2001:db8:f::",
	};

	fixture_own(&fixture, A4);
	for (size_t i = 0; i < COUNT(sources); i++) {
		bool is6 = strchr(sources[i], ':');
		struct layer ip = is6 ? ip6(sources[i], VIP6) : ip4(sources[i], VIP4);
		struct fate fates[] = {
			SENT(sources[i], ip, WEB, DATA),
			SENT(sources[i], is6 ? ip : ip4_options(ip, 4),
			     is6 ? ip6_extension(IPPROTO_DSTOPTS) : WEB, is6 ? WEB : DATA),
		};

		tap_ok(fate_holds(&fixture, &fates[0]) && fate_holds(&fixture, &fates[1]),
		       "from %s: sent", sources[i]);
	}
	for (size_t i = 0; i < COUNT(destinations); i++) {
		bool is6 = strchr(destinations[i], ':');
		struct layer ip =
			is6 ? ip6(CLIENT6, destinations[i]) : ip4(CLIENT4, destinations[i]);
		struct fate fate = PASSED(destinations[i], NOT_SERVICE, ip, WEB, DATA);

		tap_ok(fate_holds(&fixture, &fate), "to %s: passed", destinations[i]);
	}
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

/* What the transport header says beyond its ports is the backend's to judge, on both ways. */
static void test_transport_lies(void)
{
	fixture_own(&fixture, A4);
	for (uint8_t words = 0; words < 16; words++) {
		struct fate fates[] = {
			SENT("TCP data offset", TO_VIP4, tcp_words(WEB, words)),
			SENT("TCP data offset, with options", ip4_options(TO_VIP4, 4),
			     tcp_words(WEB, words)),
		};

		tap_ok(fate_holds(&fixture, &fates[0]) && fate_holds(&fixture, &fates[1]),
		       "TCP data offset %u: sent", words);
	}
	for (size_t i = 0; i < 4; i++) {
		static const uint16_t lengths[] = { 0, UDP_BYTES - 1, UDP_BYTES + 1, 0xffff };
		struct layer header = claim(udp(CLIENT_PORT, SERVICE_PORT), lengths[i]);
		struct fate fates[] = {
			SENT("UDP length", TO_VIP6, header),
			SENT("UDP length, with an extension header", TO_VIP6,
			     ip6_extension(IPPROTO_DSTOPTS), header),
		};

		tap_ok(fate_holds(&fixture, &fates[0]) && fate_holds(&fixture, &fates[1]),
		       "UDP length %u: sent", lengths[i]);
	}
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

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	test_destinations();
	test_protocols();
	test_ports();
	test_addresses();
	test_lies();
	test_transport_lies();
	test_padding();
	test_options();
	fixture_close(&fixture);
	return tap_done();
}
