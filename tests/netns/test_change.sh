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
	spread "$1" "${others[@]}"
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

add()
{
	check "$1: a backend is added" poise backend add "$1" app-04 "$(backend_address 4 "$3")"
	check "$1: the added backend comes up" wait_for 60 is_state up "$1" app-04
	check "$1: the added backend has its share of requests" spread "$2" 1 2 3 4
	check "$1: adding it again is refused" \
		refused 1 poise backend add "$1" app-04 "$(backend_address 4 "$3")"
}

drain()
{
	download_from "drain_$1" "$2" 3m app-02
	check "$1: a backend is drained during a download" poise backend drain "$1" app-02
	check "$1: the backend is draining" is_state draining "$1" app-02
	check "$1: new requests avoid a draining backend" spread_without "$2" 2
	check "$1: the download from it goes on" download_runs "drain_$1"
}

drained()
{
	check "$1: and ends whole" download_finish "drain_$1"
	check "$1: draining ends by undrain" poise backend undrain "$1" app-02
	check "$1: the backend is up again" wait_for 60 is_state up "$1" app-02
	check "$1: and has its share of requests again" spread "$2" 1 2 3 4
}

weigh()
{
	download_from "weight_$1" "$2" 3m app-01
	check "$1: weight 0 during a download" poise backend weight "$1" app-01 0
	check "$1: new requests avoid a backend of weight 0" spread_without "$2" 1
	check "$1: the download from it goes on" download_runs "weight_$1"
}

weighed()
{
	check "$1: and ends whole" download_finish "weight_$1"
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

remove()
{
	download_from "remove_$1" "$2" 3m app-04
	check "$1: a backend is removed during a download" poise backend remove "$1" app-04
	check "$1: new requests avoid a removed backend" spread_without "$2" 4
	check "$1: the download from it goes on" download_runs "remove_$1"
}

removed()
{
	check "$1: and ends whole" download_finish "remove_$1"
	check "$1: the backend is forgotten when its connections are gone" \
		wait_for 60 absent "$1" app-04
}

killed()
{
	check "$1: a killed server is seen" wait_for 60 is_state down "$1" app-03
	check "$1: the reason is told" test -n "$(status_of "$1" app-03 reason)"
	check "$1: requests go to the others" spread "$2" 1 2
}

returned()
{
	check "$1: the server comes back" wait_for 60 is_state up "$1" app-03
	check "$1: and has its share of requests" spread "$2" 1 2 3
}

# --wait returns when the last connection of a drained backend has ended, not before.
drain_waiting()
{
	download_from "waited_$1" "$2" 5m app-01
	on_start balancer "wait-$1" "$NET_BUILD/poise" --socket "$NET_SOCKET" \
		backend drain "$1" app-01 --wait
	WAITER[$1]=$!
	check "$1: drain --wait waits for a download" waits "${WAITER[$1]}" "$1"
}

drain_waited()
{
	check "$1: the download ends whole" download_finish "waited_$1"
	check "$1: drain --wait returns after it" wait_for 60 pids_gone "${WAITER[$1]}"
	check "$1: drain --wait succeeded" wait "${WAITER[$1]}"
	check "$1: the backend has nothing left" equal true "$(status_of "$1" app-01 gone)"
	check "$1: it is undrained" poise backend undrain "$1" app-01
}

waits()
{
	wait_for 60 is_state draining "$2" app-01 || return 1
	! pids_gone "$1" && download_runs "waited_$2"
}

# each STEP: for both families, one after the other.
each()
{
	"$1" web "$VIP44" 4
	"$1" web6 "$VIP66" 6
}

declare -A WAITER # process ids, by service

tap_begin one
SETTLE=4s config_web 1 2 3 >"$NET_CONFIG"
poised_start
check "all backends come up" wait_for 60 all_up
each add
# the downloads of one family go on while the other changes
each drain
each drained
each weigh
each weighed
each remove
each removed
host_kill b3 nginx
each killed
server_start 3
each returned
each drain_waiting
each drain_waited

for name in app-01 app-02 app-03; do
	poise drain web "$name" >/dev/null
done
NONE="no backend takes new connections: they are dropped"
check "the last one drains: that is said once" equal 1 "$(grep -c "'web': $NONE" "$NET_DIR/poised.log")"
check "and shown" contains "$(poise status)" "$NONE"
drain_counts() { contains "$(poise status)" "web  $VIP44:80 tcp  $1 of 3 backends up, $1 draining"; }
check "how many of those that are up drain" drain_counts 3
host_kill b3 nginx
check "one of them is down: it is not among these" wait_for 15 drain_counts 2
server_start 3
poise undrain web app-02 >/dev/null
check "one is back: that is said" contains "$(cat "$NET_DIR/poised.log")" \
	"'web': new connections are taken again, by 1 backends"
check "and shown no more" equal 0 "$(poise status | grep -c "$NONE")"
check "requests succeed" spread "$VIP44" 2
tap_end
