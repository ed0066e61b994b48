#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Next hops change under way: a backend gets another MAC address during a download, a backend's link
# goes down and returns. For IPv4 and IPv6.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

mac_is() { equal "$3" "$(status_of "$1" "$2" next_hop.mac)"; }

# change_mac SERVICE VIP MAC
change_mac()
{
	download_from mac "$2" 4m app-02
	ip -n "$(net_name b2)" link set eth0 address "$3"
	check "$1: a new MAC address of a backend is followed" wait_for 60 mac_is "$1" app-02 "$3"
	check "$1: the download was under way" download_runs mac
	check "$1: it goes on and ends whole" download_finish mac
	check "$1: all backends are up" wait_for 60 all_up
	check "$1: requests reach all" spread "$2" 1 2 3
}

hop_is() { equal "$3" "$(status_of "$1" "$2" next_hop.state)"; }

# The backend's reason is that of its next hop, not what its checks make of it.
reason_is_hop()
{
	equal "$(status_of "$1" "$2" next_hop.text)" "$(status_of "$1" "$2" reason)"
}

tap_begin one
# so that the kernel doubts a silent neighbour after seconds, not after a minute
for family in ipv4 ipv6; do
	on balancer sysctl -q "net.$family.neigh.lb0.base_reachable_time_ms=2000" \
		"net.$family.neigh.lb0.delay_first_probe_time=1"
done
config_web 1 2 3 >"$NET_CONFIG"
poised_start
check "all backends come up" wait_for 60 all_up

change_mac web "$VIP44" 02:00:00:00:02:01
change_mac web6 "$VIP66" 02:00:00:00:02:02

ip -n "$(net_name switch)" link set b3 down
check "a backend without a link is down, IPv4" wait_for 60 is_state down web app-03
check "a backend without a link is down, IPv6" wait_for 60 is_state down web6 app-03
check "requests go to the others, IPv4" spread "$VIP44" 1 2
check "requests go to the others, IPv6" spread "$VIP66" 1 2
check "the neighbour is found silent, IPv4" wait_for 60 hop_is web app-03 no_neighbour
check "the neighbour is found silent, IPv6" wait_for 60 hop_is web6 app-03 no_neighbour
check "the status names that as the reason, IPv4" reason_is_hop web app-03
check "the status names that as the reason, IPv6" reason_is_hop web6 app-03
ip -n "$(net_name switch)" link set b3 up
check "the link returns: the backend is up" wait_for 60 all_up
check "it has its share of requests, IPv4" spread "$VIP44" 1 2 3
check "it has its share of requests, IPv6" spread "$VIP66" 1 2 3
tap_end
