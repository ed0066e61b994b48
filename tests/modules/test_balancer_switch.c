/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* second_chance and exceptions are switched while a service runs: what packets see meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>

#include "balancer_fixture.h"
#include "balancer_packets.h"
#include "balancer_commands.h"

#define GUE                                                                                        \
	"- name: web\n  address: 203.0.113.10\n  port: 80\n  ring_size: 1021\n"                    \
	"  encapsulation: gue\n"
#define PLAIN	   GUE "  backends:\n" B0 B1 B2
#define CHAINS	   GUE "  second_chance: true\n  backends:\n" B0 B1 B2
#define NAMES	   GUE "  second_chance: true\n  exceptions: off\n  backends:\n" B0 B1 B2
#define NO_RECORDS GUE "  exceptions: off\n  backends:\n" B0 B1 B2
#define SWITCHES   20
#define ROOM	   12 /* that two hops of IPv4 take */
#define WAY_MTU	   1500

static struct service *web(void)
{
	return service_named("web");
}

static bool has_chains(void)
{
	return __atomic_load_n(&maps_service(world.balancer->maps, web()->index)->flags,
			       __ATOMIC_ACQUIRE) &
	       POISE_SERVICE_CHAIN;
}

/* A packet that saw the flag from its beginning to its end, and what its way took. */
struct watch {
	const struct backend *backend;
	bool stop;
	uint32_t with, without, too_large;
};

static void *watch_way(void *context)
{
	struct watch *watch = context;

	while (!__atomic_load_n(&watch->stop, __ATOMIC_RELAXED)) {
		bool before = has_chains();
		uint16_t index = watch->backend->index;
		uint16_t mtu =
			*(const volatile __u16 *)&maps_backend(world.balancer->maps, index)->mtu;

		if (before && has_chains()) {
			watch->with++;
			watch->too_large += mtu > WAY_MTU - ROOM;
		} else {
			watch->without++;
		}
	}
	return NULL;
}

static void every_way_has_room_while_there_are_chains(void **state)
{
	struct watch watch = { 0 };
	pthread_t thread;

	(void)state;
	begin("15m", PLAIN);
	watch.backend = backend_named("web", "b0");
	assert_int_equal(pthread_create(&thread, NULL, watch_way, &watch), 0);
	for (int i = 0; i < SWITCHES; i++) {
		apply(config_with("15m", i % 2 ? PLAIN : CHAINS));
		loop_for(5);
		assert_int_equal(has_chains(), i % 2 == 0);
		assert_int_equal(watch.backend->entry.mtu, WAY_MTU - (i % 2 ? 0 : ROOM));
	}
	watch.stop = true;
	pthread_join(thread, NULL);
	assert_true(watch.with > 1000 && watch.without > 1000);
	assert_int_equal(watch.too_large, 0);
}

/* What an earlier poised wrote counts until the way is found again. */
static void chains_wait_for_ways_that_are_looked_for(void **state)
{
	(void)state;
	begin("15m", PLAIN);
	stop();
	shell("ip neigh del 10.9.0.12 dev in0");
	start();
	apply(config_with("15m", NAMES));
	loop_for(100);
	assert_false(has_chains());
	drain(backend_named("web", "b2"), true);
	assert_int_equal(web()->moving.named, 0);
	assert_true(web()->moving.recorded > 300);
	mend_network();
	quieten();
	assert_true(has_chains());
	assert_int_equal(backend_named("web", "b1")->entry.mtu, WAY_MTU - ROOM);
}

/* Recorded connections of a slot that gets a third owner stay where they are, and so their records
 * never speak for others. */
static void records_end_with_their_slots(void **state)
{
	struct connections all;

	(void)state;
	begin("15m", PLAIN);
	drain(backend_named("web", "b1"), true);
	connect_all(&all, "203.0.113.10", 80);
	apply(config_with("15m", NO_RECORDS));
	drain(backend_named("web", "b1"), false);
	assert_true(web()->moving.recorded > 300);
	expect_kept(&all);
	apply(config_with("15m", PLAIN));
	expect_kept(&all);
}

static void names_end_before_nobody_is_named(void **state)
{
	(void)state;
	begin("15m", NAMES);
	drain(backend_named("web", "b1"), true);
	assert_true(web()->moving.named > 300);
	apply(config_with("15m", PLAIN));
	assert_false(has_chains());
	assert_int_equal(web()->moving.named, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_way_has_room_while_there_are_chains),
		TEST(chains_wait_for_ways_that_are_looked_for),
		TEST(records_end_with_their_slots),
		TEST(names_end_before_nobody_is_named),
	};

	if (!can_run())
		return 0;
	return cmocka_run_group_tests(tests, world_open, world_close);
}
