// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Services that want the same place of the service table: each is found, and none when withdrawn.
 */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdio.h>

#include "fate.h"
#include "hex.h"
#include "poise_flow.h"
#include "service_places.h"

enum {
	RING_SIZE = 251,
	SOME_HOME = 4711,
	CROWD = 20,
	FIRST = FREE_SERVICE,
};

_Static_assert(FIRST + CROWD <= SERVICE_COUNT, "CROWD");

static struct fixture fixture;
static char addresses[CROWD][INET_ADDRSTRLEN];
static uint16_t ports[CROWD];

/* Addresses and ports of services whose home this is. */
static void find_crowd(uint32_t home)
{
	uint32_t found = 0;

	for (uint32_t number = 1; found < CROWD; number++) {
		struct in_addr address = { htonl(0xc6120000 | number >> 8) }; /* 198.18.0.0/15 */
		uint16_t port = (uint16_t)(1 + (number & 0xff));
		uint64_t hash = poise_service_hash4(address.s_addr, htons(port), IPPROTO_TCP);

		if (poise_service_home(hash) != home)
			continue;
		inet_ntop(AF_INET, &address, addresses[found], sizeof(addresses[found]));
		ports[found++] = port;
	}
}

static struct poise_service service_of(uint32_t member)
{
	return (struct poise_service){ .protocol = IPPROTO_TCP, .port = htons(ports[member]) };
}

static void publish(uint32_t member)
{
	struct poise_service service = service_of(member);

	fixture_publish(&fixture, FIRST + member, addresses[member], &service);
}

static bool is_found(uint32_t member, bool found)
{
	struct fate fate =
		FATE(addresses[member], A4, XDP_TX, SENT, ip4(CLIENT4, addresses[member]),
		     tcp(CLIENT_PORT, ports[member], SYN), payload(8));

	fate.service = FIRST + member;
	if (!found) {
		fate.backend = 0;
		fate.verdict = XDP_PASS;
		fate.reason = POISE_REASON_NOT_SERVICE;
	}
	return fate_holds(&fixture, &fate);
}

/* Whether those from first to last are found, and no others. */
static bool only(uint32_t first, uint32_t last)
{
	bool holds = true;

	for (uint32_t i = 0; i < CROWD; i++)
		holds &= is_found(i, i >= first && i <= last);
	return holds;
}

static uint32_t reach_of(uint32_t home)
{
	return fixture.services[home].reach;
}

static void test_crowd(const char *name, uint32_t home)
{
	find_crowd(home);
	tap_ok(only(1, 0), "%s: nobody is there", name);
	for (uint32_t i = 0; i < CROWD; i++)
		publish(i);
	fixture_own(&fixture, A4);
	tap_ok(only(0, CROWD - 1), "%s: all of a crowd are found", name);
	fixture_withdraw(&fixture, FIRST);
	tap_ok(only(1, CROWD - 1), "%s: the others, when the one at home is gone", name);
	publish(0);
	tap_ok(only(0, CROWD - 1), "%s: it comes back", name);
	for (uint32_t i = CROWD - 1; i > 2; i--)
		fixture_withdraw(&fixture, FIRST + i);
	tap_ok(only(0, 2), "%s: the first ones, when the farthest are gone", name);
	tap_ok(reach_of(home) == service_distance(home, fixture.places[FIRST + 2]),
	       "%s: nobody looks farther than there is something", name);
	for (uint32_t i = 0; i <= 2; i++)
		fixture_withdraw(&fixture, FIRST + i);
	tap_ok(only(1, 0) && reach_of(home) == 0, "%s: nobody is left", name);
}

/* An entry that only port ranges lead to is not found by its address and port. */
static void test_unlisted(void)
{
	struct poise_service service = service_of(0);

	fixture_write(&fixture, FIRST, addresses[0], &service);
	tap_ok(is_found(0, false), "an entry that is not listed");
	ports[0] = 0;
	service.port = 0;
	fixture_write(&fixture, FIRST, addresses[0], &service);
	tap_ok(is_found(0, false), "the same of a port range, for port 0");
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	test_crowd("somewhere", SOME_HOME);
	test_crowd("at 0, which is nobody's", 0);
	test_crowd("at the end", POISE_SERVICE_ENTRIES - 2);
	test_unlisted();
	fixture_close(&fixture);
	return tap_done();
}
