// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Dry runs leave nothing behind: all that the maps hold is the same before and after one of a
 * packet of each kind that would write something, as is seen when the same packet comes. That they
 * say what the packet's fate will be, every test that uses fate.h looks at.
 */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "exceptions.h"
#include "fate.h"
#include "flows.h"
#include "fragments.h"
#include "hex.h"
#include "maps_digest.h"
#include "traced.h"

enum { RING_SIZE = 251, SCHEDULE_SIZE = 5, IDLE = 100, RUNS = 3, SMALL_MTU = 600 };

static struct fixture fixture;

#define TO4(...) PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(CLIENT4, VIP4), __VA_ARGS__)
#define TO6(...) PKT(eth(ROUTER_MAC, EDGE_MAC), ip6(CLIENT6, VIP6), __VA_ARGS__)

/* Nothing is written by dry runs; the packet itself is counted at least. */
static bool leaves_nothing(const char *name, const struct packet *in)
{
	static struct maps_digest before, after;
	struct counts counts = counts_read(&fixture), counted;
	struct traced_result said;
	struct packet out;
	bool holds = true;

	maps_digest(&fixture, &before);
	for (int i = 0; i < RUNS; i++)
		holds &= traced_run(fixture.dry, in->bytes, in->length, fixture.ifindex[WAY_IN],
				    &said) == 0;
	maps_digest(&fixture, &after);
	holds &= maps_digest_equal(name, &before, &after);
	holds &= fixture_run(&fixture, in, &out) == said.verdict;
	counted = counts_read(&fixture);
	if (memcmp(&counts, &counted, sizeof(counts)))
		return holds;
	tap_note("%s: the packet itself is not counted", name);
	return false;
}

static void check(const char *name, struct packet in)
{
	tap_ok(leaves_nothing(name, &in), "nothing is left of a dry run: %s", name);
}

static struct packet of_client(uint16_t port, unsigned int flags)
{
	return TO4(tcp(port, SERVICE_PORT, flags));
}

static void test_counters(void)
{
	static const uint8_t text[1000];

	fixture_own(&fixture, A4);
	check("settled slot", of_client(CLIENT_PORT, ACK));
	check("settled slot, IPv6", TO6(tcp(CLIENT_PORT, SERVICE_PORT, SYN)));
	check("another port", TO4(tcp(CLIENT_PORT, SERVICE_PORT + 1, SYN)));
	check("malformed", TO4(claim(udp(CLIENT_PORT, SERVICE_PORT), 4), raw(text, 0)));
	fixture_own(&fixture, NOBODY);
	check("nobody serves", of_client(CLIENT_PORT, SYN));
	fixture_own(&fixture, NO_HOP4);
	check("no next hop", of_client(CLIENT_PORT, SYN));
}

/* The record of the flow, as old as this, in a moving slot of A4's that was B4's. */
static void moving(const struct packet *packet, struct record record)
{
	uint64_t hash = exceptions_hash(&fixture, packet);
	uint16_t now = fixture_tick();

	exceptions_clear(&fixture);
	fixture_own(&fixture, B4);
	fixture_change(&fixture, A4, (uint16_t)(now - 10));
	if (record.backend)
		exceptions_bucket(&fixture, hash)->word[2] = exceptions_word(hash, &record, now);
}

static void test_exceptions(void)
{
	struct packet syn = of_client(CLIENT_PORT, SYN), ack = of_client(CLIENT_PORT, ACK),
		      fin = of_client(CLIENT_PORT, FIN | ACK);
	uint64_t hash = exceptions_hash(&fixture, &syn);
	struct record record = { B4, POISE_EXCEPTION_HALF_OPEN, 3 };

	moving(&syn, (struct record){ 0 });
	check("a SYN is recorded", syn);
	moving(&ack, (struct record){ 0 });
	check("an old connection stamps the slot", ack);
	moving(&syn, record);
	check("a SYN renews its record", syn);
	moving(&ack, record);
	check("a record becomes established", ack);
	record.state = POISE_EXCEPTION_ESTABLISHED;
	moving(&fin, record);
	check("a FIN ends a record", fin);
	moving(&syn, (struct record){ 0 });
	for (int way = 0; way < POISE_EXCEPTION_WAYS; way++) {
		record.age = (uint16_t)(5 + way);
		exceptions_bucket(&fixture, hash)->word[way] =
			exceptions_word(hash ^ (way + 1ULL) << 40, &record, fixture_tick());
	}
	check("a full bucket spills", syn);
	fixture_own(&fixture, A4);
}

static void test_flows(void)
{
	static const uint16_t backends[] = { C4, B4 };
	struct packet syn = of_client(CLIENT_PORT, SYN), ack = of_client(CLIENT_PORT, ACK),
		      fin = of_client(CLIENT_PORT, FIN),
		      datagram = TO4(udp(CLIENT_PORT, SERVICE_PORT), payload(10));
	struct extent schedule = flows_schedule(&fixture, SCHEDULE_SIZE, backends, 2);
	struct poise_service service;

	service = flows_service(POISE_SCHEDULER_ROUNDROBIN, IDLE, &schedule);
	flows_publish(&fixture, 4, IPPROTO_TCP, &service);
	flows_clear(&fixture);
	check("roundrobin, a flow begins", syn);
	check("roundrobin, it goes on", ack);
	check("roundrobin, it ends", fin);
	service = flows_service(POISE_SCHEDULER_LEASTCONN, IDLE, &schedule);
	flows_publish(&fixture, 4, IPPROTO_TCP, &service);
	check("leastconn, a flow begins", syn);
	service = flows_service(POISE_SCHEDULER_RING, IDLE, NULL);
	flows_publish(&fixture, 4, IPPROTO_UDP, &service);
	check("sticky UDP, a flow begins", datagram);
}

static void test_fragments(void)
{
	struct packet whole = fragment_whole(&fragment_kinds[UDP4]), first, later;

	fragments_begin(&fixture, A4);
	first = fragment_part(&whole, 0);
	later = fragment_part(&whole, 1);
	check("a fragment too early", later);
	check("a first fragment", first);
	check("a later fragment", later);
}

static void test_limits(void)
{
	struct poise_backend entry = fixture_entry(&fixture, A6, SMALL_MTU);

	fixture_settings(&fixture)->echo_rate = 10;
	fixture_settings(&fixture)->error_rate = 10;
	check("an echo request", TO4(echo(), payload(20)));
	fixture_backend_init(&fixture, A6, &entry);
	fixture_own(&fixture, A6);
	check("too big", TO6(tcp(CLIENT_PORT, SERVICE_PORT, ACK), payload(SMALL_MTU)));
}

static void test_strangers(void)
{
	struct packet strange = PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(CLIENT4, OTHER4),
				    tcp(CLIENT_PORT, SERVICE_PORT, SYN));

	check("another address", strange);
	check("not IP", PKT(eth(ROUTER_MAC, EDGE_MAC), arp(CLIENT4, VIP4)));
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	test_counters();
	test_strangers();
	test_exceptions();
	test_fragments();
	test_flows();
	test_limits();
	fixture_close(&fixture);
	return tap_done();
}
