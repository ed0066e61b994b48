// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * poise_agent's second chance: which packets with a chain it opens, and which it sends on, by
 * sockets in every state, here and in a container.
 */
#include <linux/bpf.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent_chain.h"
#include "agent_host.h"
#include "agent_run.h"
#include "hex.h"

enum {
	PORT = AGENT_SERVICE_PORT,
	STRANGER = CHAIN_CLIENT_PORT,
	NUMBER = 0x01020304, /* tcp()'s */
	COOKIE_PORT = 40100,
	HALF_OPEN_PORT = 40200,
	REPEATED_PORT = 40300,
	WRONG = 1 << 12, /* another segment size than a cookie knows: its lowest bits say one */
	PAYLOAD = 33,
	QUOTED_BYTES = 8, /* of the segment, at least */
};

static const char *const NEXT[] = { "10.0.1.12", NULL };

#define FOR_EACH_FAMILY(family) for (int family = 4; family <= 6; family += 2)

/* The packet is opened for the decision's reason. */
static bool opened(const char *name, const struct packet *in, int inner,
		   enum poise_agent_decision decision, const struct packet *out)
{
	return agent_run_decided(name, in, (int)agent_run_opened_reason(in, 4, inner),
				 (int)decision, out, inner, out->length - ETH_BYTES);
}

/* By the layers of a client's packet. */
#define IS_OPENED(name, family, decision, ...)                                                     \
	({                                                                                         \
		struct packet in_ = CHAIN_IN(4, family, NEXT, __VA_ARGS__);                        \
		struct packet out_ = CHAIN_OPENED(__VA_ARGS__);                                    \
		opened(name, &in_, family, POISE_AGENT_DECISION_##decision, &out_);                \
	})

#define IS_SENT(name, family, ...)                                                                 \
	({                                                                                         \
		struct packet in_ = CHAIN_IN(4, family, NEXT, __VA_ARGS__);                        \
		struct packet out_ = CHAIN_SENT(4, family, NEXT, __VA_ARGS__);                     \
		agent_run_decided(name, &in_, POISE_AGENT_REASON_FORWARDED,                        \
				  POISE_AGENT_DECISION_SENT_ON, &out_, 0, 0);                      \
	})

/* A segment that acknowledges all before 'number'. */
static struct layer segment(uint16_t client, uint16_t port, unsigned int flags, uint32_t number)
{
	struct layer layer = tcp(client, port, flags);
	const uint32_t words[] = { htonl(NUMBER + 1), htonl(number) };

	memcpy(layer.bytes + 4, words, sizeof(words));
	return layer;
}

static struct layer acknowledges(uint16_t client, unsigned int flags, uint32_t number)
{
	return segment(client, PORT, flags, number);
}

/* Whatever the flags: a socket has the connection, or none. */
static bool has(int family, uint16_t client, uint16_t port, uint32_t number, bool expected)
{
	static const unsigned int flags[] = { ACK, ACK | PSH, FIN | ACK, RST, SYN, SYN | ACK };
	bool passed = true;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		passed &= expected ? IS_OPENED("flags", family, ESTABLISHED, chain_inner(family),
					       segment(client, port, flags[i], number),
					       payload(PAYLOAD))
				   : IS_SENT("flags", family, chain_inner(family),
					     segment(client, port, flags[i], number),
					     payload(PAYLOAD));
	return passed;
}

/* A segment with ACK for the connection is opened. */
static bool takes(int family, uint16_t client, uint32_t number)
{
	return IS_OPENED("ACK", family, ESTABLISHED, chain_inner(family),
			 acknowledges(client, ACK, number), payload(PAYLOAD));
}

static bool leaves(int family, uint16_t client, uint32_t number)
{
	return IS_SENT("ACK", family, chain_inner(family), acknowledges(client, ACK, number),
		       payload(PAYLOAD));
}

/* What its client acknowledges tells a connection from another one of the same ports. */
static void test_numbers(void)
{
	FOR_EACH_FAMILY(family)
	{
		struct layer ip = chain_inner(family);
		uint32_t first, next;
		uint16_t client = agent_host_connect_full(family, PORT, &first, &next);

		tap_ok(takes(family, client, first) && takes(family, client, first - 1) &&
			       takes(family, client, next - 1) && takes(family, client, next),
		       "IPv%d: acknowledges what was sent, or waits to be: opened", family);
		tap_ok(leaves(family, client, next + 1) &&
			       leaves(family, client, next + (1U << 30)) &&
			       leaves(family, client, first - (1U << 30)),
		       "IPv%d: acknowledges what never was to be sent, or long before: sent on",
		       family);
		tap_ok(IS_OPENED("RST", family, ESTABLISHED, ip,
				 acknowledges(client, RST, next + 1)) &&
			       IS_OPENED("SYN", family, ESTABLISHED, ip,
					 acknowledges(client, SYN, next + 1)),
		       "IPv%d: acknowledges nothing: opened", family);
	}
}

/* The client acknowledges our SYN-ACK, or that of another backend which got its SYN as well. */
static void test_half_open(void)
{
	static const unsigned int flags[] = { ACK, ACK | PSH, FIN | ACK, RST | ACK };
	static const uint32_t others[] = { 0, 2, 1U << 31 };

	FOR_EACH_FAMILY(family)
	{
		const char *client = AGENT_NEAR[family == 6], *vip = AGENT_VIP[family == 6];
		struct layer ip = family == 4 ? ip4(client, vip) : ip6(client, vip);
		int listener = agent_host_listen(family, PORT);
		uint32_t number = agent_host_syn(family, HALF_OPEN_PORT, PORT);
		bool own = true, other = true;

		for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
			own &= IS_OPENED("own", family, ESTABLISHED, ip,
					 acknowledges(HALF_OPEN_PORT, flags[i], number + 1),
					 payload(PAYLOAD));
			for (size_t j = 0; j < sizeof(others) / sizeof(others[0]); j++)
				other &= IS_SENT(
					"other", family, ip,
					acknowledges(HALF_OPEN_PORT, flags[i], number + others[j]),
					payload(PAYLOAD));
		}
		tap_ok(own, "IPv%d: half open, acknowledges our SYN-ACK: opened", family);
		tap_ok(other, "IPv%d: half open, acknowledges another's SYN-ACK: sent on", family);
		tap_ok(IS_OPENED("SYN", family, ESTABLISHED, ip, tcp(HALF_OPEN_PORT, PORT, SYN)),
		       "IPv%d: half open, the SYN once more: opened", family);
		tap_ok(IS_OPENED("RST", family, ESTABLISHED, ip,
				 acknowledges(HALF_OPEN_PORT, RST, number)),
		       "IPv%d: half open, a segment that acknowledges nothing: opened", family);
		close(listener);
	}
}

/* The queue was full when the SYN came first, and the client acknowledges the cookie; it had room
 * when the SYN came again. */
static void test_half_open_cookie(void)
{
	FOR_EACH_FAMILY(family)
	{
		const char *client = AGENT_NEAR[family == 6], *vip = AGENT_VIP[family == 6];
		struct layer ip = family == 4 ? ip4(client, vip) : ip6(client, vip);
		int listener = agent_host_listen(family, PORT);
		uint32_t cookie, number;

		agent_host_cookies(AGENT_COOKIES_ALWAYS);
		cookie = agent_host_syn(family, REPEATED_PORT, PORT);
		agent_host_cookies(AGENT_COOKIES_WHEN_FULL);
		number = agent_host_syn(family, REPEATED_PORT, PORT);
		tap_ok(IS_OPENED("own", family, ESTABLISHED, ip,
				 acknowledges(REPEATED_PORT, ACK, number + 1), payload(PAYLOAD)),
		       "IPv%d: half open after a cookie, acknowledges the SYN-ACK: opened", family);
		tap_ok(IS_OPENED("cookie", family, COOKIE, ip,
				 acknowledges(REPEATED_PORT, ACK, cookie + 1), payload(PAYLOAD)),
		       "IPv%d: half open after a cookie, acknowledges that: opened", family);
		tap_ok(IS_SENT("other", family, ip,
			       acknowledges(REPEATED_PORT, ACK, cookie + 1 + WRONG)),
		       "IPv%d: half open after a cookie, acknowledges neither: sent on", family);
		agent_host_cookies(AGENT_COOKIES_NEVER);
		close(listener);
	}
}

/* What is left of a connection has what its client still says, and no more. */
static void test_time_wait(void)
{
	static const unsigned int flags[] = { ACK, ACK | PSH, FIN | ACK, RST | ACK };

	FOR_EACH_FAMILY(family)
	{
		uint32_t end;
		uint16_t client = agent_host_close(family, PORT, &end);
		struct layer ip = chain_inner(family);
		bool own = true, later = true;

		for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
			own &= IS_OPENED("own", family, ESTABLISHED, ip,
					 acknowledges(client, flags[i], end), payload(PAYLOAD));
			later &= IS_SENT("later", family, ip,
					 acknowledges(client, flags[i], end + 1), payload(PAYLOAD));
			later &= IS_SENT("later", family, ip,
					 acknowledges(client, flags[i], end + (1U << 31)));
		}
		tap_ok(own, "IPv%d: TIME_WAIT, acknowledges its last byte: opened", family);
		tap_ok(later, "IPv%d: TIME_WAIT, a later connection of the same ports: sent on",
		       family);
		tap_ok(IS_SENT("RST", family, ip, acknowledges(client, RST, end)),
		       "IPv%d: TIME_WAIT, a segment that acknowledges nothing: sent on", family);
		tap_ok(IS_OPENED("SYN", family, OPENING, ip, tcp(client, PORT, SYN)),
		       "IPv%d: TIME_WAIT, a SYN: opened", family);
	}
}

static void test_connections(void)
{
	FOR_EACH_FAMILY(family)
	{
		uint32_t next;
		uint16_t client = agent_host_connect(family, PORT, &next);

		tap_ok(has(family, client, PORT, next, true), "IPv%d: a connection is here: opened",
		       family);
		tap_ok(has(family, STRANGER, PORT, next, false),
		       "IPv%d: another port of the client's: sent on", family);
		tap_ok(has(family, client, AGENT_UNUSED_PORT, next, false),
		       "IPv%d: another port of the VIP: sent on", family);
	}
}

static void test_options(void)
{
	uint32_t next;
	uint16_t client = agent_host_connect(4, PORT, &next);
	bool passed = true, sent = true;

	for (size_t bytes = 4; bytes <= 40; bytes += 4) {
		passed &= IS_OPENED("options", 4, ESTABLISHED, ip4_options(chain_inner(4), bytes),
				    acknowledges(client, ACK, next), payload(PAYLOAD));
		sent &= IS_SENT("options", 4, ip4_options(chain_inner(4), bytes),
				tcp(STRANGER, PORT, ACK), payload(PAYLOAD));
	}
	tap_ok(passed, "4 to 40 bytes of IPv4 options before a segment: the connection is found");
	tap_ok(sent, "or the packet sent on");
}

static void test_listening(void)
{
	FOR_EACH_FAMILY(family)
	{
		int listener = agent_host_listen(family, PORT);
		static const unsigned int others[] = { ACK, RST, SYN | ACK, SYN | RST, FIN | ACK };
		bool passed = true;

		tap_ok(IS_OPENED("SYN", family, OPENING, chain_inner(family),
				 tcp(STRANGER, PORT, SYN)),
		       "IPv%d: a SYN, and a socket listens: opened", family);
		tap_ok(IS_SENT("SYN", family, chain_inner(family),
			       tcp(STRANGER, AGENT_UNUSED_PORT, SYN)),
		       "IPv%d: a SYN for another port: sent on", family);
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			passed &= IS_SENT("no SYN", family, chain_inner(family),
					  tcp(STRANGER, PORT, others[i]));
		tap_ok(passed, "IPv%d: a socket listens, but it is no SYN: sent on", family);
		close(listener);
	}
}

static void test_cookies(void)
{
	FOR_EACH_FAMILY(family)
	{
		int listener = agent_host_listen(family, PORT);
		const char *client = AGENT_NEAR[family == 6], *vip = AGENT_VIP[family == 6];
		struct layer ip = family == 4 ? ip4(client, vip) : ip6(client, vip);
		uint32_t cookie;

		agent_host_cookies(AGENT_COOKIES_ALWAYS);
		cookie = agent_host_syn(family, COOKIE_PORT, PORT);
		tap_ok(IS_OPENED("cookie", family, COOKIE, ip,
				 acknowledges(COOKIE_PORT, ACK, cookie + 1), payload(PAYLOAD)),
		       "IPv%d: acknowledges a SYN cookie: opened", family);
		tap_ok(IS_SENT("cookie", family, ip,
			       acknowledges(COOKIE_PORT, ACK, cookie + 1 + WRONG)),
		       "IPv%d: a cookie that is wrong: sent on", family);
		tap_ok(IS_SENT("cookie", family, ip,
			       acknowledges(COOKIE_PORT + 1, ACK, cookie + 1)),
		       "IPv%d: another connection's cookie: sent on", family);
		agent_host_cookies(AGENT_COOKIES_NEVER);
		tap_ok(IS_SENT("cookie", family, ip, acknowledges(COOKIE_PORT, ACK, cookie + 1)),
		       "IPv%d: cookies are off: sent on", family);
		close(listener);
	}
}

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

static void test_off(void)
{
	agent_run_second_chance(false, NULL, 0);
	FOR_EACH_FAMILY(family)
	tap_ok(IS_OPENED("off", family, OFF, chain_inner(family), tcp(STRANGER, PORT, ACK),
			 payload(PAYLOAD)),
	       "IPv%d: second chance is off: opened", family);
	agent_run_second_chance(true, NULL, 0);
}

static void test_containers(void)
{
	int id = agent_host_container_id(), ids[POISE_AGENT_MAX_NAMESPACES];

	for (int i = 0; i < POISE_AGENT_MAX_NAMESPACES; i++)
		ids[i] = id + POISE_AGENT_MAX_NAMESPACES - 1 - i;
	FOR_EACH_FAMILY(family)
	{
		uint16_t client;
		uint32_t next;
		int listener;

		agent_host_enter_container();
		client = agent_host_connect(family, PORT, &next);
		listener = agent_host_listen(family, PORT);
		agent_host_leave_container();
		tap_ok(has(family, client, PORT, next, false),
		       "IPv%d: a connection of a container that is not named: sent on", family);
		agent_run_second_chance(true, &id, 1);
		tap_ok(has(family, client, PORT, next, true),
		       "IPv%d: a connection of a container: opened", family);
		tap_ok(IS_OPENED("SYN", family, OPENING, chain_inner(family),
				 tcp(STRANGER, PORT, SYN)),
		       "IPv%d: a SYN, and a socket of a container listens: opened", family);
		tap_ok(has(family, STRANGER, AGENT_UNUSED_PORT, next, false),
		       "IPv%d: no connection of a container's either: sent on", family);
		agent_run_second_chance(true, ids, POISE_AGENT_MAX_NAMESPACES);
		tap_ok(has(family, client, PORT, next, true),
		       "IPv%d: the last of 32 namespaces, of which 31 are gone: opened", family);
		agent_run_second_chance(true, ids, POISE_AGENT_MAX_NAMESPACES - 1);
		tap_ok(has(family, client, PORT, next, false),
		       "IPv%d: without the last one: sent on", family);
		agent_run_second_chance(true, NULL, 0);
		close(listener);
	}
}

int main(void)
{
	unsigned int ifindex = agent_host_begin();
	int err = agent_run_begin(AGENT_RUN_XDP);

	if (err) {
		tap_note("the program cannot be loaded: %s", strerror(-err));
		return 1;
	}
	agent_run_interface(ifindex);
	agent_host_lo_forwards(true);
	agent_run_second_chance(true, NULL, 0);
	agent_run_add_hop(4, "10.0.1.0", 24);

	test_connections();
	test_numbers();
	test_time_wait();
	test_half_open();
	test_half_open_cookie();
	test_options();
	test_listening();
	test_cookies();
	test_errors();
	test_other_errors();
	test_other();
	test_off();
	test_containers();
	agent_run_end();
	return tap_done();
}
