// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * poise_agent's second chance: which segments with a chain it opens, and which it sends on, by
 * sockets in every state, here and in a container.
 */
#include <string.h>
#include <unistd.h>

#include "agent_second.h"
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
};

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
		uint32_t unheard, next;
		uint16_t client = agent_host_connect_full(family, PORT, &unheard, &next);

		tap_ok(takes(family, client, unheard) && takes(family, client, unheard - 1) &&
			       takes(family, client, next - 1) && takes(family, client, next),
		       "IPv%d: acknowledges what was sent, or waits to be: opened", family);
		tap_ok(leaves(family, client, next + 1) &&
			       leaves(family, client, next + (1U << 30)) &&
			       leaves(family, client, unheard - (1U << 30)),
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
	if (!second_begin())
		return 1;
	test_connections();
	test_numbers();
	test_time_wait();
	test_half_open();
	test_half_open_cookie();
	test_options();
	test_listening();
	test_cookies();
	test_off();
	test_containers();
	agent_run_end();
	return tap_done();
}
