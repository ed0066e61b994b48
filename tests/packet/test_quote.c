// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ICMP errors that quote a flow of a service go to its backend, whole and unchanged. What may be
 * quoted is test_quote_parse.c's. */
#include <linux/bpf.h>
#include <string.h>

#include "errors.h"
#include "exceptions.h"
#include "hex.h"

enum { RING_SIZE = 251, AFFINITY_BITS = 24 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;

/*
 * Types of errors, protocols, ways to a backend.
 */

struct type {
	int family;
	uint8_t type, last_code;
	const char *name;
};

static const struct type types[] = {
	{ 4, 3, 15, "IPv4 destination unreachable" }, { 4, 11, 1, "IPv4 time exceeded" },
	{ 4, 12, 2, "IPv4 parameter problem" },	      { 6, 1, 8, "IPv6 destination unreachable" },
	{ 6, 2, 0, "IPv6 packet too big" },	      { 6, 3, 1, "IPv6 time exceeded" },
	{ 6, 4, 10, "IPv6 parameter problem" },
};

static void test_type(const struct type *type, uint8_t protocol)
{
	struct packet quoted = error_answer(type->family, protocol);
	struct packet flow = error_flow(type->family, protocol);
	bool holds = true;

	for (uint8_t code = 0; code <= type->last_code; code++) {
		struct packet in = error_of_type(type->family, type->type, code, &quoted,
						 error_quoted_bytes(&quoted, QUOTED_BYTES));

		holds &= error_follows(&fixture, type->name, &in, &flow, A4);
	}
	tap_ok(holds, "%s, %s flow, every code", type->name,
	       protocol == IPPROTO_TCP ? "TCP" : "UDP");
}

static void test_types(void)
{
	fixture_own(&fixture, A4);
	for (size_t i = 0; i < COUNT(types); i++) {
		test_type(&types[i], IPPROTO_TCP);
		test_type(&types[i], IPPROTO_UDP);
	}
}

static void test_ways_out(void)
{
	static const struct {
		uint16_t backend;
		const char *name;
	} ways[] = {
		{ A4, "an IPv4 tunnel" },
		{ A6, "an IPv6 tunnel" },
		{ AWAY4, "another interface" },
	};

	for (size_t i = 0; i < COUNT(ways); i++) {
		fixture_own(&fixture, ways[i].backend);
		for (int family = 4; family <= 6; family += 2) {
			struct packet quoted = error_answer(family, IPPROTO_TCP);
			struct packet flow = error_flow(family, IPPROTO_TCP);
			struct packet in =
				error_too_big(&quoted, error_quoted_bytes(&quoted, QUOTED_BYTES));

			tap_ok(error_follows(&fixture, ways[i].name, &in, &flow, ways[i].backend),
			       "IPv%d error through %s", family, ways[i].name);
		}
	}
}

static void test_no_way(void)
{
	static const struct {
		uint16_t backend;
		enum poise_reason reason;
		const char *name;
	} rows[] = {
		{ NOBODY, POISE_REASON_NO_BACKEND, "without a backend" },
		{ NO_HOP4, POISE_REASON_NO_NEXT_HOP, "to a backend without a next hop" },
	};
	struct packet quoted = error_answer(4, IPPROTO_TCP);
	struct packet in = error_too_big(&quoted, error_quoted_bytes(&quoted, QUOTED_BYTES));

	for (size_t i = 0; i < COUNT(rows); i++) {
		fixture_own(&fixture, rows[i].backend);
		tap_ok(error_ends(&fixture, rows[i].name, &in, XDP_DROP, rows[i].reason),
		       "an error %s", rows[i].name);
	}
}

/* No error tells of an error. */
static void test_too_long(void)
{
	struct packet v4 = error_answer(4, IPPROTO_TCP), v6 = error_answer(6, IPPROTO_TCP);
	struct layer frame = eth(ROUTER_MAC, EDGE_MAC), data = payload(1400);
	struct layer ip = ip4_fragment(ip4(ERROR_ROUTER4, VIP4), IP4_DONT_FRAGMENT);
	struct packet in =
		PKT(frame, ip, icmp(UNREACHABLE, 0, 0), quote(&v4, packet_ip_length(&v4)), data);

	fixture_settings(&fixture)->error_rate = 1000000;
	tap_ok(error_ends(&fixture, "IPv4", &in, XDP_DROP, POISE_REASON_TOO_BIG_LIMITED),
	       "an IPv4 error that does not fit the tunnel is not answered");
	in = PKT(frame, ip6(ERROR_ROUTER6, VIP6), icmp6(UNREACHABLE6, 0, 0),
		 quote(&v6, packet_ip_length(&v6)), data);
	tap_ok(error_ends(&fixture, "IPv6", &in, XDP_DROP, POISE_REASON_TOO_BIG_LIMITED),
	       "an IPv6 error that does not fit the tunnel is not answered");
}

/*
 * What is around the quote.
 */

static void test_around4(void)
{
	struct packet quoted = error_answer(4, IPPROTO_TCP), flow = error_flow(4, IPPROTO_TCP);
	struct layer message = icmp(UNREACHABLE, FRAGMENTATION_NEEDED, NEXT_MTU);
	struct layer part = quote(&quoted, error_quoted_bytes(&quoted, QUOTED_BYTES));
	struct layer frame = eth(ROUTER_MAC, EDGE_MAC), ip = ip4(ERROR_ROUTER4, VIP4);
	const struct {
		const char *name;
		struct packet in;
	} rows[] = {
		{ "IPv4 error with IP options", PKT(frame, ip4_options(ip, 40), message, part) },
		{ "IPv4 error in a tagged frame", PKT(frame, vlan(100), ip, message, part) },
		{ "IPv4 error with padding", PKT(frame, ip, message, part, padding(4)) },
		{ "IPv4 error with a TOS", PKT(frame, tos(ip, 0xc0), message, part) },
		{ "IPv4 error from the service's own address",
		  PKT(frame, ip4(VIP4, VIP4), message, part) },
		{ "IPv4 error with more bytes of the quoted packet",
		  PKT(frame, ip, message, quote(&quoted, packet_ip_length(&quoted))) },
		{ "IPv4 error with a wrong checksum", PKT(frame, ip, checksum(message, 1), part) },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		tap_ok(error_follows(&fixture, rows[i].name, &rows[i].in, &flow, A4), "%s",
		       rows[i].name);
}

static void test_around6(void)
{
	struct packet quoted = error_answer(6, IPPROTO_UDP), flow = error_flow(6, IPPROTO_UDP);
	struct layer message = icmp6(2, 0, NEXT_MTU);
	struct layer part = quote(&quoted, error_quoted_bytes(&quoted, QUOTED_BYTES));
	struct layer frame = eth(ROUTER_MAC, EDGE_MAC), ip = ip6(ERROR_ROUTER6, VIP6);
	const struct {
		const char *name;
		struct packet in;
	} rows[] = {
		{ "IPv6 error behind extension headers",
		  PKT(frame, ip, ip6_extension(IPPROTO_HOPOPTS),
		      ip6_extension_of(IPPROTO_DSTOPTS, 24), message, part) },
		{ "IPv6 error in an atomic fragment",
		  PKT(frame, ip, ip6_fragment(0), message, part) },
		{ "IPv6 error in a frame with two tags",
		  PKT(frame, service_vlan(100), vlan(200), ip, message, part) },
		{ "IPv6 error with more bytes of the quoted packet",
		  PKT(frame, ip, message, quote(&quoted, packet_ip_length(&quoted))) },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		tap_ok(error_follows(&fixture, rows[i].name, &rows[i].in, &flow, A4), "%s",
		       rows[i].name);
}

/*
 * Moving slots.
 */

static struct packet syn_of(int family)
{
	return PKT(eth(ROUTER_MAC, EDGE_MAC), family == 4 ? ip4(CLIENT4, VIP4) : ip6(CLIENT6, VIP6),
		   tcp(CLIENT_PORT, SERVICE_PORT, SYN));
}

static void test_moving(int family)
{
	struct packet quoted = error_answer(family, IPPROTO_TCP),
		      flow = error_flow(family, IPPROTO_TCP);
	struct packet in = error_too_big(&quoted, error_quoted_bytes(&quoted, QUOTED_BYTES)), syn,
		      out;
	uint64_t only;

	exceptions_clear(&fixture);
	fixture_own(&fixture, A4);
	fixture_change(&fixture, B4, fixture_tick());
	tap_ok(error_follows(&fixture, "unrecorded", &in, &flow, A4),
	       "IPv%d error about an old connection in a moving slot: the previous backend",
	       family);
	tap_ok(exceptions_count(&fixture, &only) == 0, "IPv%d: an error is recorded nowhere",
	       family);
	syn = syn_of(family);
	fixture_run(&fixture, &syn, &out);
	tap_ok(error_follows(&fixture, "recorded", &in, &flow, B4),
	       "IPv%d error about a recorded connection in a moving slot: where it is recorded",
	       family);
	fixture_change(&fixture, C4, fixture_tick());
	tap_ok(error_follows(&fixture, "recorded", &in, &flow, B4),
	       "IPv%d: also when the owner changes again", family);
	maps_backend_set_flags(fixture.maps, B4, 0);
	tap_ok(error_follows(&fixture, "down", &in, &flow, C4),
	       "IPv%d: and with the owner when that is down", family);
	maps_backend_set_flags(fixture.maps, B4, POISE_BACKEND_LIVE | POISE_BACKEND_ELIGIBLE);
}

/*
 * Services that want more than the slot of the flow.
 */

#define AFFINE4 "203.0.113.30"

static void publish_affine(void)
{
	static const struct poise_service address = { .flags = POISE_SERVICE_ADDRESS };
	struct poise_service service = { .port = htons(SERVICE_PORT),
					 .protocol = IPPROTO_TCP,
					 .flags = POISE_SERVICE_AFFINITY,
					 .affinity = AFFINITY_BITS };

	fixture_publish(&fixture, FREE_SERVICE, AFFINE4, &service);
	fixture_publish(&fixture, FREE_SERVICE + 1, AFFINE4, &address);
}

/* Gives the slot of the client's network to A4, all others to B4. */
static void own_affine(void)
{
	struct ring ring = fixture_ring(&fixture, FREE_SERVICE);
	struct packet flow = error_flow(4, IPPROTO_TCP);
	uint16_t owners[RING_SIZE];
	uint64_t client[2] = { 0 };

	memcpy(client, flow.bytes + ETH_BYTES + 12, 4);
	for (size_t i = 0; i < COUNT(owners); i++)
		owners[i] = B4;
	owners[poise_slot(poise_affinity_hash((const __u64 *)client, AFFINITY_BITS, SEED),
			  RING_SIZE)] = A4;
	ring_fill(&ring, owners);
}

/* The quoted client's network chooses the slot, not that of the router that sends the error. */
static void test_affinity(void)
{
	struct packet flow = PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(CLIENT4, AFFINE4),
				 tcp(CLIENT_PORT, SERVICE_PORT, ACK));
	struct packet quoted = error_answer_from(ip4(AFFINE4, CLIENT4), IPPROTO_TCP);
	struct packet in = PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(ERROR_ROUTER4, AFFINE4),
			       icmp(UNREACHABLE, FRAGMENTATION_NEEDED, NEXT_MTU),
			       quote(&quoted, error_quoted_bytes(&quoted, QUOTED_BYTES)));
	struct fate fate = fate_of("affinity", in, A4, XDP_TX, POISE_REASON_SENT);

	publish_affine();
	own_affine();
	fate.flow = &flow;
	fate.service = FREE_SERVICE;
	fate.events[POISE_EVENT_ICMP_FORWARDED] = 1;
	tap_ok(fate_holds(&fixture, &fate), "an error about a flow of a service with affinity");
	fixture_withdraw(&fixture, FREE_SERVICE);
	fixture_withdraw(&fixture, FREE_SERVICE + 1);
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	test_types();
	test_ways_out();
	test_no_way();
	fixture_own(&fixture, A4);
	test_too_long();
	test_around4();
	test_around6();
	test_moving(4);
	test_moving(6);
	test_affinity();
	fixture_close(&fixture);
	return tap_done();
}
