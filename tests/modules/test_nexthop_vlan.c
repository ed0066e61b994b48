/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Next hops through VLAN interfaces, single and stacked, as these change. Needs a kernel that has
 * them (8021q).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "nexthop_fixture.h"
#include "poise_abi.h"

enum { SERVICE_TAG = POISE_VLAN_TAG | POISE_VLAN_SERVICE };

static const uint16_t none[2];
static const uint16_t tag_7[2] = { POISE_VLAN_TAG | 7 };

/* An interface on both sides over a pair of interfaces, and the network 10.N.0.0/24 on it. */
static void add_vlan(const char *over_near, const char *over_far, const char *kind, int id,
		     const char *name, int network)
{
	near("ip link add link %s name %s type vlan proto %s id %d", over_near, name, kind, id);
	near("ip address add 10.%d.0.1/24 dev %s && ip link set %s up", network, name, name);
	far("ip link add link %s name %s type vlan proto %s id %d", over_far, name, kind, id);
	far("ip address add 10.%d.0.2/24 dev %s", network, name);
	far("ip link set %s up", name);
	probe_fast(name);
}

static void leaves_by_the_parent_with_the_tag(void **state)
{
	struct seen seen;

	(void)state;
	add_vlan("a0", "a1", "802.1q", 7, "v7", 7);
	watch(&seen, "10.7.0.2");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .gateway = "10.7.0.2",
	       .destination = mac_a1, .source = mac_a0, .vlan = tag_7, .mtu = 1500);
	assert_true(seen.last.on_link);
}

static void behind_gateway_with_own_mac_and_mtu(void **state)
{
	struct seen seen;

	(void)state;
	add_vlan("a0", "a1", "802.1q", 7, "v7", 7);
	near("ip link set v7 address 02:00:00:00:0c:0c mtu 1400");
	near("ip route add 10.9.0.0/24 via 10.7.0.2");
	watch(&seen, "10.9.0.7");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .gateway = "10.7.0.2",
	       .destination = mac_a1, .source = mac_new, .vlan = tag_7, .mtu = 1400);
	assert_false(seen.last.on_link);
}

static void two_tags_the_outer_one_first(void **state)
{
	static const uint16_t tags[2] = { SERVICE_TAG | 4094, POISE_VLAN_TAG | 5 };
	struct seen seen;

	(void)state;
	add_vlan("a0", "a1", "802.1ad", 4094, "s0", 6);
	add_vlan("s0", "s0", "802.1q", 5, "c0", 7);
	watch(&seen, "10.7.0.2");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .destination = mac_a1,
	       .source = mac_a0, .vlan = tags, .mtu = 1496);
	near("ip link set a0 mtu 1504");
	expect(&seen, .state = NEXTHOP_READY, .vlan = tags, .mtu = 1500);
}

static void three_tags_are_too_many(void **state)
{
	struct seen seen;

	(void)state;
	add_vlan("a0", "a1", "802.1ad", 3, "s0", 5);
	add_vlan("s0", "s0", "802.1q", 4, "c0", 6);
	add_vlan("c0", "c0", "802.1q", 5, "d0", 7);
	watch(&seen, "10.7.0.2");
	expect(&seen, .state = NEXTHOP_TOO_MANY_TAGS);
	near("ip route add 10.7.0.2/32 dev a0");
	far("ip address add 10.7.0.2/32 dev a1");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .vlan = none);
}

static void parent_in_another_namespace(void **state)
{
	struct seen seen;

	(void)state;
	add_vlan("a0", "a1", "802.1q", 7, "v7", 7);
	far("ip link add link b1 name v8 type vlan id 8");
	far("ip link set v8 netns %d", getpid());
	near("ip address add 10.8.0.1/24 dev v8 && ip link set v8 up");
	watch(&seen, "10.8.0.2");
	expect(&seen, .state = NEXTHOP_ELSEWHERE);
}

static void parent_goes_down_and_up(void **state)
{
	struct seen seen;

	(void)state;
	add_vlan("a0", "a1", "802.1q", 7, "v7", 7);
	watch(&seen, "10.7.0.2");
	expect(&seen, .state = NEXTHOP_READY);
	far("ip link set a1 down");
	expect(&seen, .state = NEXTHOP_LINK_DOWN);
	far("ip link set a1 up && ip link set v7 up");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .vlan = tag_7);
}

/* The VLAN interface then keeps its carrier, whatever its parent does. */
static void parent_down_under_loose_binding(void **state)
{
	struct seen seen;

	(void)state;
	near("ip link add link a0 name v7 type vlan id 7 loose_binding on");
	near("ip address add 10.7.0.1/24 dev v7 && ip link set v7 up");
	near("ip neigh add 10.7.0.2 dev v7 lladdr 02:00:00:00:0a:01 nud permanent");
	watch(&seen, "10.7.0.2");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .vlan = tag_7);
	near("ip link set a0 down");
	expect(&seen, .state = NEXTHOP_LINK_DOWN);
	near("ip link set a0 up");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0", .vlan = tag_7);
}

static void made_anew_with_another_id(void **state)
{
	static const uint16_t tag_8[2] = { SERVICE_TAG | 8 };
	struct seen seen;

	(void)state;
	add_vlan("a0", "a1", "802.1q", 7, "v7", 7);
	watch(&seen, "10.7.0.2");
	expect(&seen, .state = NEXTHOP_READY, .vlan = tag_7);
	near("ip link del v7");
	expect(&seen, .state = NEXTHOP_NO_ROUTE);
	far("ip link del v7");
	add_vlan("b0", "b1", "802.1ad", 8, "v7", 7);
	expect(&seen, .state = NEXTHOP_READY, .interface = "b0", .destination = mac_b1,
	       .source = mac_b0, .vlan = tag_8);
}

static void parent_renamed_and_gone(void **state)
{
	struct seen seen;

	(void)state;
	add_vlan("a0", "a1", "802.1q", 7, "v7", 7);
	watch(&seen, "10.7.0.2");
	expect(&seen, .state = NEXTHOP_READY, .interface = "a0");
	near("ip link set a0 down && ip link set a0 name other0 && ip link set other0 up");
	near("ip link set v7 up");
	expect(&seen, .state = NEXTHOP_READY, .interface = "other0", .vlan = tag_7);
	near("ip link del other0");
	expect(&seen, .state = NEXTHOP_NO_ROUTE);
}

static void over_a_bridge(void **state)
{
	struct seen seen;

	(void)state;
	near("ip link add br0 address 02:00:00:00:0c:0c type bridge && ip link set a0 master br0");
	near("ip address flush dev a0 && ip link set br0 up");
	add_vlan("br0", "a1", "802.1q", 7, "v7", 7);
	watch(&seen, "10.7.0.2");
	expect(&seen, .state = NEXTHOP_READY, .interface = "br0", .destination = mac_a1,
	       .source = mac_new, .vlan = tag_7);
}

static bool kernel_has_vlans(void)
{
	if (unshare(CLONE_NEWNET) == 0 &&
	    system("ip link add v0 type veth peer name v1 && "
		   "ip link add link v0 name v2 type vlan id 2 2>/dev/null") == 0)
		return true;
	printf("1..0 # SKIP needs VLAN interfaces (8021q), which this kernel lacks\n");
	return false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(leaves_by_the_parent_with_the_tag), TEST(behind_gateway_with_own_mac_and_mtu),
		TEST(two_tags_the_outer_one_first),	 TEST(three_tags_are_too_many),
		TEST(parent_in_another_namespace),	 TEST(parent_goes_down_and_up),
		TEST(parent_down_under_loose_binding),	 TEST(made_anew_with_another_id),
		TEST(parent_renamed_and_gone),		 TEST(over_a_bridge),
	};

	return can_run() && kernel_has_vlans() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
