// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the capturing program puts into its ring buffer, and that it forwards as the plain one. */
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "fate.h"
#include "hex.h"
#include "traced.h"

enum { RING_SIZE = 251, MAX_RECORDS = 8, MANY = 4000, SAMPLE = 4, LONG = 600 };

static struct fixture fixture;
static struct traced *capturing;
static struct ring_buffer *ring;

static struct {
	size_t count;
	size_t size[MAX_RECORDS];
	struct poise_capture record[MAX_RECORDS];
} got;

static int take(void *context, void *data, size_t size)
{
	(void)context;
	if (got.count < MAX_RECORDS) {
		got.size[got.count] = size;
		memcpy(&got.record[got.count], data, size);
	}
	got.count++;
	return 0;
}

/* Runs the packet with these options, and reads what was captured. */
static int capture(struct poise_capture_options options, const struct packet *in,
		   struct packet *out)
{
	int verdict;

	got.count = 0;
	if (!options.bytes)
		options.bytes = POISE_CAPTURE_BYTES;
	if (!options.sample)
		options.sample = 1;
	traced_set_capture(capturing, &options);
	verdict = fixture_run_other(&fixture, traced_program(capturing).fd, in, out);
	ring_buffer__consume(ring);
	return verdict;
}

/* The record holds the packet's first bytes and says what became of it. */
static bool tells(size_t number, const struct packet *packet, enum poise_capture_direction way,
		  enum poise_reason reason, int verdict, uint32_t backend)
{
	const struct poise_capture *record = &got.record[number];
	size_t bytes = packet->length < POISE_CAPTURE_BYTES ? packet->length : POISE_CAPTURE_BYTES;

	if (number >= got.count || record->direction != way || record->reason != reason ||
	    record->verdict != verdict || record->backend != backend ||
	    record->length != packet->length || record->captured != bytes ||
	    record->ifindex != fixture.ifindex[WAY_IN] || !record->time_ns ||
	    got.size[number] != POISE_CAPTURE_HEADER_BYTES + bytes) {
		tap_note("record %zu of %zu: direction %u, reason %u, verdict %u, backend %u, "
			 "%u of %u bytes",
			 number, got.count, record->direction, record->reason, record->verdict,
			 record->backend, record->captured, record->length);
		return false;
	}
	return packet_equal("captured", packet->bytes, bytes, record->data, bytes);
}

#define OF(address, ...) PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(CLIENT4, address), __VA_ARGS__)

static void test_sent(void)
{
	struct poise_capture_options both = { .flags = POISE_CAPTURE_SENT };
	struct packet in = OF(VIP4, tcp(CLIENT_PORT, SERVICE_PORT, SYN), payload(LONG)), plain, out;
	struct counts before = counts_read(&fixture), after;

	tap_ok(capture((struct poise_capture_options){ 0 }, &in, &out) == XDP_TX &&
		       got.count == 1 &&
		       tells(0, &in, POISE_CAPTURE_CAME, POISE_REASON_SENT, XDP_TX, A4) &&
		       got.record[0].service == fixture.places[SERVICE4],
	       "a packet that is sent, as it came");
	after = counts_read(&fixture);
	tap_ok(after.services[SERVICE4].packets == before.services[SERVICE4].packets + 1,
	       "it is counted as ever");
	fixture_run(&fixture, &in, &plain);
	tap_ok(packet_equal("forwarded", plain.bytes, plain.length, out.bytes, out.length),
	       "it is forwarded as by the plain program");
	capture(both, &in, &out);
	tap_ok(got.count == 2 && tells(0, &in, POISE_CAPTURE_CAME, POISE_REASON_SENT, XDP_TX, A4) &&
		       tells(1, &out, POISE_CAPTURE_WENT, POISE_REASON_SENT, XDP_TX, A4),
	       "as it came and as it went");
}

static void test_kinds(void)
{
	struct poise_capture_options drops = { .flags = POISE_CAPTURE_DROPS },
				     all = { .flags = POISE_CAPTURE_ALL },
				     other = { .service = fixture.places[SERVICE6] },
				     own = { .service = fixture.places[SERVICE4] };
	struct packet in = OF(VIP4, tcp(CLIENT_PORT, SERVICE_PORT, SYN)),
		      stranger = OF(OTHER4, tcp(CLIENT_PORT, SERVICE_PORT, SYN)),
		      unserved = OF(VIP4, tcp(CLIENT_PORT, SERVICE_PORT + 1, SYN)), out;

	capture(drops, &in, &out);
	tap_ok(got.count == 0, "drops alone: not what is sent");
	fixture_own(&fixture, NOBODY);
	capture(drops, &in, &out);
	tap_ok(got.count == 1 &&
		       tells(0, &in, POISE_CAPTURE_CAME, POISE_REASON_NO_BACKEND, XDP_DROP, 0),
	       "drops alone: what is dropped");
	fixture_own(&fixture, A4);
	capture((struct poise_capture_options){ 0 }, &stranger, &out);
	tap_ok(got.count == 0, "not what is for other addresses");
	capture(all, &stranger, &out);
	tap_ok(got.count == 1 && tells(0, &stranger, POISE_CAPTURE_CAME, POISE_REASON_NOT_SERVICE,
				       XDP_PASS, 0),
	       "all: that, too");
	capture((struct poise_capture_options){ 0 }, &unserved, &out);
	tap_ok(got.count == 1, "what is for a service's address and no service");
	capture(other, &in, &out);
	tap_ok(got.count == 0, "of one service: not what is for another one");
	capture(own, &in, &out);
	tap_ok(got.count == 1, "of one service: what is for it");
}

static void test_lengths(void)
{
	struct packet in = OF(VIP4, tcp(CLIENT_PORT, SERVICE_PORT, SYN), payload(LONG)), out;
	struct packet most = OF(VIP4, tcp(CLIENT_PORT, SERVICE_PORT, SYN), payload(1400));

	capture((struct poise_capture_options){ .bytes = POISE_CAPTURE_MIN_BYTES }, &in, &out);
	tap_ok(got.count == 1 && got.record[0].captured == POISE_CAPTURE_MIN_BYTES &&
		       got.record[0].length == in.length,
	       "no more bytes than asked for");
	capture((struct poise_capture_options){ .bytes = POISE_CAPTURE_MAX_BYTES }, &most, &out);
	tap_ok(got.count == 1 && got.record[0].captured == most.length &&
		       !memcmp(got.record[0].data, most.bytes, most.length),
	       "a whole packet");
	capture((struct poise_capture_options){ .bytes = UINT32_MAX }, &in, &out);
	tap_ok(got.count == 1 && got.record[0].captured == in.length,
	       "more than there is room for: the whole packet");
}

static void test_sample(void)
{
	struct poise_capture_options options = { .sample = SAMPLE, .bytes = POISE_CAPTURE_BYTES };
	struct packet in = OF(VIP4, tcp(CLIENT_PORT, SERVICE_PORT, SYN)), out;

	got.count = 0;
	traced_set_capture(capturing, &options);
	for (int i = 0; i < MANY; i++) {
		fixture_run_other(&fixture, traced_program(capturing).fd, &in, &out);
		ring_buffer__consume(ring);
	}
	/* fifteen standard deviations */
	tap_ok(got.count > MANY / SAMPLE - 411 && got.count < MANY / SAMPLE + 411,
	       "a sample of about one in %d: %zu of %d", SAMPLE, got.count, MANY);
}

static void test_full(void)
{
	struct poise_capture_options options = { .sample = 1, .bytes = POISE_CAPTURE_MAX_BYTES };
	struct packet in = OF(VIP4, tcp(CLIENT_PORT, SERVICE_PORT, SYN), payload(1400)), out;
	int verdicts = 0;

	got.count = 0;
	traced_set_capture(capturing, &options);
	for (int i = 0; i < POISE_CAPTURE_RING_BYTES / 1400; i++)
		verdicts += fixture_run_other(&fixture, traced_program(capturing).fd, &in, &out) ==
			    XDP_TX;
	ring_buffer__consume(ring);
	tap_ok(verdicts == POISE_CAPTURE_RING_BYTES / 1400, "a full ring buffer stops no packet");
	tap_ok(traced_capture_lost(capturing) > 0 && got.count + traced_capture_lost(capturing) ==
							     POISE_CAPTURE_RING_BYTES / 1400,
	       "what found no room is counted");
}

int main(void)
{
	int err;

	fixture_open(&fixture, RING_SIZE);
	err = traced_new(fixture.loader, TRACED_CAPTURING, &capturing);
	ring = err ? NULL : ring_buffer__new(traced_captures_fd(capturing), take, NULL, NULL);
	if (!tap_ok(ring, "the capturing program loads"))
		return tap_done();
	fixture_own(&fixture, A4);
	test_sent();
	test_kinds();
	test_lengths();
	test_sample();
	test_full();
	ring_buffer__free(ring);
	traced_free(capturing);
	fixture_close(&fixture);
	return tap_done();
}
