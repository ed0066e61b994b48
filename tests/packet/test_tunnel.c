// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Every kind of encapsulation with every mix of IP versions: headers to the byte, TOS, TTL, MTU. */
#include <linux/bpf.h>
#include <stdio.h>

#include "fate.h"
#include "hex.h"
#include "tunnel.h"

enum {
	RING_SIZE = 251,
	GUE_PORT = 6080,
	NAME_BYTES = 96,
	TTL_VALUES = 256,
	TOS_VALUES = 256,
};

#define TO_VIP4	     ip4(CLIENT4, VIP4)
#define TO_VIP6	     ip6(CLIENT6, VIP6)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;

static const struct {
	const char *name;
	uint8_t encapsulation;
} kinds[] = {
	{ "IPIP", POISE_ENCAP_IPIP },
	{ "GUE", POISE_ENCAP_GUE },
	{ "GRE", POISE_ENCAP_GRE },
	{ "L2", POISE_ENCAP_L2 },
};

static const struct {
	const char *name;
	uint16_t backend, away; /* the one behind another interface */
	int family;		/* of the client's packet */
} mixes[] = {
	{ "4in4", A4, AWAY4, 4 },
	{ "6in6", A6, AWAY6, 6 },
	{ "4in6", A6, AWAY6, 4 },
	{ "6in4", A4, AWAY4, 6 },
};

static void use(uint16_t backend, uint8_t encapsulation, size_t mtu)
{
	struct poise_backend entry = fixture_entry(&fixture, backend, (uint16_t)mtu);

	entry.encapsulation = encapsulation;
	entry.gue_port = htons(GUE_PORT);
	fixture_backend_init(&fixture, backend, &entry);
	fixture_own(&fixture, backend);
}

static struct layer client_ip(int family)
{
	return family == 4 ? TO_VIP4 : TO_VIP6;
}

static struct layer transport(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? tcp(CLIENT_PORT, SERVICE_PORT, ACK)
				       : udp(CLIENT_PORT, SERVICE_PORT);
}

/* A payload of every length makes the checksum end at every alignment. */
static bool forms_hold(const char *name, uint16_t backend, int verdict, int family,
		       uint8_t protocol)
{
	static const size_t payloads[] = { 0, 1, 2, 3, 24, 63, 64, 65, 536, 1388 };
	bool holds = true;

	for (size_t i = 0; i < COUNT(payloads); i++) {
		struct fate fate = FATE(name, backend, verdict, SENT, client_ip(family),
					transport(protocol), payload(payloads[i]));
		struct fate padded = FATE(name, backend, verdict, SENT, client_ip(family),
					  transport(protocol), payload(payloads[i]), padding(9));

		holds &= fate_holds(&fixture, &fate) && fate_holds(&fixture, &padded);
	}
	return holds;
}

static void test_forms(void)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

	for (size_t i = 0; i < COUNT(kinds) * COUNT(mixes) * COUNT(protocols); i++) {
		size_t kind = i / COUNT(protocols) / COUNT(mixes);
		size_t mix = i / COUNT(protocols) % COUNT(mixes);
		uint8_t protocol = protocols[i % COUNT(protocols)];
		char name[NAME_BYTES];
		bool holds;

		snprintf(name, sizeof(name), "%s, %s, %s", kinds[kind].name, mixes[mix].name,
			 protocol == IPPROTO_TCP ? "TCP" : "UDP");
		use(mixes[mix].backend, kinds[kind].encapsulation, DEFAULT_MTU);
		holds = forms_hold(name, mixes[mix].backend, XDP_TX, mixes[mix].family, protocol);
		use(mixes[mix].away, kinds[kind].encapsulation, DEFAULT_MTU);
		holds &= forms_hold(name, mixes[mix].away, XDP_REDIRECT, mixes[mix].family,
				    protocol);
		tap_ok(holds, "%s: every byte, back and through the devmap", name);
	}
}

/* Runs one fate of each kind and mix; what is true of all values is one test. */
static void test_values(const char *what, unsigned int values, uint8_t more_encapsulation,
			struct fate (*fate_of_value)(const char *name, uint16_t backend, int family,
						     uint8_t value))
{
	for (size_t i = 0; i < COUNT(kinds) * COUNT(mixes); i++) {
		size_t kind = i / COUNT(mixes), mix = i % COUNT(mixes);
		char name[NAME_BYTES];
		bool holds = true;

		snprintf(name, sizeof(name), "%s, %s", kinds[kind].name, mixes[mix].name);
		use(mixes[mix].backend, kinds[kind].encapsulation | more_encapsulation,
		    DEFAULT_MTU);
		for (unsigned int value = 0; value < values; value++) {
			struct fate fate = fate_of_value(name, mixes[mix].backend,
							 mixes[mix].family, (uint8_t)value);

			holds &= fate_holds(&fixture, &fate);
		}
		tap_ok(holds, "%s: %s", name, what);
	}
}

static struct fate tos_fate(const char *name, uint16_t backend, int family, uint8_t value)
{
	return FATE(name, backend, XDP_TX, SENT, tos(client_ip(family), value),
		    transport(IPPROTO_TCP), payload(3));
}

static struct fate ttl_kept(const char *name, uint16_t backend, int family, uint8_t value)
{
	return FATE(name, backend, XDP_TX, SENT, ttl(client_ip(family), value),
		    transport(IPPROTO_UDP), payload(8));
}

static struct fate ttl_taken(const char *name, uint16_t backend, int family, uint8_t value)
{
	struct packet in = PKT(eth(ROUTER_MAC, EDGE_MAC), ttl(client_ip(family), value),
			       transport(IPPROTO_TCP), payload(5));

	if (value <= 1)
		return fate_of(name, in, backend, XDP_DROP, POISE_REASON_TTL_EXPIRED);
	return fate_of(name, in, backend, XDP_TX, POISE_REASON_SENT);
}

/* Other ids make other checksums: what is added to them must not lose a carry. */
static void test_ttl_checksums(void)
{
	bool holds = true;

	use(A4, POISE_ENCAP_GUE | POISE_ENCAP_TTL, DEFAULT_MTU);
	for (unsigned int id = 0; id <= 0xffff; id += 13) {
		struct fate fate = FATE("TTL", A4, XDP_TX, SENT, ip4_id(TO_VIP4, (uint16_t)id),
					transport(IPPROTO_TCP));

		holds &= fate_holds(&fixture, &fate);
	}
	tap_ok(holds, "TTL taken: the checksums of 5042 headers");
}

static bool fits(const char *name, uint16_t backend, const struct packet *in,
		 enum poise_reason reason)
{
	struct fate fate = fate_of(name, *in, backend,
				   reason == POISE_REASON_SENT ? XDP_TX : XDP_DROP, reason);

	return fate_holds(&fixture, &fate);
}

/* Errors are not allowed by the fixture's settings: what must not be fragmented counts as limited.
 */
static void test_mtu(void)
{
	for (size_t i = 0; i < COUNT(kinds) * COUNT(mixes); i++) {
		size_t kind = i / COUNT(mixes), mix = i % COUNT(mixes);
		uint16_t backend = mixes[mix].backend;
		struct packet in = PKT(eth(ROUTER_MAC, EDGE_MAC), client_ip(mixes[mix].family),
				       transport(IPPROTO_TCP), payload(1000), padding(40));
		enum poise_reason refused = mixes[mix].family == 4 ? POISE_REASON_TOO_BIG
								   : POISE_REASON_TOO_BIG_LIMITED;
		char name[NAME_BYTES];
		size_t outer;

		snprintf(name, sizeof(name), "%s, %s", kinds[kind].name, mixes[mix].name);
		use(backend, kinds[kind].encapsulation, DEFAULT_MTU);
		outer = packet_ip_length(&in) + tunnel_bytes(&fixture.entries[backend]);
		use(backend, kinds[kind].encapsulation, outer);
		tap_ok(fits(name, backend, &in, POISE_REASON_SENT), "%s: fills the MTU, sent",
		       name);
		use(backend, kinds[kind].encapsulation, outer - 1);
		tap_ok(fits(name, backend, &in, refused), "%s: one byte above the MTU, dropped",
		       name);
		use(backend, kinds[kind].encapsulation, 0);
		tap_ok(fits(name, backend, &in, refused), "%s: no MTU at all, dropped", name);
	}
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	test_forms();
	test_values("every TOS is copied", TOS_VALUES, 0, tos_fate);
	test_values("every TTL is kept", TTL_VALUES, 0, ttl_kept);
	test_values("one is taken of every TTL", TTL_VALUES, POISE_ENCAP_TTL, ttl_taken);
	test_ttl_checksums();
	test_mtu();
	fixture_close(&fixture);
	return tap_done();
}
