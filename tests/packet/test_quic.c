// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * QUIC connection ids that name their backend (draft-ietf-quic-load-balancers-21, plaintext). The
 * ring's owner is A4; the server id B4_ID is B4's.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <string.h>

#include "errors.h"
#include "flows.h"
#include "hex.h"

enum {
	RING_SIZE = 251,
	CONFIG = 2,
	ID_BYTES = 4,
	NONCE_BYTES = 8,
	LONG_HEADER = 0xc0,
	SHORT_HEADER = 0x40,
	VERSION1 = 1,
	ROTATION_SHIFT = 5,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define B4_ID	     "\xb4\x00\xff\x01"
#define UNKNOWN_ID   "\xb4\x00\xff\x02"

static struct fixture fixture;

/* A datagram's payload. */
struct quic {
	size_t length;
	uint8_t bytes[64];
};

static void put(struct quic *quic, const void *bytes, size_t length)
{
	memcpy(quic->bytes + quic->length, bytes, length);
	quic->length += length;
}

static void put_byte(struct quic *quic, unsigned int byte)
{
	put(quic, &(uint8_t){ (uint8_t)byte }, 1);
}

/* A connection id: first octet, server id, nonce. The octet's five lower bits are random. */
static void put_connection_id(struct quic *quic, unsigned int rotation, const char *id,
			      size_t id_bytes)
{
	put_byte(quic, rotation << ROTATION_SHIFT | 0x15);
	put(quic, id, id_bytes);
	for (int i = 0; i < NONCE_BYTES; i++)
		put_byte(quic, 0xa0 + i);
}

static struct quic short_header(unsigned int rotation, const char *id, size_t id_bytes)
{
	struct quic quic = { 0 };

	put_byte(&quic, SHORT_HEADER);
	put_connection_id(&quic, rotation, id, id_bytes);
	return quic;
}

/* What follows the destination id is the source id, which names nobody. */
static struct quic long_header(uint32_t version, unsigned int rotation, const char *id,
			       size_t id_bytes)
{
	struct quic quic = { 0 };

	version = htonl(version);
	put_byte(&quic, LONG_HEADER);
	put(&quic, &version, sizeof(version));
	put_byte(&quic, 1 + id_bytes + NONCE_BYTES);
	put_connection_id(&quic, rotation, id, id_bytes);
	put_byte(&quic, 0);
	return quic;
}

static struct packet datagram(int family, const struct quic *quic)
{
	return PKT(eth(ROUTER_MAC, EDGE_MAC), family == 4 ? ip4(CLIENT4, VIP4) : ip6(CLIENT6, VIP6),
		   udp(CLIENT_PORT, SERVICE_PORT), raw(quic->bytes, quic->length));
}

/* Whether it goes to B4 by its id; else it must go to A4 by the ring. */
static bool routed_holds(const char *name, const struct packet *in, bool routed)
{
	struct fate fate = {
		.name = name, .in = *in, .backend = routed ? B4 : A4, .verdict = XDP_TX
	};

	fate.events[POISE_EVENT_QUIC_ROUTED] = routed;
	return fate_holds(&fixture, &fate);
}

static void test_routed(const char *name, const struct quic *quic, bool routed)
{
	struct packet in4 = datagram(4, quic), in6 = datagram(6, quic);

	tap_ok(routed_holds(name, &in4, routed) && routed_holds(name, &in6, routed), "%s", name);
}

static void server(uint32_t service, const char *id, uint8_t length, uint32_t backend)
{
	struct poise_quic_server key = { .service = (uint16_t)fixture.places[service],
					 .length = length };

	memcpy(key.id, id, length);
	bpf_map_update_elem(fixture_map_fd(&fixture, "quic_servers"), &key, &backend, BPF_ANY);
}

static void publish(uint8_t config, uint8_t length, uint32_t more_flags)
{
	struct poise_service service = { .port = htons(SERVICE_PORT),
					 .flags = POISE_SERVICE_QUIC | more_flags,
					 .idle_ticks = 100,
					 .quic_config = config,
					 .quic_length = length };

	flows_publish(&fixture, 4, IPPROTO_UDP, &service);
	flows_publish(&fixture, 6, IPPROTO_UDP, &service);
}

static void test_headers(void)
{
	struct quic quic = short_header(CONFIG, B4_ID, ID_BYTES);

	test_routed("a short header", &quic, true);
	quic.bytes[0] = 0;
	test_routed("a short header without the fixed bit: no invariant", &quic, true);
	quic.bytes[0] = 0x7f;
	test_routed("a short header, every other bit set", &quic, true);
	quic = long_header(VERSION1, CONFIG, B4_ID, ID_BYTES);
	test_routed("a long header of version 1", &quic, true);
	quic = long_header(0xff000099, CONFIG, B4_ID, ID_BYTES);
	test_routed("a long header of a version that is not known", &quic, true);
	quic.bytes[0] = 0x80;
	test_routed("a long header, no other bit set", &quic, true);
	quic = short_header(CONFIG, UNKNOWN_ID, ID_BYTES);
	test_routed("a short header, the id is nobody's: the ring decides", &quic, false);
	quic = long_header(VERSION1, CONFIG, UNKNOWN_ID, ID_BYTES);
	test_routed("a long header, the id is nobody's", &quic, false);
}

static void test_rotation(void)
{
	struct quic unroutable = short_header(7, B4_ID, ID_BYTES);
	bool holds = true;

	for (unsigned int rotation = 0; rotation < 8; rotation++) {
		struct quic quic = short_header(rotation, B4_ID, ID_BYTES);
		struct packet in = datagram(4, &quic);

		holds &= routed_holds("rotation", &in, rotation == CONFIG);
		quic = long_header(VERSION1, rotation, B4_ID, ID_BYTES);
		in = datagram(6, &quic);
		holds &= routed_holds("rotation", &in, rotation == CONFIG);
	}
	tap_ok(holds, "the service's config rotation bits alone are its own");

	publish(7, ID_BYTES, 0);
	test_routed("rotation bits 0b111 name no backend, even where they are configured",
		    &unroutable, false);
	publish(CONFIG, ID_BYTES, 0);
}

/* Ids of every length; those of the same bytes but another length are others. */
static void test_lengths(void)
{
	static const char id[POISE_QUIC_ID_BYTES + 1] = "fifteen octets!";
	bool holds = true, others = true;

	for (uint8_t length = 1; length <= POISE_QUIC_ID_BYTES; length++) {
		struct quic quic = short_header(CONFIG, id, length);
		struct packet in = datagram(4, &quic), in6 = datagram(6, &quic);

		publish(CONFIG, length, 0);
		others &= routed_holds("other length", &in, false);
		server(UDP_SERVICE4, id, length, B4);
		holds &= routed_holds("length", &in, true);
		others &= routed_holds("other service", &in6, false);
	}
	publish(CONFIG, ID_BYTES, 0);
	tap_ok(holds, "server ids of 1 to 15 bytes");
	tap_ok(others, "an id is of one service and one length");
}

/* The destination id of a long header says its length; one too short for a server id has none, even
 * when bytes follow that would make one. */
static void test_claims(void)
{
	struct quic quic = long_header(VERSION1, CONFIG, B4_ID, ID_BYTES);
	uint8_t *claimed = &quic.bytes[5];

	*claimed = 1 + ID_BYTES;
	test_routed("an id of first octet and server id alone", &quic, true);
	*claimed = ID_BYTES;
	test_routed("an id one byte too short", &quic, false);
	*claimed = 0;
	test_routed("no id at all", &quic, false);
	*claimed = (uint8_t)(quic.length - 6);
	test_routed("an id that fills the datagram", &quic, true);
	*claimed = (uint8_t)(quic.length - 5);
	test_routed("an id that claims a byte more than there are", &quic, false);
	*claimed = 255;
	test_routed("an id that claims 255 bytes", &quic, false);
}

/* A datagram cut behind every byte, by an honest IP header or by a UDP header that ends earlier. */
static void test_cuts(const char *name, const struct quic *quic, size_t needed)
{
	bool holds = true;

	for (size_t length = 0; length <= quic->length; length++) {
		struct quic cut = *quic;
		struct packet in4, in6;

		cut.length = length;
		in4 = datagram(4, &cut);
		in6 = datagram(6, &cut);
		holds &= routed_holds(name, &in4, length >= needed) &&
			 routed_holds(name, &in6, length >= needed);
	}
	tap_ok(holds, "%s: cut at every byte", name);
}

/* Bytes behind the UDP datagram, within the IP packet or behind it, are no id's. */
static void test_ends(const struct quic *quic, size_t needed)
{
	struct packet in = datagram(4, quic);
	uint16_t bytes = htons((uint16_t)(UDP_BYTES + needed - 1));
	struct quic cut = *quic;

	memcpy(in.bytes + packet_l4(&in) + 4, &bytes, sizeof(bytes));
	tap_ok(routed_holds("UDP length", &in, false), "a UDP header that ends before the id does");
	cut.length = needed - 1;
	in = PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(CLIENT4, VIP4), udp(CLIENT_PORT, SERVICE_PORT),
		 raw(cut.bytes, cut.length), trailer(quic->bytes + cut.length, 8));
	tap_ok(routed_holds("trailer", &in, false), "a frame's trailer is no part of the id");
}

static void test_backends(void)
{
	struct quic quic = short_header(CONFIG, B4_ID, ID_BYTES);

	maps_backend_set_flags(fixture.maps, B4, POISE_BACKEND_LIVE);
	test_routed("a backend that drains keeps its connections", &quic, true);
	maps_backend_set_flags(fixture.maps, B4, 0);
	test_routed("a backend that is down: the ring decides", &quic, false);
	maps_backend_set_flags(fixture.maps, B4, POISE_BACKEND_LIVE | POISE_BACKEND_ELIGIBLE);
}

/* A client's new address changes nothing. */
static void test_migration(void)
{
	struct quic quic = short_header(CONFIG, B4_ID, ID_BYTES);
	bool holds = true;

	for (uint16_t port = 1; port < 100; port++) {
		struct packet in = PKT(eth(ROUTER_MAC, EDGE_MAC), ip4("192.0.2.77", VIP4),
				       udp(port * 601, SERVICE_PORT), raw(quic.bytes, quic.length));

		holds &= routed_holds("migration", &in, true);
	}
	tap_ok(holds, "whatever address and port the client has");
}

/* What a backend sent, an error quotes: no id in it is the service's. Taken for a UDP header, this
 * error's own says 255 bytes, and the header that it quotes would be a short one with B4's id. */
static void test_quotes(void)
{
	struct packet flow = error_flow(4, IPPROTO_UDP);
	struct packet answer =
		PKT(eth(EDGE_MAC, ROUTER_MAC), tos(ip4(VIP4, CLIENT4), CONFIG << ROTATION_SHIFT),
		    udp(SERVICE_PORT, CLIENT_PORT), payload(100));
	struct packet in = PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(ERROR_ROUTER4, VIP4),
			       icmp(UNREACHABLE, FRAGMENTATION_NEEDED, 255 << 16 | NEXT_MTU),
			       quote(&answer, answer.length - ETH_BYTES));

	server(UDP_SERVICE4, (const char *)answer.bytes + packet_l3(&answer) + 2, ID_BYTES, B4);
	tap_ok(error_follows(&fixture, "quote", &in, &flow, A4), "an error names nobody");
}

/* With sticky flows beside: an id is followed, but not recorded. */
static void test_sticky(void)
{
	struct quic quic = short_header(CONFIG, B4_ID, ID_BYTES);
	struct packet in = datagram(4, &quic);
	struct fate fate = { .name = "sticky", .in = in, .backend = A4, .verdict = XDP_TX };
	uint64_t only;
	bool holds;

	publish(CONFIG, ID_BYTES, POISE_SERVICE_RECORD);
	flows_clear(&fixture);
	holds = routed_holds("sticky", &in, true) && flows_count(&fixture, &only) == 0;
	tap_ok(holds, "sticky flows: an id goes before, and is not recorded");
	quic = short_header(CONFIG, UNKNOWN_ID, ID_BYTES);
	fate.in = datagram(4, &quic);
	fate.events[POISE_EVENT_FLOW_RECORDED] = 1;
	holds = fate_holds(&fixture, &fate) && flows_count(&fixture, &only) == 1;
	tap_ok(holds, "sticky flows: packets whose id names nobody are recorded");
	publish(CONFIG, ID_BYTES, 0);
}

int main(void)
{
	struct quic by_short = short_header(CONFIG, B4_ID, ID_BYTES);
	struct quic by_long = long_header(VERSION1, CONFIG, B4_ID, ID_BYTES);

	fixture_open(&fixture, RING_SIZE);
	publish(CONFIG, ID_BYTES, 0);
	server(UDP_SERVICE4, B4_ID, ID_BYTES, B4);
	server(UDP_SERVICE6, B4_ID, ID_BYTES, B4);
	fixture_own(&fixture, A4);
	test_headers();
	test_rotation();
	test_claims();
	test_cuts("a short header", &by_short, 1 + 1 + ID_BYTES);
	test_cuts("a long header", &by_long, by_long.length - 1);
	test_ends(&by_short, 1 + 1 + ID_BYTES);
	test_backends();
	test_migration();
	test_quotes();
	test_sticky();
	test_lengths();
	fixture_close(&fixture);
	return tap_done();
}
