// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What stands before the IP header on the way out: VLAN tags of every kind on either side, and
 * backends on the same network, which get the frame itself. */
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include "fate.h"
#include "hex.h"
#include "tunnel.h"

enum {
	RING_SIZE = 251,
	GUE_PORT = 6080,
	NAME_BYTES = 128,
	CUSTOMER = 7, /* VLAN ids on the way in, with priority bits */
	SERVICE = 0x6005,
	OUTER_OUT = 0xabc, /* and out */
	INNER_OUT = 0x123,
};

#define TO_VIP4	     ip4(CLIENT4, VIP4)
#define TO_VIP6	     ip6(CLIENT6, VIP6)
#define TCP	     tcp(CLIENT_PORT, SERVICE_PORT, ACK)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;

static const struct {
	const char *name;
	uint8_t encapsulation;
	uint16_t backend;
} tunnels[] = {
	{ "IPIP over IPv4", POISE_ENCAP_IPIP, A4 },
	{ "IPIP over IPv6", POISE_ENCAP_IPIP, A6 },
	{ "GUE over IPv4", POISE_ENCAP_GUE, A4 },
	{ "GUE over IPv6", POISE_ENCAP_GUE, A6 },
	{ "GRE over IPv4", POISE_ENCAP_GRE, A4 },
	{ "GRE over IPv6", POISE_ENCAP_GRE, A6 },
	{ "L2", POISE_ENCAP_L2, A4 },
};

static const struct {
	const char *name;
	uint16_t vlan[2];
} tags_out[] = {
	{ "no tag out", { 0, 0 } },
	{ "a tag out", { POISE_VLAN_TAG | OUTER_OUT, 0 } },
	{ "tag 0 out", { POISE_VLAN_TAG, 0 } },
	{ "a service tag out", { POISE_VLAN_TAG | POISE_VLAN_SERVICE | OUTER_OUT, 0 } },
	{ "two tags out",
	  { POISE_VLAN_TAG | POISE_VLAN_SERVICE | OUTER_OUT, POISE_VLAN_TAG | INNER_OUT } },
	{ "two equal tags out", { POISE_VLAN_TAG | OUTER_OUT, POISE_VLAN_TAG | OUTER_OUT } },
};

static void use(uint16_t backend, uint8_t encapsulation, const uint16_t *vlan)
{
	struct poise_backend entry = fixture_entry(&fixture, backend, DEFAULT_MTU);

	entry.encapsulation = encapsulation;
	entry.gue_port = htons(GUE_PORT);
	memcpy(entry.vlan, vlan, sizeof(entry.vlan));
	fixture_backend_init(&fixture, backend, &entry);
	fixture_own(&fixture, backend);
}

/* A packet of either version, as it comes in with none, one or two tags. */
static bool all_tags_in(const char *name, uint16_t backend, int verdict)
{
	bool holds = true;

	for (int six = 0; six < 2; six++) {
		struct layer ip = six ? TO_VIP6 : TO_VIP4;
		struct fate fates[] = {
			FATE(name, backend, verdict, SENT, ip, TCP, payload(33)),
			FATE(name, backend, verdict, SENT, vlan(CUSTOMER), ip, TCP, payload(33)),
			FATE(name, backend, verdict, SENT, service_vlan(SERVICE), ip, TCP),
			FATE(name, backend, verdict, SENT, service_vlan(SERVICE), vlan(CUSTOMER),
			     ip, TCP, payload(1)),
			FATE(name, backend, verdict, SENT, vlan(CUSTOMER), vlan(CUSTOMER), ip, TCP,
			     payload(2), padding(5)),
		};

		for (size_t i = 0; i < COUNT(fates); i++)
			holds &= fate_holds(&fixture, &fates[i]);
	}
	return holds;
}

static void test_tags(void)
{
	for (size_t i = 0; i < COUNT(tunnels) * COUNT(tags_out); i++) {
		size_t tunnel = i / COUNT(tags_out), tags = i % COUNT(tags_out);
		char name[NAME_BYTES];

		snprintf(name, sizeof(name), "%s, %s", tunnels[tunnel].name, tags_out[tags].name);
		use(tunnels[tunnel].backend, tunnels[tunnel].encapsulation, tags_out[tags].vlan);
		tap_ok(all_tags_in(name, tunnels[tunnel].backend, XDP_TX),
		       "%s: with no, one and two tags in", name);
		use(tunnels[tunnel].backend, tunnels[tunnel].encapsulation | POISE_ENCAP_TTL,
		    tags_out[tags].vlan);
		tap_ok(all_tags_in(name, tunnels[tunnel].backend, XDP_TX),
		       "%s: with no, one and two tags in, and a TTL less", name);
	}
	use(AWAY4, POISE_ENCAP_IPIP, tags_out[1].vlan);
	tap_ok(all_tags_in("devmap", AWAY4, XDP_REDIRECT), "a tag out, through the devmap");
}

/* A tag is no part of the IP packet that the MTU bounds. */
static void test_tags_mtu(void)
{
	struct packet in = PKT(eth(ROUTER_MAC, EDGE_MAC), service_vlan(SERVICE), vlan(CUSTOMER),
			       TO_VIP4, TCP, payload(1000));

	for (size_t i = 0; i < COUNT(tunnels); i++) {
		uint16_t backend = tunnels[i].backend;
		struct fate fits = fate_of(tunnels[i].name, in, backend, XDP_TX, POISE_REASON_SENT);
		struct fate refused =
			fate_of(tunnels[i].name, in, backend, XDP_DROP, POISE_REASON_TOO_BIG);
		struct poise_backend entry;

		use(backend, tunnels[i].encapsulation, tags_out[4].vlan);
		entry = fixture.entries[backend];
		entry.mtu = (uint16_t)(packet_ip_length(&in) + tunnel_bytes(&entry));
		fixture_backend_init(&fixture, backend, &entry);
		tap_ok(fate_holds(&fixture, &fits), "%s, two tags: fills the MTU", tunnels[i].name);
		entry.mtu--;
		fixture_backend_init(&fixture, backend, &entry);
		tap_ok(fate_holds(&fixture, &refused), "%s, two tags: one byte above the MTU",
		       tunnels[i].name);
	}
}

static const uint8_t *mac_of(int whose)
{
	return whose ? fixture.entries[A4].source_mac : fixture.entries[A4].destination_mac;
}

static struct packet from_mac(const uint8_t *mac, const struct packet *packet)
{
	struct packet changed = *packet;

	memcpy(changed.bytes + ETH_ALEN, mac, ETH_ALEN);
	return changed;
}

/* A frame from the backend, or from this host, would come back from where it is sent to. */
static void test_loop(void)
{
	static const char *const names[] = { "the backend's own frame", "this host's own frame" };
	const struct packet in[] = {
		PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP4, TCP),
		PKT(eth(ROUTER_MAC, EDGE_MAC), TO_VIP6, TCP),
		PKT(eth(ROUTER_MAC, EDGE_MAC), vlan(CUSTOMER), TO_VIP4, TCP),
	};

	for (size_t i = 0; i < COUNT(in) * COUNT(names); i++) {
		const char *name = names[i % COUNT(names)];
		const uint8_t *mac = mac_of((int)(i % COUNT(names)));
		struct packet packet = from_mac(mac, &in[i / COUNT(names)]);
		struct fate loop = fate_of(name, packet, A4, XDP_DROP, POISE_REASON_LOOP);
		struct fate tunnel = fate_of(name, packet, A4, XDP_TX, POISE_REASON_SENT);
		bool others = true;

		use(A4, POISE_ENCAP_L2, tags_out[0].vlan);
		tap_ok(fate_holds(&fixture, &loop), "%s, packet %zu: dropped", name,
		       i / COUNT(names));
		for (int byte = 0; byte < ETH_ALEN; byte++) {
			struct fate other = tunnel;

			other.in.bytes[ETH_ALEN + byte] ^= 0x10;
			others &= fate_holds(&fixture, &other);
		}
		tap_ok(others, "%s but for one byte, packet %zu: sent", name, i / COUNT(names));
		use(A4, POISE_ENCAP_IPIP, tags_out[0].vlan);
		tap_ok(fate_holds(&fixture, &tunnel), "%s into a tunnel, packet %zu: sent", name,
		       i / COUNT(names));
	}
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	test_tags();
	test_tags_mtu();
	test_loop();
	fixture_close(&fixture);
	return tap_done();
}
