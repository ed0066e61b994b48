#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# 'poise detach' leaves neither program nor pin, with poised and without; pins of another ABI version
# are refused with the cure.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

attached() { ip -n "$(net_name balancer)" link show lb0 | grep -q ' xdp'; }

pinned() { [ -n "$(find "$NET_PINS" -type f 2>/dev/null)" ]; }

nothing_left()
{
	! attached || { echo "a program is attached to lb0"; return 1; }
	! [ -e "$NET_PINS" ] || { find "$NET_PINS"; return 1; }
}

served() { spread "$VIP44" 1 2 3; }

not_served() { refused 28 on client curl -s --max-time 2 "$(url "$VIP44" /)"; }

# Without poised.
detach_alone() { on balancer "$NET_BUILD/poise" --socket "$NET_SOCKET" detach --pin-path "$NET_PINS"; }

# poised refuses to start, and its last words name both versions and the cure.
abi_refused()
{
	local got
	got=$(refused 1 timeout 120 nsenter --net="/run/netns/$(net_name balancer)" \
		"$NET_BUILD/poised" --config "$NET_CONFIG" 2>&1) || { echo "$got"; return 1; }
	contains "$got" "ABI version 2" "poise detach"
}

# Another ABI version in the pinned settings: its first word.
abi_spoil()
{
	local map=$NET_PINS/settings rest
	rest=$(bpftool -j map dump pinned "$map" | jq -r '(.[0].value // .[0].formatted.value)[4:][]')
	# shellcheck disable=SC2086 # a list of bytes
	bpftool map update pinned "$map" key 0 0 0 0 value 2 0 0 0 $rest
}

tap_begin one
config_web 1 2 3 >"$NET_CONFIG"
poised_start
check "all backends come up" wait_for 60 all_up
check "the program is attached" attached
check "maps are pinned" pinned

check "poise detach succeeds" poise detach
check "poised ends" wait_for 60 pids_gone "$NET_POISED"
check "nothing is left attached or pinned" nothing_left
check "the VIP is not served any more" not_served

poised_start
check "poised starts anew" wait_for 60 all_up
check "and serves" served
poised_stop KILL
check "without poised the program stays" attached
check "and serves" served
check "poise detach succeeds without poised" detach_alone
check "nothing is left attached or pinned by it" nothing_left

poised_start
check "poised starts once more" wait_for 60 all_up
poised_stop TERM
abi_spoil
check "pins of another ABI version are refused with the cure" abi_refused
check "the refusal leaves the data plane as it was" served
check "detach removes pins of another ABI version" detach_alone
check "nothing of them is left" nothing_left
poised_start
check "poised starts after it" wait_for 60 all_up
check "and serves" served
tap_end
