// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * poise_agent's second chance: what of packets with a chain is no segment of a connection. ICMP
 * errors are judged by the segment that they quote; all else is opened.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <unistd.h>

#include "agent_second.h"
#include "hex.h"

enum {
	PORT = AGENT_SERVICE_PORT,
	STRANGER = CHAIN_CLIENT_PORT,
	PAYLOAD = 33,
	QUOTED_BYTES = 8, /* of the segment, at least */
};

/* What the VIP sent to the client. */
static struct packet answer_of(int family, uint16_t client, uint16_t port)
{
	const char *from = AGENT_VIP[family == 6], *to = AGENT_CLIENT[family == 6];

	return PKT(eth(AGENT_IN_MAC, AGENT_NEAR_MAC), family == 4 ? ip4(from, to) : ip6(from, to),
		   tcp(port, client, ACK), payload(PAYLOAD));
}

static size_t header_bytes(int family)
{
	return family == 4 ? IP4_BYTES : IP6_BYTES;
}

/* From a router to the VIP. */
static struct layer router(int family)
{
	return family == 4 ? ip4("192.0.2.1", AGENT_VIP[0]) : ip6("2001:db8:99::1", AGENT_VIP[1]);
}

static struct layer error_of(int family, uint8_t type)
{
	return family == 4 ? icmp(type, 0, 1400) : icmp6(type, 0, 1400);
}

static bool error_finds(int family, uint8_t type, uint16_t client, bool expected)
{
	struct packet quoted = answer_of(family, client, PORT);
	bool passed = true;

	for (size_t bytes = QUOTED_BYTES; bytes <= TCP_BYTES + PAYLOAD; bytes++) {
		struct layer text = quote(&quoted, header_bytes(family) + bytes);

		passed &= expected ? IS_OPENED("error", family, ESTABLISHED, router(family),
					       error_of(family, type), text)
				   : IS_SENT("error", family, router(family),
					     error_of(family, type), text);
	}
	return passed;
}

static void test_errors(void)
{
	static const uint8_t types[2][3] = {
		{ ICMP_DEST_UNREACH, ICMP_TIME_EXCEEDED, ICMP_PARAMETERPROB },
		{ ICMPV6_DEST_UNREACH, ICMPV6_PKT_TOOBIG, ICMPV6_PARAMPROB },
	};

	FOR_EACH_FAMILY(family)
	{
		uint32_t end;
		uint16_t client = agent_host_connect(family, PORT, &end);
		int listener = agent_host_listen(family, PORT);

		for (int i = 0; i < 3; i++) {
			uint8_t type = types[family == 6][i];

			tap_ok(error_finds(family, type, client, true),
			       "IPv%d: an ICMP error of type %d quotes a connection: opened",
			       family, type);
			tap_ok(error_finds(family, type, STRANGER, false),
			       "IPv%d: of type %d, quotes one that nobody has: sent on", family,
			       type);
		}
		close(listener);
		client = agent_host_close(family, PORT, &end);
		tap_ok(error_finds(family, types[family == 6][0], client, false),
		       "IPv%d: an ICMP error quotes one in TIME_WAIT: sent on", family);
	}
}

/* Opened, for it is none of what is looked for. */
#define IS_OTHER(name, family, ...)                                                                \
	tap_ok(IS_OPENED(name, family, OTHER, __VA_ARGS__), "IPv%d: %s: opened", family, name)

static void test_other_errors(void)
{
	FOR_EACH_FAMILY(family)
	{
		const char *vip = AGENT_VIP[family == 6], *client = AGENT_CLIENT[family == 6];
		const char *other = AGENT_NEAR[family == 6];
		size_t bytes = header_bytes(family) + QUOTED_BYTES;
		struct layer error = error_of(family, 3);
		struct packet segment = answer_of(family, STRANGER, PORT);
		struct packet datagram = PKT(eth(AGENT_IN_MAC, AGENT_NEAR_MAC),
					     family == 4 ? ip4(vip, client) : ip6(vip, client),
					     udp(PORT, STRANGER), payload(PAYLOAD));
		struct packet foreign = PKT(eth(AGENT_IN_MAC, AGENT_NEAR_MAC),
					    family == 4 ? ip4(other, client) : ip6(other, client),
					    tcp(PORT, STRANGER, ACK));
		struct packet later = packet_fragment(&segment, 24, 16, false);

		IS_OTHER("an echo request", family, router(family), family == 4 ? echo() : echo6(),
			 payload(PAYLOAD));
		IS_OTHER("an error that quotes UDP", family, router(family), error,
			 quote(&datagram, bytes));
		IS_OTHER("an error that quotes another host's packet", family, router(family),
			 error, quote(&foreign, bytes));
		IS_OTHER("an error that quotes a later fragment", family, router(family), error,
			 quote(&later, bytes));
		IS_OTHER("an error that quotes too little for ports", family, router(family), error,
			 quote(&segment, bytes - 5));
		IS_OTHER("an error that quotes part of an IP header", family, router(family), error,
			 quote(&segment, 13));
		IS_OTHER("an error that quotes nothing", family, router(family), error);
		IS_OTHER("part of an ICMP header", family,
			 next(router(family), family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6),
			 payload(5));
	}
}

static void test_other(void)
{
	FOR_EACH_FAMILY(family)
	{
		struct layer ip = chain_inner(family);
		struct layer to = tcp(STRANGER, PORT, SYN);

		IS_OTHER("UDP", family, ip, udp(STRANGER, PORT), payload(PAYLOAD));
		IS_OTHER("a header of TCP that is cut", family, next(ip, IPPROTO_TCP),
			 payload(TCP_BYTES - 1));
		IS_OTHER("TCP whose header says 16 bytes", family, ip, tcp_words(to, 4));
		IS_OTHER("TCP whose header says more than there is", family, ip, tcp_words(to, 6));
		IS_OTHER("a tunnel in the tunnel", family, ip, ip4("192.0.2.1", "192.0.2.2"), to);
	}
	IS_OTHER("a first fragment", 4, ip4_fragment(chain_inner(4), IP4_MORE_FRAGMENTS),
		 tcp(STRANGER, PORT, SYN), payload(PAYLOAD));
	IS_OTHER("a later fragment", 4, ip4_fragment(chain_inner(4), 185), tcp(STRANGER, PORT, SYN),
		 payload(PAYLOAD));
	IS_OTHER("a fragment", 6, chain_inner(6), ip6_fragment(IP6_MORE_FRAGMENTS),
		 tcp(STRANGER, PORT, SYN), payload(PAYLOAD));
	IS_OTHER("TCP behind an extension header", 6, chain_inner(6),
		 ip6_extension(IPPROTO_DSTOPTS), tcp(STRANGER, PORT, SYN));
}

int main(void)
{
	if (!second_begin())
		return 1;
	test_errors();
	test_other_errors();
	test_other();
	agent_run_end();
	return tap_done();
}
