// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets that do not fit the way to the backend: the ICMP errors that go back, to the byte, and
 * the packets that are not answered. */
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include "fate.h"
#include "hex.h"
#include "tunnel.h"

enum {
	RING_SIZE = 251,
	GUE_PORT = 6080,
	NAME_BYTES = 96,
	ERROR_RATE = 1000000, /* a second: in effect no limit */
	FRAGMENT_NS = 1000000000,

	CHECKSUM_GOOD = 0xffff,
	ICMP_UNREACHABLE = 3,
	ICMP_FRAGMENTATION_NEEDED = 4,
	ICMP6_TOO_BIG = 2,
	CONTROL_TOS = 0xc0,
	QUOTE4_MAX = 576 - IP4_BYTES - ICMP_BYTES,
	QUOTE6_MAX = 1280 - IP6_BYTES - ICMP_BYTES,
	BIG = 1400, /* of payload */
};

#define TO_VIP4		 ip4_fragment(ip4(CLIENT4, VIP4), IP4_DONT_FRAGMENT)
#define TO_VIP6		 ip6(CLIENT6, VIP6)
#define TCP		 tcp(CLIENT_PORT, SERVICE_PORT, ACK)
#define UDP		 udp(CLIENT_PORT, SERVICE_PORT)
#define FROM_ROUTER(...) PKT(eth(ROUTER_MAC, EDGE_MAC), __VA_ARGS__)
#define COUNT(array)	 (sizeof(array) / sizeof((array)[0]))
#define ERROR4_IP(client)                                                                          \
	tos(ttl(ip4_id(ip4_fragment(ip4(VIP4, client), IP4_DONT_FRAGMENT), 0), 64), CONTROL_TOS)
#define ERROR6_IP ip6_label(ttl(ip6(VIP6, CLIENT6), 64), 0)

static struct fixture fixture;

static void use(uint16_t backend, uint8_t encapsulation, size_t mtu)
{
	struct poise_backend entry = fixture_entry(&fixture, backend, (uint16_t)mtu);

	entry.encapsulation = encapsulation;
	entry.gue_port = htons(GUE_PORT);
	fixture_backend_init(&fixture, backend, &entry);
	fixture_own(&fixture, backend);
}

/* The error about an untagged packet, which tells of this MTU. */
static struct packet error_about(const struct packet *in, uint32_t mtu)
{
	size_t length = packet_ip_length(in);
	size_t most = packet_family(in) == 4 ? QUOTE4_MAX : QUOTE6_MAX;
	struct layer quoted = quote(in, length < most ? length : most);

	if (packet_family(in) == 4)
		return PKT(eth(EDGE_MAC, ROUTER_MAC), ERROR4_IP(CLIENT4),
			   icmp(ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED, mtu), quoted);
	return PKT(eth(EDGE_MAC, ROUTER_MAC), ERROR6_IP, icmp6(ICMP6_TOO_BIG, 0, mtu), quoted);
}

static bool told(const char *name, const struct packet *in, uint16_t backend,
		 const struct packet *out)
{
	struct fate fate = fate_of(name, *in, backend, XDP_TX, POISE_REASON_TOO_BIG_TOLD);

	fate.out = out;
	return fate_holds(&fixture, &fate);
}

static void test_told(const char *name, struct packet in, uint32_t mtu)
{
	struct packet out = error_about(&in, mtu);

	tap_ok(told(name, &in, A4, &out), "%s", name);
}

static void test_answers(void)
{
	use(A4, POISE_ENCAP_IPIP, 1400);
	test_told("IPv4, TCP", FROM_ROUTER(TO_VIP4, TCP, payload(BIG)), 1380);
	test_told("IPv4, UDP", FROM_ROUTER(TO_VIP4, UDP, payload(BIG)), 1380);
	test_told("IPv4, SYN",
		  FROM_ROUTER(TO_VIP4, tcp(CLIENT_PORT, SERVICE_PORT, SYN), payload(BIG)), 1380);
	test_told("IPv4, one byte too long", FROM_ROUTER(TO_VIP4, TCP, payload(1341)), 1380);
	test_told("IPv4, options", FROM_ROUTER(ip4_options(TO_VIP4, 40), TCP, payload(BIG)), 1380);
	test_told("IPv4, TOS and TTL", FROM_ROUTER(tos(ttl(TO_VIP4, 1), 0x2b), TCP, payload(BIG)),
		  1380);
	test_told("IPv6, TCP", FROM_ROUTER(TO_VIP6, TCP, payload(BIG)), 1380);
	test_told("IPv6, UDP", FROM_ROUTER(TO_VIP6, UDP, payload(BIG)), 1380);
	test_told("IPv6, one byte too long", FROM_ROUTER(TO_VIP6, TCP, payload(1321)), 1380);
	test_told("IPv6, extension header",
		  FROM_ROUTER(TO_VIP6, ip6_extension(IPPROTO_DSTOPTS), TCP, payload(BIG)), 1380);
	test_told("IPv6, traffic class",
		  FROM_ROUTER(tos(ip6_label(TO_VIP6, 0xfffff), 0xff), UDP, payload(BIG)), 1380);
}

/* Packets shorter than what an error may quote; the checksum ends at every alignment. */
static void test_short(void)
{
	bool holds = true;

	use(A4, POISE_ENCAP_IPIP, 60);
	for (size_t bytes = 1; bytes <= 600; bytes += 7) {
		struct packet in4 = FROM_ROUTER(TO_VIP4, TCP, payload(bytes), padding(9));
		struct packet in6 = FROM_ROUTER(TO_VIP6, UDP, payload(bytes), padding(9));
		struct packet out4 = error_about(&in4, 68), out6 = error_about(&in6, 1280);

		holds &= told("IPv4", &in4, A4, &out4) && told("IPv6", &in6, A4, &out6);
	}
	tap_ok(holds, "short packets are quoted whole, without padding; no MTU below 68 or 1280");
	use(A4, POISE_ENCAP_IPIP, 0);
	test_told("IPv4, no MTU at all", FROM_ROUTER(TO_VIP4, TCP), 68);
	test_told("IPv6, no MTU at all", FROM_ROUTER(TO_VIP6, TCP), 1280);
	use(A4, POISE_ENCAP_IPIP, 1299);
	test_told("IPv6, less than 1280 left", FROM_ROUTER(TO_VIP6, TCP, payload(1220)), 1280);
	use(A4, POISE_ENCAP_IPIP, 1301);
	test_told("IPv6, 1281 left", FROM_ROUTER(TO_VIP6, TCP, payload(BIG)), 1281);
}

/* What is told is what fits: the edges of each kind of tunnel. */
static void test_overheads(void)
{
	static const struct {
		const char *name;
		uint8_t encapsulation;
		uint16_t backend;
		uint32_t overhead;
	} rows[] = {
		{ "IPIP over IPv4", POISE_ENCAP_IPIP, A4, 20 },
		{ "IPIP over IPv6", POISE_ENCAP_IPIP, A6, 40 },
		{ "GUE over IPv4", POISE_ENCAP_GUE, A4, 32 },
		{ "GUE over IPv6", POISE_ENCAP_GUE, A6, 52 },
		{ "GRE over IPv4", POISE_ENCAP_GRE, A4, 24 },
		{ "GRE over IPv6", POISE_ENCAP_GRE, A6, 44 },
		{ "L2", POISE_ENCAP_L2, A4, 0 },
		{ "through the devmap", POISE_ENCAP_IPIP, AWAY4, 20 },
		{ "GUE with a TTL less", POISE_ENCAP_GUE | POISE_ENCAP_TTL, A6, 52 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		uint32_t mtu = DEFAULT_MTU - 100;
		struct packet in = FROM_ROUTER(TO_VIP4, TCP, payload(BIG));
		struct packet out = error_about(&in, mtu - rows[i].overhead);
		struct packet fitting = FROM_ROUTER(
			TO_VIP4, TCP, payload(mtu - rows[i].overhead - IP4_BYTES - TCP_BYTES));
		struct fate fate = fate_of(rows[i].name, fitting, rows[i].backend,
					   rows[i].backend == AWAY4 ? XDP_REDIRECT : XDP_TX,
					   POISE_REASON_SENT);

		use(rows[i].backend, rows[i].encapsulation, mtu);
		tap_ok(told(rows[i].name, &in, rows[i].backend, &out), "%s: told of %u bytes",
		       rows[i].name, mtu - rows[i].overhead);
		tap_ok(fate_holds(&fixture, &fate), "%s: so many bytes fit", rows[i].name);
	}
}

/* The packet with VLAN tags: a customer's, or that in a service's. */
static struct packet with_tags(const struct packet *packet, int tags)
{
	static const uint8_t both[] = { 0x88, 0xa8, 0x60, 0x05, 0x81, 0x00, 0x2a, 0xbc };
	size_t bytes = (size_t)tags * VLAN_BYTES, macs = ETH_ALEN + ETH_ALEN;
	struct packet tagged = *packet;

	memcpy(tagged.bytes + macs, both + sizeof(both) - bytes, bytes);
	memcpy(tagged.bytes + macs + bytes, packet->bytes + macs, packet->length - macs);
	tagged.length += bytes;
	return tagged;
}

/* They stay as they came: the answer goes to where the packet came from. */
static void test_tags(void)
{
	const struct packet plain[] = { FROM_ROUTER(TO_VIP4, TCP, payload(BIG)),
					FROM_ROUTER(TO_VIP6, TCP, payload(BIG)) };
	struct poise_backend entry;

	use(A4, POISE_ENCAP_IPIP, 1400);
	entry = fixture.entries[A4];
	entry.vlan[0] = POISE_VLAN_TAG | 99; /* of the way to the backend */
	fixture_backend_init(&fixture, A4, &entry);
	for (int i = 0; i < 4; i++) {
		int tags = 1 + i / 2;
		struct packet in = with_tags(&plain[i % 2], tags);
		struct packet error = error_about(&plain[i % 2], 1380);
		struct packet out = with_tags(&error, tags);

		tap_ok(told("tags", &in, A4, &out), "IPv%d, %d VLAN tags", i % 2 ? 6 : 4, tags);
	}
}

/* The checksums once more, without the layers' help: whole messages sum up to nothing. */
static void test_checksums(void)
{
	struct packet in4 = FROM_ROUTER(TO_VIP4, TCP, payload(BIG)), out;
	struct packet in6 = FROM_ROUTER(TO_VIP6, TCP, payload(BIG));
	const uint8_t *ip = out.bytes + ETH_BYTES;

	use(A4, POISE_ENCAP_IPIP, 1400);
	fixture_run(&fixture, &in4, &out);
	tap_ok(out.length == ETH_BYTES + 576 &&
		       ones_complement(ip, IP4_BYTES, 0) == CHECKSUM_GOOD &&
		       ones_complement(ip + IP4_BYTES, 576 - IP4_BYTES, 0) == CHECKSUM_GOOD,
	       "IPv4: 576 bytes in all, with right checksums");
	fixture_run(&fixture, &in6, &out);
	tap_ok(out.length == ETH_BYTES + 1280 &&
		       ones_complement(ip + 8, 1280 - 8, IPPROTO_ICMPV6 + 1280 - IP6_BYTES) ==
			       CHECKSUM_GOOD,
	       "IPv6: 1280 bytes in all, with a right checksum");
}

static void test_kept_back(const char *name, struct packet in, enum poise_reason reason)
{
	int verdict = reason == POISE_REASON_TOO_BIG_PASSED ? XDP_PASS : XDP_DROP;
	struct fate fate = fate_of(name, in, A4, verdict, reason);

	tap_ok(fate_holds(&fixture, &fate), "%s", name);
}

static void test_may_fragment(void)
{
	struct packet in = FROM_ROUTER(ip4(CLIENT4, VIP4), TCP, payload(BIG));

	use(A4, POISE_ENCAP_IPIP, 1400);
	test_kept_back("without DF: dropped", in, POISE_REASON_TOO_BIG);
	fixture_settings(&fixture)->flags |= POISE_SETTING_PASS_OVERSIZE;
	test_kept_back("without DF: passed as configured", in, POISE_REASON_TOO_BIG_PASSED);
	test_kept_back("tagged, without DF: passed as configured", with_tags(&in, 2),
		       POISE_REASON_TOO_BIG_PASSED);
	use(A4, POISE_ENCAP_IPIP | POISE_ENCAP_TTL, 1400);
	test_kept_back("without DF: passed with the TTL that it had", in,
		       POISE_REASON_TOO_BIG_PASSED);
	use(A4, POISE_ENCAP_IPIP, 1400);
	test_told("with DF: told all the same", FROM_ROUTER(TO_VIP4, TCP, payload(BIG)), 1380);
	fixture_settings(&fixture)->flags &= ~(uint32_t)POISE_SETTING_PASS_OVERSIZE;
}

/* Nobody is answered who did not ask, or who is nobody (RFC 1122, 3.2.2; RFC 4443, 2.4 e). */
static void test_unanswerable(void)
{
	static const char *const sources4[] = { "224.0.0.5", "239.255.255.255", "255.255.255.255",
						"0.0.0.0",   "127.0.0.1",	VIP4 };
	static const char *const sources6[] = { "ff02::1", "::", "::1", VIP6 };

	use(A4, POISE_ENCAP_IPIP, 1400);
	for (size_t i = 0; i < COUNT(sources4); i++)
		test_kept_back(sources4[i],
			       FROM_ROUTER(ip4_fragment(ip4(sources4[i], VIP4), IP4_DONT_FRAGMENT),
					   TCP, payload(BIG)),
			       POISE_REASON_TOO_BIG_LIMITED);
	for (size_t i = 0; i < COUNT(sources6); i++)
		test_kept_back(sources6[i], FROM_ROUTER(ip6(sources6[i], VIP6), TCP, payload(BIG)),
			       POISE_REASON_TOO_BIG_LIMITED);
	test_kept_back("a frame to everybody",
		       PKT(eth(ROUTER_MAC, "ff:ff:ff:ff:ff:ff"), TO_VIP4, TCP, payload(BIG)),
		       POISE_REASON_TOO_BIG_LIMITED);
	test_kept_back("a frame to a group",
		       PKT(eth(ROUTER_MAC, "33:33:00:00:00:01"), TO_VIP6, TCP, payload(BIG)),
		       POISE_REASON_TOO_BIG_LIMITED);
}

static void test_fragments(void)
{
	struct packet whole = FROM_ROUTER(TO_VIP6, UDP, payload(1800));
	struct packet first = packet_fragment(&whole, 0, BIG, true);
	struct packet rest = packet_fragment(&whole, 0, 200, true);
	struct packet later = packet_fragment(&whole, 200, BIG, false);
	struct fate sent = fate_of("a fragment that fits", rest, A4, XDP_TX, POISE_REASON_SENT);

	use(A4, POISE_ENCAP_IPIP, 1400);
	test_told("IPv6, a first fragment", first, 1380);
	tap_ok(fate_holds(&fixture, &sent), "IPv6, a first fragment that fits");
	test_kept_back("IPv6, a later fragment", later, POISE_REASON_TOO_BIG_LIMITED);
}

/* An ICMP error about a flow of the service, itself too big for the way to the backend. */
static void test_errors(void)
{
	struct packet answer =
		FROM_ROUTER(ip4(VIP4, CLIENT4), tcp(SERVICE_PORT, CLIENT_PORT, ACK), payload(1000));
	struct packet in = FROM_ROUTER(ip4_fragment(ip4("192.0.2.77", VIP4), IP4_DONT_FRAGMENT),
				       icmp(ICMP_UNREACHABLE, 1, 0), quote(&answer, 1040));

	use(A4, POISE_ENCAP_IPIP, 800);
	test_kept_back("an ICMP error", in, POISE_REASON_TOO_BIG_LIMITED);
}

static void test_limit(void)
{
	enum { PACKETS = 100 };
	struct packet in = FROM_ROUTER(TO_VIP4, TCP, payload(BIG)), out;
	struct counts before, after;
	uint64_t answers, held;

	use(A4, POISE_ENCAP_IPIP, 1400);
	fixture_settings(&fixture)->error_rate = 0;
	test_kept_back("no errors are allowed: dropped", in, POISE_REASON_TOO_BIG_LIMITED);
	fixture_settings(&fixture)->error_rate = 1;
	before = counts_read(&fixture);
	for (int i = 0; i < PACKETS; i++)
		fixture_run(&fixture, &in, &out);
	after = counts_read(&fixture);
	answers = after.reasons[POISE_REASON_TOO_BIG_TOLD] -
		  before.reasons[POISE_REASON_TOO_BIG_TOLD];
	held = after.reasons[POISE_REASON_TOO_BIG_LIMITED] -
	       before.reasons[POISE_REASON_TOO_BIG_LIMITED];
	tap_ok(answers >= 1 && held >= 1 && answers + held == PACKETS,
	       "one error a second: %llu of %d packets were answered", (unsigned long long)answers,
	       PACKETS);
	fixture_settings(&fixture)->error_rate = ERROR_RATE;
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	fixture_settings(&fixture)->error_rate = ERROR_RATE;
	fixture_settings(&fixture)->fragment_ns = FRAGMENT_NS;
	test_answers();
	test_short();
	test_overheads();
	test_tags();
	test_checksums();
	test_may_fragment();
	test_unanswerable();
	test_fragments();
	test_errors();
	test_limit();
	fixture_close(&fixture);
	return tap_done();
}
