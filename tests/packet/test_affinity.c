// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Services whose clients keep their backend: the first bits of the client's address choose the
 * slot, whatever its ports; in a moving slot each connection is still known by itself.
 */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <string.h>

#include "exceptions.h"
#include "fate.h"
#include "hex.h"

enum { RING_SIZE = 251, CLIENTS = 300 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;

static void publish(uint8_t bits4, uint8_t bits6, uint8_t protocol)
{
	struct poise_service service = { .port = htons(SERVICE_PORT),
					 .protocol = protocol,
					 .flags = POISE_SERVICE_AFFINITY,
					 .affinity = bits4 };
	bool is_udp = protocol == IPPROTO_UDP;

	fixture_publish(&fixture, is_udp ? UDP_SERVICE4 : SERVICE4, VIP4, &service);
	service.affinity = bits6;
	fixture_publish(&fixture, is_udp ? UDP_SERVICE6 : SERVICE6, VIP6, &service);
}

/* Slots' owners take turns. */
static void share_ring(uint32_t service)
{
	struct ring ring = fixture_ring(&fixture, service);
	uint16_t owners[RING_SIZE];

	for (uint32_t i = 0; i < RING_SIZE; i++)
		owners[i] = (uint16_t[]){ A4, B4, C4, A6, B6 }[i % 5];
	ring_fill(&ring, owners);
}

static struct packet from4(const uint8_t client[4], uint8_t protocol, uint16_t port,
			   unsigned int flags)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, client, text, sizeof(text));
	return PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(text, VIP4),
		   protocol == IPPROTO_TCP ? tcp(port, SERVICE_PORT, flags)
					   : udp(port, SERVICE_PORT));
}

static struct packet from6(const uint8_t client[16], uint8_t protocol, uint16_t port)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, client, text, sizeof(text));
	return PKT(eth(ROUTER_MAC, EDGE_MAC), ip6(text, VIP6),
		   protocol == IPPROTO_TCP ? tcp(port, SERVICE_PORT, ACK)
					   : udp(port, SERVICE_PORT));
}

/* The owner of the slot that the first bits of the client's address choose, bit by bit. */
static uint16_t owner_of(uint32_t service, const uint8_t *client, size_t bytes, unsigned int bits)
{
	uint64_t words[2] = { 0, 0 };
	uint8_t kept[16] = { 0 };

	for (unsigned int bit = 0; bit < bits && bit < bytes * 8; bit++)
		kept[bit / 8] |= client[bit / 8] & 0x80 >> bit % 8;
	memcpy(words, kept, sizeof(words));
	return fixture_ring(&fixture, service)
		.slots[poise_slot(poise_affinity_hash((const __u64 *)words, 128, SEED), RING_SIZE)];
}

static bool goes_to(const char *name, const struct packet *in, uint16_t backend)
{
	struct fate fate = { .name = name,
			     .in = *in,
			     .backend = backend,
			     .verdict = fixture_verdict(&fixture, &fixture.entries[backend]) };

	return fate_holds(&fixture, &fate);
}

static void test_bits(uint8_t bits4, uint8_t bits6, uint8_t protocol)
{
	uint32_t service4 = protocol == IPPROTO_TCP ? SERVICE4 : UDP_SERVICE4;
	uint32_t service6 = protocol == IPPROTO_TCP ? SERVICE6 : UDP_SERVICE6;
	bool holds4 = true, holds6 = true;

	publish(bits4, bits6, protocol);
	share_ring(service4);
	share_ring(service6);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		uint64_t random[2] = { poise_mix(i + 1), poise_mix(i + 1000) };
		uint16_t port = (uint16_t)(1024 + i * 7);
		uint8_t client4[4] = { 198, (uint8_t)(random[0] >> 8), (uint8_t)(i / 64),
				       (uint8_t)i };
		uint8_t client6[16] = { 0x20, 0x01 };
		struct packet in4, in6;

		memcpy(client6 + 2, random, 14);
		in4 = from4(client4, protocol, port, ACK);
		in6 = from6(client6, protocol, port);
		holds4 &= goes_to("IPv4", &in4, owner_of(service4, client4, 4, bits4));
		holds6 &= goes_to("IPv6", &in6, owner_of(service6, client6, 16, bits6));
	}
	tap_ok(holds4, "%s: %u bits of IPv4 addresses choose the backend",
	       protocol == IPPROTO_TCP ? "TCP" : "UDP", bits4);
	tap_ok(holds6, "%s: %u bits of IPv6 addresses choose the backend",
	       protocol == IPPROTO_TCP ? "TCP" : "UDP", bits6);
}

/* One client, one slot: its old connections stay, its new ones go to the new owner. */
static void test_moving(void)
{
	static const uint8_t client[4] = { 198, 51, 100, 9 };
	struct packet old = from4(client, IPPROTO_TCP, 1000, ACK);
	struct packet syn = from4(client, IPPROTO_TCP, 2000, SYN);
	struct packet ack = from4(client, IPPROTO_TCP, 2000, ACK);
	struct packet other = from4(client, IPPROTO_TCP, 3000, ACK);
	struct fate opens = fate_of("SYN", syn, B4, XDP_TX, POISE_REASON_SENT);
	uint64_t only;

	publish(24, 56, IPPROTO_TCP);
	exceptions_clear(&fixture);
	fixture_own(&fixture, A4);
	fixture_change(&fixture, B4, fixture_tick());
	opens.events[POISE_EVENT_EXCEPTION_RECORDED] = 1;
	tap_ok(goes_to("old", &old, A4) && fate_holds(&fixture, &opens),
	       "a moving slot: an old connection stays, a new one goes to the owner");
	tap_ok(goes_to("new", &ack, B4) && goes_to("other", &other, A4) &&
		       exceptions_count(&fixture, &only) == 1 &&
		       poise_exception_backend(only) == B4,
	       "a moving slot: connections of one client are told apart");
	fixture_change(&fixture, C4, fixture_tick());
	tap_ok(goes_to("new", &ack, B4) && goes_to("old", &old, A4),
	       "a slot that moves twice: each stays where it is");
}

int main(void)
{
	static const struct {
		uint8_t bits4, bits6;
	} rows[] = { { 32, 128 }, { 24, 56 }, { 20, 64 }, { 1, 65 }, { 31, 127 }, { 13, 1 } };

	fixture_open(&fixture, RING_SIZE);
	for (size_t i = 0; i < COUNT(rows); i++) {
		test_bits(rows[i].bits4, rows[i].bits6, IPPROTO_TCP);
		test_bits(rows[i].bits4, rows[i].bits6, IPPROTO_UDP);
	}
	test_moving();
	fixture_close(&fixture);
	return tap_done();
}
