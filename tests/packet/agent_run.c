// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Runs poise_agent or poise_agent_tc by BPF_PROG_TEST_RUN: see agent_run.h. */
#include "agent_run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "agent.skel.h"
#include "agent_tc.skel.h"
#include "../../userspace/agent/maps.h"
#include "hex.h"

static const int FAMILIES[] = { 4, 6 };

static struct agent_bpf *agent;	      /* its maps are those of both */
static struct agent_tc_bpf *agent_tc; /* NULL: poise_agent runs */
static int cpus;
static unsigned int ingress;
static unsigned int segment; /* bytes of each of those that make up a frame; 0: it is one */
static bool marked;	     /* the last frame came back with a mark before it */

static struct poise_agent_settings settings = { .abi_version = POISE_AGENT_ABI_VERSION };

static void write_settings(void)
{
	uint32_t zero = 0;

	if (bpf_map_update_elem(bpf_map__fd(agent->maps.settings), &zero, &settings, 0))
		abort();
}

void agent_run_check_sources(bool check)
{
	settings.check_sources = check;
	write_settings();
}

void agent_run_open(unsigned int encapsulations, unsigned int gue_port)
{
	settings.encapsulations = encapsulations;
	settings.gue_port = htons(gue_port);
	write_settings();
}

static struct poise_agent_prefix make_key(int family, const char *address, unsigned int bits)
{
	struct poise_agent_prefix key = { POISE_AGENT_FAMILY_BITS + bits, family, { 0 } };

	inet_pton(family == 4 ? AF_INET : AF_INET6, address, key.bytes);
	return key;
}

static struct poise_agent_prefix vip_key(int family)
{
	return family == 4 ? make_key(4, AGENT_VIP4, 32) : make_key(6, AGENT_VIP6, 128);
}

void agent_run_add_vip(int family, const char *address, unsigned int bits)
{
	struct poise_agent_prefix key = make_key(family, address, bits);
	struct poise_agent_count *zeros = calloc(cpus, sizeof(*zeros));

	if (!zeros || bpf_map_update_elem(bpf_map__fd(agent->maps.vips), &key, zeros, 0))
		abort();
	free(zeros);
	if (bits < (family == 4 ? 32 : 128) &&
	    bpf_map_update_elem(bpf_map__fd(agent->maps.vip_prefixes), &key, &key, 0))
		abort();
}

static struct poise_agent_count read_vip(const struct poise_agent_prefix *key)
{
	struct poise_agent_count *counts = calloc(cpus, sizeof(*counts)), sum = { 0 };

	if (!counts || bpf_map_lookup_elem(bpf_map__fd(agent->maps.vips), key, counts))
		abort();
	for (int i = 0; i < cpus; i++) {
		sum.packets += counts[i].packets;
		sum.bytes += counts[i].bytes;
	}
	free(counts);
	return sum;
}

uint64_t agent_run_vip_packets(int family, const char *address, unsigned int bits)
{
	struct poise_agent_prefix key = make_key(family, address, bits);

	return read_vip(&key).packets;
}

void agent_run_add_source(int family, const char *address, unsigned int bits)
{
	struct poise_agent_prefix key = make_key(family, address, bits);
	uint32_t value = 1;

	if (bpf_map_update_elem(bpf_map__fd(agent->maps.sources), &key, &value, 0))
		abort();
}

void agent_run_add_hop(int family, const char *address, unsigned int bits)
{
	struct poise_agent_prefix key = make_key(family, address, bits);
	uint32_t value = 1;

	if (bpf_map_update_elem(bpf_map__fd(agent->maps.hops), &key, &value, 0))
		abort();
}

void agent_run_second_chance(bool on, const int *namespaces, unsigned int count)
{
	settings.second_chance = on;
	settings.namespace_count = count;
	for (unsigned int i = 0; i < count; i++)
		settings.namespaces[i] = namespaces[i];
	write_settings();
}

void agent_run_tunnel_sources(const char *source4, uint32_t mask4, const char *source6,
			      uint32_t mask6)
{
	inet_pton(AF_INET, source4, &settings.source4);
	inet_pton(AF_INET6, source6, settings.source6);
	settings.source4_mask = htonl(mask4);
	settings.source6_mask = htonl(mask6);
	write_settings();
}

void agent_run_interface(unsigned int ifindex)
{
	ingress = ifindex;
}

void agent_run_merged(unsigned int bytes)
{
	segment = bytes;
}

struct counters {
	uint64_t decisions[POISE_AGENT_DECISION_COUNT];
	uint64_t reasons[POISE_AGENT_REASON_COUNT];
	struct poise_agent_count vips[2]; /* of AGENT_VIP4, AGENT_VIP6 */
};

static void read_sums(int map, uint64_t *sums, uint32_t count)
{
	uint64_t *values = calloc(cpus, sizeof(*values));

	if (!values)
		abort();
	for (uint32_t index = 0; index < count; index++) {
		if (bpf_map_lookup_elem(map, &index, values))
			abort();
		sums[index] = 0;
		for (int i = 0; i < cpus; i++)
			sums[index] += values[i];
	}
	free(values);
}

static struct counters read_counters(void)
{
	struct counters sum;

	read_sums(bpf_map__fd(agent->maps.reasons), sum.reasons, POISE_AGENT_REASON_COUNT);
	read_sums(bpf_map__fd(agent->maps.decisions), sum.decisions, POISE_AGENT_DECISION_COUNT);
	for (int vip = 0; vip < 2; vip++) {
		struct poise_agent_prefix key = vip_key(FAMILIES[vip]);

		sum.vips[vip] = read_vip(&key);
	}
	return sum;
}

static const char *const DECISION_NAMES[] = {
#define DECISION_NAME(name, text) #name,
	POISE_AGENT_DECISIONS(DECISION_NAME)
#undef DECISION_NAME
};

static const char *const REASON_NAMES[] = {
#define REASON_NAME(name, verdict, text) #name,
	POISE_AGENT_REASONS(REASON_NAME)
#undef REASON_NAME
};

static const int VERDICTS[] = {
#define VERDICT(name, verdict, text) verdict,
	POISE_AGENT_REASONS(VERDICT)
#undef VERDICT
};

static bool equal_counter(const char *name, const char *counter, uint64_t before, uint64_t after,
			  uint64_t delta)
{
	if (after - before == delta)
		return true;
	tap_note("%s: counter %s: expected +%llu, got +%llu", name, counter,
		 (unsigned long long)delta, (unsigned long long)(after - before));
	return false;
}

static bool check_counters(const char *name, const struct counters *before, int reason,
			   int decision, int vip, uint64_t bytes)
{
	struct counters after = read_counters();
	bool equal = true;

	for (int i = 0; i < POISE_AGENT_REASON_COUNT; i++)
		equal &= equal_counter(name, REASON_NAMES[i], before->reasons[i], after.reasons[i],
				       i == reason);
	for (int i = 0; i < POISE_AGENT_DECISION_COUNT; i++)
		equal &= equal_counter(name, DECISION_NAMES[i], before->decisions[i],
				       after.decisions[i], i == decision);
	for (int i = 0; i < 2; i++) {
		equal &= equal_counter(name, "packets of a VIP", before->vips[i].packets,
				       after.vips[i].packets, FAMILIES[i] == vip);
		equal &= equal_counter(name, "bytes of a VIP", before->vips[i].bytes,
				       after.vips[i].bytes, FAMILIES[i] == vip ? bytes : 0);
	}
	return equal;
}

/* TC's verdict in the terms of XDP. */
static int verdict_of(int verdict)
{
	if (!agent_tc)
		return verdict;
	return verdict == TC_ACT_SHOT ? XDP_DROP : verdict == TC_ACT_UNSPEC ? XDP_PASS : verdict;
}

size_t agent_run_shortest(int family)
{
	if (!agent_tc)
		return ETH_HLEN;
	return ETH_HLEN + (family == 4 ? IP4_BYTES : IP6_BYTES);
}

/* Runs with a context, and takes off what the program put before the frame. */
static int run(const struct packet *in, const void *context, size_t bytes, struct packet *out)
{
	struct xdp_md after = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in->bytes, .data_size_in = in->length,
		    .data_out = out->bytes, .data_size_out = sizeof(out->bytes), .repeat = 1,
		    .ctx_in = bytes ? context : NULL, .ctx_size_in = bytes,
		    .ctx_out = agent_tc ? NULL : &after,
		    .ctx_size_out = agent_tc ? 0 : sizeof(after));
	struct bpf_program *program =
		agent_tc ? agent_tc->progs.poise_agent_tc : agent->progs.poise_agent;
	int err = bpf_prog_test_run_opts(bpf_program__fd(program), &options);

	if (err)
		return err;
	marked = after.data;
	out->length = options.data_size_out - after.data;
	memmove(out->bytes, out->bytes + after.data, out->length);
	return verdict_of((int)options.retval);
}

int agent_run_packet(const struct packet *in, struct packet *out)
{
	struct xdp_md frame = { .data_end = in->length, .ingress_ifindex = ingress };
	struct __sk_buff buffer = { .ifindex = ingress, .gso_size = segment };

	if (agent_tc)
		return run(in, &buffer, ingress || segment ? sizeof(buffer) : 0, out);
	return run(in, &frame, sizeof(frame), out);
}

bool agent_run_decided(const char *name, const struct packet *in, int reason, int decision,
		       const struct packet *out, int vip, uint64_t bytes)
{
	int expected = reason == AGENT_RUN_LEFT_TO_TC ? XDP_PASS : VERDICTS[reason];
	struct counters before = read_counters();
	struct packet got = { 0 };
	int verdict = agent_run_packet(in, &got);
	bool passed = verdict == expected;

	if (!passed)
		tap_note("%s: expected verdict %d, got %d", name, expected, verdict);
	if (marked != (reason == AGENT_RUN_LEFT_TO_TC)) {
		tap_note("%s: %s mark before the frame", name, marked ? "a" : "no");
		passed = false;
	}
	if (expected != XDP_DROP)
		passed &= packet_equal(name, out->bytes, out->length, got.bytes, got.length);
	return check_counters(name, &before, reason, decision, vip, bytes) && passed;
}

bool agent_run_counted(const char *name, const struct packet *in, enum poise_agent_reason reason,
		       const struct packet *out, int vip, uint64_t bytes)
{
	return agent_run_decided(name, in, (int)reason, AGENT_RUN_UNDECIDED, out, vip, bytes);
}

bool agent_run_refused(const char *name, const struct packet *in, enum poise_agent_reason reason)
{
	return agent_run_counted(name, in, reason, in, 0, 0);
}

/* The name is put together and looked for: independent of the reasons' order. */
enum poise_agent_reason agent_run_opened_reason(const struct packet *in, int outer, int inner)
{
	uint8_t protocol = in->bytes[ETH_HLEN + (outer == 4 ? IP4_PROTOCOL : IP6_NEXT)];
	const char *shim = protocol == PROTOCOL_UDP   ? "GUE_"
			   : protocol == PROTOCOL_GRE ? "GRE_"
						      : "";
	char name[64];

	snprintf(name, sizeof(name), "DECAPSULATED_%s%dIN%d", shim, inner, outer);
	for (int i = 0; i < POISE_AGENT_REASON_COUNT; i++)
		if (!strcmp(name, REASON_NAMES[i]))
			return i;
	abort();
}

bool agent_run_opened(const char *name, const struct packet *in, int outer, int inner,
		      const struct packet *out, size_t trailing)
{
	return agent_run_counted(name, in, agent_run_opened_reason(in, outer, inner), out, inner,
				 out->length - ETH_HLEN - trailing);
}

static int open_tc(bool after_xdp)
{
	int err = 0;

	agent_tc = agent_tc_bpf__open();
	if (!agent_tc)
		return -errno;
#define REUSE(name)                                                                                \
	if (!err)                                                                                  \
		err = bpf_map__reuse_fd(agent_tc->maps.name, bpf_map__fd(agent->maps.name));
	MAPS(REUSE)
#undef REUSE
	agent_tc->rodata->after_xdp = after_xdp;
	return err ? err : agent_tc_bpf__load(agent_tc);
}

int agent_run_begin(enum agent_run_hook hook)
{
	int err;

	cpus = libbpf_num_possible_cpus();
	if (cpus < 1)
		return cpus;
	agent = agent_bpf__open_and_load();
	if (!agent)
		return -errno;
	err = hook == AGENT_RUN_XDP ? 0 : open_tc(hook == AGENT_RUN_TC_AFTER_XDP);
	if (err)
		return err;
	tap_note("%s", hook == AGENT_RUN_XDP ? "in XDP" : "in TC");
	agent_run_check_sources(false);
	agent_run_open((1u << POISE_AGENT_ENCAPSULATION_COUNT) - 1, POISE_AGENT_GUE_PORT);
	agent_run_add_vip(4, AGENT_VIP4, 32);
	agent_run_add_vip(6, AGENT_VIP6, 128);
	return 0;
}

void agent_run_end(void)
{
	agent_tc_bpf__destroy(agent_tc);
	agent_bpf__destroy(agent);
	agent_tc = NULL;
	agent = NULL;
}

uint64_t agent_run_counter(enum poise_agent_reason reason)
{
	return read_counters().reasons[reason];
}

const char *agent_run_reason_name(enum poise_agent_reason reason)
{
	return REASON_NAMES[reason];
}
