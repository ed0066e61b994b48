#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A balancer with one interface towards clients and another towards backends: packets leave by
# XDP_REDIRECT, and follow the route when it changes its interface.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

bulk()
{
	equal "200 $(stat -c %s "$NET_DIR/data")" "$(upload "$1")" &&
		equal "$(cat "$NET_DIR/data.sum")" \
			"$(on client curl -sS --max-time 300 "$(url "$1" /data)" | sha256sum)"
}

# Every backend is reached through INTERFACE.
leaves_by()
{
	equal "[\"$1\"]" "$(status -c '[.services[].backends[].next_hop.interface] | unique')"
}

link() { ip -n "$(net_name "$1")" link set "$2" "$3"; }

next_hops()
{
	equal "[\"$1\"]" "$(status -c '[.services[].backends[].next_hop.state] | unique')"
}

tap_begin two
{
	config_web 1 2 3 4
	service_yaml web46 "$VIP46" 6 1 2 3 4
	service_yaml web64 "$VIP64" 4 1 2 3 4
} >"$NET_CONFIG"
poised_start
check "all backends come up" wait_for 60 all_up
check "the backends are reached through the second interface" leaves_by lb1
check "IPv4 VIP, IPv4 backends" spread "$VIP44" 1 2 3 4
check "IPv6 VIP, IPv6 backends" spread "$VIP66" 1 2 3 4
check "IPv4 VIP, IPv6 backends" spread "$VIP46" 1 2 3 4
check "IPv6 VIP, IPv4 backends" spread "$VIP64" 1 2 3 4
check "IPv4: a large download and upload" bulk "$VIP44"
check "IPv6: a large download and upload" bulk "$VIP66"

link switch lb1 down
check "the interface to the backends loses its link: the status says so" \
	wait_for 60 next_hops link_down
link switch lb1 up
check "the link returns: all backends are up" wait_for 60 all_up
check "IPv4 is served again" spread "$VIP44" 1 2 3 4
check "IPv6 is served again" spread "$VIP66" 1 2 3 4

# without lb1 the default route leads to the backends: back through lb0, by the switch's routes
link balancer lb1 down
check "the route changes its interface: so does the next hop" wait_for 60 leaves_by lb0
check "the backends are up over the other route" wait_for 60 all_up
check "IPv4 is served over the other route" spread "$VIP44" 1 2 3 4
link balancer lb1 up
check "the first route returns" wait_for 60 leaves_by lb1
check "the backends are up over the first route" wait_for 60 all_up
check "IPv4 is served over the first route" spread "$VIP44" 1 2 3 4
tap_end
