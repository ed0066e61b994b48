// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The probes' program (TC) against the balancer's (XDP): a packet of this host's own leaves as a
 * client's packet with the same bytes would. What is no probe is not touched.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "hex.h"
#include "probe.skel.h"
#include "tunnel.h"

enum {
	RING_SIZE = 251,
	GUE_PORT = 6080,
	NAME_BYTES = 96,
	MARK = 0x12340000,
	TAG = POISE_VLAN_TAG | 77,
	SERVICE_TAG = POISE_VLAN_TAG | POISE_VLAN_SERVICE | 88,
	MACS_BYTES = 12,
	ECHO_REST = 0x1234,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;
static struct probe_bpf *program;

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
	uint16_t backend;
	int family; /* of the client's packet */
} mixes[] = {
	{ "4in4", A4, 4 },
	{ "6in6", A6, 6 },
	{ "4in6", A6, 4 },
	{ "6in4", A4, 6 },
};

/* Of the probes' program. */
struct outcome {
	int verdict; /* TC_ACT_*, or a negative errno */
	uint32_t mark;
	struct packet out;
};

static void load_program(void)
{
	program = probe_bpf__open();
	if (!program)
		goto failed;
	program->rodata->poise_seed = SEED;
	program->bss->poise_probe_mark = MARK;
	if (!maps_lend(fixture.maps, program->obj) && !probe_bpf__load(program))
		return;
failed:
	printf("Bail out! the probes' program: %s\n", strerror(errno));
	exit(1);
}

static struct outcome run_probe(const struct packet *in, uint32_t mark)
{
	struct outcome outcome = { 0 };
	struct __sk_buff context = { .mark = mark }, after = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in->bytes,
		    .data_size_in = (__u32)in->length, .data_out = outcome.out.bytes,
		    .data_size_out = sizeof(outcome.out.bytes), .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .ctx_out = &after,
		    .ctx_size_out = sizeof(after), .repeat = 1);
	int err = bpf_prog_test_run_opts(bpf_program__fd(program->progs.poise_probe), &options);

	outcome.verdict = err ? err : (int)options.retval;
	outcome.out.length = options.data_size_out;
	outcome.mark = after.mark;
	return outcome;
}

static struct poise_backend use(uint16_t backend, uint8_t encapsulation, uint16_t mtu)
{
	struct poise_backend entry = fixture_entry(&fixture, backend, mtu);

	entry.encapsulation = encapsulation;
	entry.gue_port = htons(GUE_PORT);
	fixture_backend_init(&fixture, backend, &entry);
	fixture_own(&fixture, backend);
	return entry;
}

static struct layer client_ip(int family)
{
	return family == 4 ? ip4(CLIENT4, VIP4) : ip6(CLIENT6, VIP6);
}

static struct layer transport(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? tcp(CLIENT_PORT, SERVICE_PORT, ACK)
				       : udp(CLIENT_PORT, SERVICE_PORT);
}

static bool redirected(const char *name, const struct outcome *outcome,
		       const struct packet *expected)
{
	if (outcome->verdict != TC_ACT_REDIRECT || outcome->mark) {
		tap_note("%s: expected verdict %d and no mark, got %d and 0x%x", name,
			 TC_ACT_REDIRECT, outcome->verdict, outcome->mark);
		return false;
	}
	return packet_equal(name, expected->bytes, expected->length, outcome->out.bytes,
			    outcome->out.length);
}

/* Both programs make the same of it. */
static bool agree(const char *name, uint16_t backend, const struct packet *in)
{
	struct outcome outcome = run_probe(in, MARK | backend);
	struct packet forwarded;
	int verdict = fixture_run(&fixture, in, &forwarded);

	if (verdict != XDP_TX) {
		tap_note("%s: the balancer's program does not send it: %d", name, verdict);
		return false;
	}
	return redirected(name, &outcome, &forwarded);
}

/* A payload of every length makes a checksum end at every alignment. */
static bool forms_agree(const char *name, size_t mix, uint8_t protocol)
{
	static const size_t payloads[] = { 0, 1, 2, 3, 24, 63, 64, 65, 536, 1388 };
	bool holds = true;

	for (size_t i = 0; i < COUNT(payloads); i++) {
		struct packet in =
			PKT(eth(ROUTER_MAC, EDGE_MAC), tos(client_ip(mixes[mix].family), 0xa2),
			    transport(protocol), payload(payloads[i]));

		holds &= agree(name, mixes[mix].backend, &in);
	}
	return holds;
}

static void test_agreement(uint8_t more, const char *what)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

	for (size_t i = 0; i < COUNT(kinds) * COUNT(mixes) * COUNT(protocols); i++) {
		size_t kind = i / COUNT(protocols) / COUNT(mixes);
		size_t mix = i / COUNT(protocols) % COUNT(mixes);
		uint8_t protocol = protocols[i % COUNT(protocols)];
		char name[NAME_BYTES];

		snprintf(name, sizeof(name), "%s, %s, %s%s", kinds[kind].name, mixes[mix].name,
			 protocol == IPPROTO_TCP ? "TCP" : "UDP", what);
		use(mixes[mix].backend, kinds[kind].encapsulation | more, DEFAULT_MTU);
		tap_ok(forms_agree(name, mix, protocol), "%s: both programs agree on every byte",
		       name);
	}
}

/* The balancer's program answers echo requests itself: what is expected is computed. */
static uint64_t echo_hash(const struct packet *in)
{
	const uint8_t *ip = in->bytes + ETH_BYTES;
	uint32_t addresses4[2];
	uint64_t addresses6[4];

	if (packet_family(in) == 4) {
		memcpy(addresses4, ip + 12, sizeof(addresses4));
		return poise_flow_hash4(addresses4[0], addresses4[1], 0, IPPROTO_ICMP, SEED);
	}
	memcpy(addresses6, ip + 8, sizeof(addresses6));
	return poise_flow_hash6((const __u64 *)addresses6, (const __u64 *)(addresses6 + 2), 0,
				IPPROTO_ICMPV6, SEED);
}

static bool echo_holds(const char *name, size_t mix, const struct poise_backend *entry,
		       size_t bytes)
{
	bool is4 = mixes[mix].family == 4;
	struct packet in =
		PKT(eth(ROUTER_MAC, EDGE_MAC), client_ip(mixes[mix].family),
		    is4 ? icmp(8, 0, ECHO_REST) : icmp6(128, 0, ECHO_REST), payload(bytes));
	struct packet expected = fixture_encapsulated_hash(&in, entry, echo_hash(&in));
	struct outcome outcome = run_probe(&in, MARK | mixes[mix].backend);

	return redirected(name, &outcome, &expected);
}

static void test_echo(void)
{
	for (size_t i = 0; i < COUNT(kinds) * COUNT(mixes); i++) {
		size_t kind = i / COUNT(mixes), mix = i % COUNT(mixes);
		struct poise_backend entry =
			use(mixes[mix].backend, kinds[kind].encapsulation, DEFAULT_MTU);
		char name[NAME_BYTES];
		bool holds;

		snprintf(name, sizeof(name), "%s, %s, echo", kinds[kind].name, mixes[mix].name);
		holds = echo_holds(name, mix, &entry, 0) & echo_holds(name, mix, &entry, 1001);
		tap_ok(holds, "%s: every byte", name);
	}
}

static bool is_dropped(const struct packet *in, uint16_t backend)
{
	struct outcome outcome = run_probe(in, MARK | backend);

	if (outcome.verdict != TC_ACT_SHOT)
		tap_note("expected verdict %d, got %d", TC_ACT_SHOT, outcome.verdict);
	return outcome.verdict == TC_ACT_SHOT;
}

static void test_mtu(void)
{
	for (size_t i = 0; i < COUNT(kinds) * COUNT(mixes); i++) {
		size_t kind = i / COUNT(mixes), mix = i % COUNT(mixes);
		uint16_t backend = mixes[mix].backend;
		struct packet in = PKT(eth(ROUTER_MAC, EDGE_MAC), client_ip(mixes[mix].family),
				       transport(IPPROTO_TCP), payload(1000));
		struct poise_backend entry = use(backend, kinds[kind].encapsulation, DEFAULT_MTU);
		uint16_t outer = (uint16_t)(packet_ip_length(&in) + tunnel_bytes(&entry));
		bool fits, refused;

		use(backend, kinds[kind].encapsulation, outer);
		fits = agree("fills the MTU", backend, &in);
		use(backend, kinds[kind].encapsulation, outer - 1);
		refused = is_dropped(&in, backend);
		tap_ok(fits && refused, "%s, %s: fills the MTU, and not a byte more",
		       kinds[kind].name, mixes[mix].name);
	}
}

/* The outer tag stands beside the packet, where the driver finds it. */
static void test_vlan(const char *name, uint16_t outer, uint16_t inner)
{
	struct packet in =
		PKT(eth(ROUTER_MAC, EDGE_MAC), client_ip(4), transport(IPPROTO_TCP), payload(100));
	struct poise_backend entry = use(A4, POISE_ENCAP_IPIP, DEFAULT_MTU);
	struct outcome outcome;
	struct packet forwarded;
	int verdict;

	entry.vlan[0] = outer;
	entry.vlan[1] = inner;
	fixture_backend_init(&fixture, A4, &entry);
	verdict = fixture_run(&fixture, &in, &forwarded);
	outcome = run_probe(&in, MARK | A4);
	forwarded.length -= VLAN_BYTES;
	memmove(forwarded.bytes + MACS_BYTES, forwarded.bytes + MACS_BYTES + VLAN_BYTES,
		forwarded.length - MACS_BYTES);
	tap_ok(verdict == XDP_TX && redirected(name, &outcome, &forwarded), "%s", name);
}

static bool is_untouched(const struct packet *in, uint32_t mark)
{
	struct outcome outcome = run_probe(in, mark);

	if (outcome.verdict != TC_ACT_UNSPEC || outcome.mark != mark) {
		tap_note("mark 0x%x: expected verdict %d, got %d and mark 0x%x", mark,
			 TC_ACT_UNSPEC, outcome.verdict, outcome.mark);
		return false;
	}
	return packet_equal("untouched", in->bytes, in->length, outcome.out.bytes,
			    outcome.out.length);
}

static void test_marks(void)
{
	struct packet in = PKT(eth(ROUTER_MAC, EDGE_MAC), client_ip(4), transport(IPPROTO_TCP));
	struct packet unknown = PKT(eth(ROUTER_MAC, EDGE_MAC), arp("10.0.1.2", "10.0.1.1"));

	use(A4, POISE_ENCAP_IPIP, DEFAULT_MTU);
	tap_ok(is_untouched(&in, 0), "without a mark: not touched");
	tap_ok(is_untouched(&in, A4), "a mark without the base: not touched");
	tap_ok(is_untouched(&in, (MARK | A4) + (POISE_PROBE_INDEX + 1)),
	       "the lowest bit of the base differs: not touched");
	tap_ok(is_untouched(&in, 0x80000000 | MARK | A4),
	       "the highest bit of the base differs: not touched");
	tap_ok(is_untouched(&unknown, 0), "ARP: not touched");
	program->bss->poise_probe_mark = 0;
	tap_ok(is_untouched(&in, A4), "no base at all: not touched");
	program->bss->poise_probe_mark = MARK << 1;
	tap_ok(is_untouched(&in, MARK | A4) &&
		       run_probe(&in, MARK << 1 | A4).verdict == TC_ACT_REDIRECT,
	       "a base that changed");
	program->bss->poise_probe_mark = MARK;
}

/* Nothing with a mark of ours may leave by another way than its own. */
static void test_refusals(void)
{
	struct packet plain = PKT(eth(ROUTER_MAC, EDGE_MAC), client_ip(4), transport(IPPROTO_TCP));
	const struct {
		const char *name;
		uint16_t backend;
		struct packet in;
	} cases[] = {
		{ "no next hop", NO_HOP4, plain },
		{ "an index of nobody", POISE_PROBE_INDEX, plain },
		{ "index 0", 0, plain },
		{ "ARP with a mark", A4,
		  PKT(eth(ROUTER_MAC, EDGE_MAC), arp("10.0.1.2", "10.0.1.1")) },
		{ "a fragment", A4,
		  PKT(eth(ROUTER_MAC, EDGE_MAC), ip4_fragment(client_ip(4), IP4_MORE_FRAGMENTS),
		      transport(IPPROTO_UDP), payload(16)) },
		{ "a later fragment", A4,
		  PKT(eth(ROUTER_MAC, EDGE_MAC), ip4_fragment(client_ip(4), 2), payload(16)) },
		{ "options", A4,
		  PKT(eth(ROUTER_MAC, EDGE_MAC), ip4_options(client_ip(4), 4),
		      transport(IPPROTO_TCP)) },
		{ "an extension header", A4,
		  PKT(eth(ROUTER_MAC, EDGE_MAC), client_ip(6), ip6_extension(IPPROTO_DSTOPTS),
		      transport(IPPROTO_TCP)) },
		{ "another protocol", A4,
		  PKT(eth(ROUTER_MAC, EDGE_MAC), next(client_ip(4), IPPROTO_SCTP), payload(40)) },
		{ "ICMPv6 in IPv4", A4,
		  PKT(eth(ROUTER_MAC, EDGE_MAC), next(client_ip(4), IPPROTO_ICMPV6), payload(40)) },
		{ "a length of too few bytes", A4,
		  PKT(eth(ROUTER_MAC, EDGE_MAC), claim(client_ip(4), 27), transport(IPPROTO_UDP)) },
	};

	use(A4, POISE_ENCAP_IPIP, DEFAULT_MTU);
	for (size_t i = 0; i < COUNT(cases); i++)
		tap_ok(is_dropped(&cases[i].in, cases[i].backend), "%s: dropped", cases[i].name);
	use(A4, POISE_ENCAP_IPIP | POISE_ENCAP_TTL, DEFAULT_MTU);
	plain = PKT(eth(ROUTER_MAC, EDGE_MAC), ttl(client_ip(4), 1), transport(IPPROTO_TCP));
	tap_ok(is_dropped(&plain, A4), "a TTL of 1 that would lose one: dropped");
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	load_program();
	test_agreement(0, "");
	test_agreement(POISE_ENCAP_TTL, ", one of the TTL taken");
	test_echo();
	test_mtu();
	test_vlan("one VLAN tag", TAG, 0);
	test_vlan("two VLAN tags", SERVICE_TAG, TAG);
	test_marks();
	test_refusals();
	probe_bpf__destroy(program);
	fixture_close(&fixture);
	return tap_done();
}
