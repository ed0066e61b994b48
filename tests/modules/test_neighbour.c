/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Neighbours that change their MAC, fall silent, are forgotten, or are not ours to touch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "nexthop_fixture.h"

static void gateway_with_new_mac(void **state)
{
	struct seen seen;

	(void)state;
	near("ip route add 10.9.0.0/24 via 10.1.0.2");
	watch(&seen, "10.9.0.7");
	expect(&seen, .state = NEXTHOP_READY, .destination = mac_a1);
	/* With arp_notify the far end announces it by a gratuitous ARP. */
	far("ip link set a1 address 02:00:00:00:0c:0c");
	expect(&seen, .state = NEXTHOP_READY, .destination = mac_new, .source = mac_a0);
	assert_int_equal(seen.calls, 2);
}

static void gateway_with_new_mac_after_flush(void **state)
{
	struct seen seen;

	(void)state;
	far("sysctl -qw net.ipv4.conf.a1.arp_notify=0");
	watch(&seen, "10.1.0.2");
	expect(&seen, .state = NEXTHOP_READY, .destination = mac_a1);
	far("ip link set a1 address 02:00:00:00:0c:0c");
	near("ip neigh flush dev a0");
	expect(&seen, .state = NEXTHOP_READY, .destination = mac_new);
	assert_int_equal(seen.calls, 2);
}

static void silent_neighbour_found_later(void **state)
{
	struct seen seen, seen6;

	(void)state;
	watch(&seen, "10.1.0.99");
	watch(&seen6, "fd01::99");
	expect(&seen, .state = NEXTHOP_NO_NEIGHBOUR);
	expect(&seen6, .state = NEXTHOP_NO_NEIGHBOUR);
	far("ip address add 10.1.0.99/24 dev a1");
	far("ip address add fd01::99/64 dev a1 nodad");
	expect(&seen, .state = NEXTHOP_READY, .destination = mac_a1);
	expect(&seen6, .state = NEXTHOP_READY, .destination = mac_a1);
	assert_int_equal(seen.calls, 2);
}

/* The kernel probes a stale neighbour only when it is used. */
static void neighbour_fallen_silent(void **state)
{
	struct seen seen;

	(void)state;
	watch(&seen, "10.1.0.2");
	expect(&seen, .state = NEXTHOP_READY);
	far("ip link set a1 arp off");
	near("ip neigh change 10.1.0.2 dev a0 nud stale");
	expect(&seen, .state = NEXTHOP_NO_NEIGHBOUR, .time_ms = PATIENCE_MS);
	far("ip link set a1 arp on");
	expect(&seen, .state = NEXTHOP_READY);
}

static bool prints_a_line(void *command)
{
	return lines_of(command) == 1;
}

static void forgotten_neighbour_keeps_mac(void **state)
{
	struct seen seen;

	(void)state;
	watch(&seen, "10.1.0.2");
	expect(&seen, .state = NEXTHOP_READY);
	near("ip neigh del 10.1.0.2 dev a0");
	assert_true(loop_until(prints_a_line, "ip neigh show 10.1.0.2 nud reachable", DEADLINE_MS));
	assert_int_equal(seen.calls, 1);
}

/* While nobody can say whether it lives, the last MAC stays for about three seconds. */
static void forgotten_neighbour_after_grace(void **state)
{
	struct seen seen;
	int64_t start, end;

	(void)state;
	/* Slower probes than the grace, so that it is the grace that ends first. */
	write_sysctl("/proc/sys/net/ipv4/neigh/a0/retrans_time_ms", "60000");
	watch(&seen, "10.1.0.2");
	expect(&seen, .state = NEXTHOP_READY);
	far("ip link set a1 arp off");
	start = now_ms();
	near("ip neigh del 10.1.0.2 dev a0");
	expect(&seen, .state = NEXTHOP_NO_NEIGHBOUR, .time_ms = PATIENCE_MS);
	end = now_ms();
	assert_in_range(end - start, 2500, PATIENCE_MS);
}

static void permanent_neighbour_left_alone(void **state)
{
	struct seen seen;

	(void)state;
	near("ip neigh add 10.1.0.50 dev a0 lladdr 02:00:00:00:0c:0c nud permanent");
	near("ip neigh add 10.1.0.51 dev a0 lladdr 02:00:00:00:0c:0c nud reachable extern_learn");
	watch(&seen, "10.1.0.50");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .gateway = "10.1.0.50",
	       .destination = mac_new);
	watch(&seen, "10.1.0.51");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .gateway = "10.1.0.51",
	       .destination = mac_new);
	expect_quiet(&seen);
	assert_int_equal(lines_of("ip neigh show 10.1.0.50 nud permanent"), 1);
	assert_int_equal(lines_of("ip neigh show 10.1.0.51 | grep extern_learn"), 1);
}

/* A link was down for so long that nothing is left of what was known of its neighbours. */
static void link_back_after_grace(void **state)
{
	struct seen seen;

	(void)state;
	/* what the kernel asked while the link was down fails when it is up */
	write_sysctl("/proc/sys/net/ipv4/neigh/a0/retrans_time_ms", "1000");
	watch(&seen, "10.1.0.2");
	expect(&seen, .state = NEXTHOP_READY);
	far("sysctl -qw net.ipv4.conf.a1.arp_notify=0");
	far("ip link set a1 down");
	expect(&seen, .state = NEXTHOP_LINK_DOWN);
	loop_until(never, NULL, 4500);
	far("ip link set a1 up");
	expect(&seen, .state = NEXTHOP_READY);
	assert_int_equal(seen.states & 1u << NEXTHOP_NO_NEIGHBOUR, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gateway_with_new_mac),	      TEST(gateway_with_new_mac_after_flush),
		TEST(silent_neighbour_found_later),   TEST(neighbour_fallen_silent),
		TEST(forgotten_neighbour_keeps_mac),  TEST(forgotten_neighbour_after_grace),
		TEST(permanent_neighbour_left_alone), TEST(link_back_after_grace),
	};

	return can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
