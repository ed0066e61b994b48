// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One packet's fate: verdict, bytes, counters. */
#include "fate.h"

#include <inttypes.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include "hex.h"
#include "traced.h"
#include "tunnel.h"

static const char *const reason_names[POISE_REASON_COUNT] = {
#define REASON_NAME(name, verdict, text) #name,
	POISE_REASONS(REASON_NAME)
#undef REASON_NAME
};

static const char *const event_names[POISE_EVENT_COUNT] = {
#define EVENT_NAME(name, text) #name,
	POISE_EVENTS(EVENT_NAME)
#undef EVENT_NAME
};

static const char *const backend_names[BACKEND_COUNT] = {
#define BACKEND_NAME(name, family, address, source, bits, way) [name] = #name,
	BACKENDS(BACKEND_NAME)
#undef BACKEND_NAME
};

struct fate fate_of(const char *name, struct packet in, uint16_t backend, int verdict,
		    enum poise_reason reason)
{
	return (struct fate){
		.name = name, .in = in, .backend = backend, .verdict = verdict, .reason = reason
	};
}

struct counts counts_read(const struct fixture *fixture)
{
	struct counts counts;

	for (uint32_t i = 0; i < POISE_REASON_COUNT; i++)
		counts.reasons[i] = maps_reason_count(fixture->maps, i);
	for (uint32_t i = 0; i < POISE_EVENT_COUNT; i++)
		counts.events[i] = maps_event_count(fixture->maps, i);
	for (uint32_t i = 0; i < SERVICE_COUNT; i++)
		maps_service_count(fixture->maps, fixture->places[i], &counts.services[i]);
	for (uint32_t i = 0; i < BACKEND_COUNT; i++)
		maps_backend_count(fixture->maps, i, &counts.backends[i]);
	return counts;
}

static bool count_equal(const char *name, const char *of, const char *what, uint64_t expected,
			uint64_t got)
{
	if (expected == got)
		return true;
	tap_note("%s: counter of %s, %s: expected %" PRIu64 ", got %" PRIu64, name, of, what,
		 expected, got);
	return false;
}

bool counts_equal(const struct fixture *fixture, const char *name, const struct counts *expected)
{
	struct counts got = counts_read(fixture);
	bool equal = true;

	for (uint32_t i = 0; i < POISE_REASON_COUNT; i++)
		equal &= count_equal(name, "reason", reason_names[i], expected->reasons[i],
				     got.reasons[i]);
	for (uint32_t i = 0; i < POISE_EVENT_COUNT; i++)
		equal &= count_equal(name, "event", event_names[i], expected->events[i],
				     got.events[i]);
	for (uint32_t i = 0; i < SERVICE_COUNT; i++) {
		char of[32];

		snprintf(of, sizeof(of), "service %u", i);
		equal &= count_equal(name, of, "packets", expected->services[i].packets,
				     got.services[i].packets);
		equal &= count_equal(name, of, "bytes", expected->services[i].bytes,
				     got.services[i].bytes);
	}
	for (uint32_t i = 1; i < BACKEND_COUNT; i++) {
		const struct poise_backend_count *wanted = &expected->backends[i];

		equal &= count_equal(name, backend_names[i], "packets", wanted->packets,
				     got.backends[i].packets);
		equal &= count_equal(name, backend_names[i], "bytes", wanted->bytes,
				     got.backends[i].bytes);
		equal &= count_equal(name, backend_names[i], "connections", wanted->connections,
				     got.backends[i].connections);
	}
	return equal;
}

static bool opens_connection(const struct packet *packet)
{
	return (packet_tcp_flags(packet) & (SYN | ACK | FIN | RST)) == SYN;
}

static void count_sent(struct counts *counts, const struct fate *fate)
{
	uint32_t service = fate->service ? fate->service
					 : fixture_service(fate->flow ? fate->flow : &fate->in);
	size_t bytes = packet_ip_length(&fate->in);

	counts->services[service].packets++;
	counts->services[service].bytes += bytes;
	counts->backends[fate->backend].packets++;
	counts->backends[fate->backend].bytes += bytes;
	counts->backends[fate->backend].connections += !fate->flow && opens_connection(&fate->in);
}

static struct packet expected_out(const struct fixture *fixture, const struct fate *fate)
{
	struct tunnel_hops hops = { .hop = { NULL } };

	if (fate->out)
		return *fate->out;
	if (fate->reason != POISE_REASON_SENT)
		return fate->in;
	for (int i = 0; i < POISE_CHAIN_HOPS; i++)
		if (fate->hops[i])
			hops.hop[i] = &fixture->entries[fate->hops[i]];
	return tunnel_packet_chained(&fate->in, &fixture->entries[fate->backend],
				     fixture_flow_hash(fate->flow ? fate->flow : &fate->in), &hops);
}

/* What a dry run says, before the packet comes: it counts nothing. */
static bool foretold(const struct fixture *fixture, const struct fate *fate,
		     const struct counts *counts, struct traced_result *said)
{
	int err = traced_run(fixture->dry, fate->in.bytes, fate->in.length,
			     fixture->ifindex[WAY_IN], said);

	if (!err)
		return counts_equal(fixture, "dry run", counts);
	tap_note("%s: the dry run failed: %s", fate->name, strerror(-err));
	return false;
}

/* Whether the packet's fate is what the dry run said. */
static bool came_true(const struct fate *fate, const struct traced_result *said,
		      const struct packet *out)
{
	bool holds = true;

	if (said->verdict != fate->verdict || said->trace.reason != fate->reason) {
		tap_note("%s: the dry run said verdict %d for %s", fate->name, said->verdict,
			 reason_names[said->trace.reason]);
		holds = false;
	}
	if (fate->reason == POISE_REASON_SENT && said->trace.backend != fate->backend) {
		tap_note("%s: the dry run said backend %u, expected %u", fate->name,
			 said->trace.backend, fate->backend);
		holds = false;
	}
	for (int i = 0; i < POISE_EVENT_COUNT; i++) {
		if ((said->trace.events >> i & 1) == !!fate->events[i])
			continue;
		tap_note("%s: the dry run is wrong about %s", fate->name, event_names[i]);
		holds = false;
	}
	if (fate->verdict != XDP_DROP)
		holds &= packet_equal(fate->name, out->bytes, out->length, said->frame,
				      said->length);
	return holds;
}

bool fate_holds(const struct fixture *fixture, const struct fate *fate)
{
	struct counts expected = counts_read(fixture);
	struct traced_result said;
	bool holds = foretold(fixture, fate, &expected, &said);
	struct packet wanted, got;
	int verdict = fixture_run(fixture, &fate->in, &got);

	if (verdict < 0) {
		tap_note("%s: the test run failed: %s", fate->name, strerror(-verdict));
		return false;
	}
	holds = holds && came_true(fate, &said, &got);
	if (verdict != fate->verdict) {
		tap_note("%s: expected verdict %d, got %d", fate->name, fate->verdict, verdict);
		holds = false;
	}
	for (int i = 0; i < POISE_EVENT_COUNT; i++)
		expected.events[i] += fate->events[i];
	if (fate->reason != POISE_REASON_SENT)
		expected.reasons[fate->reason]++;
	else
		count_sent(&expected, fate);
	if (fate->verdict != XDP_DROP) {
		wanted = expected_out(fixture, fate);
		holds &= packet_equal(fate->name, wanted.bytes, wanted.length, got.bytes,
				      got.length);
	}
	return counts_equal(fixture, fate->name, &expected) && holds;
}

void fate_test(struct fixture *fixture, const struct fate *fate)
{
	fixture_own(fixture, fate->backend);
	tap_ok(fate_holds(fixture, fate), "%s", fate->name);
}
