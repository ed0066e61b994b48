/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Many rings change at once: they are built in turns of the event loop, between which all goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/resource.h>

#include "balancer_fixture.h"

/* More than three turns' worth, whatever the machine: a turn builds 128 rings at most. */
enum { SERVICES = 400, SLOTS = 251, TURN = 128, LONG_MS = 30000 };

/* Services s0, s1... but those whose number is a multiple of 'without'; two backends each, of equal
 * weights or not. */
static struct config *many(int without, int weight)
{
	struct text text;

	text_begin(&text, "60s", "172.16.0.0/16");
	for (int i = 0; i < SERVICES; i++)
		if (!without || i % without)
			fprintf(text.stream,
				"- name: s%d\n  address: 198.18.%d.%d\n  port: 80\n"
				"  ring_size: %d\n  backends:\n"
				"  - { name: a, address: 10.64.%d.%d, weight: %d }\n"
				"  - { name: b, address: 10.65.%d.%d }\n",
				i, i >> 8, i & 255, SLOTS, i >> 8, i & 255, weight, i >> 8,
				i & 255);
	return text_parse(&text);
}

static size_t count_waiting(void)
{
	size_t count = 0;

	for (size_t i = 0; i < world.balancer->service_count; i++)
		count += world.balancer->services[i]->dirty;
	return count;
}

static void come_to_rest(void)
{
	if (!loop_until(is_quiet, NULL, LONG_MS))
		fail_msg("%zu rings were not built in %d ms", count_waiting(), LONG_MS);
}

/* Every ring is what the definition says of its backends. */
static uint32_t count_owned(const struct ring *ring, uint16_t index)
{
	uint32_t count = 0;

	for (uint32_t slot = 0; slot < ring->size; slot++)
		count += (ring->slots[slot] & POISE_SLOT_OWNER) == index;
	return count;
}

static void assert_rings(void)
{
	for (size_t i = 0; i < world.balancer->service_count; i++) {
		const struct service *service = world.balancer->services[i];
		struct maglev_member members[2];
		uint16_t owners[SLOTS];
		size_t count = 0;

		for (const struct backend *b = service->backends; b; b = b->next) {
			uint16_t weight = backend_eligible(b) ? b->weight : 0;

			members[count++] = (struct maglev_member){ .address = b->address,
								   .index = b->index,
								   .weight = weight };
		}
		assert_int_equal(maglev_build(members, count, SLOTS, SEED, owners), 0);
		for (int slot = 0; slot < SLOTS; slot++)
			assert_int_equal(service->ring.slots[slot] & POISE_SLOT_OWNER,
					 owners[slot]);
		for (const struct backend *b = service->backends; b; b = b->next)
			assert_int_equal(b->ring.owned, count_owned(&service->ring, b->index));
	}
}

static void begin(void)
{
	apply(many(0, 100));
	come_to_rest();
	assert_rings();
}

static void a_turn_builds_some_and_others_follow(void **state)
{
	size_t before, after;

	(void)state;
	begin();
	apply(many(0, 50));
	before = count_waiting();
	assert_in_range(before, SERVICES - TURN, SERVICES - 1);
	event_base_loop(world.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	after = count_waiting();
	assert_in_range(after, before - TURN, before);
	come_to_rest();
	assert_rings();
}

static void tick(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	if (count_waiting() > 0)
		++*(int *)context;
}

static void other_events_are_handled_between_turns(void **state)
{
	struct timeval at_once = { 0 };
	struct event *timer;
	int ticks = 0;

	(void)state;
	begin();
	timer = event_new(world.base, -1, EV_PERSIST, tick, &ticks);
	apply(many(0, 50));
	event_add(timer, &at_once);
	come_to_rest();
	event_free(timer);
	assert_true(ticks > 0);
}

/* The last one would be built last. */
static void a_command_does_not_wait_for_others(void **state)
{
	char error[RUNTIME_ERROR_BYTES];
	struct service *service;

	(void)state;
	begin();
	apply(many(0, 50));
	service = world.balancer->services[SERVICES - 1];
	assert_true(service->dirty);
	assert_int_equal(runtime_drain(world.balancer, service->backends, true, error), 0);
	assert_false(service->dirty);
	assert_int_equal(service->backends->ring.owned, 0);
	assert_true(count_waiting() > 0);
	come_to_rest();
	assert_rings();
}

static void services_that_wait_may_be_removed(void **state)
{
	(void)state;
	begin();
	apply(many(0, 50));
	apply(many(2, 50));
	assert_int_equal(world.balancer->service_count, SERVICES / 2);
	come_to_rest();
	assert_rings();
}

static void a_reload_may_change_them_again(void **state)
{
	(void)state;
	begin();
	apply(many(0, 50));
	apply(many(0, 20));
	come_to_rest();
	assert_rings();
}

static void a_death_in_between_loses_no_change(void **state)
{
	(void)state;
	begin();
	apply(many(0, 50));
	assert_true(count_waiting() > 0);
	stop();
	start();
	assert_true(count_waiting() > 0);
	apply(many(0, 50));
	come_to_rest();
	assert_rings();
}

/* What a slot needs to move is made when it moves first. */
static void rings_move_before_there_was_time_to_prepare(void **state)
{
	struct service *service;

	(void)state;
	begin();
	service = world.balancer->services[0];
	apply(many(0, 50));
	come_to_rest();
	assert_non_null(service->ring.moves);
	assert_true(service->moving.recorded > 0);
}

/* A map that the kernel refuses, be it for memory or, as here, for descriptors. */
static void a_ring_that_could_not_be_built_is_tried_again(void **state)
{
	struct service *service;
	struct rlimit before, none;
	int next;

	(void)state;
	begin();
	service = world.balancer->services[0];
	next = dup(STDERR_FILENO);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	apply(many(0, 50));
	loop_for(1000); /* until nothing else asks for it */
	assert_true(service->dirty);
	assert_int_equal(service->ring_error, -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	come_to_rest();
	assert_int_equal(service->ring_error, 0);
	assert_rings();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_turn_builds_some_and_others_follow),
		TEST(other_events_are_handled_between_turns),
		TEST(a_command_does_not_wait_for_others),
		TEST(services_that_wait_may_be_removed),
		TEST(a_reload_may_change_them_again),
		TEST(a_death_in_between_loses_no_change),
		TEST(rings_move_before_there_was_time_to_prepare),
		TEST(a_ring_that_could_not_be_built_is_tried_again),
	};

	if (!can_run())
		return 0;
	return cmocka_run_group_tests_name("balancer slices", tests, world_open, world_close);
}
