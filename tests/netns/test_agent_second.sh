#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Second chance between b1 and b2, which both serve; the balancer is a script.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=agents.sh
. "$(dirname "$0")/agents.sh"

HOPS=(10.0.1.0/24 2001:db8:2::/64)

# What backends answer to half_open.py's clients comes to it, and to no stack that knows nothing of it.
clients_route()
{
	local i name
	for i in 1 2; do
		name=$(net_name b$i)
		ip -n "$name" route add 198.51.100.77 via $LB4
		ip -n "$name" -6 route add 2001:db8:1::77 via $LB6
	done
}

half_open() { on balancer /usr/bin/python3 "$NET_ROOT/tests/netns/half_open.py" "$@"; }

#
# the tests
#

# The same SYN came to both, and the client goes on with the one that the chain names last, or first.
test_half_open()
{
	local mode outer vip first second
	for mode in native tc; do
		attach 1 --mode $mode --second-chance "${HOPS[@]}" >/dev/null
		for outer in 4 6; do
			first=$(backend_address 1 $outer)
			second=$(backend_address 2 $outer)
			for vip in "$VIP44" "$VIP66"; do
				check "$mode, IPv$outer, $vip: half open at both, the second one's client" \
					equal app-02 "$(half_open $outer "$first" "$second" "$second" "$vip")"
				check "$mode, IPv$outer, $vip: half open at both, the first one's client" \
					equal app-01 "$(half_open $outer "$first" "$second" "$first" "$vip")"
			done
		done
	done
}

lo_forwarding() { on b1 sysctl -qw "net.ipv4.conf.lo.forwarding=$1" "net.ipv6.conf.lo.forwarding=$1"; }
findings() { on b1 "$NET_BUILD/poise-agent" doctor eth0 || true; }

# Packets of the host's own routes: by the fast path only while lo forwards, and where it does not, by
# the slow one.
test_forwarding()
{
	local family first second
	for family in 4 6; do
		attach 1 --mode native --second-chance "${HOPS[@]}" >/dev/null
		check "IPv$family: attach lets lo forward" equal 1 \
			"$(on b1 cat /proc/sys/net/ipv$family/conf/lo/forwarding)"
		check "IPv$family: doctor finds nothing" equal "" "$(findings | grep lo_forwarding || true)"
		first=$(backend_address 1 $family) second=$(backend_address 2 $family)
		on b1 ping -c 1 -W 30 "$second" >/dev/null # a neighbour that is known
		check "IPv$family: the fast path" sends_by_slow_path 0 $family "$first" "$second"
		lo_forwarding 0
		check "IPv$family: it was set to 0: doctor says so" contains "$(findings)" \
			"warning lo_forwarding  eth0: net/ipv$family/conf/lo/forwarding is 0" \
			"sysctl -w net/ipv$family/conf/lo/forwarding=1"
		check "IPv$family: the slow path" sends_by_slow_path 1 $family "$first" "$second"
		on b1 sysctl -qw net/ipv$family/conf/lo/forwarding=1
		check "IPv$family: doctor's command mends it" sends_by_slow_path 0 $family "$first" "$second"
	done
}

# sends_by_slow_path N FAMILY FIRST SECOND: a SYN to a port where nobody listens goes on to b2, and N
# of it by the slow path.
sends_by_slow_path()
{
	local slow opened
	slow=$(decision 1 slow_path)
	opened=$(counter 2 "decapsulated_gue_4in$2")
	send chain "$2" "$3" "$4" "$VIP44" 81
	wait_for 60 grew "$opened" counter 2 "decapsulated_gue_4in$2" || return 1
	equal $((slow + $1)) "$(decision 1 slow_path)"
}

tap_begin one 2
clients_route
test_half_open
test_forwarding
tap_end
