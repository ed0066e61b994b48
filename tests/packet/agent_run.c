// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Runs poise_agent by BPF_PROG_TEST_RUN: see agent_run.h. */
#include "agent_run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "agent.skel.h"
#include "hex.h"

static const int FAMILIES[] = { 4, 6 };

static struct agent_bpf *agent;
static int cpus;

void agent_run_check_sources(bool check)
{
	struct poise_agent_settings settings = { POISE_AGENT_ABI_VERSION, check };
	uint32_t zero = 0;

	if (bpf_map_update_elem(bpf_map__fd(agent->maps.settings), &zero, &settings, 0))
		abort();
}

static struct poise_agent_address vip_key(int family)
{
	struct poise_agent_address key = { .family = family };

	inet_pton(family == 4 ? AF_INET : AF_INET6, family == 4 ? AGENT_VIP4 : AGENT_VIP6,
		  key.bytes);
	return key;
}

static void add_vip(int family)
{
	struct poise_agent_address key = vip_key(family);
	struct poise_agent_count *zeros = calloc(cpus, sizeof(*zeros));

	if (!zeros || bpf_map_update_elem(bpf_map__fd(agent->maps.vips), &key, zeros, 0))
		abort();
	free(zeros);
}

void agent_run_add_source(int family, const char *address, unsigned int bits)
{
	struct poise_agent_source key = { POISE_AGENT_FAMILY_BITS + bits, family, { 0 } };
	uint32_t value = 1;

	inet_pton(family == 4 ? AF_INET : AF_INET6, address, key.bytes);
	if (bpf_map_update_elem(bpf_map__fd(agent->maps.sources), &key, &value, 0))
		abort();
}

struct counters {
	uint64_t reasons[POISE_AGENT_REASON_COUNT];
	struct poise_agent_count vips[2]; /* of AGENT_VIP4, AGENT_VIP6 */
};

static struct counters read_counters(void)
{
	struct poise_agent_count *counts = calloc(cpus, sizeof(*counts));
	uint64_t *values = calloc(cpus, sizeof(*values));
	struct counters sum = { 0 };

	if (!counts || !values)
		abort();
	for (uint32_t reason = 0; reason < POISE_AGENT_REASON_COUNT; reason++) {
		if (bpf_map_lookup_elem(bpf_map__fd(agent->maps.reasons), &reason, values))
			abort();
		for (int i = 0; i < cpus; i++)
			sum.reasons[reason] += values[i];
	}
	for (int vip = 0; vip < 2; vip++) {
		struct poise_agent_address key = vip_key(FAMILIES[vip]);

		if (bpf_map_lookup_elem(bpf_map__fd(agent->maps.vips), &key, counts))
			abort();
		for (int i = 0; i < cpus; i++) {
			sum.vips[vip].packets += counts[i].packets;
			sum.vips[vip].bytes += counts[i].bytes;
		}
	}
	free(values);
	free(counts);
	return sum;
}

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

static bool check_counters(const char *name, const struct counters *before,
			   enum poise_agent_reason reason, int vip, uint64_t bytes)
{
	struct counters after = read_counters();
	bool equal = true;

	for (int i = 0; i < POISE_AGENT_REASON_COUNT; i++)
		equal &= equal_counter(name, REASON_NAMES[i], before->reasons[i], after.reasons[i],
				       i == (int)reason);
	for (int i = 0; i < 2; i++) {
		equal &= equal_counter(name, "packets of a VIP", before->vips[i].packets,
				       after.vips[i].packets, FAMILIES[i] == vip);
		equal &= equal_counter(name, "bytes of a VIP", before->vips[i].bytes,
				       after.vips[i].bytes, FAMILIES[i] == vip ? bytes : 0);
	}
	return equal;
}

int agent_run_packet(const struct packet *in, struct packet *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in->bytes, .data_size_in = in->length,
		    .data_out = out->bytes, .data_size_out = sizeof(out->bytes), .repeat = 1);
	int err = bpf_prog_test_run_opts(bpf_program__fd(agent->progs.poise_agent), &options);

	out->length = options.data_size_out;
	return err ? err : (int)options.retval;
}

bool agent_run_counted(const char *name, const struct packet *in, enum poise_agent_reason reason,
		       const struct packet *out, int vip, uint64_t bytes)
{
	struct counters before = read_counters();
	struct packet got = { 0 };
	int verdict = agent_run_packet(in, &got);
	bool passed = verdict == VERDICTS[reason];

	if (!passed)
		tap_note("%s: expected verdict %d, got %d", name, VERDICTS[reason], verdict);
	if (VERDICTS[reason] == XDP_PASS)
		passed &= packet_equal(name, out->bytes, out->length, got.bytes, got.length);
	return check_counters(name, &before, reason, vip, bytes) && passed;
}

bool agent_run_refused(const char *name, const struct packet *in, enum poise_agent_reason reason)
{
	return agent_run_counted(name, in, reason, in, 0, 0);
}

static enum poise_agent_reason mix_reason(int outer, int inner)
{
	if (outer == 4)
		return inner == 4 ? POISE_AGENT_REASON_DECAPSULATED_4IN4
				  : POISE_AGENT_REASON_DECAPSULATED_6IN4;
	return inner == 4 ? POISE_AGENT_REASON_DECAPSULATED_4IN6
			  : POISE_AGENT_REASON_DECAPSULATED_6IN6;
}

bool agent_run_opened(const char *name, const struct packet *in, int outer, int inner,
		      const struct packet *out, size_t trailing)
{
	return agent_run_counted(name, in, mix_reason(outer, inner), out, inner,
				 out->length - ETH_HLEN - trailing);
}

int agent_run_begin(void)
{
	cpus = libbpf_num_possible_cpus();
	if (cpus < 1)
		return cpus;
	agent = agent_bpf__open_and_load();
	if (!agent)
		return -errno;
	agent_run_check_sources(false);
	for (int i = 0; i < 2; i++)
		add_vip(FAMILIES[i]);
	return 0;
}

void agent_run_end(void)
{
	agent_bpf__destroy(agent);
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
