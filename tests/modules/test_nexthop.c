/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Next hops as routes, links, rules and addresses change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "nexthop_fixture.h"

enum { CROWD = 2000 };

static const uint16_t untagged[2];

static bool has_gateway(void *context)
{
	const struct seen *seen = context;

	return !seen->last.on_link;
}

static bool has_no_gateway(void *context)
{
	return !has_gateway(context);
}

static void direct_neighbour(void **state)
{
	struct seen seen;

	(void)state;
	watch(&seen, "10.1.0.2");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .gateway = "10.1.0.2",
	       .destination = mac_a1, .source = mac_a0, .mtu = 1500);
	assert_int_equal(seen.calls, 1);
	assert_true(seen.last.on_link);
	expect_quiet(&seen);
}

/* Only whether a gateway stands between differs. */
static void gateway_that_is_the_address(void **state)
{
	struct seen seen;

	(void)state;
	watch(&seen, "10.1.0.2");
	expect(&seen, .state = NEXTHOP_READY);
	near("ip route add 10.1.0.2/32 via 10.1.0.2 dev a0 onlink");
	assert_true(loop_until(has_gateway, &seen, DEADLINE_MS));
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .gateway = "10.1.0.2",
	       .destination = mac_a1);
	near("ip route del 10.1.0.2/32");
	assert_true(loop_until(has_no_gateway, &seen, DEADLINE_MS));
}

static void behind_gateway(void **state)
{
	struct seen seen;

	(void)state;
	near("ip route add 10.9.0.0/24 via 10.2.0.2");
	watch(&seen, "10.9.0.7");
	expect(&seen, .state = NEXTHOP_READY, .interface = "b0", .gateway = "10.2.0.2",
	       .destination = mac_b1, .source = mac_b0, .vlan = untagged, .mtu = 1500);
	assert_false(seen.last.on_link);
}

static void direct_neighbour_ipv6(void **state)
{
	struct seen seen;

	(void)state;
	watch(&seen, "fd01::2");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .gateway = "fd01::2",
	       .destination = mac_a1, .source = mac_a0, .mtu = 1500);
}

static void behind_gateway_ipv6(void **state)
{
	struct seen seen, link_local;

	(void)state;
	near("ip route add fd09::/64 via fd02::2");
	near("ip route add fd0a::/64 via fe80::ff:fe00:a01 dev a0"); /* a1's own */
	watch(&seen, "fd09::7");
	watch(&link_local, "fd0a::7");
	expect(&seen, .state = NEXTHOP_READY, .interface = "b0", .gateway = "fd02::2",
	       .destination = mac_b1, .source = mac_b0, .mtu = 1500);
	expect(&link_local, .state = NEXTHOP_READY, .interface = "a0",
	       .gateway = "fe80::ff:fe00:a01", .destination = mac_a1, .source = mac_a0,
	       .mtu = 1500);
}

static void ipv6_gateway_of_ipv4_route(void **state)
{
	struct seen seen;

	(void)state;
	near("ip route add 10.9.0.0/24 via inet6 fd01::2");
	watch(&seen, "10.9.0.7");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .gateway = "fd01::2",
	       .destination = mac_a1, .source = mac_a0, .mtu = 1500);
}

static void carrier_lost_and_back(void **state)
{
	struct seen seen, other;

	(void)state;
	watch(&seen, "10.1.0.2");
	watch(&other, "10.2.0.2");
	expect(&seen, .state = NEXTHOP_READY);
	expect(&other, .state = NEXTHOP_READY);
	far("ip link set a1 down");
	expect(&seen, .state = NEXTHOP_LINK_DOWN);
	far("ip link set a1 up");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .gateway = "10.1.0.2",
	       .destination = mac_a1, .source = mac_a0);
	assert_int_equal(other.calls, 1);
}

static void link_down_and_back(void **state)
{
	struct seen seen;

	(void)state;
	watch(&seen, "10.1.0.2");
	expect(&seen, .state = NEXTHOP_READY);
	near("ip link set a0 down");
	expect(&seen, .state = NEXTHOP_LINK_DOWN);
	near("ip link set a0 up");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .gateway = "10.1.0.2",
	       .destination = mac_a1, .source = mac_a0);
}

static void route_to_other_interface(void **state)
{
	struct seen seen;

	(void)state;
	near("ip route add 10.9.32.0/19 via 10.1.0.2");
	watch(&seen, "10.9.63.7");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .gateway = "10.1.0.2",
	       .destination = mac_a1, .source = mac_a0);
	near("ip route replace 10.9.32.0/19 via 10.2.0.2");
	expect(&seen, .state = NEXTHOP_READY, .interface = "b0", .gateway = "10.2.0.2",
	       .destination = mac_b1, .source = mac_b0);
	near("ip route add 10.9.63.7/32 via 10.1.0.2");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0");
}

/* The kernel then says nothing of the route, and no watch uses the link. */
static void route_by_carrier(void **state)
{
	struct seen seen;

	(void)state;
	write_sysctl("/proc/sys/net/ipv4/conf/a0/ignore_routes_with_linkdown", "1");
	near("ip route add 10.9.0.0/24 via 10.1.0.2 metric 1");
	near("ip route add 10.9.0.0/24 via 10.2.0.2 metric 2");
	watch(&seen, "10.9.0.7");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0");
	far("ip link set a1 down");
	expect(&seen, .state = NEXTHOP_READY, .interface = "b0");
	far("ip link set a1 up");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0");
}

static void route_deleted_and_added(void **state)
{
	struct seen seen, seen6;

	(void)state;
	near("ip route add 10.9.0.0/24 via 10.1.0.2 && ip route add fd09::/64 via fd01::2");
	watch(&seen, "10.9.0.7");
	watch(&seen6, "fd09::7");
	expect(&seen, .state = NEXTHOP_READY);
	expect(&seen6, .state = NEXTHOP_READY);
	near("ip route del 10.9.0.0/24 && ip route del fd09::/64");
	expect(&seen, .state = NEXTHOP_NO_ROUTE);
	expect(&seen6, .state = NEXTHOP_NO_ROUTE);
	near("ip route add default via 10.2.0.2 && ip route add default via fd02::2");
	expect(&seen, .state = NEXTHOP_READY, .interface = "b0");
	expect(&seen6, .state = NEXTHOP_READY, .interface = "b0");
}

static void routes_that_lead_nowhere(void **state)
{
	static const char *const types[] = { "blackhole", "unreachable", "prohibit", "throw" };
	struct seen seen[4], seen6[4];
	char text[ADDRESS_TEXT_BYTES];

	(void)state;
	for (int i = 0; i < 4; i++) {
		near("ip route add %s 10.9.%d.0/24", types[i], i);
		near("ip route add %s fd09:%d::/64", types[i], i);
		snprintf(text, sizeof(text), "10.9.%d.7", i);
		watch(&seen[i], text);
		snprintf(text, sizeof(text), "fd09:%d::7", i);
		watch(&seen6[i], text);
	}
	for (int i = 0; i < 4; i++) {
		expect(&seen[i], .state = NEXTHOP_NO_ROUTE);
		expect(&seen6[i], .state = NEXTHOP_NO_ROUTE);
	}
}

static void mtu_of_link_and_route(void **state)
{
	struct seen seen, routed;

	(void)state;
	near("ip route add 10.9.0.0/24 via 10.1.0.2 mtu 1300");
	watch(&seen, "10.1.0.2");
	watch(&routed, "10.9.0.7");
	expect(&seen, .state = NEXTHOP_READY, .mtu = 1500);
	expect(&routed, .state = NEXTHOP_READY, .mtu = 1300);
	near("ip link set a0 mtu 1400");
	expect(&seen, .state = NEXTHOP_READY, .mtu = 1400);
	assert_int_equal(routed.calls, 1);
	near("ip link set a0 mtu 1200");
	expect(&routed, .state = NEXTHOP_READY, .mtu = 1200);
	near("ip link set a0 mtu 1500 && ip route replace 10.9.0.0/24 via 10.1.0.2 mtu 1350");
	expect(&routed, .state = NEXTHOP_READY, .mtu = 1350);
	near("ip route replace 10.9.0.0/24 via 10.1.0.2");
	expect(&routed, .state = NEXTHOP_READY, .mtu = 1500);
	near("ip link set a0 mtu 65535");
	expect(&routed, .state = NEXTHOP_READY, .mtu = 65535);
}

/* A router says 'fragmentation needed' for one address; that expires, and the kernel announces
 * neither. */
static void learned_mtu_not_taken(void **state)
{
	struct seen seen;

	(void)state;
	near("ip route add 10.9.0.0/24 via 10.1.0.2 mtu 1450");
	far("sysctl -qw net.ipv4.ip_forward=1");
	far("ip link add p0 mtu 1000 type veth peer name p1");
	far("ip link set p0 up");
	far("ip link set p1 up");
	far("ip route add 10.9.0.0/24 dev p0");
	(void)!system("ping -q -c 1 -W 1 -M do -s 1300 10.9.0.7 >/dev/null 2>&1");
	assert_int_equal(lines_of("ip route get 10.9.0.7 | grep 'expires .* mtu 1000'"), 1);
	watch(&seen, "10.9.0.7");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .mtu = 1450);
}

static void own_mac_changed(void **state)
{
	struct seen seen;

	(void)state;
	watch(&seen, "10.1.0.2");
	expect(&seen, .state = NEXTHOP_READY, .source = mac_a0);
	near("ip link set a0 address 02:00:00:00:0c:0c");
	expect(&seen, .state = NEXTHOP_READY, .source = mac_new, .destination = mac_a1);
	assert_int_equal(seen.calls, 2);
}

static void link_made_anew(void **state)
{
	struct seen seen;
	uint32_t before;

	(void)state;
	watch(&seen, "10.1.0.2");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0");
	before = seen.last.ifindex;
	near("ip link del a0");
	expect(&seen, .state = NEXTHOP_NO_ROUTE);
	add_pair('a', 1);
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .gateway = "10.1.0.2",
	       .destination = mac_a1, .source = mac_a0, .mtu = 1500);
	assert_int_not_equal(seen.last.ifindex, before);
}

static void link_renamed(void **state)
{
	struct seen seen;

	(void)state;
	watch(&seen, "10.1.0.2");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0");
	near("ip link set a0 down && ip link set a0 name other0 && ip link set other0 up");
	expect(&seen, .state = NEXTHOP_READY, .interface = "other0");
}

static void local_address(void **state)
{
	struct seen seen, seen6, later;

	(void)state;
	watch(&seen, "10.1.0.1");
	watch(&seen6, "fd01::1");
	watch(&later, "10.1.0.2");
	expect(&seen, .state = NEXTHOP_LOCAL);
	expect(&seen6, .state = NEXTHOP_LOCAL);
	expect(&later, .state = NEXTHOP_READY);
	near("ip address add 10.1.0.2/32 dev lo");
	expect(&later, .state = NEXTHOP_LOCAL);
	near("ip address del 10.1.0.2/32 dev lo");
	expect(&later, .state = NEXTHOP_READY);
}

static void link_without_ethernet(void **state)
{
	struct seen seen;

	(void)state;
	near("ip tuntap add t0 mode tun && ip link set t0 up && ip route add 10.9.0.0/24 dev t0");
	watch(&seen, "10.9.0.7");
	expect(&seen, .state = NEXTHOP_NOT_ETHERNET);
}

static void bridge_and_macvlan(void **state)
{
	static const uint8_t mac_bridge[] = { 2, 0, 0, 0, 0xd, 0 };
	struct seen bridged, stacked;

	(void)state;
	near("ip link add br0 address 02:00:00:00:0d:00 type bridge && ip link set a0 master br0");
	near("ip address flush dev a0 && ip address add 10.1.0.1/24 dev br0");
	near("ip link set br0 up");
	near("ip link add m0 address 02:00:00:00:0c:0c link b0 type macvlan && ip link set m0 up");
	near("ip address add 10.7.0.1/24 dev m0");
	far("ip address add 10.7.0.2/24 dev b1");
	watch(&bridged, "10.1.0.2");
	watch(&stacked, "10.7.0.2");
	expect(&bridged, .state = NEXTHOP_READY, .interface = "br0", .destination = mac_a1,
	       .source = mac_bridge);
	expect(&stacked, .state = NEXTHOP_READY, .interface = "m0", .destination = mac_b1,
	       .source = mac_new);
	near("ip link set a0 nomaster");
	near("ip address add 10.1.0.1/24 dev a0 && ip address del 10.1.0.1/24 dev br0");
	expect(&bridged, .state = NEXTHOP_READY, .interface = "a0", .gateway = "10.1.0.2",
	       .destination = mac_a1, .source = mac_a0);
}

static void rule_changed(void **state)
{
	struct seen seen;

	(void)state;
	near("ip route add 10.9.0.0/24 via 10.1.0.2");
	near("ip route add 10.9.0.0/24 via 10.2.0.2 table 100");
	watch(&seen, "10.9.0.7");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0");
	near("ip rule add to 10.9.0.0/16 lookup 100");
	expect(&seen, .state = NEXTHOP_READY, .interface = "b0");
	near("ip rule del to 10.9.0.0/16 lookup 100");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0");
}

static void next_hop_object_changed(void **state)
{
	struct seen seen;

	(void)state;
	near("ip nexthop add id 7 via 10.1.0.2 dev a0 && ip route add 10.9.0.0/24 nhid 7");
	watch(&seen, "10.9.0.7");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0");
	near("ip nexthop replace id 7 via 10.2.0.2 dev b0");
	expect(&seen, .state = NEXTHOP_READY, .interface = "b0");
}

static void unrelated_changes_call_nobody(void **state)
{
	struct seen seen;

	(void)state;
	watch(&seen, "10.1.0.2");
	expect(&seen, .state = NEXTHOP_READY);
	near("ip route add 10.8.0.0/24 via 10.2.0.2 && ip link add c0 type veth peer name c1");
	near("ip link set c0 up && ip link set b0 mtu 1400 && ip link del c0");
	near("ip neigh change 10.1.0.2 dev a0 nud stale && ip address add 10.6.0.1/32 dev lo");
	expect_quiet(&seen);
	assert_int_equal(seen.calls, 1);
}

struct crowd {
	struct seen seen[CROWD];
	const uint8_t *mac;
};

static bool crowd_ready(void *context)
{
	struct crowd *crowd = context;

	for (int i = 0; i < CROWD; i++)
		if (crowd->seen[i].last.state != NEXTHOP_READY || crowd->seen[i].calls == 0 ||
		    memcmp(crowd->seen[i].last.destination_mac, crowd->mac, 6) != 0)
			return false;
	return true;
}

static void crowd_behind_one_gateway(void **state)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	char text[ADDRESS_TEXT_BYTES];

	(void)state;
	assert_non_null(crowd);
	near("ip route add 10.9.0.0/16 via 10.1.0.2");
	crowd->mac = mac_a1;
	for (int i = 0; i < CROWD; i++) {
		snprintf(text, sizeof(text), "10.9.%d.%d", i / 250, i % 250 + 1);
		watch(&crowd->seen[i], text);
	}
	assert_true(loop_until(crowd_ready, crowd, DEADLINE_MS));
	assert_int_equal(lines_of("ip neigh show dev a0 nud all | grep '^10[.]'"), 1);
	assert_int_equal(lines_of("ip neigh show dev b0 nud all | grep '^10[.]'"), 0);

	crowd->mac = mac_new;
	far("ip link set a1 address 02:00:00:00:0c:0c");
	assert_true(loop_until(crowd_ready, crowd, DEADLINE_MS));
	crowd->mac = mac_b1;
	near("ip route replace 10.9.0.0/16 via 10.2.0.2");
	assert_true(loop_until(crowd_ready, crowd, DEADLINE_MS));
	for (int i = 0; i < CROWD; i += 2)
		nexthop_watch_free(crowd->seen[i].watch);
	nexthops_free(nexthops);
	nexthops = NULL;
	free(crowd);
}

static bool freed(void *context)
{
	struct seen *seen = context;

	return !seen->watch;
}

static void freed_in_its_callback(void **state)
{
	struct seen seen, twin, other;

	(void)state;
	watch(&seen, "10.1.0.2");
	watch(&twin, "10.1.0.2");
	watch(&other, "10.2.0.2");
	seen.free_it = other.free_it = true;
	assert_true(loop_until(freed, &seen, DEADLINE_MS));
	assert_true(loop_until(freed, &other, DEADLINE_MS));
	expect(&twin, .state = NEXTHOP_READY);
	far("ip link set a1 address 02:00:00:00:0c:0c");
	expect(&twin, .state = NEXTHOP_READY, .destination = mac_new);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(other.calls, 1);
}

/* More notices than the socket holds, while the loop does not run; the last ones are lost. */
static void overrun_made_good(void **state)
{
	struct seen routed, link, neighbour;

	(void)state;
	near("ip route add 10.9.0.0/24 via 10.1.0.2");
	watch(&routed, "10.9.0.7");
	watch(&link, "10.1.0.2");
	watch(&neighbour, "10.2.0.2");
	expect(&routed, .state = NEXTHOP_READY, .interface = "a0");
	expect(&link, .state = NEXTHOP_READY, .interface = "a0");
	expect(&neighbour, .state = NEXTHOP_READY, .interface = "b0");
	near("for i in $(seq 250); do for j in $(seq 80); do echo route add 10.20.$j.$i/32 dev b0;"
	     " done; done | ip -batch -");
	near("ip route replace 10.9.0.0/24 via 10.2.0.2 && ip link set a0 mtu 1400");
	near("ip neigh replace 10.2.0.2 dev b0 lladdr 02:00:00:00:0c:0c nud permanent");
	expect(&routed, .state = NEXTHOP_READY, .interface = "b0", .gateway = "10.2.0.2",
	       .destination = mac_new, .source = mac_b0);
	expect(&link, .state = NEXTHOP_READY, .mtu = 1400);
	expect(&neighbour, .state = NEXTHOP_READY, .destination = mac_new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(direct_neighbour),
		TEST(gateway_that_is_the_address),
		TEST(behind_gateway),
		TEST(direct_neighbour_ipv6),
		TEST(behind_gateway_ipv6),
		TEST(ipv6_gateway_of_ipv4_route),
		TEST(carrier_lost_and_back),
		TEST(link_down_and_back),
		TEST(route_to_other_interface),
		TEST(route_by_carrier),
		TEST(route_deleted_and_added),
		TEST(routes_that_lead_nowhere),
		TEST(mtu_of_link_and_route),
		TEST(learned_mtu_not_taken),
		TEST(own_mac_changed),
		TEST(link_made_anew),
		TEST(link_renamed),
		TEST(local_address),
		TEST(link_without_ethernet),
		TEST(bridge_and_macvlan),
		TEST(rule_changed),
		TEST(next_hop_object_changed),
		TEST(unrelated_changes_call_nobody),
		TEST(crowd_behind_one_gateway),
		TEST(freed_in_its_callback),
		TEST(overrun_made_good),
	};

	return can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
