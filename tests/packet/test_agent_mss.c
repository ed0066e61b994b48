// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * poise_agent_mss: which packets' MSS option it makes smaller, every byte of them, and that it
 * counts them. What comes out must be what the same packet would be, built with the smaller option.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "agent_tc.skel.h"
#include "build.h"
#include "hex.h"
#include "poise_agent_abi.h"

enum {
	MSS4 = 1300,
	MSS6 = 1280,
	OPTIONS_MAX = 40,
	TCP_WORDS = TCP_BYTES / 4,
	END = 0,
	NOP = 1,
	MSS = 2,
	WINDOW_SCALE = 3,
	HTTP = 80,
	CLIENT_PORT = 4711,
};

static const char BACKEND_MAC[] = "02:00:00:00:01:0b", ROUTER_MAC[] = "02:00:00:00:01:01";
static const char VIP4[] = "203.0.113.10", CLIENT4[] = "198.51.100.2", HOST4[] = "10.0.1.11";
static const char VIP6[] = "2001:db8:f::10", CLIENT6[] = "2001:db8:1::2";
static const char PREFIXED6[] = "2001:db8:e::77"; /* in 2001:db8:e::/64 */

static struct agent_tc_bpf *agent;
static int cpus;

struct options {
	size_t length; /* a multiple of 4 */
	uint8_t bytes[OPTIONS_MAX];
};

#define OPTIONS(...) ((struct options){ sizeof((uint8_t[]){ __VA_ARGS__ }), { __VA_ARGS__ } })
#define SIZE(value)  MSS, 4, (value) >> 8, (value)&0xff

static void write_settings(uint16_t mss4, uint16_t mss6)
{
	struct poise_agent_settings settings = { .abi_version = POISE_AGENT_ABI_VERSION,
						 .mss4 = mss4,
						 .mss6 = mss6 };
	uint32_t zero = 0;

	if (bpf_map_update_elem(bpf_map__fd(agent->maps.settings), &zero, &settings, 0))
		abort();
}

static void add_vip(int family, const char *address, unsigned int bits)
{
	struct poise_agent_prefix key = { POISE_AGENT_FAMILY_BITS + bits, family, { 0 } };
	struct poise_agent_count *zeros = calloc(cpus, sizeof(*zeros));

	inet_pton(family == 4 ? AF_INET : AF_INET6, address, key.bytes);
	if (!zeros || bpf_map_update_elem(bpf_map__fd(agent->maps.vips), &key, zeros, 0))
		abort();
	free(zeros);
	if (bits < (family == 4 ? 32 : 128) &&
	    bpf_map_update_elem(bpf_map__fd(agent->maps.vip_prefixes), &key, &key, 0))
		abort();
}

static uint64_t clamped(void)
{
	uint32_t index = POISE_AGENT_DECISION_CLAMPED;
	uint64_t *values = calloc(cpus, sizeof(*values)), sum = 0;

	if (!values || bpf_map_lookup_elem(bpf_map__fd(agent->maps.decisions), &index, values))
		abort();
	for (int i = 0; i < cpus; i++)
		sum += values[i];
	free(values);
	return sum;
}

/* Runs in; expects out, and that it is counted when it is another one. */
static void expect(const char *name, const struct packet *in, const struct packet *out)
{
	struct packet got = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in->bytes, .data_size_in = in->length,
		    .data_out = got.bytes, .data_size_out = sizeof(got.bytes), .repeat = 1);
	bool changed = in->length != out->length || memcmp(in->bytes, out->bytes, in->length) != 0;
	uint64_t before = clamped();
	int err = bpf_prog_test_run_opts(bpf_program__fd(agent->progs.poise_agent_mss), &options);
	bool passed = !err && (int)options.retval == TC_ACT_UNSPEC;

	if (!passed)
		tap_note("%s: verdict %d, error %d", name, (int)options.retval, err);
	passed &= packet_equal(name, out->bytes, out->length, got.bytes, options.data_size_out);
	if (clamped() - before != changed)
		tap_note("%s: counted %d times", name, (int)(clamped() - before));
	tap_ok(passed && clamped() - before == changed, "%s", name);
}

static struct layer segment(const struct options *options, unsigned int flags)
{
	return tcp_words(tcp(HTTP, CLIENT_PORT, flags), TCP_WORDS + options->length / 4);
}

static struct packet answer(struct layer ip, struct options options)
{
	return PKT(eth(BACKEND_MAC, ROUTER_MAC), ip, segment(&options, SYN | ACK),
		   raw(options.bytes, options.length));
}

/* From the VIPs of both families, with options that become others. */
static void both(const char *name, struct options options4, struct options becomes4,
		 struct options options6, struct options becomes6)
{
	struct packet in = answer(ip4(VIP4, CLIENT4), options4);
	struct packet out = answer(ip4(VIP4, CLIENT4), becomes4);
	char text[128];

	snprintf(text, sizeof(text), "IPv4, %s", name);
	expect(text, &in, &out);
	in = answer(ip6(VIP6, CLIENT6), options6);
	out = answer(ip6(VIP6, CLIENT6), becomes6);
	snprintf(text, sizeof(text), "IPv6, %s", name);
	expect(text, &in, &out);
}

static void unchanged(const char *name, struct options options)
{
	both(name, options, options, options, options);
}

static void test_places(void)
{
	both("the option alone: clamped", OPTIONS(SIZE(1460)), OPTIONS(SIZE(MSS4)),
	     OPTIONS(SIZE(1440)), OPTIONS(SIZE(MSS6)));
	both("the largest size: clamped", OPTIONS(SIZE(65535)), OPTIONS(SIZE(MSS4)),
	     OPTIONS(SIZE(65535)), OPTIONS(SIZE(MSS6)));
	both("one too many: clamped", OPTIONS(SIZE(MSS4 + 1)), OPTIONS(SIZE(MSS4)),
	     OPTIONS(SIZE(MSS6 + 1)), OPTIONS(SIZE(MSS6)));
	both("at an odd offset: clamped", OPTIONS(NOP, SIZE(1460), NOP, NOP, END),
	     OPTIONS(NOP, SIZE(MSS4), NOP, NOP, END), OPTIONS(NOP, SIZE(1440), NOP, NOP, END),
	     OPTIONS(NOP, SIZE(MSS6), NOP, NOP, END));
	both("behind another option, at an odd offset: clamped",
	     OPTIONS(WINDOW_SCALE, 3, 7, SIZE(1460), NOP),
	     OPTIONS(WINDOW_SCALE, 3, 7, SIZE(MSS4), NOP),
	     OPTIONS(WINDOW_SCALE, 3, 7, SIZE(1440), NOP),
	     OPTIONS(WINDOW_SCALE, 3, 7, SIZE(MSS6), NOP));
	both("at the end of the longest options: clamped",
	     OPTIONS(5, 34, [34] = NOP, NOP, SIZE(1460)),
	     OPTIONS(5, 34, [34] = NOP, NOP, SIZE(MSS4)),
	     OPTIONS(5, 34, [34] = NOP, NOP, SIZE(1440)),
	     OPTIONS(5, 34, [34] = NOP, NOP, SIZE(MSS6)));
}

static void test_left_alone(void)
{
	unchanged("as large as allowed on IPv6", OPTIONS(SIZE(MSS6)));
	unchanged("smaller", OPTIONS(SIZE(536)));
	unchanged("0", OPTIONS(SIZE(0)));
	unchanged("no options", (struct options){ 0 });
	unchanged("no such option", OPTIONS(NOP, WINDOW_SCALE, 3, 7));
	unchanged("behind the end of options", OPTIONS(END, 4, 0, 0, SIZE(1460)));
	unchanged("of a wrong length", OPTIONS(MSS, 6, 5, 180, 0, 0, NOP, NOP));
	unchanged("of a wrong length, and a right one behind it",
		  OPTIONS(MSS, 3, 5, NOP, SIZE(1460)));
	unchanged("cut off", OPTIONS(NOP, NOP, MSS, 4));
	unchanged("cut off behind one byte", OPTIONS(NOP, MSS, 4, 5));
	unchanged("behind an option of length 0", OPTIONS(WINDOW_SCALE, 0, SIZE(1460), NOP, NOP));
	unchanged("behind an option of length 1", OPTIONS(WINDOW_SCALE, 1, SIZE(1460), NOP, NOP));
	unchanged("within an option that is too long", OPTIONS(9, 200, SIZE(1460), NOP, NOP));
	unchanged("within another option", OPTIONS(9, 6, SIZE(1460), NOP, NOP));
}

static void same(const char *name, struct packet packet)
{
	expect(name, &packet, &packet);
}

static void test_other_packets(void)
{
	struct options options = OPTIONS(SIZE(1460));
	struct layer from = eth(BACKEND_MAC, ROUTER_MAC), ip = ip4(VIP4, CLIENT4);
	struct layer bytes = raw(options.bytes, options.length);
	struct layer syn_ack = segment(&options, SYN | ACK);
	struct packet cut = PKT(from, ip, syn_ack, bytes);

	same("a SYN", PKT(from, ip, segment(&options, SYN), bytes));
	same("an ACK", PKT(from, ip, segment(&options, ACK), bytes));
	same("from another address", PKT(from, ip4(HOST4, CLIENT4), syn_ack, bytes));
	same("to a VIP", PKT(from, ip4(CLIENT4, VIP4), syn_ack, bytes));
	same("a first fragment", PKT(from, ip4_fragment(ip, IP4_MORE_FRAGMENTS), syn_ack, bytes));
	same("a later fragment", PKT(from, ip4_fragment(ip, 100), syn_ack, bytes));
	same("behind an IPv6 extension header",
	     PKT(from, ip6(VIP6, CLIENT6), ip6_extension(IPPROTO_DSTOPTS), syn_ack, bytes));
	same("another protocol", PKT(from, next(ip, IPPROTO_UDP), syn_ack, bytes));
	same("IPv4 of version 5", PKT(from, version(ip, 5), syn_ack, bytes));
	same("two VLAN tags", PKT(from, service_vlan(7), vlan(5), ip, syn_ack, bytes));
	same("options beyond the frame", PKT(from, ip, tcp_words(syn_ack, TCP_WORDS + 2), bytes));
	same("a header shorter than TCP's",
	     PKT(from, ip, tcp_words(syn_ack, TCP_WORDS - 1), bytes));
	for (size_t length = ETH_BYTES + IP4_BYTES; length < cut.length; length++) {
		struct packet part = packet_cut(&cut, length);

		same("a frame that is cut", part);
	}
}

static void test_ways(void)
{
	struct options options = OPTIONS(SIZE(1460)), becomes = OPTIONS(SIZE(MSS4));
	struct layer from = eth(BACKEND_MAC, ROUTER_MAC), ip = ip4_options(ip4(VIP4, CLIENT4), 12);
	struct layer bytes = raw(options.bytes, options.length);
	struct layer less = raw(becomes.bytes, becomes.length);
	struct layer syn_ack = segment(&options, SYN | ACK);
	struct packet in = PKT(from, ip, syn_ack, bytes), out = PKT(from, ip, syn_ack, less);

	expect("IPv4 options: clamped", &in, &out);
	in = PKT(from, vlan(5), ip, syn_ack, bytes);
	out = PKT(from, vlan(5), ip, syn_ack, less);
	expect("a VLAN tag: clamped", &in, &out);
	in = PKT(from, ip, segment(&options, SYN | ACK | ECE), bytes, payload(100));
	out = PKT(from, ip, segment(&options, SYN | ACK | ECE), less, payload(100));
	expect("with data and ECN: clamped", &in, &out);
	in = answer(ip6(PREFIXED6, CLIENT6), OPTIONS(SIZE(1440)));
	out = answer(ip6(PREFIXED6, CLIENT6), OPTIONS(SIZE(MSS6)));
	expect("from a prefix of VIPs: clamped", &in, &out);
}

static void test_settings(void)
{
	struct packet in = answer(ip4(VIP4, CLIENT4), OPTIONS(SIZE(1460)));
	struct packet in6 = answer(ip6(VIP6, CLIENT6), OPTIONS(SIZE(1440)));
	struct packet out6 = answer(ip6(VIP6, CLIENT6), OPTIONS(SIZE(MSS6)));

	write_settings(0, MSS6);
	expect("no limit for IPv4: unchanged", &in, &in);
	expect("... but for IPv6: clamped", &in6, &out6);
	write_settings(MSS4, 0);
	expect("no limit for IPv6: unchanged", &in6, &in6);
	write_settings(MSS4, MSS6);
}

int main(void)
{
	cpus = libbpf_num_possible_cpus();
	agent = agent_tc_bpf__open_and_load();
	if (!agent || cpus < 1) {
		tap_note("poise_agent_mss cannot be loaded: %s", strerror(errno));
		return 1;
	}
	write_settings(MSS4, MSS6);
	add_vip(4, VIP4, 32);
	add_vip(6, VIP6, 128);
	add_vip(6, "2001:db8:e::", 64);
	test_places();
	test_left_alone();
	test_other_packets();
	test_ways();
	test_settings();
	agent_tc_bpf__destroy(agent);
	return tap_done();
}
