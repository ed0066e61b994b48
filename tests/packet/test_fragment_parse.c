// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which fragments can be read, and which are dropped for what they hide. */
#include <linux/bpf.h>

#include "fate.h"
#include "hex.h"

enum {
	RING_SIZE = 251,
	PAYLOAD_BYTES = 64,
	IP4_RESERVED = 0x8000,
	UNIT = 8,	      /* bytes, of IPv4's offsets */
	LAST_OFFSET = 0x1fff, /* in units */
	MAX_BYTES = 65535,    /* of a packet put together */
};

#define SENT(name, ...)		   FATE(name, A4, XDP_TX, SENT, __VA_ARGS__)
#define PASSED(name, reason, ...)  FATE(name, A4, XDP_PASS, reason, __VA_ARGS__)
#define DROPPED(name, reason, ...) FATE(name, A4, XDP_DROP, reason, __VA_ARGS__)

#define TO_VIP4	  ip4(CLIENT4, VIP4)
#define TO_VIP6	  ip6(CLIENT6, VIP6)
#define TO_OTHER4 ip4(CLIENT4, OTHER4)
#define TO_OTHER6 ip6(CLIENT6, OTHER6)
/* First fragments have senders of their own: no later one below follows them. */
#define FIRST4	     ip4_fragment(ip4("198.51.100.3", VIP4), IP4_MORE_FRAGMENTS)
#define FIRST6	     ip6("2001:db8:1::3", VIP6), ip6_fragment(IP6_MORE_FRAGMENTS)
#define LATER6	     ip6_fragment(1480)
#define WEB	     tcp(CLIENT_PORT, SERVICE_PORT, ACK)
#define DNS	     udp(CLIENT_PORT, SERVICE_PORT)
#define DATA	     payload(PAYLOAD_BYTES)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;

static void test_fates(const struct fate *fates, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fate_test(&fixture, &fates[i]);
}

static void test_first4(void)
{
	const struct fate fates[] = {
		SENT("IPv4, first fragment of TCP", FIRST4, WEB, DATA),
		SENT("IPv4, first fragment of UDP", FIRST4, DNS, DATA),
		SENT("IPv4, first fragment, its header alone", FIRST4, WEB),
		SENT("IPv4, first fragment of UDP, its header alone", FIRST4, DNS),
		SENT("IPv4, first fragment with IP options", ip4_options(FIRST4, 40), WEB, DATA),
		SENT("IPv4, first fragment with all TCP options", FIRST4, tcp_words(WEB, 15),
		     payload(40)),
		SENT("IPv4, first fragment, TCP data offset 0", FIRST4, tcp_words(WEB, 0)),
		DROPPED("IPv4, first fragment, TCP options in the next", FRAGMENT_TINY, FIRST4,
			tcp_words(WEB, 15), payload(39)),
		PASSED("IPv4, first fragment, another port", NOT_SERVICE, FIRST4,
		       tcp(CLIENT_PORT, 81, SYN)),
		PASSED("IPv4, first fragment, another address", NOT_SERVICE,
		       ip4_fragment(TO_OTHER4, IP4_MORE_FRAGMENTS), payload(8)),
		PASSED("IPv4, first fragment of ICMP", ICMP_PASSED, FIRST4, echo(), DATA),
		PASSED("IPv4, first fragment of ICMP, tiny", ICMP_PASSED,
		       next(FIRST4, IPPROTO_ICMP), payload(1)),
		PASSED("IPv4, first fragment of GRE", NOT_SERVICE, next(FIRST4, IPPROTO_GRE), DATA),
		SENT("IPv4, the reserved flag is no fragment", ip4_fragment(TO_VIP4, IP4_RESERVED),
		     WEB),
		SENT("IPv4, DF is no fragment", ip4_fragment(TO_VIP4, IP4_DONT_FRAGMENT), WEB),
		SENT("IPv4, first fragment with DF",
		     ip4_fragment(FIRST4, IP4_MORE_FRAGMENTS | IP4_DONT_FRAGMENT), WEB),
	};

	test_fates(fates, COUNT(fates));
}

static void test_first6(void)
{
	struct layer options = ip6_extension(IPPROTO_DSTOPTS);
	const struct fate fates[] = {
		SENT("IPv6, first fragment of TCP", FIRST6, WEB, DATA),
		SENT("IPv6, first fragment of UDP", FIRST6, DNS, DATA),
		SENT("IPv6, first fragment, options behind", FIRST6, options, WEB, DATA),
		SENT("IPv6, first fragment, options before", ip6("2001:db8:1::3", VIP6), options,
		     ip6_fragment(IP6_MORE_FRAGMENTS), WEB, DATA),
		DROPPED("IPv6, first fragment, TCP options in the next", FRAGMENT_TINY, FIRST6,
			tcp_words(WEB, 6)),
		DROPPED("IPv6, first fragment, extension header in the next", FRAGMENT_TINY, FIRST6,
			next(options, IPPROTO_DSTOPTS)),
		DROPPED("IPv6, first fragment, protocol in the next", FRAGMENT_TINY, FIRST6,
			next(options, IPPROTO_TCP)),
		SENT("IPv6, a whole packet with a fragment header", TO_VIP6, ip6_fragment(0), WEB),
		SENT("IPv6, first fragment, behind the header of a whole packet",
		     ip6("2001:db8:1::3", VIP6), ip6_fragment(0), ip6_fragment(IP6_MORE_FRAGMENTS),
		     WEB),
		DROPPED("IPv6, a fragment of a fragment", EXTENSIONS, FIRST6,
			ip6_fragment(IP6_MORE_FRAGMENTS), WEB),
		DROPPED("IPv6, a later fragment of a fragment", EXTENSIONS, FIRST6, LATER6, DATA),
		DROPPED("IPv6, a whole packet in a fragment", EXTENSIONS, FIRST6, ip6_fragment(0),
			WEB),
		PASSED("IPv6, first fragment of ICMPv6", ICMP_PASSED, FIRST6, echo6(), DATA),
		PASSED("IPv6, first fragment of SCTP", NOT_SERVICE, ip6("2001:db8:1::3", VIP6),
		       next(ip6_fragment(IP6_MORE_FRAGMENTS), IPPROTO_SCTP), DATA),
		PASSED("IPv6, first fragment, another address", NOT_SERVICE, TO_OTHER6,
		       ip6_fragment(IP6_MORE_FRAGMENTS), payload(8)),
	};

	test_fates(fates, COUNT(fates));
}

/* Every size of a first fragment: until it holds the whole header it is dropped. */
static void test_tiny(void)
{
	static const struct {
		const char *name;
		uint8_t protocol;
		size_t header;
	} rows[] = { { "TCP", IPPROTO_TCP, TCP_BYTES }, { "UDP", IPPROTO_UDP, UDP_BYTES } };

	fixture_own(&fixture, A4);
	for (size_t i = 0; i < COUNT(rows); i++) {
		bool holds = true;

		for (size_t bytes = 0; bytes < rows[i].header; bytes++) {
			struct fate fates[] = {
				DROPPED("IPv4", FRAGMENT_TINY, next(FIRST4, rows[i].protocol),
					payload(bytes), padding(TCP_BYTES)),
				DROPPED("IPv6", FRAGMENT_TINY, ip6("2001:db8:1::3", VIP6),
					next(ip6_fragment(IP6_MORE_FRAGMENTS), rows[i].protocol),
					payload(bytes), padding(TCP_BYTES)),
			};

			holds &= fate_holds(&fixture, &fates[0]);
			holds &= fate_holds(&fixture, &fates[1]);
		}
		tap_ok(holds, "first fragments of %s with less than its header: dropped",
		       rows[i].name);
	}
}

static bool later_holds(uint16_t offset, uint8_t protocol, bool more, enum poise_reason reason)
{
	uint16_t flag4 = more ? IP4_MORE_FRAGMENTS : 0, flag6 = more ? IP6_MORE_FRAGMENTS : 0;
	struct fate fates[] = {
		DROPPED("IPv4", MALFORMED,
			next(ip4_fragment(TO_VIP4, (uint16_t)(offset / UNIT | flag4)), protocol),
			DATA),
		DROPPED("IPv6", MALFORMED, TO_VIP6, next(ip6_fragment(offset | flag6), protocol),
			DATA),
	};

	fates[0].reason = fates[1].reason = reason;
	return fate_holds(&fixture, &fates[0]) & fate_holds(&fixture, &fates[1]);
}

/* Those that would overwrite the transport header are dropped as such, others for coming early. */
static void test_offsets(void)
{
	for (uint16_t offset = UNIT; offset <= 40; offset += UNIT) {
		enum poise_reason of_tcp = offset < TCP_BYTES ? POISE_REASON_FRAGMENT_TINY
							      : POISE_REASON_FRAGMENT_EARLY;

		tap_ok(later_holds(offset, IPPROTO_TCP, false, of_tcp) &
			       later_holds(offset, IPPROTO_TCP, true, of_tcp),
		       "later fragments of TCP at offset %u", offset);
		tap_ok(later_holds(offset, IPPROTO_UDP, false, POISE_REASON_FRAGMENT_EARLY) &
			       later_holds(offset, IPPROTO_UDP, true, POISE_REASON_FRAGMENT_EARLY),
		       "later fragments of UDP at offset %u", offset);
	}
}

static void test_later(void)
{
	enum { END = MAX_BYTES - LAST_OFFSET * UNIT };
	struct layer last4 = next(ip4_fragment(TO_VIP4, LAST_OFFSET), IPPROTO_UDP);
	struct layer last6 = next(ip6_fragment(LAST_OFFSET * UNIT), IPPROTO_UDP);
	struct layer options = ip6_extension(IPPROTO_DSTOPTS);
	const struct fate fates[] = {
		DROPPED("IPv4, the last byte of the largest packet", FRAGMENT_EARLY, last4,
			payload(END)),
		DROPPED("IPv4, beyond the largest packet", MALFORMED, last4, payload(END + 1)),
		DROPPED("IPv6, the last byte of the largest packet", FRAGMENT_EARLY, TO_VIP6, last6,
			payload(END)),
		DROPPED("IPv6, beyond the largest packet", MALFORMED, TO_VIP6, last6,
			payload(END + 1)),
		DROPPED("IPv4, later fragment of nothing", FRAGMENT_EARLY, last4),
		DROPPED("IPv4, later fragment shorter than its header", MALFORMED,
			claim(last4, IP4_BYTES - 1)),
		DROPPED("IPv4, later fragment shorter than its options", MALFORMED,
			claim(ip4_options(last4, 40), IP4_BYTES)),
		DROPPED("IPv4, later fragment with IP options", FRAGMENT_EARLY,
			ip4_options(last4, 40)),
		DROPPED("IPv6, later fragment behind options", FRAGMENT_EARLY, TO_VIP6, options,
			last6),
		DROPPED("IPv6, later fragment that does not say its protocol", FRAGMENT_EARLY,
			TO_VIP6, next(LATER6, IPPROTO_DSTOPTS), DATA),
		PASSED("IPv4, later fragment of ICMP", ICMP_PASSED, next(last4, IPPROTO_ICMP)),
		PASSED("IPv6, later fragment of ICMPv6", ICMP_PASSED, TO_VIP6,
		       next(LATER6, IPPROTO_ICMPV6), DATA),
		PASSED("IPv4, later fragment of GRE", NOT_SERVICE, next(last4, IPPROTO_GRE)),
		PASSED("IPv4, later fragment of IPv6's destination options", NOT_SERVICE,
		       next(last4, IPPROTO_DSTOPTS)),
		PASSED("IPv6, later fragment of ESP", NOT_SERVICE, TO_VIP6,
		       next(LATER6, IPPROTO_ESP), DATA),
		PASSED("IPv4, later fragment, another address", NOT_SERVICE,
		       next(ip4_fragment(TO_OTHER4, 1), IPPROTO_TCP), DATA),
		PASSED("IPv6, later fragment, another address", NOT_SERVICE, TO_OTHER6,
		       next(ip6_fragment(UNIT), IPPROTO_TCP), DATA),
	};

	test_fates(fates, COUNT(fates));
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	test_first4();
	test_first6();
	test_tiny();
	test_offsets();
	test_later();
	fixture_close(&fixture);
	return tap_done();
}
