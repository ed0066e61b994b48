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

tap_begin one 2
clients_route
test_half_open
tap_end
