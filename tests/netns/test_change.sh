#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Backends are added, drained, weighed, removed and killed by command and by nature while connections
# live: new connections follow at once, living ones never break. For IPv4 and IPv6.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

# All requests succeed, and none is served by app-0I: spread_without VIP I.
spread_without()
{
	local others=() i
	for i in 1 2 3 4; do
		[ "$i" = "$2" ] || others+=("$i")
	done
	spread "$1" 120 "${others[@]}"
}

# The share of the ring is within 1 % of itself: share SERVICE BACKEND EXPECTED.
share()
{
	local got
	got=$(status_of "$1" "$2" share)
	echo "expected a share of $3, got $got"
	jq -en "($got - $3) | fabs <= 0.01 * $3"
}

absent() { [ -z "$(status_of "$1" "$2")" ]; }

# The download NAME goes on and ends whole.
survives()
{
	download_runs "$1" || { echo "the download ended before the change"; return 1; }
	download_finish "$1"
}

change_add()
{
	check "$1: a backend is added" poise backend add "$1" app-04 "$(backend_address 4 "$3")"
	check "$1: the added backend comes up" wait_for 15 is_state up "$1" app-04
	check "$1: the added backend has its share of requests" spread "$2" 120 1 2 3 4
	check "$1: adding it again is refused" \
		refused 1 poise backend add "$1" app-04 "$(backend_address 4 "$3")"
}

change_drain()
{
	download_from drain "$2" 3m app-02
	check "$1: a backend is drained during a download" poise backend drain "$1" app-02
	check "$1: the backend is draining" is_state draining "$1" app-02
	check "$1: new requests avoid a draining backend" spread_without "$2" 2
	check "$1: the download from it goes on and ends whole" survives drain
	check "$1: draining ends by undrain" poise backend undrain "$1" app-02
	check "$1: the backend is up again" wait_for 5 is_state up "$1" app-02
	check "$1: and has its share of requests again" spread "$2" 120 1 2 3 4
}

change_weight()
{
	download_from weight "$2" 5m app-01
	check "$1: weight 0 during a download" poise backend weight "$1" app-01 0
	check "$1: new requests avoid a backend of weight 0" spread_without "$2" 1
	check "$1: the download from it goes on and ends whole" survives weight
	check "$1: weight 300" poise backend weight "$1" app-01 300
	check "$1: weight 300 beside three times 100 is half the ring" share "$1" app-01 0.5
	check "$1: weight 1001 is wrong" refused_weight "$1"
	check "$1: weight 100 again" poise backend weight "$1" app-01 100
	check "$1: and a quarter of the ring" share "$1" app-01 0.25
}

refused_weight()
{
	local got=0
	poise backend weight "$1" app-01 1001 || got=$?
	[ $got = 1 ] || [ $got = 2 ] || equal "1 or 2" $got || return 1
	equal 300 "$(status_of "$1" app-01 weight)"
}

change_remove()
{
	download_from remove "$2" 3m app-04
	check "$1: a backend is removed during a download" poise backend remove "$1" app-04
	check "$1: new requests avoid a removed backend" spread_without "$2" 4
	check "$1: the download from it goes on and ends whole" survives remove
	check "$1: the backend is forgotten when its connections are gone" \
		wait_for 30 absent "$1" app-04
}

change_kill()
{
	host_kill b3 nginx
	check "$1: a killed server is seen" wait_for 15 is_state down "$1" app-03
	check "$1: the reason is told" test -n "$(status_of "$1" app-03 reason)"
	check "$1: requests go to the others" spread "$2" 120 1 2
	server_start 3
	check "$1: the server comes back" wait_for 15 is_state up "$1" app-03
	check "$1: and has its share of requests" spread "$2" 120 1 2 3
}

# --wait returns when the last connection of a drained backend has ended, not before.
change_wait()
{
	download_from waited "$2" 5m app-01
	on_start balancer "wait-$1" "$NET_BUILD/poise" --socket "$NET_SOCKET" \
		backend drain "$1" app-01 --wait
	local waiter=$!
	check "$1: drain --wait waits for a download" waits "$waiter" "$1"
	check "$1: the download ends whole" survives waited
	check "$1: drain --wait returns after it" wait_for 30 pids_gone "$waiter"
	check "$1: drain --wait succeeded" wait "$waiter"
	check "$1: the backend has nothing left" equal true "$(status_of "$1" app-01 gone)"
	check "$1: it is undrained" poise backend undrain "$1" app-01
}

waits()
{
	wait_for 5 is_state draining "$2" app-01 || return 1
	! pids_gone "$1"
}

tap_begin one
SETTLE=4s config_web 1 2 3 >"$NET_CONFIG"
poised_start
check "all backends come up" wait_for 15 all_up
while read -r service vip family; do
	change_add "$service" "$vip" "$family"
	change_drain "$service" "$vip"
	change_weight "$service" "$vip"
	change_remove "$service" "$vip"
	change_kill "$service" "$vip"
	change_wait "$service" "$vip"
done <<-END
	web $VIP44 4
	web6 $VIP66 6
END
tap_end
