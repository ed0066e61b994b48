// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How long first fragments are remembered, how many, and while their backend is what. */
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include "fragments.h"
#include "hex.h"

enum {
	RING_SIZE = 251,
	SOURCE_OFFSET4 = 12, /* in the IP header */
	FLOOD = 4 * POISE_FRAGMENT_ENTRIES,
};

#define SHORT_NS (SECOND_NS / 20)

static struct fixture fixture;

/*
 * Backends that go away.
 */

static void test_backend_flags(void)
{
	struct packet whole = fragment_whole(&fragment_kinds[UDP4]),
		      first = fragment_part(&whole, 0);
	struct packet later = fragment_part(&whole, 1);

	fragments_begin(&fixture, C4);
	tap_ok(fragment_first_goes(&fixture, &first, C4), "a first fragment");
	maps_backend_set_flags(fixture.maps, C4, POISE_BACKEND_LIVE);
	tap_ok(fragment_follows(&fixture, &later, &whole, C4),
	       "the backend drains: the others follow");
	maps_backend_set_flags(fixture.maps, C4, 0);
	tap_ok(fragment_is_early(&fixture, &later), "the backend is down: they are too early");
	maps_backend_set_flags(fixture.maps, C4, POISE_BACKEND_LIVE | POISE_BACKEND_ELIGIBLE);
	tap_ok(fragment_follows(&fixture, &later, &whole, C4), "the backend is back: they follow");
}

static void test_no_backend(void)
{
	struct packet whole = fragment_whole(&fragment_kinds[UDP4]),
		      first = fragment_part(&whole, 0);
	struct packet later = fragment_part(&whole, 1);
	struct fate lost = fate_of("no backend", first, NOBODY, XDP_DROP, POISE_REASON_NO_BACKEND);

	fragments_begin(&fixture, A4);
	tap_ok(fragment_first_goes(&fixture, &first, A4) &&
		       fragment_follows(&fixture, &later, &whole, A4),
	       "with a backend");
	fixture_own(&fixture, NOBODY);
	tap_ok(fate_holds(&fixture, &lost) && fragment_is_early(&fixture, &later),
	       "a first fragment without a backend: the others do not follow the one before");
}

/*
 * Time.
 */

static void test_age(void)
{
	struct packet whole = fragment_whole(&fragment_kinds[UDP6]),
		      first = fragment_part(&whole, 0);
	struct packet later = fragment_part(&whole, 1);

	fragments_begin(&fixture, A4);
	fragment_first_goes(&fixture, &first, A4);
	fragments_age(&fixture, FRAGMENT_LONG_NS - 60 * SECOND_NS);
	tap_ok(fragment_follows(&fixture, &later, &whole, A4), "a minute before the time limit");
	fragments_age(&fixture, FRAGMENT_LONG_NS);
	tap_ok(fragment_is_early(&fixture, &later), "at the time limit");
	tap_ok(fragment_first_goes(&fixture, &first, A4) &&
		       fragment_follows(&fixture, &later, &whole, A4),
	       "the first one seen again renews it");
}

/* The program's own stamp and clock. */
static void test_clock(void)
{
	struct packet whole = fragment_whole(&fragment_kinds[UDP4]),
		      first = fragment_part(&whole, 0);
	struct packet later = fragment_part(&whole, 1);
	uint64_t end;

	fragments_begin(&fixture, A4);
	fixture_settings(&fixture)->fragment_ns = SHORT_NS;
	fragment_first_goes(&fixture, &first, A4);
	end = fragment_clock_ns() + SHORT_NS;
	while (fragment_clock_ns() < end)
		usleep(1000);
	tap_ok(fragment_is_early(&fixture, &later), "when the time limit has passed");
	fixture_settings(&fixture)->fragment_ns = FRAGMENT_LONG_NS;
	tap_ok(fragment_follows(&fixture, &later, &whole, A4),
	       "with a longer limit it is still known");
}

/*
 * A flood of first fragments.
 */

static void flood(const struct packet *first)
{
	struct packet in = *first, out;

	for (uint32_t i = 0; i < FLOOD; i++) {
		memcpy(in.bytes + ETH_BYTES + SOURCE_OFFSET4, &i, sizeof(i));
		fixture_run(&fixture, &in, &out);
	}
}

static void test_flood(void)
{
	struct packet whole = fragment_whole(&fragment_kinds[UDP4]),
		      first = fragment_part(&whole, 0);
	struct packet later = fragment_part(&whole, 1);
	size_t count;

	fragments_begin(&fixture, A4);
	fragment_first_goes(&fixture, &first, A4);
	flood(&first);
	count = fragments_count(&fixture);
	tap_note("%d first fragments, %zu remembered", FLOOD, count);
	tap_ok(count > 0 && count <= POISE_FRAGMENT_ENTRIES, "a flood takes no more memory");
	tap_ok(fragment_is_early(&fixture, &later), "but pushes out what came before");
	tap_ok(fragment_first_goes(&fixture, &first, A4) &&
		       fragment_follows(&fixture, &later, &whole, A4),
	       "a packet that comes after it is sent whole");
}

int main(void)
{
	fixture_open(&fixture, RING_SIZE);
	test_backend_flags();
	test_no_backend();
	test_age();
	test_clock();
	test_flood();
	fixture_close(&fixture);
	return tap_done();
}
