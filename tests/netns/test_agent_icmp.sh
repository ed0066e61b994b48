#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Path MTU discovery past a drain, without exceptions: the router's error for a connection of the
# drained backend comes to the balancer, goes in GUE with a chain to the slots' new owner, and from
# its agent to the backend that has the socket.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

NARROWER=1300 # MTU of the last link to the client, in the end

# All backends may be the next one, over either family.
agents_second_chance()
{
	local i
	for i in 1 2 3 4; do
		on "b$i" "$NET_BUILD/poise-agent" attach eth0 --pin-path "$NET_DIR/bpf/agent-b$i" \
			--vip "$VIP44" "$VIP66" --from 172.16.0.0/16 --from 100::/64 \
			--encapsulation gue --second-chance 10.0.1.0/24 2001:db8:2::/64 \
			>>"$NET_DIR/agent.log" 2>&1
	done
}

configure()
{
	config_head | sed 's/^tunnel:/&\n  encapsulation: gue/'
	{
		service_yaml web "$VIP44" 4 1 2 3
		service_yaml web6 "$VIP66" 6 1 2 3
	} | sed 's/^    backends:/    second_chance: true\n    exceptions: off\n&/'
}

# The sum of a decision's counters over the backends but bI: decisions_but I NAME
decisions_but()
{
	local i sum=0
	for i in 1 2 3; do
		[ "$i" = "$1" ] || sum=$((sum + $(on "b$i" "$NET_BUILD/poise-agent" status eth0 --json |
			jq ".interfaces[0].decisions.$2")))
	done
	echo $sum
}

sent_on_more() { [ "$(decisions_but "$1" sent_on)" -gt "$2" ]; }

# What the host has learned of the way from the VIP to the client.
path_mtu()
{
	on "b$1" ip route get "$3" from "$2" | grep -o 'mtu [0-9]*' | cut -d ' ' -f 2
}

learned() { [ "$(path_mtu "$1" "$2" "$3")" = $NARROWER ]; }

# survives SERVICE VIP CLIENT: a download from a backend that is drained meanwhile, then over a link
# that is too narrow.
survives()
{
	local service=$1 vip=$2 client=$3 i before
	ip -n "$(net_name switch)" link set client mtu 1500
	download_start "$service" "$vip" 2m
	i=$(download_server "$service")
	i=${i#app-0}
	before=$(decisions_but "$i" sent_on)
	poise drain "$service" "app-0$i" >/dev/null
	check "$service: the drained backend's connection is handed on to it" \
		wait_for 60 sent_on_more "$i" "$before"
	check "$service: its backend knows nothing of a narrow link" equal "" "$(path_mtu "$i" "$vip" "$client")"
	ip -n "$(net_name switch)" link set client mtu $NARROWER
	check "$service: the router's error comes to the backend with the socket" \
		wait_for 60 learned "$i" "$vip" "$client"
	check "$service: the download is whole" download_finish "$service"
	poise undrain "$service" "app-0$i" >/dev/null
}

tap_begin one 3
agents_second_chance
configure >"$NET_CONFIG"
poised_start
check "all backends come up" wait_for 60 all_up
survives web "$VIP44" 198.51.100.2
survives web6 "$VIP66" 2001:db8:1::2
poised_stop TERM
tap_end
