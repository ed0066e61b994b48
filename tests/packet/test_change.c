// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Backend entries and slots that change under running packets: each sees one state or the other. */
#include <linux/bpf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fate.h"
#include "hex.h"

enum {
	RING_SIZE = 251,
	RUN_SECONDS = 2,
	REWRITES = 10001, /* of one entry by one batch; odd, so that batches end differently */
	VARIANTS = 2,
	OUTCOMES = VARIANTS + 1, /* either variant of A4, or B4 */
};

static struct fixture fixture;
static struct poise_backend variants[VARIANTS]; /* of A4, different in every field */
static atomic_bool stop;
static atomic_uint writes;

static struct packet client_packet(int family)
{
	return PKT(eth(ROUTER_MAC, EDGE_MAC), family == 4 ? ip4(CLIENT4, VIP4) : ip6(CLIENT6, VIP6),
		   tcp(CLIENT_PORT, SERVICE_PORT, ACK), payload(10));
}

static void make_variants(void)
{
	struct poise_backend first = fixture_entry(&fixture, A4, DEFAULT_MTU);
	struct poise_backend second = fixture_entry(&fixture, AWAY6, DEFAULT_MTU - 1);

	memset(first.destination_mac, 0x02, ETH_ALEN);
	memset(first.source_mac, 0x12, ETH_ALEN);
	memset(second.destination_mac, 0xf2, ETH_ALEN);
	memset(second.source_mac, 0xe2, ETH_ALEN);
	variants[0] = first;
	variants[1] = second;
}

/* A4's entry, shared with the program; the daemon's own module has no part in this. */
static struct poise_backend *shared_entry(const char *map)
{
	return (struct poise_backend *)fixture_map(&fixture, map) + A4;
}

/* 'backends' while its 'current' is set, 'backends_next' otherwise. */
static void test_current(void)
{
	struct poise_backend *first = shared_entry("backends");
	struct poise_backend *second = shared_entry("backends_next");
	struct fate fate = fate_of("copy", client_packet(4), A4, XDP_TX, POISE_REASON_SENT);

	*first = variants[0];
	first->current = 1;
	*second = variants[1];
	fixture.entries[A4] = variants[0];
	fate.name = "the first copy is used while it is current";
	fate_test(&fixture, &fate);
	first->current = 0;
	fixture.entries[A4] = variants[1];
	fate.name = "the second copy is used while the first is not";
	fate.verdict = XDP_REDIRECT;
	fate_test(&fixture, &fate);
	first->current = 1;
	fixture.entries[A4] = variants[0];
	fate.name = "the first copy is used again";
	fate.verdict = XDP_TX;
	fate_test(&fixture, &fate);
}

/* The flags stay in the first copy, whichever is current. */
static void test_flags(void)
{
	struct poise_backend *first = shared_entry("backends");
	struct fate fate = fate_of("flags", client_packet(4), B4, XDP_TX, POISE_REASON_SENT);
	bool down, up;

	maps_backend_init(fixture.maps, A4, &variants[0]);
	first->current = 0;
	fixture_own(&fixture, A4);
	fixture_change(&fixture, B4, fixture_tick());
	maps_backend_set_flags(fixture.maps, A4, 0);
	down = fate_holds(&fixture, &fate);
	maps_backend_set_flags(fixture.maps, A4, POISE_BACKEND_LIVE);
	fate.backend = A4;
	fixture.entries[A4] = variants[0];
	up = fate_holds(&fixture, &fate);
	first->current = 1;
	tap_ok(down && up, "flags are in effect at once, whichever copy is current");
}

static void test_write(void)
{
	struct fate fate = fate_of("write", client_packet(6), A4, XDP_TX, POISE_REASON_SENT);
	bool passed = true;

	maps_backend_init(fixture.maps, A4, &variants[0]);
	maps_backend_set_flags(fixture.maps, A4, POISE_BACKEND_LIVE);
	fixture_own(&fixture, A4);
	for (int i = 1; i <= 6; i++) {
		struct maps_backend_change change = { .index = A4,
						      .entry = variants[i % VARIANTS] };

		maps_backends_write(fixture.maps, &change, 1);
		fixture.entries[A4] = change.entry;
		fate.verdict = fixture_verdict(&fixture, &change.entry);
		passed &= fate_holds(&fixture, &fate);
	}
	tap_ok(passed, "an entry that was written is in effect when the write returns");
	tap_ok(shared_entry("backends")->flags == POISE_BACKEND_LIVE, "a write keeps the flags");
}

/*
 * Flips A4's entry, and the ring's owner between A4 and B4, until told to stop. A batch writes the
 * same entry over and over, which makes the moment long at which a copy is no whole one.
 */
static void *write_changes(void *unused)
{
	static struct maps_backend_change batch[REWRITES];
	struct ring ring = fixture_ring(&fixture, SERVICE4);
	uint16_t owners[RING_SIZE];
	unsigned int count = 0;

	(void)unused;
	for (; !atomic_load(&stop); count++) {
		for (unsigned int i = 0; i < REWRITES; i++) {
			batch[i].index = A4;
			batch[i].entry = variants[(count + i) % VARIANTS];
		}
		maps_backends_write(fixture.maps, batch, REWRITES);
		for (int i = 0; i < RING_SIZE; i++)
			owners[i] = count / VARIANTS % 2 ? A4 : B4;
		ring_change(&ring, owners, (uint16_t)count, RING_RECORDS);
		ring_settle(&ring, (uint16_t)count, 0, RING_RECORDS);
	}
	atomic_store(&writes, count);
	return NULL;
}

/* Which outcome a packet had, or -1 for one that must not be. */
static int outcome_of(int verdict, const struct packet *out, const struct packet *expected,
		      const int *verdicts)
{
	for (int i = 0; i < OUTCOMES; i++)
		if (verdict == verdicts[i] && out->length == expected[i].length &&
		    !memcmp(out->bytes, expected[i].bytes, out->length))
			return i;
	return -1;
}

static void run_packets(uint64_t seen[OUTCOMES], uint64_t *mixtures)
{
	struct packet in = client_packet(4), out, expected[OUTCOMES];
	time_t end = time(NULL) + RUN_SECONDS;
	int verdicts[OUTCOMES];

	for (int i = 0; i < OUTCOMES; i++) {
		struct poise_backend *entry = i < VARIANTS ? &variants[i] : &fixture.entries[B4];

		expected[i] = fixture_encapsulated(&in, entry);
		verdicts[i] = fixture_verdict(&fixture, entry);
	}
	while (time(NULL) <= end) {
		int verdict = fixture_run(&fixture, &in, &out);
		int outcome = outcome_of(verdict, &out, expected, verdicts);

		if (outcome >= 0) {
			seen[outcome]++;
			continue;
		}
		if ((*mixtures)++ == 0)
			packet_equal("a mixture", expected[0].bytes, expected[0].length, out.bytes,
				     out.length);
	}
}

static void test_running(void)
{
	uint64_t seen[OUTCOMES] = { 0 }, mixtures = 0;
	pthread_t writer;

	maps_backend_init(fixture.maps, A4, &variants[0]);
	fixture_own(&fixture, A4);
	if (pthread_create(&writer, NULL, write_changes, NULL))
		abort();
	run_packets(seen, &mixtures);
	atomic_store(&stop, true);
	pthread_join(writer, NULL);
	tap_note("%u changes; packets as the first variant %llu, the second %llu, B4 %llu",
		 atomic_load(&writes), (unsigned long long)seen[0], (unsigned long long)seen[1],
		 (unsigned long long)seen[2]);
	tap_ok(mixtures == 0, "while entries and owners change, no packet sees a mixture");
	tap_ok(seen[0] && seen[1] && seen[2], "and every state was seen");
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	make_variants();
	test_current();
	test_flags();
	test_write();
	test_running();
	fixture_close(&fixture);
	return tap_done();
}
